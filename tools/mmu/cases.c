// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cases of the rig. Each writes one path, a table of its own at each level
 * down to a leaf, with whatever is wrong or odd in it. Random ones change any
 * bits, but so that what is reached is in the image or, by a read of a leaf
 * only, where nothing is: emulators answer for tables that lie nowhere as they
 * please, and not as vmem does.
 */
#include <err.h>
#include <stdarg.h>
#include <stdlib.h>

#include "mmu.h"

#define NR_RANDOM	600

/*
 * A frame of each level's leaf: in the image, where the data are. The addresses
 * used have bit 12 clear, so that one that PAT finds its way into is another.
 */
#define FRAME_0		(RIG_DATA + 0x5000)
#define FRAME_1		(RIG_DATA + 0x200000)
#define OFFSET_2	0x1a06128	/* of an address in the first GiB */

static struct mmu_list *list;
static const struct mmu_cpu *cpu;
static const char *group;

struct path {
	__u64 va;
	unsigned int leaf;		/* its level */
	__u64 entry[MMU_LEVELS_MAX];	/* of each level */
};

__u64 mmu_table(const struct mmu_cpu *of, unsigned int level)
{
	return RIG_IMAGE + (of->levels - 1 - level) * MMU_PAGE;
}

static __u64 table(unsigned int level)
{
	return mmu_table(cpu, level);
}

static unsigned int slot_of(__u64 va, unsigned int level)
{
	return va >> (12 + 9 * level) & 511;
}

/* The entry of an address in the table of its level. */
void mmu_write(struct mmu_case *c, const struct mmu_cpu *of, __u64 va,
	       unsigned int level, __u64 entry)
{
	c->writes[c->nr_writes].gpa = mmu_table(of, level) + 8 * slot_of(va, level);
	c->writes[c->nr_writes++].value = entry;
}

static __u64 va_of(const struct mmu_cpu *of, const unsigned int *slots, __u64 offset)
{
	unsigned int unused = 64 - (12 + 9 * of->levels), level;
	__u64 va = offset;

	for (level = 0; level < of->levels; level++)
		va |= (__u64)slots[level] << (12 + 9 * level);
	return (__u64)((long long)(va << unused) >> unused);
}

/* An address for a leaf of the level, that differs from others' in no slot above. */
__u64 mmu_usual_va(const struct mmu_cpu *of, unsigned int leaf)
{
	static const unsigned int slots[] = { 18, 300, 5, 130, 77 };

	return leaf == 2 ? va_of(of, slots, 0) >> 30 << 30 | OFFSET_2 :
			   va_of(of, slots, 0x128);
}

__u64 mmu_usual_frame(unsigned int leaf)
{
	static const __u64 frames[] = { FRAME_0, FRAME_1, 0 };

	return frames[leaf];
}

/* Where the case's bytes lie that a leaf of the level leads to. */
void mmu_watch(struct mmu_case *c, unsigned int leaf, __u64 entry)
{
	__u64 mask = BIT(12 + 9 * leaf) - 1;
	__u64 gpa = (entry & ENTRY_ADDR & ~mask) | (c->va & mask);

	if (gpa >= RIG_IMAGE && gpa < RIG_IMAGE + RIG_IMAGE_LEN)
		c->watch[0] = gpa & ~7ULL;
}

/* A path on which all is allowed. */
static struct path path_to(__u64 va, unsigned int leaf)
{
	struct path path = { .va = va, .leaf = leaf };
	unsigned int level;

	for (level = leaf + 1; level < cpu->levels; level++)
		path.entry[level] = table(level - 1) | ENTRY_ALL;
	path.entry[leaf] = mmu_usual_frame(leaf) | ENTRY_ALL | (leaf ? ENTRY_PS : 0);
	return path;
}

static struct path path_usual(unsigned int leaf)
{
	return path_to(mmu_usual_va(cpu, leaf), leaf);
}

