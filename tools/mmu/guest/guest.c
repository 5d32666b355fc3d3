// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of the rig: nothing but the rig's cases, run one by one, and a line
 * of text for each. rig.h says what is where, and what the lines are.
 */
#include <stdbool.h>

#include "../rig.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define SERIAL		0x3f8
#define EXIT_QEMU	0xf4	/* isa-debug-exit */
#define EXIT_BOCHS	0x8900

#define MSR_EFER	0xc0000080
#define EFER_NXE	(1UL << 11)
#define CR0_WP		(1UL << 16)
#define CR4_SMEP	(1UL << 20)
#define CR4_SMAP	(1UL << 21)
#define CR4_CET		(1UL << 23)

/* known by their offsets to start.S */
struct probe {
	u64 access;
	u64 va;
	u64 cr3;
	u64 value;	/* read there, or to be written */
	u64 vector;	/* -1: none */
	u64 error;
	u64 cr2;
	u64 rip;
};

struct frame {
	u64 vector;
	u64 error;
	u64 rip;
};

void probe_run(struct probe *probe);
extern const u8 probe_user[];
extern const u32 probe_user_len;
extern const u8 vectors[], vector_user[];
void guest(void);
void guest_lost(const struct frame *frame);

static u64 gdt[8], idt[2 * 129];
static struct {
	u32 zero;
	u64 rsp0;
	u8 rest[92];
} __attribute__((packed)) tss;
static u64 undo[64];

/* Everything that the guest has is in its window of home. */
static u64 *at(u64 gpa)
{
	return (u64 *)(RIG_HOME + gpa);
}

static void out8(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static u8 in8(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void print(const char *text)
{
	for (; *text; text++) {
		while (!(in8(SERIAL + 5) & 0x20))
			;
		out8(SERIAL, *text);
	}
}

static void print_hex(u64 value)
{
	char digits[18], *p = &digits[17];

	*p = 0;
	do {
		*--p = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	*--p = ' ';
	print(p);
}

static void stop(void)
{
	const char *word = "Shutdown";

	/* what is on the line is to arrive */
	while (!(in8(SERIAL + 5) & 0x40))
		;
	out8(EXIT_QEMU, 0);
	while (*word)
		out8(EXIT_BOCHS, *word++);
	for (;;)
		__asm__ volatile("hlt");
}

void guest_lost(const struct frame *frame)
{
	print("lost");
	print_hex(frame->vector);
	print_hex(frame->error);
	print_hex(frame->rip);
	print("\n");
	stop();
}

static u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (u64)high << 32 | low;
}

static void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value),
			 "d"((u32)(value >> 32)));
}

static void cpuid(u32 leaf, u32 sub, u32 *r)
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]),
			 "=d"(r[3]) : "a"(leaf), "c"(sub));
}

static void gate(int vector, const u8 *code, int dpl)
{
	u64 to = (u64)code;

	idt[2 * vector] = (to & 0xffff) | 0x18 << 16 |
			  (u64)(0x8e | dpl << 5) << 40 | (to >> 16 & 0xffff) << 48;
	idt[2 * vector + 1] = to >> 32;
}

static void descriptors(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) where;
	u64 base = (u64)&tss;
	int i;

	gdt[2] = 0x00cf93000000ffff;	/* 0x10: data */
	gdt[3] = 0x00af9b000000ffff;	/* 0x18: code */
	gdt[4] = 0x00cff3000000ffff;	/* 0x20: data of user mode */
	gdt[5] = 0x00affb000000ffff;	/* 0x28: its code */
	gdt[6] = (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 |
		 (base >> 24 & 0xff) << 56;
	gdt[7] = base >> 32;
	tss.rsp0 = RIG_HOME + RIG_STACK - 0x8000;
	for (i = 0; i < 32; i++)
		gate(i, vectors + 16 * i, i == 3 ? 3 : 0);
	gate(0x80, vector_user, 3);
	where.limit = sizeof(gdt) - 1;
	where.base = (u64)gdt;
	__asm__ volatile("lgdt %0" : : "m"(where));
	where.limit = sizeof(idt) - 1;
	where.base = (u64)idt;
	__asm__ volatile("lidt %0" : : "m"(where));
	__asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es"
			 : : "r"(0x10));
	__asm__ volatile("ltr %w0" : : "r"(0x30));
}

/* What this processor is, so that vmem can be asked about the same one. */
static u64 facts(u64 wanted)
{
	u32 r[4], max;
	u64 cr4;

	cpuid(0, 0, r);
	max = r[0];
	print("facts vendor");
	print_hex(r[1]);
	cpuid(0x80000008, 0, r);
	print(" width");
	print_hex(r[0] & 0xff);
	print(" virt");
	print_hex(r[0] >> 8 & 0xff);
	cpuid(0x80000001, 0, r);
	print(" nx");
	print_hex(r[3] >> 20 & 1);
	print(" 1g");
	print_hex(r[3] >> 26 & 1);
	r[1] = r[2] = 0;
	if (max >= 7)
		cpuid(7, 0, r);
	print(" smep");
	print_hex(r[1] >> 7 & 1);
	print(" smap");
	print_hex(r[1] >> 20 & 1);
	print(" cet");
	print_hex(r[2] >> 7 & 1);
	print(" la57");
	print_hex(r[2] >> 16 & 1);
	r[0] = 0;
	if (max >= 7)
		cpuid(7, 1, r);
	print(" lam");
	print_hex(r[0] >> 26 & 1);
	__asm__("mov %%cr4, %0" : "=r"(cr4));
	print(" levels");
	print_hex(4 + (cr4 >> 12 & 1));
	print("\n");
	return cr4 | (wanted & RIG_CET ? CR4_CET : 0);
}

