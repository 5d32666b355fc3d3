/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the reset vector to guest(), in long mode and at its own address; and
 * the access that a case is about, with what comes of it.
 */
#include "../rig.h"

/* Where a symbol of the last 4 KiB is, before and after the copy. */
#define IN_ROM(symbol)	(symbol - real + 0xfffff000)
#define IN_RAM(symbol)	(symbol - real + RIG_CODE + 0xf000)

	.section .reset, "ax"
	/* offset 0xf000 of the segment at 0xffff0000 */
	.code16
real:
	cli
	cld
	lgdtl	%cs:(rom_gdt - real + 0xf000)
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$0x8, $IN_ROM(protected)

	.balign	8
rom_gdt:
	.word	4 * 8 - 1
	.long	IN_ROM(flat_gdt)
ram_gdt:
	.word	4 * 8 - 1
	.long	IN_RAM(flat_gdt)
	.balign	8
flat_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x8: code of 32 bits */
	.quad	0x00cf93000000ffff	/* 0x10: data */
	.quad	0x00af9b000000ffff	/* 0x18: code of 64 bits */

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$RIG_STACK, %esp
	/* A20, where there is a gate */
	in	$0x92, %al
	or	$2, %al
	and	$0xfe, %al
	out	%al, $0x92
	/* the code, and no more than it, to where it runs */
	mov	$0xffff0000, %esi
	mov	$RIG_CODE, %edi
	mov	$(RIG_CODE_LEN / 4), %ecx
	rep movsl
	lgdt	IN_RAM(ram_gdt)
	ljmp	$0x8, $IN_RAM(copied)
copied:
	xor	%eax, %eax
	mov	$((RIG_STACK - RIG_CODE - RIG_CODE_LEN) / 4), %ecx
	rep stosl
	mov	$RIG_HOME_ROOT, %edi
	mov	$(4 * 4096 / 4), %ecx
	rep stosl

	/* 5 levels? the list says so */
	xor	%ebp, %ebp
	testl	$RIG_LEVELS_5, (0x100000000 - RIG_ROM_LEN) + 8
	setnz	%al
	movzx	%al, %ebp

	/*
	 * The tables of home: all memory, of which 2 MiB are for user mode, and
	 * the ROM. The first GiB also where it is, until the code has moved.
	 */
	mov	$RIG_HOME_ROOT, %edi
	mov	$(RIG_HOME_3 | 0x67), %eax
	test	%ebp, %ebp
	jz	1f
	movl	$(RIG_HOME_4 | 0x67), (RIG_HOME_SLOT * 8)(%edi)
	movl	$(RIG_HOME_4 | 0x67), (%edi)
	mov	$RIG_HOME_4, %edi
1:
	mov	%eax, (RIG_HOME_SLOT * 8)(%edi)
	mov	%eax, (%edi)
	movl	$(RIG_HOME_2 | 0x67), RIG_HOME_3 + 510 * 8
	movl	$(RIG_HOME_2 | 0x67), RIG_HOME_3
	mov	$RIG_HOME_2, %edi
	mov	$0xe3, %eax
2:
	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x200000, %eax
	cmp	$RIG_MEMORY_LEN, %eax
	jb	2b
	orl	$4, RIG_HOME_2 + (RIG_USER >> 21) * 8
	movl	$0xffe000e1, RIG_HOME_2 + 511 * 8

	mov	%cr4, %eax
	or	$(1 << 5), %eax
	test	%ebp, %ebp
	jz	3f
	or	$(1 << 12), %eax
3:
	mov	%eax, %cr4
	mov	$RIG_HOME_ROOT, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$(1 << 8), %eax
	wrmsr
	mov	%cr0, %eax
	or	$(1 << 31 | 1 << 16 | 1 << 5), %eax
	and	$0x9fffffff, %eax
	mov	%eax, %cr0
	ljmp	$0x18, $IN_RAM(long_mode)

	.code64
long_mode:
	mov	$RIG_HOME + RIG_STACK, %rsp
	mov	$guest, %rax
	call	*%rax
	hlt

	/* a vCPU that has its tables already */
	.org	0xfd0
	jmp	long_mode

	/* what a processor begins with: the 16th byte from the end */
	.org	0xff0
	.code16
	jmp	real
	.org	0x1000

	.text
	.code64

/* void probe_run(struct probe *probe): of guest.c */
	.globl	probe_run, probe_user, probe_user_len
probe_run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, probe_stack(%rip)
	mov	%rdi, probe_now(%rip)
	mov	0(%rdi), %rdx		/* access */
	mov	8(%rdi), %rsi		/* va */
	mov	16(%rdi), %rcx		/* cr3 */
	mov	24(%rdi), %rbx		/* value */
	mov	64(%rdi), %rbp		/* RFLAGS */
	mov	%rcx, %cr3
	mov	%rdx, %rax
	and	$RIG_KIND, %eax
	test	$RIG_USER_MODE, %edx
	jnz	user
	push	%rbp
	popfq
	cmp	$RIG_FETCH, %eax
	jne	probe_user
	call	*%rsi
	ud2

user:
	/* SS, RSP, RFLAGS, CS, RIP */
	pushq	$0x23
	pushq	$0
	push	%rbp
	pushq	$0x2b
	mov	$RIG_HOME + RIG_USER, %rcx
	cmp	$RIG_FETCH, %eax
	cmove	%rsi, %rcx
	push	%rcx
	iretq

/* The access, in either mode, and #UD behind it; copied to a page of user mode, too. */
probe_user:
	cmp	$RIG_IMPLICIT, %eax
	je	5f
	cmp	$RIG_SHADOW, %eax
	je	4f
	cmp	$RIG_WRITE, %eax
	je	2f
	test	$RIG_BYTE, %edx
	jnz	1f
	mov	(%rsi), %rax
	ud2
1:
	movzbl	(%rsi), %eax
	ud2
2:
	mov	%rbx, %rax
	test	$RIG_BYTE, %edx
	jnz	3f
	mov	%rax, (%rsi)
	ud2
3:
	mov	%al, (%rsi)
	ud2
4:
	mov	%rbx, %rax
	test	$RIG_USER_MODE, %edx
	jnz	6f
	wrussq	%rax, (%rsi)
	ud2
6:
	wrssq	%rax, (%rsi)
	ud2
5:
	mov	$7, %eax		/* the first of the LDT */
	mov	%eax, %fs
	ud2
probe_user_end:

	.balign	4
probe_user_len:
	.long	probe_user_end - probe_user

/* The vectors: what is on the stack from vector on is struct frame. */
	.globl	vectors
	.balign	16
vectors:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	jmp	vector_common
	.set	vector, vector + 1
	.endr

vector_common:
	mov	probe_now(%rip), %rdi
	test	%rdi, %rdi
	jz	lost
	mov	%rax, 72(%rdi)
	pop	32(%rdi)
	pop	40(%rdi)
	mov	%cr2, %rax
	mov	%rax, 48(%rdi)
	mov	(%rsp), %rax		/* RIP */
	mov	%rax, 56(%rdi)
	movq	$0, probe_now(%rip)
	mov	$RIG_HOME_ROOT, %eax
	mov	%rax, %cr3
	mov	probe_stack(%rip), %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

lost:
	mov	%rsp, %rdi
	call	guest_lost
	hlt

	.bss
	.balign	8
probe_stack:
	.quad	0
probe_now:
	.quad	0

	.section .note.GNU-stack, "", @progbits
