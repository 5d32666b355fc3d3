// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of the rig: nothing but the rig's cases, run one by one, and a line
 * of text or a result in memory for each. rig.h says what is where, and what the lines are.
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
#define MSR_U_CET	0x6a0
#define MSR_PKRS	0x6e1
#define EFER_SCE	(1UL << 0)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)
#define EFER_NXE	(1UL << 11)
#define CR0_WP		(1UL << 16)
#define CR4_PGE		(1UL << 7)
#define CR4_SMEP	(1UL << 20)
#define CR4_SMAP	(1UL << 21)
#define CR4_PKE		(1UL << 22)
#define CR4_CET		(1UL << 23)
#define CR4_PKS		(1UL << 24)
#define FLAGS_ONE	(1UL << 1)
#define FLAGS_AC	(1UL << 18)

/* vectors */
#define UD		6	/* after an access that was made */
#define NP		11
#define GP		13

/* known by their offsets to start.S */
struct probe {
	u64 access;
	u64 va;
	u64 cr3;
	u64 value;	/* to be written */
	u64 vector;
	u64 error;
	u64 cr2;
	u64 rip;
	u64 flags;
	u64 rax;	/* what was read */
};

struct frame {
	u64 vector;
	u64 error;
	u64 rip;
};

void probe_run(struct probe *probe);
extern const u8 probe_user[];
extern const u32 probe_user_len;
extern const u8 vectors[];
void guest(void);
void guest_lost(const struct frame *frame);

static u64 gdt[10], idt[2 * 32];
static struct {
	u32 zero;
	u64 rsp0;
	u8 rest[92];
} __attribute__((packed)) tss;
static u64 undo[64];
static u64 cr4_always;

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
		gate(i, vectors + 16 * i, 0);
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

/* CR0, CR4 and EFER as an access wants them; each is written when it changes. */
static void mode_set(const struct rig_case *c)
{
	static u64 cr0, cr4, efer;
	static u32 pkrs;
	u32 access = c->access;
	u64 cr0_now, cr4_now = cr4_always, efer_now;

	__asm__("mov %%cr0, %0" : "=r"(cr0_now));
	cr0_now |= CR0_WP;
	if (access & RIG_SMEP)
		cr4_now |= CR4_SMEP;
	if (access & RIG_SMAP)
		cr4_now |= CR4_SMAP;
	if (access & RIG_PKE)
		cr4_now |= CR4_PKE;
	if (access & RIG_PKS)
		cr4_now |= CR4_PKS;
	if (access & RIG_WP_OFF) {
		cr0_now &= ~CR0_WP;
		/* which wants WP */
		cr4_now &= ~CR4_CET;
	}
	efer_now = EFER_LME | EFER_LMA | (access & RIG_NXE_OFF ? 0 : EFER_NXE);
	if (efer != efer_now)
		wrmsr(MSR_EFER, efer_now);
	if (cr0 != cr0_now && cr0_now & CR0_WP)
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0_now));
	if (cr4 != cr4_now)
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4_now));
	if (cr0 != cr0_now && !(cr0_now & CR0_WP))
		__asm__ volatile("mov %0, %%cr0" : : "r"(cr0_now));
	efer = efer_now;
	cr0 = cr0_now;
	cr4 = cr4_now;
	if (access & RIG_PKE)
		__asm__ volatile("wrpkru" : : "a"(c->pkru), "c"(0), "d"(0));
	if (access & RIG_PKS && c->pkrs != pkrs) {
		wrmsr(MSR_PKRS, c->pkrs);
		pkrs = c->pkrs;
	}
}

/* What this processor is, so that vmem can be asked about the same one. */
static void facts(u64 wanted)
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
	print(" pku");
	print_hex(r[2] >> 3 & 1);
	print(" pks");
	print_hex(r[2] >> 31 & 1);
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
	cr4_always = cr4 & ~CR4_PGE;
	if (wanted & RIG_CET) {
		cr4_always |= CR4_CET;
		__asm__ volatile("mov %0, %%cr4" : : "r"(cr4_always));
		/* SH_STK_EN, WR_SHSTK_EN */
		wrmsr(MSR_U_CET, 3);
	}
}

/* A descriptor of the LDT is at @va. */
static void ldt(u64 va)
{
	gdt[8] = 0xffff | (va & 0xffffff) << 16 | 0x82UL << 40 |
		 (va >> 24 & 0xff) << 56;
	gdt[9] = va >> 32;
	__asm__ volatile("lldt %w0" : : "r"(0x40));
}

/* The words in which the bytes of a write lie. */
static void words_of(const struct rig_case *c, u64 *words)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		words[i] = c->watch[i] == RIG_NO_WATCH ? 0 : *at(c->watch[i]);
}

