// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's memory for the tests.
 */
#include "guest.h"

static const u32 part_first[NR_PARTS] = { 16, 80, 112, DATA_FIRST };
static const u32 part_nr[NR_PARTS] = {
	POOL_TABLES, FOREIGN_TABLES, FROZEN_TABLES, DATA_PAGES,
};

/* SplitMix64 */
u64 vt_random(struct vt_random *random)
{
	u64 z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

u32 vt_random_below(struct vt_random *random, u32 below)
{
	return (u32)(vt_random(random) >> 32) % below;
}

void guest_init(struct kunit *test, struct guest *guest,
		const struct vmem_format *fmt)
{
	u32 i;

	memset(guest, 0, sizeof(*guest));
	guest->page_lg2 = fmt->page_lg2;
	for (i = 0; i < fmt->nr_levels; i++)
		guest->table_lg2 = max(guest->table_lg2, 3 + fmt->index_lg2(i));
	for (i = 0; i < NR_PARTS; i++) {
		struct guest_range *part = &guest->parts[i];
		unsigned int lg2 = i == PART_DATA ? guest->page_lg2 :
						    guest->table_lg2;

		part->gpa = (u64)part_first[i] << lg2;
		part->len = (u64)part_nr[i] << lg2;
		/* the pages are one, which stays zero */
		part->bytes = kunit_kmalloc(test, i == PART_DATA ?
					    BIT(guest->page_lg2) : part->len,
					    GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, part->bytes);
		if (i == PART_DATA)
			break;
		part->elsewhere = kunit_kmalloc(test, part->len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, part->elsewhere);
		part->before = kunit_kmalloc(test, part->len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, part->before);
	}
	guest->pool_bytes = vmem_pool_bytes(POOL_TABLES) +
			    vmem_pool_buckets(POOL_TABLES) * sizeof(struct vmem_link *);
	guest->pool_storage = kunit_kmalloc(test, guest->pool_bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, guest->pool_storage);
	guest->links = kunit_kmalloc(test, NR_LINKS * sizeof(*guest->links),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, guest->links);
	guest_reset(guest);
}

void guest_reset(struct guest *guest)
{
	u32 i;

	for (i = 0; i < NR_PARTS; i++)
		memset(guest->parts[i].bytes, 0, i == PART_DATA ?
		       BIT(guest->page_lg2) : guest->parts[i].len);
	memset(guest->pool_storage, 0, guest->pool_bytes);
	guest->store = (struct vmem_link_store){};
	for (i = 0; i < NR_SPACES; i++)
		vmem_root_lend(&guest->store, &guest->root_storage[i]);
	guest->lent = 0;
	guest->lend_most = NR_LINKS;
	guest->space = 0;
	guest->movable = false;
	guest->foreign_frozen = false;
	/* the buckets lie behind what is the range's */
	vmem_pool_init(&guest->pool, &guest->pool_range, guest->table_lg2, &guest->store,
		       guest->pool_storage + vmem_pool_bytes(POOL_TABLES),
		       vmem_pool_buckets(POOL_TABLES), 0x5eed);
	vmem_pool_add(&guest->pool, guest->parts[PART_POOL].gpa,
		       guest->parts[PART_POOL].len, guest->pool_storage);
	guest->pool.generation = 1;
	guest->pages.pool = &guest->pool;
	guest->pages.res = (struct vmem_reservation){};
	guest->held = (struct vmem_reservation){};
	guest_calm(guest);
}

void guest_calm(struct guest *guest)
{
	guest->calls = 0;
	guest->pauses = 0;
	guest->made = 0;
	guest->made_most = 0;
	guest->absent_at = 0;
	guest->pause_at = 0;
	guest->absent_one_in = 0;
	guest->pause_one_in = 0;
	guest->gone = VMEM_NO_TABLE;
	guest->others = VMEM_NO_TABLE;
	guest->change = NULL;
}

void guest_elsewhere(struct guest *guest)
{
	u32 i;

	for (i = 0; i < PART_DATA; i++) {
		struct guest_range *part = &guest->parts[i];

		memcpy(part->elsewhere, part->bytes, part->len);
		memset(part->bytes, 0xa5, part->len);
		swap(part->bytes, part->elsewhere);
	}
}

vmem_phys_t guest_gpa(const struct guest *guest, enum guest_part part, u32 nr)
{
	return guest->parts[part].gpa +
	       ((u64)nr << (part == PART_DATA ? guest->page_lg2 :
						guest->table_lg2));
}

static const struct guest_range *guest_part(const struct guest *guest,
					    vmem_phys_t gpa)
{
	u32 i;

	for (i = 0; i < NR_PARTS; i++)
		if (gpa >= guest->parts[i].gpa &&
		    gpa - guest->parts[i].gpa < guest->parts[i].len)
			return &guest->parts[i];
	return NULL;
}

vmem_pte_t *guest_host(const struct guest *guest, vmem_phys_t gpa)
{
	const struct guest_range *part = guest_part(guest, gpa);

	if (!part)
		return NULL;
	if (part == &guest->parts[PART_DATA])
		return (vmem_pte_t *)part->bytes;
	return (vmem_pte_t *)(part->bytes + (gpa - part->gpa));
}

bool guest_writable(const struct guest *guest, vmem_phys_t gpa)
{
	const struct guest_range *part = guest_part(guest, gpa);

	return part == &guest->parts[PART_POOL] ||
	       (part == &guest->parts[PART_FOREIGN] && !guest->foreign_frozen);
}

bool guest_has(const struct guest *guest, vmem_phys_t gpa, u64 len)
{
	const struct guest_range *part = guest_part(guest, gpa);

	return part && part->gpa + part->len - gpa >= len;
}

u64 guest_read(const struct guest *guest, vmem_phys_t table, unsigned int index)
{
	return le64_to_cpu(guest_host(guest, table)[index]);
}

void guest_write(struct guest *guest, vmem_phys_t table, unsigned int index,
		 u64 entry)
{
	guest_host(guest, table)[index] = cpu_to_le64(entry);
}

int guest_from_phys(void *ctx, vmem_table_t table, enum vmem_intent intent,
		    vmem_pte_t **host)
{
	struct guest *guest = ctx;
	vmem_phys_t gpa = vmem_table_gpa(table);
	vmem_pte_t *at;

	guest->calls++;
	guest->asked = table;
	if (guest->change)
		guest->change(guest);
	at = guest_host(guest, gpa);
	if (!at)
		return VMEM_OUTSIDE;
	if (table == guest->gone || guest->calls == guest->absent_at)
		return VMEM_ABSENT;
	if (guest->absent_one_in &&
	    !vt_random_below(&guest->random, guest->absent_one_in))
		return VMEM_ABSENT;
	if (intent == VMEM_WRITE && !guest_writable(guest, gpa))
		return guest->movable ? VMEM_FROZEN : -EROFS;
	/* else it is as it was */
	*host = at;
	return 0;
}

bool guest_in_memory(void *ctx, vmem_phys_t gpa, u64 *same)
{
	const struct guest_range *part = guest_part(ctx, gpa);
	struct guest *guest = ctx;
	u32 i;

	if (part) {
		*same = part->gpa + part->len - gpa;
		return true;
	}
	*same = U64_MAX - gpa;
	for (i = 0; i < NR_PARTS; i++)
		if (guest->parts[i].gpa > gpa)
			*same = min(*same, guest->parts[i].gpa - gpa);
	return false;
}

static void count_made(struct guest *guest)
{
	guest->made_most = max(guest->made_most, guest->made);
	guest->made = 0;
}

bool guest_pause(void *ctx, unsigned int nr)
{
	struct guest *guest = ctx;

	guest->pauses++;
	count_made(guest);
	return guest->pauses == guest->pause_at ||
	       (guest->pause_one_in &&
		!vt_random_below(&guest->random, guest->pause_one_in));
}

enum vmem_owner guest_owner(void *ctx, vmem_table_t table, unsigned int level,
			    vmem_table_t parent, unsigned int slot, u32 *links)
{
	struct guest *guest = ctx;
	enum vmem_owner owner;

	owner = vmem_pool_owner(&guest->pool, table, level, parent, slot, links);
	return owner == VMEM_MINE && table == guest->others ? VMEM_OTHERS : owner;
}

struct vmem_pages *guest_pages(void *ctx)
{
	struct guest *guest = ctx;

	return &guest->pages;
}

int guest_lend(struct guest *guest)
{
	if (guest->lent == guest->lend_most)
		return -ENOMEM;
	vmem_link_lend(&guest->store, &guest->links[guest->lent++]);
	return 0;
}

int guest_reserve(struct guest *guest, u64 nr, u64 links)
{
	int ret;

	do
		ret = vmem_pool_reserve(&guest->pool, &guest->pages.res, nr, links);
	while (ret == VMEM_PAUSE || (ret == VMEM_LINKS && !guest_lend(guest)));
	return ret;
}

void guest_update_root(void *ctx, unsigned int level)
{
	struct guest *guest = ctx;
	struct vmem_root **root = &guest->roots[guest->space];

	vmem_root_leave(&guest->store, *root);
	*root = vmem_root_make(&guest->pool, &guest->pages.res, level);
}

/* The number of a table among those of all parts; ALL_TABLES: it is none. */
static u32 table_nr(const struct guest *guest, vmem_phys_t gpa)
{
	const struct guest_range *part;
	u32 i, first = 0;

	for (i = 0; i < PART_DATA; first += part_nr[i++]) {
		part = &guest->parts[i];
		if (gpa >= part->gpa && gpa - part->gpa < part->len)
			return first + ((gpa - part->gpa) >> guest->table_lg2);
	}
	return ALL_TABLES;
}

void guest_written(void *ctx, vmem_table_t table)
{
	u32 nr = table_nr(ctx, vmem_table_gpa(table));
	struct guest *guest = ctx;
	const struct vmem_pool_page *page = vmem_pool_find(&guest->pool, table);

	guest->made += page && page->state == VMEM_POOL_RESERVED;
	if (nr == ALL_TABLES || table != guest->asked)
		guest->told_amiss = true;
	else
		guest->told[nr] = true;
}

void guest_remember(struct guest *guest, const u32 *nr)
{
	u32 i;

	for (i = 0; i < PART_DATA; i++) {
		struct guest_range *part = &guest->parts[i];

		part->before_len = nr ? (u64)nr[i] << guest->table_lg2 : part->len;
		memcpy(part->before, part->bytes, part->before_len);
	}
	memset(guest->told, 0, sizeof(guest->told));
	guest->told_amiss = false;
}

vmem_table_t guest_untold(const struct guest *guest)
{
	u64 at, size = BIT_ULL(guest->table_lg2);
	u32 i;

	for (i = 0; i < PART_DATA; i++) {
		const struct guest_range *part = &guest->parts[i];

		for (at = 0; at < part->before_len; at += size)
			if (memcmp(part->bytes + at, part->before + at, size) &&
			    !guest_was_told(guest, part->gpa + at))
				return vmem_table(part->gpa + at);
	}
	return VMEM_NO_TABLE;
}

bool guest_was_told(const struct guest *guest, vmem_phys_t gpa)
{
	u32 nr = table_nr(guest, gpa);

	return nr < ALL_TABLES && guest->told[nr];
}

u32 guest_nr_told(const struct guest *guest)
{
	u32 i, nr = 0;

	for (i = 0; i < ALL_TABLES; i++)
		nr += guest->told[i];
	return nr;
}

void guest_unreserve(struct guest *guest)
{
	count_made(guest);
	while (vmem_pool_unreserve(&guest->pool, &guest->pages.res) ||
	       vmem_pool_drop_below(&guest->pool))
		;
}
