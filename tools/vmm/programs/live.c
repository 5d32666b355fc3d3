// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Does what the test `live` tells it to do by the box: accesses that may fault,
 * in any space; a loop over pages, while the tables change around it; writes to
 * tables. Not for vmem-run, which has no box.
 */
#include "live.h"
#include "tables.h"

/* Of the number of entries written: set in wild times. */
#define SCRIBBLE_WILD	0x700

/*
 * A probe is one instruction of a function that has nothing on its stack: the
 * VMM lets one that faults go on at its box's resume, and a call to a page that
 * can't be executed at resume_exec, where the call has left an address.
 */
unsigned long live_read(unsigned long va);
unsigned long live_write(unsigned long va, unsigned long value);
unsigned long live_exec(unsigned long va);
extern const char live_resume[], live_resume_exec[];

__asm__(".text\n"
	"live_read:\n"
	"	mov	(%rdi), %rax\n"
	"	ret\n"
	"live_write:\n"
	"	mov	%rsi, (%rdi)\n"
	"	mov	(%rdi), %rax\n"
	"	ret\n"
	"live_exec:\n"
	"	call	*%rdi\n"
	"	ret\n"
	"live_resume_exec:\n"
	"	add	$8, %rsp\n"
	"live_resume:\n"
	"	xor	%eax, %eax\n"
	"	ret\n");

static void probe(volatile struct live_box *box, unsigned int n)
{
	volatile struct live_probe *p = &box->probes[n];
	unsigned long value = 0;

	if (p->cr3 && p->cr3 != read_cr3())
		__asm__ volatile("mov %0, %%cr3" : : "r"(p->cr3) : "memory");
	box->probing = (unsigned long)p;
	if (p->access == LIVE_READ)
		value = live_read(p->va + LIVE_READ_AT);
	if (p->access == LIVE_WRITE)
		value = live_write(p->va + LIVE_WRITE_AT, p->value);
	if (p->access == LIVE_EXEC)
		value = live_exec(p->va);
	box->probing = 0;
	p->value = value;
}

static void wrong(volatile struct live_box *box, enum live_wrong what,
		  unsigned long va, unsigned long want, unsigned long have)
{
	box->wrong_va = va;
	box->wrong_want = want;
	box->wrong_have = have;
	box->wrong = what;
}

/*
 * Write a page and read it back, after its accessed and dirty bits were taken
 * away in every other round. What the VMM maps anew is dirty at once, so D is
 * set whatever it did meanwhile.
 */
static void write_page(volatile struct live_box *box,
		       const struct program_info *info, unsigned int n,
		       unsigned long value)
{
	unsigned long va = box->pages[n], *leaf = leaf_of(info, read_cr3(), va), have;

	if ((value >> 8) & 1) {
		box->dirty[n] = 0;
		__atomic_and_fetch(leaf, ~(ENTRY_A | ENTRY_D), __ATOMIC_SEQ_CST);
		forget(va);
	}
	poke(va + LIVE_WRITE_AT, value);
	have = peek(va + LIVE_WRITE_AT);
	if (have != value)
		wrong(box, LIVE_WRONG_VALUE, va, value, have);
	have = __atomic_load_n(leaf, __ATOMIC_SEQ_CST);
	if (!(have & ENTRY_P))
		return;
	if (!(have & ENTRY_D))
		wrong(box, LIVE_WRONG_ENTRY, va, have | ENTRY_D, have);
	box->dirty[n] = 1;
}

static void answer(volatile struct live_box *box)
{
	if (box->ask == box->answered)
		return;
	probe(box, 0);
	box->answered = box->ask;
}

static void loop(volatile struct live_box *box)
{
	const struct program_info info = {
		.levels = box->levels, .window_va = LIVE_WINDOW_VA,
	};
	unsigned int n;

	while (!box->stop && !box->wrong) {
		box->rounds++;
		for (n = 0; n < box->nr_pages; n++) {
			write_page(box, &info, n, box->rounds << 8 | n);
			answer(box);
		}
	}
}

/* Each page is written once a pass, so that a dirty bit that is lost stays so. */
static void passes(volatile struct live_box *box)
{
	unsigned long va, n, turns, value, have;

	while (!box->stop && !box->wrong) {
		answer(box);
		if (box->rounds == box->passes)
			continue;
		box->rounds++;
		for (n = 0; n < box->nr_pages; n++) {
			for (turns = box->delay; turns; turns--)
				__asm__ volatile("");
			answer(box);
			va = box->pages[n];
			value = box->rounds << 8 | n;
			poke(va + LIVE_WRITE_AT, value);
			have = peek(va + LIVE_WRITE_AT);
			if (have != value)
				wrong(box, LIVE_WRONG_VALUE, va, value, have);
		}
		box->done = box->rounds;
	}
}

static unsigned long chance(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * Entries of all kinds, mostly such as tables could hold: present or not, with
 * any flags, naming tables, other memory, or none.
 */
static unsigned long any_entry(volatile struct live_box *box, unsigned long *seed)
{
	unsigned long entry, random = chance(seed);

	switch (random % 8) {
	case 0:
		return 0;
	case 1:
		return chance(seed);
	case 2:
	case 3:
		entry = box->tables + chance(seed) % box->nr_tables * 4096;
		break;
	default:
		entry = box->places[chance(seed) % box->nr_places];
	}
	/* flags, software bits, NX now and then; large pages seldom */
	random >>= 8;
	entry |= (random & 0xe7f) | ENTRY_P;
	if (!(random >> 12 & 7))
		entry |= 0x80;
	if (!(random >> 16 & 3))
		entry |= 1UL << 63;
	return entry;
}

/*
 * Mostly the entries that the VMM changes meanwhile: the first three, the last.
 * Calm times, in which a change can end well, follow wild ones.
 */
static void scribble(volatile struct live_box *box)
{
	unsigned long seed = box->seed, *entry, random, slot, n;

	while (!box->stop) {
		box->rounds++;
		random = chance(&seed);
		slot = (random >> 32) % 512;
		if (random >> 44 & 7)
			slot = slot % 4 < 3 ? slot % 4 : 511;
		entry = (unsigned long *)(LIVE_WINDOW_VA + box->tables +
					  random % box->nr_tables * 4096) + slot;
		__atomic_store_n(entry, any_entry(box, &seed), __ATOMIC_RELAXED);
		if (box->rounds & SCRIBBLE_WILD)
			continue;
		for (n = random >> 50; n; n--)
			__asm__ volatile("");
	}
}

int program(const struct program_info *info)
{
	volatile struct live_box *box = (void *)info;
	unsigned int n;

	box->resume = (unsigned long)live_resume;
	box->resume_exec = (unsigned long)live_resume_exec;
	for (;;) {
		vmm_call(0);
		if (box->op == LIVE_PROBE)
			for (n = 0; n < box->nr; n++)
				probe(box, n);
		if (box->op == LIVE_LOOP)
			loop(box);
		if (box->op == LIVE_WRITES)
			passes(box);
		if (box->op == LIVE_SCRIBBLE)
			scribble(box);
	}
}
