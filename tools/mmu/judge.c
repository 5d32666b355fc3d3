// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vmem says of a case's memory, and what an MMU did with it.
 *
 * vmem is asked for the access itself: what is there, or which fault it is, and
 * which bits it sets in the tables. Where a judge is known to differ from the
 * manuals, the deviation is named in the table below and must be met: one that is
 * gone fails, and so is to be taken out.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvmem.h"
#include "mmu.h"

#define VECTOR_GP	13
#define VECTOR_PF	14

#define PF_P		(1 << 0)
#define PF_RSVD		(1 << 3)
#define PF_PK		(1 << 5)

/* what vmem's answer for a case comes to, or what a guest met */
struct outcome {
	bool fault;
	bool odd;		/* vmem itself reads another leaf than it was to write */
	bool supervisors;	/* a user meets a page of theirs */
	bool second;		/* it is the second page that refuses */
	bool of_1g;		/* it is refused by a page of 1 GiB */
	bool value_known;
	__u64 value;		/* of a page fault, CR2 */
	__u64 mask;		/* bits of the value that are sure */
	unsigned int vector;
	unsigned int error;
	__u32 ad;		/* as struct rig_result has it */
	__u32 may;		/* of these bits, what may be set, too */
};

#define JUDGE(name)	(1 << MMU_##name)
#define EMULATIONS	(JUDGE(QEMU) | JUDGE(KVM_QEMU))

static const struct deviation {
	const char *what;
	const char *decides;	/* the manual that does */
	unsigned int judges;
	__u32 without;		/* facts that it has not */
	bool no_p;
	bool not_implicit;
	bool in_user_mode;
	bool no_pk;
	bool sets_a;
} deviations[] = {
	/* QEMU 7.2 and 11.1; processors set it, and so does Bochs */
	{ "reserved bits fault without P",
	  "SDM 3A, Page-Fault Exceptions: P is set", EMULATIONS, .no_p = true },
	/* QEMU 7.2 and 11.1; Bochs faults, as processors do */
	{ "PS in a PDPTE without pages of 1 GiB is a page",
	  "SDM 3A, 4-Level Paging: PS is reserved", EMULATIONS,
	  .without = VMEM_IOC_SPACE_NO_1G },
	/* QEMU 7.2 and 11.1, Bochs 2.7 and 3.0: vendors are alike */
	{ "bit 8 of AMD's PML4E and PML5E is ignored",
	  "APM 2, Long-Mode Page Translation: it must be zero",
	  EMULATIONS | JUDGE(BOCHS), .without = VMEM_IOC_SPACE_AMD },
	{ "EFLAGS.AC lets a supervisor's implicit access through",
	  "SDM 3A, Determination of Access Rights: AC is of explicit ones",
	  EMULATIONS | JUDGE(BOCHS), .not_implicit = true },
	{ "EFLAGS.AC lets an implicit access through that is made in user mode",
	  "SDM 3A, Determination of Access Rights: AC is of explicit ones",
	  JUDGE(BOCHS), .not_implicit = true, .in_user_mode = true },
	{ "PKRS denies a user nothing in a supervisor's page: PK isn't set",
	  "SDM 3A, Page-Fault Exceptions: PK tells what PKRS says of the address",
	  EMULATIONS, .no_pk = true },
	{ "A of a page of 1 GiB is set by an access that is refused",
	  "SDM 3A, Accessed and Dirty Flags: set where a translation is used; of one that is refused Interrupt 14 calls it model specific",
	  EMULATIONS, .sets_a = true },
};

/* What can't be judged: by which judges, as is known, and the sign that one can. */
static const struct not_judged {
	const char *what;
	unsigned int judges;
	size_t sign;		/* a bool of struct mmu_cpu, 0: there is none */
} not_judged[] = {
	{ "tagged addresses: no LAM (UAI neither)", ~0U,
	  offsetof(struct mmu_cpu, lam) },
	{ "5 levels: no LA57", JUDGE(BOCHS), offsetof(struct mmu_cpu, la57) },
	{ "shadow stacks: no CET", ~(JUDGE(BOCHS) | JUDGE(KVM)),
	  offsetof(struct mmu_cpu, cet) },
	{ "encryption and shared bits: no SEV, no TDX", ~0U, 0 },
	{ "tables where no memory is: read as zeros or as ones", ~0U, 0 },
	{ "the level at which a walk ended: nothing shows it", ~0U, 0 },
	{ "reads of shadow stacks, and the supervisor's shadow stacks", ~0U, 0 },
	{ "implicit writes", ~0U, 0 },
	{ "keys of shadow stacks: Bochs alone has CET, and isn't asked about keys", ~0U, 0 },
	{ "PKE without PKS, or other rights of a key in both", ~0U, 0 },
	{ "a second page below another table, or none that is canonical", ~0U, 0 },
};