static void add(const struct path *path, __u32 access, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static struct mmu_case *new_case(void)
{
	if (!(list->nr & (list->nr - 1))) {
		list->cases = realloc(list->cases, sizeof(*list->cases) *
				      (list->nr ? 2 * list->nr : 1));
		if (!list->cases)
			err(1, "cases");
	}
	return &list->cases[list->nr++];
}

static void add(const struct path *path, __u32 access, const char *fmt, ...)
{
	struct mmu_case *c = new_case();
	unsigned int level;
	va_list ap;

	*c = (struct mmu_case){ .group = group, .access = access,
				.va = path->va };
	va_start(ap, fmt);
	vsnprintf(c->name, sizeof(c->name), fmt, ap);
	va_end(ap);
	for (level = cpu->levels; level-- > path->leaf;)
		mmu_write(c, cpu, path->va, level, path->entry[level]);
	if (path->leaf < cpu->levels)
		mmu_watch(c, path->leaf, path->entry[path->leaf]);
}

/* What the guest itself needs in every root. */
void mmu_home(const struct mmu_cpu *of, struct mmu_case *c)
{
	*c = (struct mmu_case){ .group = "home", .name = "home", .nr_writes = 1 };
	c->writes[0].gpa = RIG_IMAGE + 8 * RIG_HOME_SLOT;
	c->writes[0].value = RIG_HOME_ENTRY(of->levels == 5 ? RIG_HOME_4 : RIG_HOME_3);
}

/* Calls @fn for the entry of each level on a path to a leaf of each level. */
static void each_entry(void (*fn)(struct path path, unsigned int level))
{
	unsigned int leaf, level;

	for (leaf = 0; leaf <= 2; leaf++)
		for (level = leaf; level < cpu->levels; level++)
			fn(path_usual(leaf), level);
}

static void changed(struct path path, unsigned int level, __u64 entry,
		    __u32 access, const char *what)
{
	__u64 was = path.entry[level];

	path.entry[level] = entry;
	add(&path, access, "leaf %u, level %u: %s, %llx for %llx", path.leaf,
	    level, what, entry, was);
}

static void flip(struct path path, unsigned int level, unsigned int bit,
		 __u32 access)
{
	path.entry[level] ^= BIT(bit);
	add(&path, access, "leaf %u, level %u, bit %u: %llx", path.leaf, level,
	    bit, path.entry[level]);
}

static void not_present(struct path path, unsigned int level)
{
	__u64 entry = path.entry[level];

	changed(path, level, 0, RIG_READ, "zero");
	changed(path, level, entry & ~ENTRY_P, RIG_READ, "P = 0");
	changed(path, level, (entry & ~ENTRY_P) ^ ENTRY_PS, RIG_READ,
		"P = 0, PS inverted");
	changed(path, level, ~ENTRY_P, RIG_READ, "all but P");
	changed(path, level, entry & ~ENTRY_P, RIG_WRITE, "P = 0, write");
	changed(path, level, entry & ~ENTRY_P, RIG_FETCH, "P = 0, fetch");
	changed(path, level, entry & ~ENTRY_P, RIG_READ | RIG_USER_MODE,
		"P = 0, user");
	changed(path, level, entry & ~ENTRY_P, RIG_FETCH | RIG_NXE_OFF,
		"P = 0, fetch without NXE");
}

static void ignored(struct path path, unsigned int level)
{
	unsigned int bit;

	for (bit = 3; bit <= 6; bit++)
		flip(path, level, bit, RIG_READ);
	for (bit = 9; bit <= 11; bit++)
		flip(path, level, bit, RIG_READ);
	for (bit = 52; bit <= 62; bit++)
		flip(path, level, bit, RIG_READ);
	if (!level)
		flip(path, level, 7, RIG_READ);
	else if (level == path.leaf)
		flip(path, level, 12, RIG_READ);
	changed(path, level, path.entry[level] | 0x7ff0000000000e78, RIG_READ,
		"all that is ignored");
}

static void bit_8(struct path path, unsigned int level)
{
	flip(path, level, 8, RIG_READ);
}

static void beyond_width(struct path path, unsigned int level)
{
	unsigned int bit;

	for (bit = cpu->width; bit < 52; bit++)
		flip(path, level, bit, RIG_READ);
	if (cpu->width < 52) {
		flip(path, level, 51, RIG_WRITE | RIG_USER_MODE);
		flip(path, level, 51, RIG_FETCH);
	}
	if (level == path.leaf)
		flip(path, level, cpu->width - 1, RIG_READ);
}

static void no_execute(struct path path, unsigned int level)
{
	flip(path, level, 63, RIG_READ);
	flip(path, level, 63, RIG_FETCH);
	flip(path, level, 63, RIG_READ | RIG_NXE_OFF);
	flip(path, level, 63, RIG_FETCH | RIG_NXE_OFF);
	flip(path, level, 63, RIG_WRITE | RIG_USER_MODE | RIG_NXE_OFF);
}

/* PS where a table is named, and in an entry that would be a page but for it. */
static void misplaced(struct path path, unsigned int level)
{
	if (level <= path.leaf)
		return;
	flip(path, level, 7, RIG_READ);
	if (level > 2)
		changed(path, level, ENTRY_ALL | ENTRY_PS, RIG_READ,
			"a page of that size");
}

static void page_1g(void)
{
	struct path path = path_usual(2);

	add(&path, RIG_READ, "a leaf of 1 GiB");
	add(&path, RIG_WRITE | RIG_USER_MODE, "a leaf of 1 GiB, write");
	path.entry[2] &= ~ENTRY_W;
	add(&path, RIG_WRITE, "a leaf of 1 GiB, not to be written");
}

static void low_bits(void)
{
	unsigned int leaf, bit;

	for (leaf = 1; leaf <= 2; leaf++)
		for (bit = 12; bit < 12 + 9 * leaf; bit++)
			flip(path_usual(leaf), leaf, bit, RIG_READ);
}

static void addresses(void)
{
	unsigned int top = 12 + 9 * cpu->levels - 1, bit;
	const __u64 edge = BIT(top);
	const __u64 edges[] = { 0, edge - 1, edge, ~edge, -edge,
				-edge + 0xfff };
	struct path path;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		/* the path is where the address would be without its top bits */
		path = path_to(edges[i], 0);
		add(&path, RIG_READ | RIG_BYTE, "%llx", path.va);
		add(&path, RIG_WRITE | RIG_BYTE, "%llx, write", path.va);
		add(&path, RIG_READ | RIG_BYTE | RIG_USER_MODE, "%llx, user",
		    path.va);
	}
	for (bit = top; bit < 64; bit++) {
		path = path_usual(0);
		path.va ^= BIT(bit);
		add(&path, RIG_READ, "%llx", path.va);
	}
}

