// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The caches of the emulated vCPUs: filled, flushed, and compared with what the
 * tables say. The walk is written anew from the manual; the library's own isn't
 * used.
 */
#include <string.h>

#include "mmu.h"

#define ENTRY_P		(1ULL << 0)
#define ENTRY_W		(1ULL << 1)
#define ENTRY_U		(1ULL << 2)
#define ENTRY_PWT	(1ULL << 3)
#define ENTRY_PCD	(1ULL << 4)
#define ENTRY_PS	(1ULL << 7)
#define ENTRY_G		(1ULL << 8)
#define ENTRY_PAT_LARGE	(1ULL << 12)
#define ENTRY_NX	(1ULL << 63)

enum fault fault;
__u32 mmu_stamp;
unsigned long mmu_full;
struct cache caches[NR_CACHES];

/*
 * What an entry is to the MMU, which remembers none that isn't present or has
 * a reserved bit. @attrs: of this entry alone.
 */
enum mmu_kind mmu_look(__u64 entry, unsigned int level, __u64 *gpa, __u32 *attrs)
{
	bool large = level && entry & ENTRY_PS;
	__u64 low = level_mask(level);

	if (!(entry & ENTRY_P) || entry & world.reserved)
		return MMU_NONE;
	if (large && (level > 2 ||
		      entry & world.addr & low & ~ENTRY_PAT_LARGE))
		return MMU_NONE;
	*attrs = (entry & ENTRY_W ? MMU_W : 0) | (entry & ENTRY_U ? MMU_U : 0) |
		 (entry & ENTRY_NX ? 0 : MMU_X);
	*gpa = entry & world.addr;
	if (level && !large)
		return MMU_TABLE;
	*gpa &= ~low;
	*attrs |= (entry & ENTRY_G ? MMU_G : 0) |
		  (entry & ENTRY_PWT ? MMU_PWT : 0) |
		  (entry & ENTRY_PCD ? MMU_PCD : 0) |
		  (entry & (level ? ENTRY_PAT_LARGE : ENTRY_PS) ? MMU_PAT : 0) |
		  (__u32)(entry >> 59 & 15) << MMU_KEY_SHIFT;
	return MMU_LEAF;
}

static __u32 path_attrs(__u32 above, __u32 attrs)
{
	return attrs & (above | ~(__u32)MMU_RIGHTS);
}

static __u64 entry_va(__u64 base, unsigned int i, unsigned int level,
		      unsigned int levels)
{
	base |= (__u64)i << level_lg2(level);
	if (level == levels - 1 && i >= NR_ENTRIES / 2)
		base |= ~level_mask(levels) | 1ULL << (level_lg2(levels) - 1);
	return base;
}

/* Where an item is to be found, or may be put. */
static unsigned short *hash_slot(struct cache *cache, const struct item *item)
{
	const unsigned int mask = 2 * CACHE_MAX - 1;
	__u64 key = item->va >> 12 ^ item->gpa << 11 ^
		    ((__u64)item->attrs << 40) ^ (__u64)item->level << 59 ^
		    (__u64)item->kind << 57 ^ (__u64)item->edge << 63 ^
		    (__u64)item->piece << 62;
	unsigned int at;

	key *= 0x9e3779b97f4a7c15ULL;
	for (at = key >> 40 & mask; cache->hash[at]; at = (at + 1) & mask) {
		const struct item *there = &cache->items[cache->hash[at] - 1];

		if (there->va == item->va && there->gpa == item->gpa &&
		    there->attrs == item->attrs &&
		    there->level == item->level &&
		    there->kind == item->kind &&
		    there->edge == item->edge && there->piece == item->piece)
			break;
	}
	return &cache->hash[at];
}

static void cache_add(struct cache *cache, const struct item *item)
{
	unsigned short *slot = hash_slot(cache, item);

	if (*slot || cache->nr == CACHE_MAX)
		return;
	cache->items[cache->nr++] = *item;
	*slot = (unsigned short)cache->nr;
}