static struct vmem_guest *guest;
static bool by_module;
static char *image;
static __u32 spaces[32];
static __u32 space_flags[32];

void mmu_stamp(char *to)
{
	__u64 gpa, stamp;

	for (gpa = 0; gpa < RIG_IMAGE_LEN; gpa += 8) {
		stamp = RIG_STAMP(RIG_IMAGE + gpa);
		memcpy(to + gpa, &stamp, 8);
	}
}

static void setup(void)
{
	struct vmem_ioc_region_create region = {
		.size	= sizeof(region),
		.kind	= VMEM_IOC_REGION_USER,
		.gpa	= RIG_IMAGE,
		.len	= RIG_IMAGE_LEN,
	};
	int ret;

	image = mmap(NULL, RIG_IMAGE_LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image == MAP_FAILED)
		err(1, "the image");
	mmu_stamp(image);
	region.user_addr = (unsigned long)image;
	/* the module, where it is inserted */
	by_module = !access("/dev/vmem", R_OK | W_OK);
	ret = by_module ? vmem_open(NULL, &guest) : vmem_open_local(&guest);
	if (!ret)
		ret = vmem_region_create(guest, &region);
	if (ret)
		errx(1, "region: %s", strerror(-ret));
}

static __u32 space_with(const struct mmu_cpu *cpu, __u32 flags)
{
	struct vmem_ioc_space_create space = {
		.size		= sizeof(space),
		.flags		= flags,
		.format		= cpu->levels == 5 ?
				  VMEM_IOC_FORMAT_X86_64_5LEVEL :
				  VMEM_IOC_FORMAT_X86_64_4LEVEL,
		.root		= RIG_IMAGE,
		.phys_bits	= cpu->width,
	};
	unsigned int i;
	int ret;

	for (i = 0; spaces[i]; i++)
		if (space_flags[i] == flags)
			return spaces[i];
	ret = vmem_space_create(guest, &space);
	if (ret)
		errx(1, "space with flags 0x%x: %s", flags, strerror(-ret));
	space_flags[i] = flags;
	spaces[i] = space.out_id;
	return spaces[i];
}

static __u32 facts_of(const struct mmu_cpu *cpu, const struct mmu_case *c)
{
	__u32 flags = 0;

	if (c->access & RIG_NXE_OFF)
		flags |= VMEM_IOC_SPACE_NXE_OFF;
	if (cpu->amd)
		flags |= VMEM_IOC_SPACE_AMD;
	if (!cpu->pages_1g)
		flags |= VMEM_IOC_SPACE_NO_1G;
	if (cpu->cet && !(c->access & RIG_WP_OFF))
		flags |= VMEM_IOC_SPACE_CET;
	return flags;
}

static __u32 access_of(const struct mmu_case *c)
{
	static const __u32 kinds[] = {
		[RIG_READ]	= VMEM_IOC_ACCESS_READ,
		[RIG_WRITE]	= VMEM_IOC_ACCESS_WRITE,
		[RIG_FETCH]	= VMEM_IOC_ACCESS_FETCH,
		[RIG_SHADOW]	= VMEM_IOC_ACCESS_WRITE | VMEM_IOC_ACCESS_SHADOW |
				  VMEM_IOC_ACCESS_USER,
		[RIG_IMPLICIT]	= VMEM_IOC_ACCESS_READ | VMEM_IOC_ACCESS_IMPLICIT,
	};
	__u32 kind = c->access & RIG_KIND;
	bool byte = c->access & RIG_BYTE || kind == RIG_FETCH;

	return kinds[kind] | (byte ? 0 : 7 << VMEM_IOC_ACCESS_LEN_SHIFT) |
	       (c->access & RIG_USER_MODE && kind != RIG_IMPLICIT ?
		VMEM_IOC_ACCESS_USER : 0);
}

