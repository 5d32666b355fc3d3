// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A guest whose memory is in a dump: the calls of libvmem on dumps.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libvmem.h"
#include "local.h"

static struct local_guest *local_of(const struct vmem_guest *guest)
{
	struct local_guest *lg;

	if (guest->backend != &local_backend)
		return NULL;
	lg = container_of((struct vmem_guest *)guest, struct local_guest, guest);
	return lg->dump ? lg : NULL;
}

int guest_of_dump(struct dump *dump, struct vmem_guest **guest)
{
	struct local_guest *lg;
	int ret;

	ret = vmem_open_local(guest);
	if (ret) {
		dump_close(dump);
		return ret;
	}
	lg = container_of(*guest, struct local_guest, guest);
	lg->dump = dump;
	ret = region_of_dump(lg, dump, dump_end(dump));
	if (ret) {
		vmem_close(*guest);
		*guest = NULL;
	}
	return ret;
}

int vmem_open_dump(const char *path, const struct vmem_dump_how *how,
		   struct vmem_guest **guest, char why[VMEM_DUMP_WHY_LEN])
{
	struct dump *dump;
	int ret;

	*guest = NULL;
	why[0] = 0;
	ret = dump_open(path, how, &dump);
	if (!ret)
		return guest_of_dump(dump, guest);
	if (dump)
		memcpy(why, dump->error, VMEM_DUMP_WHY_LEN);
	dump_close(dump);
	return ret;
}

const char *vmem_dump_format(const struct vmem_guest *guest)
{
	const struct local_guest *lg = local_of(guest);

	return lg ? lg->dump->format : NULL;
}

const char *vmem_dump_trouble(struct vmem_guest *guest)
{
	struct local_guest *lg = local_of(guest);
	struct dump *dump;
	int nr = 0;

	if (!lg)
		return NULL;
	dump = lg->dump;
	if (dump->cut)
		nr = snprintf(dump->trouble, sizeof(dump->trouble), dump->broken ?
			      "the file is damaged: what was packed behind that is lost" :
			      "the file ends too early: some of it is lost");
	if (dump->odd)
		nr += snprintf(dump->trouble + nr, sizeof(dump->trouble) - (size_t)nr,
			       "%sthe last %u bytes are no whole page: they are outside",
			       nr ? "; " : "", dump->odd);
	if (dump->damaged)
		nr += snprintf(dump->trouble + nr, sizeof(dump->trouble) - (size_t)nr,
			       "%spages that were asked for %s%s", nr ? "; " : "",
			       dump->lacks ? "are damaged, or packed by what this libvmem was built without: " :
					     "are damaged",
			       dump->lacks ?: "");
	return nr ? dump->trouble : NULL;
}

int vmem_dump_vcpu(const struct vmem_guest *guest, __u32 n, struct vmem_dump_vcpu *vcpu)
{
	const struct local_guest *lg = local_of(guest);

	if (!lg)
		return -EINVAL;
	if (n >= lg->dump->nr_cpus)
		return -ENOENT;
	*vcpu = (struct vmem_dump_vcpu){
		.number = lg->dump->cpus[n].number, .cr0 = lg->dump->cpus[n].cr0,
		.cr3 = lg->dump->cpus[n].cr3, .cr4 = lg->dump->cpus[n].cr4,
	};
	return 0;
}

int vmem_dump_running(const struct vmem_guest *guest, __u32 n, __u32 *pid)
{
	const struct local_guest *lg = local_of(guest);

	if (!lg)
		return -EINVAL;
	/* those who save registers know of no processes */
	if (lg->dump->nr_cpus || n >= lg->dump->nr_pids)
		return -ENOENT;
	*pid = lg->dump->pids[n];
	return 0;
}

__u64 vmem_dump_missing(const struct vmem_guest *guest, __u64 gpa, __u64 len)
{
	const struct local_guest *lg = local_of(guest);

	if (!lg || gpa >= DUMP_ADDR_MAX)
		return 0;
	return dump_missing(lg->dump, gpa, len < DUMP_ADDR_MAX - gpa ? len : DUMP_ADDR_MAX - gpa);
}

int vmem_dump_read(struct vmem_guest *guest, __u64 gpa, void *buf, size_t len)
{
	const struct local_guest *lg = local_of(guest);
	const char *page;
	u64 at, nr;
	int ret;

	if (!lg)
		return -EINVAL;
	dump_piece_begin(lg->dump);
	dump_forget(lg->dump, len);
	while (len) {
		at = gpa & (DUMP_PAGE - 1);
		nr = DUMP_PAGE - at < len ? DUMP_PAGE - at : len;
		ret = dump_page(lg->dump, gpa - at, (const void **)&page);
		if (!ret)
			memcpy(buf, page + at, nr);
		else if (ret == -ENODATA && nr < DUMP_PAGE && lg->dump->nr_extents)
			ret = dump_join(lg->dump, gpa, nr, buf);
		if (ret)
			return ret;
		buf = (char *)buf + nr;
		gpa += nr;
		len -= nr;
	}
	return 0;
}

int vmem_dump_vmcoreinfo(const struct vmem_guest *guest, const char **text, size_t *len)
{
	const struct local_guest *lg = local_of(guest);

	if (!lg)
		return -EINVAL;
	*text = lg->dump->vmcoreinfo;
	*len = lg->dump->vmcoreinfo_len;
	return *text ? 0 : -ENOENT;
}

int vmem_dump_range(const struct vmem_guest *guest, __u64 gpa, struct vmem_dump_range *range)
{
	const struct local_guest *lg = local_of(guest);

	return lg ? dump_range(lg->dump, gpa, range) : -EINVAL;
}

int vmem_dump_next(const struct vmem_guest *guest, __u64 gpa, struct vmem_dump_range *range)
{
	const struct local_guest *lg = local_of(guest);

	return lg ? dump_next(lg->dump, gpa, range) : -EINVAL;
}
