// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The facts of a vCPU that the meaning of its tables hangs on, as they are
 * told; and what a CR3 says of them.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PHYS_BITS_MIN	32
#define PHYS_BITS_MAX	52

/* Where an encryption bit (AMD SEV) or a shared bit (Intel TDX) can be. */
#define ENC_BIT_MIN	32
#define ENC_BIT_MAX	51

#define SPACE_LAM	(VMEM_IOC_SPACE_LAM48 | VMEM_IOC_SPACE_LAM57)

/* Of a CR3, besides the address. */
#define CR3_LOW		0xfffULL
#define CR3_LAM57	(1ULL << 61)
#define CR3_LAM48	(1ULL << 62)
#define CR3_NO_FLUSH	(1ULL << 63)

static const struct {
	const char *name;
	__u32 flag;
} facts[] = {
	{ "no-1g", VMEM_IOC_SPACE_NO_1G },
	{ "no-nx", VMEM_IOC_SPACE_NXE_OFF },
	{ "cet", VMEM_IOC_SPACE_CET },
	{ "lam48", VMEM_IOC_SPACE_LAM48 },
	{ "lam57", VMEM_IOC_SPACE_LAM57 },
	{ "lam-sup", VMEM_IOC_SPACE_LAM_SUP },
	{ "uai", VMEM_IOC_SPACE_UAI },
};

#define NR_FACTS	(sizeof(facts) / sizeof(facts[0]))

bool cpu_parse_phys_bits(struct cpu *cpu, const char *text, const char **why)
{
	__u64 value;

	*why = "is no number from 32 to 52";
	if (!parse_count(text, &value) || value < PHYS_BITS_MIN ||
	    value > PHYS_BITS_MAX)
		return false;
	*why = "contradicts another width that was given";
	if (cpu->phys_bits && cpu->phys_bits != value)
		return false;
	cpu->phys_bits = (__u32)value;
	return true;
}

/* A value of the software bits 11:9. */
bool cpu_parse_cow(struct cpu *cpu, const char *text)
{
	__u64 value;

	if (!strcmp(text, "none")) {
		cpu->cow = 0;
		return true;
	}
	if (!parse_count(text, &value) || !value || value > 7)
		return false;
	cpu->cow = (__u32)value;
	return true;
}

/* @flag: that it says shared. */
static bool parse_enc_bit(struct cpu *cpu, const char *text, __u32 flag,
			  const char **why)
{
	__u64 value;

	*why = "is no number of a bit from 32 to 51";
	if (!parse_count(text, &value) || value < ENC_BIT_MIN ||
	    value > ENC_BIT_MAX)
		return false;
	*why = "contradicts another encryption or shared bit that was given";
	if (cpu->enc_bit && (cpu->enc_bit != value ||
			     (cpu->flags & VMEM_IOC_SPACE_ENC_SHARED) != flag))
		return false;
	cpu->enc_bit = (__u32)value;
	cpu->flags |= flag;
	return true;
}

static bool parse_vendor(struct cpu *cpu, const char *name, const char **why)
{
	*why = "contradicts the other vendor that was given";
	if (cpu->vendor && strcmp(cpu->vendor, name))
		return false;
	cpu->vendor = name;
	if (!strcmp(name, "amd"))
		cpu->flags |= VMEM_IOC_SPACE_AMD;
	return true;
}

static bool parse_fact(struct cpu *cpu, const char *fact, const char **why)
{
	size_t i;

	if (!strcmp(fact, "amd"))
		return parse_vendor(cpu, "amd", why);
	if (!strcmp(fact, "intel"))
		return parse_vendor(cpu, "intel", why);
	if (!strncmp(fact, "phys=", 5))
		return cpu_parse_phys_bits(cpu, fact + 5, why);
	if (!strncmp(fact, "c-bit=", 6))
		return parse_enc_bit(cpu, fact + 6, 0, why);
	if (!strncmp(fact, "shared-bit=", 11))
		return parse_enc_bit(cpu, fact + 11,
				     VMEM_IOC_SPACE_ENC_SHARED, why);
	for (i = 0; i < NR_FACTS && strcmp(fact, facts[i].name); i++)
		;
	*why = "is none of amd, intel, no-1g, no-nx, phys=N, c-bit=N, shared-bit=N, cet, lam48, lam57, lam-sup and uai";
	if (i == NR_FACTS)
		return false;
	cpu->flags |= facts[i].flag;
	*why = "contradicts what else was given: LAM is Intel's and UAI is AMD's";
	if (cpu->flags & VMEM_IOC_SPACE_UAI &&
	    cpu->flags & (SPACE_LAM | VMEM_IOC_SPACE_LAM_SUP))
		return false;
	*why = "contradicts the other width of tags: where CR3 has both bits, the processor takes lam57";
	return (cpu->flags & SPACE_LAM) != SPACE_LAM;
}

