// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A freestanding program, read and loaded. See program.h.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

#define PAGE_MASK	4095ULL

/* The lower half: what lies above is the VMM's. */
#define VA_LAST		0x00007effffffffffULL

static const char *add_segment(struct program *program, const Elf64_Phdr *phdr)
{
	struct segment *segment = &program->segments[program->nr];
	const struct segment *before = segment - 1;

	if (!phdr->p_memsz)
		return NULL;
	if (program->nr == SEGMENTS_MAX)
		return "it has too many segments";
	if (phdr->p_filesz > phdr->p_memsz || phdr->p_offset > program->file_len ||
	    phdr->p_filesz > program->file_len - phdr->p_offset)
		return "a segment goes beyond the end of the file";
	if (phdr->p_vaddr > VA_LAST || phdr->p_memsz > VA_LAST - phdr->p_vaddr)
		return "a segment goes beyond the addresses of programs";
	if (!(phdr->p_flags & PF_R))
		return "a segment can't be read, and x86 has no such pages";
	segment->offset = phdr->p_vaddr & PAGE_MASK;
	segment->va = phdr->p_vaddr - segment->offset;
	segment->len = (segment->offset + phdr->p_memsz + PAGE_MASK) & ~PAGE_MASK;
	segment->attrs = VMEM_IOC_ATTR_R |
			 (phdr->p_flags & PF_W ? VMEM_IOC_ATTR_W : 0) |
			 (phdr->p_flags & PF_X ? VMEM_IOC_ATTR_X : 0);
	segment->data = (const char *)program->file + phdr->p_offset;
	segment->data_len = phdr->p_filesz;
	if (program->nr && segment->va < before->va + before->len)
		return "two segments share a page, or aren't in order";
	program->nr++;
	return NULL;
}

/* "ELF-64 Object File Format", chapters "ELF Header" and "Program Header Table" */
static const char *read_segments(struct program *program)
{
	const char *file = program->file, *why = NULL;
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr;
	unsigned int i;

	if (program->file_len < SELFMAG || memcmp(file, ELFMAG, SELFMAG))
		return "it is no ELF file";
	if (program->file_len < sizeof(ehdr))
		return "it ends within its header";
	memcpy(&ehdr, file, sizeof(ehdr));
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_ident[EI_DATA] != ELFDATA2LSB || ehdr.e_machine != EM_X86_64)
		return "it is not for x86-64";
	if (ehdr.e_type != ET_EXEC)
		return "it is not linked to fixed addresses: -static -no-pie";
	if (ehdr.e_phnum && ehdr.e_phentsize != sizeof(phdr))
		return "its program headers have another size than those of x86-64";
	if (ehdr.e_phoff > program->file_len ||
	    ehdr.e_phnum > (program->file_len - ehdr.e_phoff) / sizeof(phdr))
		return "its program headers go beyond the end of the file";
	if (ehdr.e_entry > VA_LAST)
		return "it begins beyond the addresses of programs";
	program->entry = ehdr.e_entry;
	for (i = 0; !why && i < ehdr.e_phnum; i++) {
		memcpy(&phdr, file + ehdr.e_phoff + i * sizeof(phdr), sizeof(phdr));
		if (phdr.p_type == PT_INTERP)
			why = "it wants a dynamic linker: -static -no-pie";
		else if (phdr.p_type == PT_LOAD)
			why = add_segment(program, &phdr);
	}
	if (!why && !program->nr)
		why = "it has nothing to load";
	return why;
}

/* Private, so that what is read stays what was checked as far as can be. */
static const char *map_file(struct program *program, const char *path)
{
	struct stat st;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return strerror(errno);
	err = fstat(fd, &st) ? errno : !S_ISREG(st.st_mode) ? EINVAL :
	      !st.st_size ? ENOEXEC : 0;
	if (!err) {
		program->file_len = st.st_size;
		program->file = mmap(NULL, program->file_len, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE, fd, 0);
		if (program->file == MAP_FAILED)
			err = errno;
	}
	close(fd);
	return err ? strerror(err) : NULL;
}

const char *program_open(struct program *program, const char *path)
{
	const char *why;

	memset(program, 0, sizeof(*program));
	why = map_file(program, path);
	if (why)
		return why;
	why = read_segments(program);
	if (why)
		program_close(program);
	return why;
}

static __u64 fit_frozen(const struct guest *g, const struct segment *segment,
			__u64 next)
{
	return guest_fit(g, segment->va, segment->len, next,
			 g->memory.len + GUEST_MEMORY_MAX);
}

/* The content of a segment, in memory or in what is frozen, and its mapping. */
static int load_segment(const struct segment *segment, struct guest *g, bool cow,
			__u64 *frozen)
{
	struct vmem_ioc_mapping mapping = {
		.va	= segment->va,
		.len	= segment->len,
		.kind	= VMEM_IOC_KIND_BASIC,
		.attrs	= guest_attrs(g, segment->attrs),
		.page_sizes = g->options.page_sizes,
	};
	char *host;
	int ret;

	if (cow && segment->attrs & VMEM_IOC_ATTR_W) {
		mapping.kind = VMEM_IOC_KIND_COW;
		mapping.attrs &= ~VMEM_IOC_ATTR_W;
		mapping.gpa = fit_frozen(g, segment, *frozen);
		*frozen = mapping.gpa + segment->len;
	} else {
		ret = guest_take_for(g, segment->va, segment->len, &mapping.gpa);
		if (ret)
			return ret;
	}
	host = guest_host(g, mapping.gpa, segment->len);
	memcpy(host + segment->offset, segment->data, segment->data_len);
	return guest_map(g, 0, &mapping, 0);
}

int program_load(const struct program *program, struct guest *g, bool cow)
{
	__u64 frozen = g->memory.len, end = frozen;
	size_t i;
	int ret = 0;

	for (i = 0; cow && i < program->nr; i++) {
		const struct segment *segment = &program->segments[i];

		if (segment->attrs & VMEM_IOC_ATTR_W)
			end = fit_frozen(g, segment, end) + segment->len;
	}
	if (end > frozen)
		ret = guest_freeze(g, end - frozen);
	for (i = 0; !ret && i < program->nr; i++)
		ret = load_segment(&program->segments[i], g, cow, &frozen);
	return ret;
}

void program_close(struct program *program)
{
	munmap(program->file, program->file_len);
}