static __u32 mode_of(const struct mmu_case *c)
{
	return (c->access & RIG_WP_OFF ? 0 : VMEM_IOC_MODE_WP) |
	       (c->access & RIG_SMEP ? VMEM_IOC_MODE_SMEP : 0) |
	       (c->access & RIG_SMAP ? VMEM_IOC_MODE_SMAP : 0) |
	       (c->access & RIG_AC ? VMEM_IOC_MODE_AC : 0) |
	       (c->access & RIG_PKE ? VMEM_IOC_MODE_PKE : 0) |
	       (c->access & RIG_PKS ? VMEM_IOC_MODE_PKS : 0);
}

static void translate(const struct mmu_cpu *cpu, const struct mmu_case *c,
		      __u32 flags, __u32 access, __u64 va, struct vmem_ioc_result *r)
{
	struct vmem_ioc_translate arg = {
		.size		= sizeof(arg),
		.space		= space_with(cpu, flags),
		.nr		= 1,
		.vas		= (unsigned long)&va,
		.results	= (unsigned long)r,
		.access		= access,
		.mode		= access ? mode_of(c) : 0,
		.pkru		= access ? c->pkru : 0,
		.pkrs		= access ? c->pkrs : 0,
	};
	int ret = vmem_space_translate(guest, &arg);

	if (ret)
		errx(1, "%s, %s: %s", c->group, c->name, strerror(-ret));
}

static __u64 word(__u64 gpa)
{
	__u64 value;

	memcpy(&value, image + (gpa - RIG_IMAGE), 8);
	return value;
}

/* A and D after the access, and what a processor may have set beside them. */
static void outcome_ad(struct outcome *out, const struct mmu_cpu *cpu,
		       const struct mmu_case *c, const struct vmem_ioc_result *r,
		       bool second)
{
	unsigned int i;

	for (i = 0; i < c->nr_writes; i++) {
		out->ad |= RIG_AD(i, word(c->writes[i].gpa));
		if (!(r->flags & VMEM_IOC_RESULT_MAY))
			continue;
		if (i + 1 < cpu->levels - r->level || (second && i < cpu->levels))
			out->may |= RIG_AD(i, ENTRY_A);
		/* the first page was let through */
		if (second && i + 1 == cpu->levels && (c->access & RIG_KIND) == RIG_WRITE)
			out->may |= RIG_AD(i, ENTRY_D);
		/* KVM's emulator, which machines use more or less of, writes that */
		if (second && cpu->judge == MMU_KVM)
			out->may |= RIG_TORN;
	}
}

/* What a processor with these facts does; @set: and A and D are set as by it. */
static struct outcome asked(const struct mmu_cpu *cpu, const struct mmu_case *c,
			    __u32 flags, bool explicit, bool set)
{
	__u32 access = access_of(c) & ~(explicit ? VMEM_IOC_ACCESS_IMPLICIT : 0);
	__u64 second = (c->va | (MMU_PAGE - 1)) + 1;
	struct outcome out = { 0 };
	bool crosses = !(c->access & RIG_BYTE) && second - c->va < 8;
	struct vmem_ioc_result r, other;

	translate(cpu, c, flags, access | (set ? VMEM_IOC_ACCESS_SET_AD : 0), c->va, &r);
	if (c->attrs) {
		translate(cpu, c, flags, 0, c->va, &other);
		out.odd = !mmu_as_asked(c, &other);
	}
	out.fault = r.status != VMEM_IOC_OK;
	out.vector = RIG_NONE;
	if (out.fault) {
		if (r.status == VMEM_IOC_OUTSIDE)
			errx(1, "%s, %s: the case is a bad one, a table is outside",
			     c->group, c->name);
		crosses = r.flags & VMEM_IOC_RESULT_SECOND;
		out.vector = r.status == VMEM_IOC_NON_CANONICAL ? VECTOR_GP : VECTOR_PF;
		out.error = r.error_code;
		out.supervisors = r.status == VMEM_IOC_USER;
		out.of_1g = r.status != VMEM_IOC_NOT_PRESENT && r.level == 2 &&
			    r.entry & ENTRY_PS && r.entry & ENTRY_P &&
			    !(r.entry & ((BIT(52) - BIT(cpu->width)) |
					 (c->access & RIG_NXE_OFF ? ENTRY_NX : 0)));
		out.value = crosses ? second : c->va;
		out.second = crosses;
		outcome_ad(&out, cpu, c, &r, crosses);
		return out;
	}
	outcome_ad(&out, cpu, c, &r, false);
	switch (c->access & RIG_KIND) {
	case RIG_FETCH:
	case RIG_IMPLICIT:
		out.value_known = true;		/* 0, by rig.h */
		out.mask = -1ULL;
		return out;
	}
	if (r.gpa < RIG_IMAGE || r.gpa >= RIG_IMAGE + RIG_IMAGE_LEN)
		return out;
	out.value_known = true;
	out.mask = c->access & RIG_BYTE ? 0xff : -1ULL;
	if (crosses) {
		translate(cpu, c, flags, 0, second, &other);
		out.value = word(r.gpa & ~7ULL) >> 8 * (c->va & 7) |
			    word(other.gpa) << (64 - 8 * (c->va & 7));
	} else {
		memcpy(&out.value, image + (r.gpa - RIG_IMAGE),
		       c->access & RIG_BYTE ? 1 : 8);
	}
	/* the walk itself sets these in tables */
	if (r.gpa < RIG_DATA)
		out.mask &= ~(ENTRY_A | ENTRY_D);
	return out;
}

