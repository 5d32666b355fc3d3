// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A guest whose memory is in a dump: its tables, page by page, and what isn't there in
 * the answers.
 */
#include <errno.h>

#include "local.h"

/*
 * A table. What the dump lacks, or has damaged, the core takes for outside: which it is, is
 * told when there is an answer.
 */
int dump_table(struct local_guest *lg, vmem_phys_t gpa, vmem_pte_t **host)
{
	const void *page;
	int ret = dump_page(lg->dump, gpa, &page);

	if (!ret)
		*host = (vmem_pte_t *)page;
	return ret == -ENXIO || ret == -ENODATA || ret == -EIO ? VMEM_OUTSIDE : ret;
}

/* Is this table, which couldn't be had, one that the guest has? */
static bool left_out(const struct local_guest *lg, u64 gpa)
{
	u64 same;

	return lg->dump->vague || dump_in_memory(lg->dump, gpa, &same);
}

void dump_result(struct local_guest *lg, const struct space *space,
		 struct vmem_ioc_result *result)
{
	const struct vmem_facts *facts = &space->space.facts;
	u64 table;

	if (result->status == VMEM_IOC_OUTSIDE) {
		table = result->entry;
		if (result->level != facts->nr_levels)
			table &= facts->addr;
		if (left_out(lg, table))
			result->status = VMEM_IOC_ABSENT_IN_DUMP;
	}
	if (result->status == VMEM_IOC_OK &&
	    dump_missing(lg->dump, result->gpa & ~(DUMP_PAGE - 1), DUMP_PAGE))
		result->flags |= VMEM_IOC_RESULT_ABSENT;
}

void dump_record(struct local_guest *lg, struct vmem_ioc_record *record)
{
	if (record->type == VMEM_IOC_REC_BAD && record->detail == VMEM_IOC_BAD_OUTSIDE &&
	    left_out(lg, record->gpa))
		record->detail = VMEM_IOC_BAD_LEFT_OUT;
	if (record->type == VMEM_IOC_REC_MAPPING && !(record->flags & VMEM_IOC_REC_OUTSIDE) &&
	    dump_missing(lg->dump, record->gpa, record->len))
		record->flags |= VMEM_IOC_REC_LEFT_OUT;
}