/* What a read at @va finds, in words whose first one it begins in. */
static u64 read_of(const struct rig_case *c, const u64 *words)
{
	unsigned int shift = 8 * (c->va & 7);
	u64 value = words[0] >> shift;

	if (shift)
		value |= words[1] << (64 - shift);
	return c->access & RIG_BYTE ? value & 0xff : value;
}

/*
 * The access of a case, which begins with nothing cached. A write is of what was
 * there, inverted, where the host says that it has to go; what was there tells where
 * it was, and is put back.
 */
static void access_one(const struct rig_case *c, struct rig_result *r)
{
	u32 kind = c->access & RIG_KIND;
	bool write = kind == RIG_WRITE || kind == RIG_SHADOW;
	u64 words[2] = { 0 }, after[2], was = 0;
	unsigned int i;
	struct probe probe = {
		.access = c->access, .va = c->va, .cr3 = c->root,
		.flags = FLAGS_ONE | (c->access & RIG_AC ? FLAGS_AC : 0),
	};

	mode_set(c);
	if (kind == RIG_IMPLICIT)
		ldt(c->va);
	if (write) {
		words_of(c, words);
		was = read_of(c, words);
		probe.value = ~was;
	}
	probe_run(&probe);
	*r = (struct rig_result){ .vector = RIG_NONE };
	if (kind != RIG_FETCH && probe.vector == UD) {
		r->value = write ? was : probe.rax;
	} else if (!(kind == RIG_FETCH && probe.vector == UD && probe.rip == c->va) &&
		   !(kind == RIG_IMPLICIT && probe.error == 4 &&
		     (probe.vector == GP || probe.vector == NP))) {
		/* a fetch finds no instruction, and there is no segment's descriptor */
		r->vector = probe.vector;
		r->error = probe.error;
		r->value = probe.cr2;
	}
	if (!write)
		return;
	words_of(c, after);
	if (r->vector != RIG_NONE) {
		if (after[0] != words[0] || after[1] != words[1])
			r->ad |= RIG_TORN;
	} else if (c->watch[0] == RIG_NO_WATCH || read_of(c, after) !=
		   (~was & (c->access & RIG_BYTE ? 0xff : -1UL))) {
		r->ad |= RIG_LOST;
	}
	for (i = 0; i < 2; i++)
		if (c->watch[i] != RIG_NO_WATCH && after[i] != words[i])
			*at(c->watch[i]) = words[i];
}

static void result(u64 nr, const struct rig_result *r)
{
	print_hex(nr);
	print_hex(r->value);
	print_hex(r->vector);
	print_hex(r->error);
	print_hex(r->ad);
	print("\n");
}

void guest(void)
{
	const struct rig_list *list = (void *)(RIG_HOME + 0x3ff00000);
	struct rig_result *to = (void *)at(RIG_RESULTS), r;
	const struct rig_case *c;
	const u64 *writes;
	u64 gpa, nr, i;

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
	facts(list->facts);
	c = list->facts & RIG_LIST_IN_MEMORY ? (void *)at(RIG_LIST) : (void *)(list + 1);
	for (i = 0; i < probe_user_len; i++)
		((u8 *)at(RIG_USER))[i] = probe_user[i];
	for (gpa = RIG_IMAGE; !(list->facts & RIG_STAMPED) &&
	     gpa < RIG_IMAGE + RIG_IMAGE_LEN; gpa += 8)
		*at(gpa) = RIG_STAMP(gpa);

	for (nr = 0; nr < list->nr; nr++, c = (void *)(writes + 2 * c->nr_writes)) {
		bool stays = !c->access || c->access & RIG_STAYS;

		writes = (const u64 *)(c + 1);
		if (c->nr_writes > sizeof(undo) / sizeof(undo[0])) {
			print("too many writes\n");
			stop();
		}
		for (i = 0; i < c->nr_writes; i++) {
			undo[i] = *at(writes[2 * i]);
			*at(writes[2 * i]) = writes[2 * i + 1];
		}
		if (!c->access)
			continue;
		access_one(c, &r);
		for (i = 0; i < c->nr_writes; i++) {
			u64 entry = *at(writes[2 * i]);

			r.ad |= RIG_AD(i, entry);
			if ((entry ^ writes[2 * i + 1]) & ~0x60UL)
				r.ad |= RIG_CHANGED;
		}
		while (!stays && i--)
			*at(writes[2 * i]) = undo[i];
		if (list->facts & RIG_RESULTS_TO_MEMORY)
			*to++ = r;
		else
			result(nr, &r);
	}
	print("end");
	print_hex(nr);
	print("\n");
	stop();
}