/* Keep those items that @keep says. */
static void cache_filter(struct cache *cache,
			 bool (*keep)(const struct item *item, __u64 start,
				      __u64 last),
			 __u64 start, __u64 last)
{
	unsigned int i, nr = 0;

	for (i = 0; i < cache->nr; i++)
		if (keep(&cache->items[i], start, last))
			cache->items[nr++] = cache->items[i];
	if (nr == cache->nr)
		return;
	cache->nr = nr;
	memset(cache->hash, 0, sizeof(cache->hash));
	for (i = 0; i < nr; i++)
		*hash_slot(cache, &cache->items[i]) = (unsigned short)(i + 1);
}

/* The last address that an item translates. */
static __u64 item_last(const struct item *item)
{
	return item->va | (item->piece ? PAGE - 1 : level_mask(item->level));
}

/* The first and the last page of a larger leaf, each by itself. */
static void cache_add_pieces(struct cache *cache, const struct item *leaf)
{
	struct item item = *leaf;

	item.piece = 1;
	cache_add(cache, &item);
	item.va |= level_mask(leaf->level) & ~(PAGE - 1);
	item.gpa |= level_mask(leaf->level) & ~(PAGE - 1);
	cache_add(cache, &item);
}

/* Each entry of a table, come to by @above. */
static void cache_expand(struct cache *cache, const struct item *above,
			 unsigned int level, unsigned int levels)
{
	const __u64 *words = world_table(above->gpa);
	struct item item;
	unsigned int i;

	for (i = 0; words && i < NR_ENTRIES; i++) {
		if (!(words[i] & ENTRY_P))
			continue;
		memset(&item, 0, sizeof(item));
		item.kind = (__u8)mmu_look(words[i], level, &item.gpa,
					   &item.attrs);
		if (item.kind == MMU_NONE)
			continue;
		item.va = entry_va(above->va, i, level, levels);
		item.attrs = path_attrs(above->attrs, item.attrs);
		item.level = (__u8)level;
		item.stamp = mmu_stamp;
		item.edge = above->edge || (item.kind == MMU_TABLE &&
					    world_by_guest(&words[i]));
		cache_add(cache, &item);
		if (item.kind == MMU_LEAF && level)
			cache_add_pieces(cache, &item);
	}
}

static void cache_fill(struct cache *cache)
{
	const struct space *space = &world.spaces[cache->space];
	struct item root = {
		.gpa	= cache->cr3,
		.attrs	= MMU_RIGHTS,
	};
	unsigned int i;

	cache_expand(cache, &root, space->levels - 1, space->levels);
	for (i = 0; i < cache->nr; i++)
		if (cache->items[i].kind == MMU_TABLE)
			cache_expand(cache, &cache->items[i],
				     cache->items[i].level - 1, space->levels);
	mmu_full += cache->nr == CACHE_MAX;
}

void mmu_fill(void)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++)
		if (caches[i].space >= 0)
			cache_fill(&caches[i]);
}

static void cache_clear(struct cache *cache)
{
	cache->nr = 0;
	memset(cache->hash, 0, sizeof(cache->hash));
}

void mmu_reset(void)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++) {
		cache_clear(&caches[i]);
		caches[i].space = -1;
	}
}

/*
 * vCPUs get a space. What was under the PCID before goes as CR3 is loaded;
 * global pages of a space that ended are taken to be the guest's care.
 */
void mmu_enter(int space)
{
	bool five = world.spaces[space].levels == 5;
	unsigned int i = five ? NR_CACHES - NR_PCIDS : 0;
	unsigned int end = five ? NR_CACHES : NR_CACHES - NR_PCIDS;

	for (; i < end; i++) {
		if (caches[i].space >= 0 || chance(2))
			continue;
		cache_clear(&caches[i]);
		caches[i].space = space;
		caches[i].cr3 = world.spaces[space].root;
	}
}

/* vCPUs get the space's root as their CR3, and keep what they remember. */
void mmu_load(int space)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES && fault != FAULT_ROOT; i++)
		if (caches[i].space == space)
			caches[i].cr3 = world.spaces[space].root;
}

bool mmu_runs(int space)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++)
		if (caches[i].space == space)
			return true;
	return false;
}

/* They leave it, and what is under its PCIDs stays. */
void mmu_leave(int space)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++)
		if (caches[i].space == space)
			caches[i].space = -1;
}

