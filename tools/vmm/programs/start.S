/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Where a program begins: rsp and rdi were set by the VMM. */
#include "../ports.h"

	.text
	.globl	_start
_start:
	call	program
	mov	%cs, %edx
	test	$3, %dl
	jnz	1f
	mov	$PORT_EXIT, %edx
	out	%eax, %dx
	ud2
1:	mov	%eax, %edi
	mov	$CALL_EXIT, %eax
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits
