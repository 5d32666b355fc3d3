// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vmem says of a case's memory, and what an emulator's MMU did with it.
 *
 * vmem says where an address leads and what is allowed there; what an access
 * meets then is told here, from the manuals (Intel SDM volume 3A, "Access
 * Rights" and "Page-Fault Exceptions"), so that every bit of `effective` is
 * judged too. Where an emulator is known to differ from the manuals, the
 * deviation is named in the table below and must be met: one that is gone
 * fails, and so is to be taken out.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libvmem.h"
#include "mmu.h"

#define VECTOR_GP	13
#define VECTOR_PF	14

#define PF_P		(1 << 0)
#define PF_W		(1 << 1)
#define PF_U		(1 << 2)
#define PF_RSVD		(1 << 3)
#define PF_I		(1 << 4)
#define PF_SS		(1 << 6)

/* what vmem's answer for a case comes to, or what a guest met */
struct outcome {
	bool fault;
	bool odd;		/* vmem itself reads another leaf than it was to write */
	bool value_known;
	__u64 value;
	__u64 mask;		/* bits of the value that are sure */
	unsigned int vector;
	unsigned int error;
	__u64 cr2;
};

static const struct deviation {
	const char *what;
	bool emulators[2];	/* QEMU's, Bochs' */
	__u32 without;		/* facts that it has not */
} deviations[] = {
	/* QEMU 7.2 and 11.1; processors set it, and so does Bochs */
	{ "reserved bits fault without P", { true, false }, 0 },
	/* QEMU 7.2 and 11.1; Bochs faults, as processors do */
	{ "PS in a PDPTE without pages of 1 GiB is a page",
	  { true, false }, VMEM_IOC_SPACE_NO_1G },
	/* QEMU 7.2 and 11.1, Bochs 2.7 and 3.1: vendors are alike */
	{ "bit 8 of AMD's PML4E and PML5E is ignored",
	  { true, true }, VMEM_IOC_SPACE_AMD },
};

#define DEVIATION_RSVD	0

/* What nobody here judges, by emulator, and the sign that somebody could. */
static const struct not_judged {
	const char *what;
	bool emulators[2];
	size_t sign;		/* a bool of struct mmu_cpu, 0: there is none */
} not_judged[] = {
	{ "tagged addresses: no LAM (UAI neither)", { true, true },
	  offsetof(struct mmu_cpu, lam) },
	{ "5 levels: no LA57", { false, true },
	  offsetof(struct mmu_cpu, la57) },
	{ "shadow stacks: no CET", { true, false },
	  offsetof(struct mmu_cpu, cet) },
	{ "encryption and shared bits: no SEV, no TDX", { true, true }, 0 },
	{ "AMD's reserved bit 8 of PML4E and PML5E: it is ignored", { true, true }, 0 },
	{ "tables where no memory is: read as zeros or as ones", { true, true },
	  0 },
	{ "the level at which a walk ended: nothing shows it", { true, true },
	  0 },
};

static struct vmem_guest *guest;
static char *image;
static __u32 spaces[32];
static __u32 space_flags[32];

static void setup(void)
{
	struct vmem_ioc_region_create region = {
		.size	= sizeof(region),
		.kind	= VMEM_IOC_REGION_USER,
		.gpa	= RIG_IMAGE,
		.len	= RIG_IMAGE_LEN,
	};
	__u64 gpa, stamp;
	int ret;

	image = mmap(NULL, RIG_IMAGE_LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (image == MAP_FAILED)
		err(1, "the image");
	for (gpa = 0; gpa < RIG_IMAGE_LEN; gpa += 8) {
		stamp = RIG_STAMP(RIG_IMAGE + gpa);
		memcpy(image + gpa, &stamp, 8);
	}
	region.user_addr = (unsigned long)image;
	ret = vmem_open_local(&guest);
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

static void outcome_fault(struct outcome *out, const struct mmu_case *c,
			  unsigned int error)
{
	__u32 kind = c->access & RIG_KIND;

	out->fault = true;
	out->vector = VECTOR_PF;
	out->cr2 = c->va;
	out->error = error;
	if (kind == RIG_WRITE || kind == RIG_SHADOW)
		out->error |= PF_W;
	if (c->access & RIG_USER_MODE || kind == RIG_SHADOW)
		out->error |= PF_U;
	if (kind == RIG_SHADOW)
		out->error |= PF_SS;
	if (kind == RIG_FETCH &&
	    (!(c->access & RIG_NXE_OFF) || c->access & RIG_SMEP))
		out->error |= PF_I;
}

/* May the access be, where the address leads to? */
static bool allowed(const struct mmu_case *c, const struct vmem_ioc_result *r)
{
	bool user = c->access & RIG_USER_MODE;
	bool of_user = r->effective & VMEM_IOC_ATTR_U;

	switch (c->access & RIG_KIND) {
	case RIG_SHADOW:
		return of_user && r->effective & VMEM_IOC_EFFECTIVE_SHADOW;
	case RIG_FETCH:
		if (user ? !of_user : of_user && c->access & RIG_SMEP)
			return false;
		return r->effective & VMEM_IOC_ATTR_X;
	case RIG_WRITE:
		if (!(r->effective & VMEM_IOC_ATTR_W) &&
		    (user || !(c->access & RIG_WP_OFF)))
			return false;
		break;
	}
	return user ? of_user : !(of_user && c->access & RIG_SMAP);
}

/* What vmem says, of a processor with these facts. */
static struct outcome asked(const struct mmu_cpu *cpu, const struct mmu_case *c,
			    __u32 flags)
{
	struct vmem_ioc_result r = { 0 };
	struct vmem_ioc_translate arg = {
		.size		= sizeof(arg),
		.space		= space_with(cpu, flags),
		.nr		= 1,
		.vas		= (unsigned long)&c->va,
		.results	= (unsigned long)&r,
	};
	struct outcome out = { 0 };
	int ret = vmem_space_translate(guest, &arg);

	if (ret)
		errx(1, "%s: %s", c->name, strerror(-ret));
	out.odd = c->attrs && !mmu_as_asked(c, &r);
	switch (r.status) {
	case VMEM_IOC_NON_CANONICAL:
		out.fault = true;
		out.vector = VECTOR_GP;
		return out;
	case VMEM_IOC_NOT_PRESENT:
		outcome_fault(&out, c, 0);
		return out;
	case VMEM_IOC_RESERVED:
		outcome_fault(&out, c, PF_P | PF_RSVD);
		return out;
	case VMEM_IOC_OK:
		break;
	default:
		errx(1, "%s, %s: the case is a bad one, vmem answers %u",
		     c->group, c->name, r.status);
	}
	if (!allowed(c, &r)) {
		outcome_fault(&out, c, PF_P);
		return out;
	}
	if ((c->access & RIG_KIND) == RIG_FETCH) {
		out.value_known = true;		/* 0, by rig.h */
		out.mask = -1ULL;
		return out;
	}
	if (r.gpa < RIG_IMAGE || r.gpa >= RIG_IMAGE + RIG_IMAGE_LEN)
		return out;
	out.value_known = true;
	out.mask = c->access & RIG_BYTE ? 0xff : -1ULL;
	memcpy(&out.value, image + (r.gpa - RIG_IMAGE),
	       c->access & RIG_BYTE ? 1 : 8);
	/* the walk itself sets these in tables */
	if (r.gpa < RIG_DATA)
		out.mask &= ~(ENTRY_A | ENTRY_D);
	return out;
}

static bool same(const struct outcome *said, const struct outcome *met)
{
	if (said->odd || said->fault != met->fault)
		return false;
	if (!said->fault)
		return !said->value_known ||
		       !((said->value ^ met->value) & said->mask);
	return said->vector == met->vector && said->error == met->error &&
	       (said->vector != VECTOR_PF || said->cr2 == met->cr2);
}

static void show(const char *who, const struct outcome *o)
{
	if (o->odd)
		printf("#   %s: not as it was asked for\n", who);
	if (o->fault)
		printf("#   %s: vector %u, error 0x%x, CR2 %llx\n", who,
		       o->vector, o->error, o->cr2);
	else if (o->value_known)
		printf("#   %s: no fault, value %llx\n", who, o->value);
	else
		printf("#   %s: no fault, outside the image\n", who);
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

static bool read_outcome(FILE *results, size_t number, struct outcome *met)
{
	char line[128];
	unsigned long long nr, value;
	int end;

	if (!fgets(line, sizeof(line), results)) {
		printf("#   the guest ended before case %zx\n", number);
		return false;
	}
	*met = (struct outcome){ 0 };
	if (sscanf(line, "%llx ok %llx%n", &nr, &value, &end) == 2) {
		met->value = value;
		met->value_known = true;
	} else if (sscanf(line, "%llx fault %x %x %llx%n", &nr, &met->vector,
			  &met->error, &met->cr2, &end) == 4) {
		met->fault = true;
	} else {
		printf("#   instead of case %zx: %s", number, line);
		return false;
	}
	return nr == number && line[end] == '\n';
}

static size_t deviated[ARRAY_SIZE(deviations)];

/*
 * The outcome that an emulator with its known deviations must have. @by: a bit
 * for each of them that makes a difference.
 */
static struct outcome expected(const struct mmu_cpu *cpu,
			       const struct mmu_case *c, unsigned int *by)
{
	__u32 facts = facts_of(cpu, c), flags = facts;
	struct outcome out, other;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deviations); i++)
		if (deviations[i].emulators[cpu->emulator])
			flags &= ~deviations[i].without;
	out = asked(cpu, c, flags);
	*by = 0;
	for (i = 0; i < ARRAY_SIZE(deviations); i++) {
		if (!(facts & ~flags & deviations[i].without))
			continue;
		other = asked(cpu, c, flags | deviations[i].without);
		if (!same(&out, &other))
			*by |= 1 << i;
	}
	if (deviations[DEVIATION_RSVD].emulators[cpu->emulator] && out.fault &&
	    out.vector == VECTOR_PF && out.error & PF_RSVD) {
		out.error &= ~PF_P;
		*by |= 1 << DEVIATION_RSVD;
	}
	return out;
}

/* Whether a processor like this one can show the deviation at all. */
static bool shows(const struct mmu_cpu *cpu, const struct deviation *d)
{
	if (!d->emulators[cpu->emulator])
		return false;
	switch (d->without) {
	case VMEM_IOC_SPACE_NO_1G:
		return !cpu->pages_1g;
	case VMEM_IOC_SPACE_AMD:
		return cpu->amd;
	}
	return true;
}

bool mmu_judge(const struct mmu_list *list, const struct mmu_cpu *cpu,
	       const char *name, FILE *results)
{
	size_t i, of_group = 0, wrong = 0, all_wrong = 0;
	unsigned int nr = 0, faults = 0, by, d;
	struct outcome said, met;
	bool complete = true;
	char line[64];

	setup();
	for (i = 0; i < list->nr && complete; i++) {
		struct mmu_case *c = &list->cases[i];

		swap_writes(c);
		if (!c->access)
			continue;
		said = expected(cpu, c, &by);
		swap_writes(c);
		complete = read_outcome(results, i, &met);
		of_group++;
		faults += said.fault;
		if (!complete || !same(&said, &met)) {
			if (wrong++ < 5 && complete) {
				printf("# %s, va %llx, access %x\n", c->name,
				       c->va, c->access);
				show("vmem", &said);
				show(name, &met);
			}
		} else {
			for (d = 0; d < ARRAY_SIZE(deviations); d++)
				deviated[d] += by >> d & 1;
		}
		if (i + 1 < list->nr && complete &&
		    list->cases[i + 1].group == c->group)
			continue;
		printf("%sok %u %s: %s (%zu, %u faults)\n",
		       wrong ? "not " : "", ++nr, name, c->group, of_group,
		       faults);
		all_wrong += wrong;
		of_group = wrong = faults = 0;
	}
	complete = complete && fgets(line, sizeof(line), results) &&
		   !strncmp(line, "end ", 4);
	printf("%sok %u %s: all cases were run (%zu)\n",
	       complete ? "" : "not ", ++nr, name, i);
	for (i = 0; i < ARRAY_SIZE(deviations); i++) {
		if (!shows(cpu, &deviations[i]))
			continue;
		printf("%sok %u %s: still differs: %s (%zu)\n",
		       deviated[i] ? "" : "not ", ++nr, name,
		       deviations[i].what, deviated[i]);
		all_wrong += !deviated[i];
	}
	for (i = 0; i < ARRAY_SIZE(not_judged); i++) {
		const struct not_judged *n = &not_judged[i];
		bool can = n->sign && *(const bool *)((const char *)cpu + n->sign);

		if (!n->emulators[cpu->emulator])
			continue;
		if (!n->sign) {
			printf("# not judged by %s: %s\n", name, n->what);
			continue;
		}
		printf("%sok %u %s: can't judge %s\n", can ? "not " : "", ++nr,
		       name, n->what);
		all_wrong += can;
	}
	printf("1..%u\n", nr);
	vmem_close(guest);
	return complete && !all_wrong;
}
