// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ELF cores: QEMU's dump-guest-memory, with paging or without, /proc/vmcore,
 * makedumpfile -E, VirtualBox.
 *
 * Where memory lies is said by p_paddr alone. Headers stand where e_phoff says, and e_ehsize
 * (QEMU: 8), p_align and p_flags (QEMU: 0) say nothing. One guest has up to 66,000
 * of them, and LOADs that overlap are copies.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "dump.h"

static int of_machine(struct dump *dump, const Elf64_Ehdr *head)
{
	const char *name = "another machine";

	switch (head->e_machine) {
	case EM_X86_64:
		if (head->e_ident[EI_CLASS] == ELFCLASS64)
			return 0;
		name = "x86 of 32 bits";
		break;
	case EM_386:
		/* QEMU says so by the mode of the first vCPU */
		name = head->e_ident[EI_CLASS] == ELFCLASS64 ?
		       "x86 of 32 bits (i386, or its first vCPU wasn't in 64-bit mode)" :
		       "x86 of 32 bits (i386, PAE)";
		break;
	case EM_AARCH64:
		name = "arm64";
		break;
	}
	return dump_fail(dump, "is an ELF core of %s, and vmem reads x86-64", name);
}

/* So many headers that their number doesn't fit is told by the first section. */
static int nr_headers(struct dump *dump, const Elf64_Ehdr *head, __u64 *nr)
{
	Elf64_Shdr section;

	*nr = head->e_phnum;
	if (head->e_phnum != PN_XNUM)
		return 0;
	if (!dump_holds(dump, head->e_shoff, sizeof(section)))
		return dump_fail(dump, "is an ELF core that ends before the number of its program headers");
	memcpy(&section, dump->data + head->e_shoff, sizeof(section));
	*nr = section.sh_info;
	return 0;
}

/* What of a LOAD the file has; the rest of it is memory that isn't in the dump. */
static int load(struct dump *dump, const Elf64_Phdr *p)
{
	__u64 here = p->p_filesz < p->p_memsz ? p->p_filesz : p->p_memsz;
	int ret = dump_add_memory(dump, p->p_paddr, p->p_memsz);

	if (!dump_holds(dump, p->p_offset, here)) {
		dump->cut = true;
		here = p->p_offset < dump->size ? dump->size - p->p_offset : 0;
	}
	return ret ? ret : dump_add_extent(dump, p->p_paddr, here, p->p_offset);
}

int dump_read_elf(struct dump *dump)
{
	__u64 nr, i, nr_moved = 0;
	Elf64_Ehdr head;
	Elf64_Phdr p;
	int ret;

	strcpy(dump->format, "ELF core");
	if (!dump_holds(dump, 0, sizeof(head)))
		return dump_fail(dump, "is an ELF core that ends within its header");
	memcpy(&head, dump->data, sizeof(head));
	if (head.e_ident[EI_DATA] != ELFDATA2LSB)
		return dump_fail(dump, "is an ELF file of a big-endian machine");
	if (head.e_type != ET_CORE)
		return dump_fail(dump, "is an ELF file that is no core: a program or a kernel");
	ret = of_machine(dump, &head);
	if (!ret)
		ret = nr_headers(dump, &head, &nr);
	if (ret)
		return ret;
	if (!nr)
		return dump_fail(dump, "is an ELF core without program headers, as Xen's `xl dump-core' writes");
	if (head.e_phentsize < sizeof(p) || head.e_phoff > dump->size ||
	    nr > (dump->size - head.e_phoff) / head.e_phentsize)
		return dump_fail(dump, "is an ELF core that ends before its program headers do");
	for (i = 0; i < nr && !ret; i++) {
		memcpy(&p, dump->data + head.e_phoff + i * head.e_phentsize, sizeof(p));
		if (p.p_type == PT_LOAD) {
			/* without paging it is 0, or p_paddr */
			nr_moved += p.p_vaddr && p.p_vaddr != p.p_paddr;
			ret = load(dump, &p);
		}
		if (p.p_type == PT_NOTE && dump_holds(dump, p.p_offset, p.p_filesz))
			ret = dump_notes(dump, dump->data + p.p_offset, p.p_filesz);
	}
	/* what was filtered is in no header */
	dump->vague = true;
	/* QEMU, with paging: what the tables of its vCPUs map, and not the tables */
	dump->gaps = nr_moved && dump->nr_cpus;
	if (!ret && dump->process)
		return dump_fail(dump, "is the ELF core of a process, and of no guest");
	return ret;
}