static bool keep_outside(const struct item *item, __u64 start, __u64 last)
{
	if ((fault == FAULT_STRUCTURES && item->kind == MMU_TABLE) ||
	    (fault == FAULT_RANGE_GLOBAL && item->attrs & MMU_G) ||
	    (fault == FAULT_LARGE && item->kind == MMU_LEAF && item->level))
		return true;
	return item->va > last || item_last(item) < start;
}

static bool keep_global(const struct item *item, __u64 start, __u64 last)
{
	(void)start;
	(void)last;
	return item->kind == MMU_LEAF && item->attrs & MMU_G;
}

/* As by INVLPG, but that an MMU need forget no more than the range. */
void mmu_flush_range(int space, __u64 start, __u64 last)
{
	int vcpu = -1, i;

	for (i = 0; fault != FAULT_RANGE_NONE && i < NR_CACHES; i++) {
		if (caches[i].space != space ||
		    (fault == FAULT_ONE_PCID && vcpu == i / NR_PCIDS) ||
		    (fault == FAULT_ONE_VCPU && vcpu >= 0 &&
		     vcpu != i / NR_PCIDS))
			continue;
		cache_filter(&caches[i], keep_outside, start, last);
		vcpu = i / NR_PCIDS;
	}
}

void mmu_flush_all(void)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++) {
		if (fault == FAULT_GLOBAL)
			cache_filter(&caches[i], keep_global, 0, 0);
		else if (fault == FAULT_STRUCTURES)
			cache_filter(&caches[i], keep_outside, 0, ~0ULL);
		else
			cache_clear(&caches[i]);
	}
}

void mmu_forget(void)
{
	unsigned int i;

	for (i = 0; i < NR_CACHES; i++)
		cache_clear(&caches[i]);
}

/*
 * That a larger leaf is now small ones which do the same doesn't matter: the one
 * that is remembered is no longer there, and what is done to them doesn't reach it.
 *
 * Rights over those that are remembered only make an access fault that needn't;
 * U is none of them, as with SMEP and SMAP it takes rights too.
 */
bool mmu_stale(const struct cache *cache, const struct item *item,
	       struct item *now)
{
	const struct space *space = &world.spaces[cache->space];
	unsigned int level = space->levels;
	const __u64 *words;
	__u32 attrs;

	memset(now, 0, sizeof(*now));
	now->gpa = space->root;
	now->attrs = MMU_RIGHTS;
	do {
		level--;
		words = world_table(now->gpa);
		now->level = (__u8)level;
		now->kind = MMU_NONE;
		if (!words)
			break;
		now->kind = (__u8)mmu_look(words[va_index(item->va, level)],
					   level, &now->gpa, &attrs);
		if (now->kind == MMU_NONE)
			break;
		now->attrs = path_attrs(now->attrs, attrs);
	} while (level > item->level && now->kind == MMU_TABLE);
	now->va = item->va & ~level_mask(level);
	if (item->piece) {
		now->va = item->va;
		now->gpa |= item->va & level_mask(level);
	}
	return now->kind != item->kind || level != item->level ||
	       now->gpa != item->gpa ||
	       (now->attrs ^ item->attrs) & ~(__u32)(MMU_W | MMU_X) ||
	       item->attrs & ~now->attrs;
}

const struct item *mmu_remembers(const bool *pages, __u32 stamp,
				 const struct cache **cache)
{
	unsigned int i, n;

	for (i = 0; i < NR_CACHES; i++) {
		for (n = 0; n < caches[i].nr; n++) {
			const struct item *item = &caches[i].items[n];

			if (item->kind != MMU_TABLE || item->edge ||
			    item->stamp >= stamp || item->gpa >= MEMORY_LEN ||
			    !pages[item->gpa / PAGE])
				continue;
			*cache = &caches[i];
			return item;
		}
	}
	return NULL;
}

static bool keep_stamped(const struct item *item, __u64 start, __u64 last)
{
	(void)start;
	(void)last;
	return item->stamp;
}

void mmu_drop(struct cache *cache)
{
	cache_filter(cache, keep_stamped, 0, 0);
}