static bool same(const struct outcome *said, const struct outcome *met)
{
	if (said->odd || said->fault != met->fault || (said->ad ^ met->ad) & ~said->may ||
	    said->ad & ~met->ad)
		return false;
	if (!said->fault)
		return !said->value_known ||
		       !((said->value ^ met->value) & said->mask);
	return said->vector == met->vector && said->error == met->error &&
	       (said->vector != VECTOR_PF || said->value == met->value);
}

static void show(const char *who, const struct outcome *o)
{
	if (o->odd)
		printf("#   %s: not as it was asked for\n", who);
	if (o->fault)
		printf("#   %s: vector %u, error 0x%x, CR2 %llx, A and D %x\n", who,
		       o->vector, o->error, o->value, o->ad);
	else if (o->value_known)
		printf("#   %s: no fault, value %llx, A and D %x\n", who, o->value, o->ad);
	else
		printf("#   %s: no fault, outside the image\n", who);
	if (o->ad & RIG_LOST)
		printf("#   %s: what was written isn't where it must be\n", who);
	if (o->ad & RIG_TORN)
		printf("#   %s: some was written\n", who);
	if (o->ad & RIG_CHANGED)
		printf("#   %s: an entry has changed\n", who);
}

static void swap_writes(struct mmu_case *c)
{
	unsigned int i;
	__u64 was;

	for (i = 0; i < c->nr_writes; i++) {
		char *at = image + (c->writes[i].gpa - RIG_IMAGE);

		memcpy(&was, at, 8);
		memcpy(at, &c->writes[i].value, 8);
		c->writes[i].value = was;
	}
}

/* A result is in memory, or the next line of the text. */
static bool read_outcome(FILE *text, const struct rig_result *result, size_t number,
			 struct outcome *met)
{
	unsigned long long nr = number, value;
	struct rig_result from_text;
	char line[128];
	int end;

	if (!result) {
		if (!fgets(line, sizeof(line), text)) {
			printf("#   the guest ended before case %zx\n", number);
			return false;
		}
		if (sscanf(line, "%llx %llx %hx %hx %x%n", &nr, &value, &from_text.vector,
			   &from_text.error, &from_text.ad, &end) != 5 ||
		    line[end] != '\n' || nr != number) {
			printf("#   instead of case %zx: %s", number, line);
			return false;
		}
		from_text.value = value;
		result = &from_text;
	}
	*met = (struct outcome){
		.fault = result->vector != RIG_NONE,
		.value = result->value, .value_known = true,
		.vector = result->vector, .error = result->error, .ad = result->ad,
	};
	return true;
}

static size_t deviated[ARRAY_SIZE(deviations)];

/* What manuals leave open, how often it could be seen, and was. */
enum open { OPEN_ABOVE, OPEN_FIRST_A, OPEN_FIRST_D, OPEN_TORN, NR_OPEN };

