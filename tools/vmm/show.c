// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What vmem-run prints of a guest's tables and faults.
 */
#include <errno.h>
#include <stdio.h>

#include "show.h"

#define NR_RECORDS	64

void show_fault(const struct vcpu_frame *frame)
{
	static const char *const names[32] = {
		[0] = "#DE", [1] = "#DB", [3] = "#BP", [6] = "#UD", [8] = "#DF",
		[10] = "#TS", [11] = "#NP", [12] = "#SS", [13] = "#GP", [14] = "#PF",
		[16] = "#MF", [17] = "#AC", [19] = "#XM",
	};
	const char *name = frame->vector < 32 ? names[frame->vector] : NULL;

	printf("fault: vector %llu", frame->vector);
	if (name)
		printf(" %s", name);
	printf(" error 0x%llx", frame->error);
	if (frame->vector == 14)
		printf(" address 0x%llx", frame->cr2);
	printf(" rip 0x%llx rsp 0x%llx ring %llu\n", frame->rip, frame->rsp,
	       frame->cs & 3);
}

int show_translation(struct guest *g, __u64 va)
{
	static const char *const why[] = {
		"", "not present", "non-canonical", "malformed", "a table outside memory",
	};
	struct vmem_ioc_result result;
	__u64 gpa = 0;
	__u32 space;
	bool mapped;
	int ret;

	ret = guest_current_space(g, g->vcpu, &space);
	if (!ret)
		ret = guest_translate(g, space, va, &result);
	if (ret)
		return ret;
	mapped = result.status == VMEM_IOC_OK;
	printf("0x%llx: vmem ", va);
	if (mapped)
		printf("0x%llx", result.gpa);
	else
		printf("%s, level %u", why[result.status], result.level);
	ret = vcpu_translate(g->vcpu, va, &gpa);
	if (!ret)
		printf(", KVM 0x%llx\n", gpa);
	else if (ret == -ENOENT)
		puts(", KVM none");
	else
		g->call = "KVM_TRANSLATE";
	if (ret && ret != -ENOENT)
		return ret;
	/* KVM doesn't ask whether an address is canonical */
	if (result.status == VMEM_IOC_NON_CANONICAL ||
	    (ret ? !mapped : mapped && result.gpa == gpa))
		return 0;
	g->call = "vmem and KVM disagree";
	return -EIO;
}

/* The pages of a mapping: these are all that x86-64 has. */
static const char *page_size(const struct vmem_ioc_record *rec)
{
	return rec->detail == 30 ? "1G" : rec->detail == 21 ? "2M" : "4K";
}

static void show_record(const struct vmem_ioc_record *rec)
{
	__u32 e = rec->effective;

	if (rec->type == VMEM_IOC_REC_MAPPING)
		printf("%016llx-%016llx  %012llx  %s  r%c%c%c%s\n", rec->va,
		       rec->va + (rec->len - 1), rec->gpa, page_size(rec),
		       e & VMEM_IOC_ATTR_W ? 'w' : '-', e & VMEM_IOC_ATTR_X ? 'x' : '-',
		       e & VMEM_IOC_ATTR_U ? 'u' : '-',
		       rec->leaf & VMEM_IOC_ATTR_COW ? " Cow" : "");
	else if (rec->type == VMEM_IOC_REC_REFERENCE)
		printf("%016llx  the table at %016llx again\n", rec->va, rec->their_va);
	else if (rec->type == VMEM_IOC_REC_BAD)
		printf("%016llx  malformed: %016llx\n", rec->va, rec->entry);
}

int show_walk(struct guest *g)
{
	struct vmem_ioc_walk_create create = {
		.size	= sizeof(create),
		.spaces	= (unsigned long)g->spaces,
		.nr	= 1,
		.last	= ~0ULL,
	};
	struct vmem_ioc_record records[NR_RECORDS];
	struct vmem_walker *walker;
	int i, nr;

	nr = vmem_walk_create(g->vmem, &create, &walker);
	if (nr) {
		g->call = "WALK_CREATE";
		return nr;
	}
	while ((nr = vmem_walk_read(walker, records, NR_RECORDS)) > 0)
		for (i = 0; i < nr; i++)
			show_record(&records[i]);
	if (nr)
		g->call = "the walk";
	vmem_walk_close(walker);
	return nr;
}