static const __u32 all_accesses[] = {
	RIG_READ, RIG_WRITE, RIG_FETCH, RIG_READ | RIG_USER_MODE,
	RIG_WRITE | RIG_USER_MODE, RIG_FETCH | RIG_USER_MODE,
};

/* Everything that one entry can deny, to each kind of access. */
static void rights(struct path path, unsigned int level)
{
	unsigned int n, i;

	for (n = 0; n < 8; n++) {
		path.entry[level] &= ~(ENTRY_W | ENTRY_U | ENTRY_NX);
		if (n & 1)
			path.entry[level] |= ENTRY_W;
		if (n & 2)
			path.entry[level] |= ENTRY_U;
		if (n & 4)
			path.entry[level] |= ENTRY_NX;
		for (i = 0; i < ARRAY_SIZE(all_accesses); i++)
			add(&path, all_accesses[i],
			    "leaf %u, level %u: %llx, access %x", path.leaf,
			    level, path.entry[level], all_accesses[i]);
	}
}

/* What a processor is set to, over a page of supervisors and one of users. */
static void modes(void)
{
	const __u32 settings[] = { RIG_WP_OFF, cpu->smap ? RIG_SMAP | RIG_AC : 0, cpu->smep ? RIG_SMEP : 0,
				   cpu->smap ? RIG_SMAP : 0, RIG_NXE_OFF,
				   cpu->smep ? RIG_SMEP | RIG_NXE_OFF : 0 };
	unsigned int n, i, j;
	struct path path;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		for (n = 0; settings[i] && n < 8; n++) {
			path = path_usual(n & 4 ? 1 : 0);
			path.entry[path.leaf] &= ~(ENTRY_W | ENTRY_U);
			path.entry[path.leaf] |= n * ENTRY_W & (ENTRY_W | ENTRY_U);
			/*
			 * One with CET sets no D where W is clear (Intel SDM
			 * volume 3A, "Accessed and Dirty Flags").
			 */
			if (settings[i] == RIG_WP_OFF)
				path.entry[path.leaf] |= ENTRY_D;
			for (j = 0; j < ARRAY_SIZE(all_accesses); j++)
				add(&path, all_accesses[j] | settings[i],
				    "leaf %u: %llx, access %x", path.leaf,
				    path.entry[path.leaf],
				    all_accesses[j] | settings[i]);
		}
}

/* A shadow-stack page is one by W, D and the W of all above. */
static void shadow_stack(struct path path, unsigned int level)
{
	unsigned int n, i;
	const __u32 accesses[] = { RIG_READ, RIG_WRITE, RIG_SHADOW,
				   RIG_READ | RIG_USER_MODE,
				   RIG_WRITE | RIG_USER_MODE };

	for (n = 0; n < 16; n++) {
		path.entry[path.leaf] &= ~(ENTRY_W | ENTRY_D);
		if (n & 1)
			path.entry[path.leaf] |= ENTRY_D;
		if (n & 2)
			path.entry[path.leaf] |= ENTRY_W;
		if (level != path.leaf) {
			path.entry[level] &= ~(ENTRY_W | ENTRY_U);
			if (n & 4)
				path.entry[level] |= ENTRY_W;
		} else {
			path.entry[level] &= ~ENTRY_U;
		}
		if (n & 8)
			path.entry[level] |= ENTRY_U;
		for (i = 0; i < ARRAY_SIZE(accesses); i++)
			add(&path, accesses[i],
			    "leaf %u: %llx, level %u: %llx, access %x",
			    path.leaf, path.entry[path.leaf], level,
			    path.entry[level], accesses[i]);
	}
}

