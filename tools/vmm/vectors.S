/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The code of the vectors 0 to 31, and of system calls, copied into the guest: it
 * may run anywhere. Each vector's entry is 16 bytes. What is left on the stack is
 * struct vcpu_frame.
 */
#include "ports.h"

	.section .rodata
	.globl	vcpu_vectors, vcpu_vectors_len, vcpu_syscall, vcpu_sysret
	.balign	16
vcpu_vectors:
	.set	vector, 0
	.rept	32
	.balign	16
	/* #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC and #SX push an error */
	.if	!((0x60227d00 >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	jmp	report
	.set	vector, vector + 1
	.endr

	.balign	16
report:
	push	%rax
	push	%rdx
	mov	%cr2, %rax
	push	%rax
	mov	$PORT_FAULT, %edx
	out	%al, %dx
	/* the VMM has served it: try again */
	add	$8, %rsp
	pop	%rdx
	pop	%rax
	add	$16, %rsp
	iretq

	/*
	 * All registers are the program's, its stack too, which isn't touched. What
	 * SYSRET takes, rcx and r11, SYSCALL made; or the VMM, to begin with.
	 */
	.balign	16
syscall:
	out	%al, $PORT_SYSCALL
sysret:
	sysretq
vectors_end:

	.balign	4
vcpu_vectors_len:
	.long	vectors_end - vcpu_vectors
vcpu_syscall:
	.long	syscall - vcpu_vectors
vcpu_sysret:
	.long	sysret - vcpu_vectors

	.section .note.GNU-stack, "", @progbits