static void mode(u64 access, u64 cr4)
{
	u64 efer = rdmsr(MSR_EFER) & ~EFER_NXE, cr0;

	if (!(access & RIG_NXE_OFF))
		efer |= EFER_NXE;
	wrmsr(MSR_EFER, efer);
	if (access & RIG_SMEP)
		cr4 |= CR4_SMEP;
	if (access & RIG_SMAP)
		cr4 |= CR4_SMAP;
	__asm__("mov %%cr0, %0" : "=r"(cr0));
	cr0 |= CR0_WP;
	if (access & RIG_WP_OFF)
		cr0 &= ~CR0_WP;
	/* CET wants WP */
	if (cr0 & CR0_WP) {
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	} else {
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 & ~CR4_CET));
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
	}
}

/* One access of a case, which begins with nothing cached. */
static bool access_one(struct probe *probe, u64 access, u64 value, u64 cr4)
{
	probe->access = access;
	probe->value = value;
	mode(access, cr4);
	probe_run(probe);
	return probe->vector == -1UL;
}

/*
 * A write is of what was there, inverted; it must be seen by a read, and is
 * undone. What was there tells where it was. false: it was not as it must be.
 */
static bool access_write(struct probe *probe, u64 access, u64 cr4)
{
	u64 byte = access & RIG_BYTE, mask = byte ? 0xff : -1UL, was;
	u64 read = RIG_READ | byte | (access & RIG_NXE_OFF);
	struct probe other = *probe;
	bool readable = access_one(&other, read, 0, cr4);

	was = other.value;
	if (!access_one(probe, access, ~was, cr4))
		return true;
	if (!readable || !access_one(&other, read, 0, cr4) ||
	    other.value != (~was & mask))
		return false;
	if (!access_one(probe, access, was, cr4))
		return false;
	probe->value = was;
	return true;
}

static void result(u64 nr, const struct probe *probe)
{
	print_hex(nr);
	/* int3 is what a fetch finds: it has come to an end */
	if (probe->vector == 3 && (probe->access & RIG_KIND) == RIG_FETCH &&
	    probe->rip == probe->va + 1) {
		print(" ok 0");
	} else if (probe->vector == -1UL) {
		print(" ok");
		print_hex(probe->value);
	} else {
		print(" fault");
		print_hex(probe->vector);
		print_hex(probe->error);
		print_hex(probe->cr2);
	}
	print("\n");
}

void guest(void)
{
	const struct rig_list *list = (void *)(RIG_HOME + 0x3ff00000);
	const u64 *word = (const u64 *)(list + 1), *writes;
	u64 gpa, nr, i, nr_writes, cr4, access, kind;
	struct probe probe;
	bool good;

	descriptors();
	/* 115200 baud, 8 bits */
	out8(SERIAL + 1, 0);
	out8(SERIAL + 3, 0x80);
	out8(SERIAL, 1);
	out8(SERIAL + 1, 0);
	out8(SERIAL + 3, 3);
	if (list->magic != RIG_MAGIC) {
		print("no list\n");
		stop();
	}
	cr4 = facts(list->facts);
	for (i = 0; i < probe_user_len; i++)
		((u8 *)at(RIG_USER))[i] = probe_user[i];
	for (gpa = RIG_IMAGE; gpa < RIG_IMAGE + RIG_IMAGE_LEN; gpa += 8)
		*at(gpa) = RIG_STAMP(gpa);

	for (nr = 0; nr < list->nr; nr++) {
		nr_writes = word[0] >> 32;
		access = word[0] & 0xffffffff;
		probe.cr3 = word[1];
		probe.va = word[2];
		writes = word + RIG_CASE_WORDS;
		word = writes + 2 * nr_writes;
		if (nr_writes > sizeof(undo) / sizeof(undo[0]) && access) {
			print("too many writes\n");
			stop();
		}
		for (i = 0; i < nr_writes; i++) {
			if (access)
				undo[i] = *at(writes[2 * i]);
			*at(writes[2 * i]) = writes[2 * i + 1];
		}
		if (!access)
			continue;
		kind = access & RIG_KIND;
		good = true;
		if (kind == RIG_WRITE || kind == RIG_SHADOW)
			good = access_write(&probe, access, cr4);
		else
			access_one(&probe, access, 0, cr4);
		while (i--)
			*at(writes[2 * i]) = undo[i];
		if (good)
			result(nr, &probe);
		else
			print("a write was lost\n");
	}
	print("end");
	print_hex(nr);
	print("\n");
	stop();
}