/* Leaves that vmem writes, by all ways to come to them. */
static void written(unsigned int leaf)
{
	static const char *const ways[MMU_WAYS] = { "mapped", "split", "promoted" };
	__u64 va = path_usual(leaf).va, low = BIT(12 + 9 * leaf) - 1;
	__u64 frame = leaf == 2 ? OFFSET_2 :
		      (leaf ? FRAME_1 : FRAME_0) + (va & low);
	struct mmu_case made;
	unsigned int n, way, i;
	__u32 attrs;

	for (n = 0; (attrs = mmu_attrs(cpu, n)); n++) {
		for (way = 0; way < MMU_WAYS; way++) {
			made = (struct mmu_case){ .group = group, .va = va };
			/* as far into a larger one as it is into the frames */
			if (way == 1)
				made.va = (va & ~(low << 9 | 0x1ff)) |
					  (frame & (low << 9 | 0x1ff));
			if (!mmu_written(cpu, made.va, leaf, frame, attrs, way, &made))
				continue;
			mmu_watch(&made, leaf, frame);
			for (i = 0; i < ARRAY_SIZE(all_accesses); i++) {
				made.access = all_accesses[i];
				*new_case() = made;
				snprintf(list->cases[list->nr - 1].name,
					 sizeof(made.name),
					 "leaf %u, %s: attributes %x, access %x",
					 leaf, ways[way], attrs, made.access);
			}
		}
	}
}

/* Random cases */

static __u64 state;

static __u32 chance(__u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state * 0x2545f4914f6cdd1d >> 32) * n >> 32;
}

/*
 * A bit of an entry that may change. Table entries keep to the tables' half of
 * the image, leaves to that of the data, but for reads of what is nowhere. A
 * fetch or a write is to find data only, never a table.
 */
static bool may_flip(const struct path *path, unsigned int level,
		     unsigned int bit, bool read)
{
	__u64 entry = path->entry[level] ^ BIT(bit);
	bool leaf = level == path->leaf;

	/* a table now: not at 0, and not where no memory is */
	if (leaf && level && !(entry & ENTRY_PS) &&
	    (level == 2 || entry & (BIT(cpu->width) - BIT(25))))
		return false;
	if (bit < 12 || bit >= cpu->width)
		return true;
	if (!leaf)
		return bit < 23 && read;
	return bit < 23 || (bit > 25 && read);
}

static void random_case(unsigned int nr)
{
	static const unsigned int kinds[] = {
		RIG_READ, RIG_READ, RIG_READ, RIG_WRITE, RIG_FETCH };
	__u32 access = kinds[chance(ARRAY_SIZE(kinds))];
	bool read = access == RIG_READ;
	unsigned int slots[MMU_LEVELS_MAX], level, bit, leaf, n;
	struct path path;

	for (level = 0; level < cpu->levels; level++)
		slots[level] = chance(RIG_HOME_SLOT);
	leaf = chance(3);
	if (leaf == 2)
		path = path_to(va_of(cpu, slots, 0) >> 30 << 30 | OFFSET_2, leaf);
	else
		path = path_to(va_of(cpu, slots, 8 * chance(512)), leaf);
	for (n = chance(4); n;) {
		level = leaf + chance(cpu->levels - leaf);
		bit = chance(64);
		if (!may_flip(&path, level, bit, read))
			continue;
		path.entry[level] ^= BIT(bit);
		n--;
	}
	if (chance(2))
		access |= RIG_USER_MODE;
	if (!chance(4))
		access |= RIG_NXE_OFF;
	add(&path, access, "random %u", nr);
}

void mmu_list_make(struct mmu_list *to, const struct mmu_cpu *of,
		   unsigned long seed)
{
	static const struct {
		const char *name;
		void (*fn)(struct path path, unsigned int level);
	} entries[] = {
		{ "not present", not_present },
		{ "bits that are ignored", ignored },
		{ "bit 8", bit_8 },
		{ "address bits beyond the width", beyond_width },
		{ "NX", no_execute },
		{ "PS in entries of tables", misplaced },
		{ "rights of each entry", rights },
	};
	unsigned int i;

	*to = (struct mmu_list){ .cpu = of };
	list = to;
	cpu = of;
	mmu_home(cpu, new_case());
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		group = entries[i].name;
		each_entry(entries[i].fn);
	}
	group = "pages of 1 GiB";
	page_1g();
	group = "low address bits of large leaves";
	low_bits();
	group = "canonical and other addresses";
	addresses();
	group = "WP, SMEP, SMAP, NXE";
	modes();
	if (cpu->cet) {
		group = "shadow stacks";
		each_entry(shadow_stack);
	}
	group = "what vmem writes";
	for (i = 0; i <= 1u + cpu->pages_1g; i++)
		written(i);
	group = "random entries";
	state = seed * 0x9e3779b97f4a7c15 + 1;
	for (i = 0; i < NR_RANDOM; i++)
		random_case(i);
}