/* FACT[,FACT...], added to those that were told. */
bool cpu_parse(struct cpu *cpu, const char *list, const char **why)
{
	static char text[256];

	for (;;) {
		size_t len = strcspn(list, ",");
		char fact[32];

		snprintf(fact, sizeof(fact), "%.*s", (int)len, list);
		if (!parse_fact(cpu, fact, why)) {
			snprintf(text, sizeof(text), "`%s' %s", fact, *why);
			*why = text;
			return false;
		}
		if (!list[len])
			return true;
		list += len + 1;
	}
}

/* Add to a list of what was left out. */
__attribute__((__format__(__printf__, 3, 4)))
static void left_out(char *list, size_t size, const char *format, ...)
{
	size_t at = strlen(list);
	va_list args;

	if (at)
		at += (size_t)snprintf(list + at, size - at, ", ");
	va_start(args, format);
	vsnprintf(list + at, size - at, format, args);
	va_end(args);
}

static void left_out_lam(const struct cpu *cpu, __u64 cr3, char *list,
			 size_t size)
{
	const char *has = "";

	/* U57 wins, and then U48 says nothing */
	if (cr3 & CR3_LAM57) {
		if (!(cpu->flags & VMEM_IOC_SPACE_LAM57))
			has = ": --cpu lam57 turns it on";
		left_out(list, size, "bit 61 (LAM_U57%s)", has);
	}
	if (!(cr3 & CR3_LAM48))
		return;
	has = "";
	if (cr3 & CR3_LAM57)
		has = ", which LAM_U57 overrides";
	else if (!(cpu->flags & VMEM_IOC_SPACE_LAM48))
		has = ": --cpu lam48 turns it on";
	left_out(list, size, "bit 62 (LAM_U48%s)", has);
}

/* The bits above the address that have no name. */
static void left_out_high(const struct cpu *cpu, __u64 high, char *list,
			  size_t size)
{
	unsigned int bit;

	for (bit = 0; high >> bit; bit++) {
		if (!(high >> bit & 1))
			continue;
		if (bit <= ENC_BIT_MAX && !cpu->enc_bit && high == 1ULL << bit)
			left_out(list, size,
				 "bit %u (if it is the encryption bit, --cpu c-bit=%u turns it on)",
				 bit, bit);
		else
			left_out(list, size, "bit %u", bit);
	}
}

/**
 * cpu_root() - the root in what was given for one
 * @cpu:	whose CR3 it may be
 * @cr3:	as given
 *
 * Only the address in a CR3 counts. What else is in it is said, and what would
 * turn it on.
 *
 * Return: the address.
 */
__u64 cpu_root(const struct cpu *cpu, __u64 cr3)
{
	unsigned int bits = cpu->phys_bits ? cpu->phys_bits : PHYS_BITS_MAX;
	__u64 enc = cpu->enc_bit ? 1ULL << cpu->enc_bit : 0;
	__u64 root = cr3 & ((1ULL << bits) - 1) & ~CR3_LOW & ~enc;
	char list[512] = "";

	if (root == cr3)
		return root;
	if (cr3 & CR3_LOW)
		left_out(list, sizeof(list), "bits 11:0 (PCID or flags)");
	if (cr3 & enc)
		left_out(list, sizeof(list), "bit %u (the %s bit)",
			 cpu->enc_bit, cpu->flags & VMEM_IOC_SPACE_ENC_SHARED ?
				       "shared" : "encryption");
	left_out_lam(cpu, cr3, list, sizeof(list));
	if (cr3 & CR3_NO_FLUSH)
		left_out(list, sizeof(list), "bit 63 (no flush of the PCID)");
	left_out_high(cpu, cr3 & ~(root | CR3_LOW | enc | CR3_LAM57 | CR3_LAM48 |
				   CR3_NO_FLUSH), list, sizeof(list));
	note("--root 0x%llx: taken for a CR3, the root is 0x%llx; left out: %s",
	     cr3, root, list);
	return root;
}