static const char *const open_what[NR_OPEN] = {
	[OPEN_ABOVE]	= "A of entries above the one that refuses",
	[OPEN_FIRST_A]	= "A of the first page's leaf, if the second page refuses",
	[OPEN_FIRST_D]	= "D of it, by a write",
	[OPEN_TORN]	= "bytes of such a write in the first page",
};

static size_t could[NR_OPEN], was[NR_OPEN];

static void seen_one(enum open open, __u32 may, __u32 met)
{
	could[open] += may != 0;
	was[open] += (met & may) != 0;
}

static void seen(const struct mmu_cpu *cpu, const struct outcome *said,
		 const struct outcome *met)
{
	unsigned int leaf = cpu->levels - 1;
	__u32 may = said->may & ~said->ad;

	if (!said->second) {
		seen_one(OPEN_ABOVE, may, met->ad);
		return;
	}
	seen_one(OPEN_FIRST_A, may & RIG_AD(leaf, ENTRY_A), met->ad);
	seen_one(OPEN_FIRST_D, may & RIG_AD(leaf, ENTRY_D), met->ad);
	seen_one(OPEN_TORN, may & RIG_TORN, met->ad);
}

/* Whether a deviation can make a difference. */
static bool concerns(const struct deviation *d, const struct mmu_cpu *cpu,
		     const struct mmu_case *c, __u32 facts)
{
	if (!(d->judges >> cpu->judge & 1))
		return false;
	if (d->no_pk)
		return c->access & RIG_PKS && c->access & RIG_USER_MODE;
	if (d->not_implicit)
		return (c->access & RIG_KIND) == RIG_IMPLICIT && c->access & RIG_AC &&
		       !(c->access & RIG_USER_MODE) == !d->in_user_mode;
	return d->no_p || d->sets_a || facts & d->without;
}

/* The outcome where some deviations are known, a bit each. */
static struct outcome outcome_with(const struct mmu_cpu *cpu, const struct mmu_case *c,
				   __u32 facts, unsigned int with, bool set)
{
	bool explicit = false, no_p = false, no_pk = false, sets_a = false;
	struct outcome out;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deviations); i++) {
		if (!(with >> i & 1))
			continue;
		facts &= ~deviations[i].without;
		explicit |= deviations[i].not_implicit;
		no_p |= deviations[i].no_p;
		no_pk |= deviations[i].no_pk;
		sets_a |= deviations[i].sets_a;
	}
	out = asked(cpu, c, facts, explicit, set);
	if (no_p && out.vector == VECTOR_PF && out.error & PF_RSVD)
		out.error &= ~PF_P;
	if (no_pk && out.supervisors)
		out.error &= ~PF_PK;
	if (sets_a && out.of_1g)
		out.ad |= RIG_AD(cpu->levels - 1 - 2, ENTRY_A);
	return out;
}

/*
 * The outcome that a judge with its known deviations must have. @by: a bit for each of
 * them that makes a difference.
 */
static struct outcome expected(const struct mmu_cpu *cpu, const struct mmu_case *c,
			       unsigned int *by)
{
	__u32 facts = facts_of(cpu, c);
	struct outcome out = { 0 }, other;
	unsigned int i, with = 0;

	for (i = 0; i < ARRAY_SIZE(deviations); i++)
		if (concerns(&deviations[i], cpu, c, facts))
			with |= 1 << i;
	*by = 0;
	if (with)
		out = outcome_with(cpu, c, facts, with, false);
	for (i = 0; i < ARRAY_SIZE(deviations); i++) {
		if (!(with >> i & 1))
			continue;
		other = outcome_with(cpu, c, facts, with & ~(1 << i), false);
		if (!same(&out, &other))
			*by |= 1 << i;
	}
	/* last, since it changes the entries */
	return outcome_with(cpu, c, facts, with, true);
}

/* Whether a processor like this one can show the deviation at all. */
static bool shows(const struct mmu_list *list, const struct mmu_cpu *cpu,
		  const struct deviation *d)
{
	if (!(d->judges >> cpu->judge & 1))
		return false;
	if (d->not_implicit)
		return !list->cases && cpu->smap;
	if (d->no_pk)
		return !list->cases && cpu->pks;
	switch (d->without) {
	case VMEM_IOC_SPACE_NO_1G:
		return !cpu->pages_1g;
	case VMEM_IOC_SPACE_AMD:
		return cpu->amd;
	}
	return true;
}

void mmu_case_get(const struct mmu_list *list, size_t n, struct mmu_case *c)
{
	if (list->cases)
		*c = list->cases[n];
	else if (!n)
		mmu_home(list->cpu, c);
	else
		mmu_matrix_case(list->cpu, list->seed, list->first + (n - 1) * list->stride, c);
}

static void print_deviations(const struct mmu_list *list, const struct mmu_cpu *cpu,
			     const char *name, unsigned int *nr, size_t *wrong)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deviations); i++) {
		const struct deviation *d = &deviations[i];

		if (!shows(list, cpu, d))
			continue;
		printf("%sok %u %s: still differs: %s (%zu)\n",
		       deviated[i] ? "" : "not ", ++*nr, name, d->what, deviated[i]);
		*wrong += !deviated[i];
		printf("# tally\tdiffers\t%s\t%s\t%s\t%zu\n", name, d->what,
		       d->decides, deviated[i]);
	}
	for (i = 0; i < ARRAY_SIZE(not_judged); i++) {
		const struct not_judged *n = &not_judged[i];
		bool can = n->sign && *(const bool *)((const char *)cpu + n->sign);

		if (!can)
			printf("# tally\tnot judged\t%s\t%s\n", name, n->what);
		if (!n->sign || !(n->judges >> cpu->judge & 1))
			continue;
		printf("%sok %u %s: can't judge %s\n", can ? "not " : "", ++*nr,
		       name, n->what);
		*wrong += can;
	}
}

bool mmu_judge(const struct mmu_list *list, const struct mmu_cpu *cpu,
	       const char *name, FILE *results, const struct rig_result *in_memory)
{
	size_t i, all = 0, of_group = 0, wrong = 0, all_wrong = 0, all_faults = 0;
	unsigned int nr = 0, faults = 0, by, d;
	struct outcome said, met;
	struct mmu_case c, next;
	bool complete = true;
	char line[64];

	setup();
	printf("# asked: %s\n", by_module ? "the module" : "the library");
	mmu_case_get(list, 0, &next);
	for (i = 0; i < list->nr && complete; i++) {
		c = next;
		if (i + 1 < list->nr)
			mmu_case_get(list, i + 1, &next);
		swap_writes(&c);
		if (!c.access)
			continue;
		said = expected(cpu, &c, &by);
		if (!(c.access & RIG_STAYS))
			swap_writes(&c);
		complete = read_outcome(results, in_memory ? in_memory++ : NULL, i, &met);
		of_group++;
		faults += said.fault;
		if (!complete || !same(&said, &met)) {
			if (wrong++ < 5 && complete) {
				printf("# %s, va %llx, access %x\n", c.name, c.va, c.access);
				if (c.access & RIG_STAYS)
					mmu_case_get(list, i, &c);
				for (d = 0; d < c.nr_writes; d++)
					printf("#   %llx: %llx\n", c.writes[d].gpa,
					       c.writes[d].value);
				show("vmem", &said);
				show(name, &met);
			}
		} else {
			seen(cpu, &said, &met);
			for (d = 0; d < ARRAY_SIZE(deviations); d++)
				deviated[d] += by >> d & 1;
		}
		if (i + 1 < list->nr && complete && next.group == c.group)
			continue;
		printf("%sok %u %s: %s (%zu, %u faults)\n",
		       wrong ? "not " : "", ++nr, name, c.group, of_group, faults);
		all += of_group;
		all_faults += faults;
		all_wrong += wrong;
		of_group = wrong = faults = 0;
	}
	complete = complete && fgets(line, sizeof(line), results) &&
		   !strncmp(line, "end ", 4);
	printf("%sok %u %s: all cases were run (%zu)\n",
	       complete ? "" : "not ", ++nr, name, i);
	printf("# tally\tjudge\t%s\t%u\t%llu\t%zu\t%zu\t%zu\n", name, cpu->levels,
	       list->cases ? 0 : mmu_matrix_nr(cpu), all, all_faults, all_wrong);
	for (d = 0; d < NR_OPEN; d++)
		if (could[d])
			printf("# tally\topen\t%s\t%s\t%zu\t%zu\n", name, open_what[d], was[d],
			       could[d]);
	print_deviations(list, cpu, name, &nr, &all_wrong);
	printf("1..%u\n", nr);
	vmem_close(guest);
	return complete && !all_wrong;
}
