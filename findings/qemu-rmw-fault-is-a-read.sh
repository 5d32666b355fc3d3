#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's emulation (TCG) tells a page fault of a read-modify-write instruction
# on a page that isn't present as one of a read: error code 0x0, not 0x2. With
# one vCPU locked ones too (xchg, lock xadd, lock cmpxchg); with two vCPUs these
# are told as writes, and only plain ones (add to memory) as reads. Processors,
# and Bochs 2.7, have W set for all of them (Intel SDM volume 3A, section
# "Page-Fault Exceptions": W says that the access was a write). So a guest can
# take two faults where it would take one, and what a test measures of error codes
# depends on -smp. On a page that is present and read-only W is set.
#
# Seen with: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12, which is
# downloaded with all that it needs into a temporary folder and run from there.
# Needs: Debian 12 with apt-get and binutils. Ends with 0 while it is so.

set -eu

version="1:7.2+dfsg-7+deb12u18+b3"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# All packages from an empty state, so that nothing of this machine is run.
mkdir -p archives/partial root
: > status
apt-get -qq -y --no-install-recommends --download-only \
	-o Dir::State::status="$tmp/status" -o Dir::Cache::archives="$tmp/archives" \
	-o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	install "qemu-system-x86=$version" > /dev/null
for package in archives/*.deb; do
	dpkg-deb -x "$package" root
done

# A ROM: paging with 32 bits; six accesses to a page that isn't present, then to
# one that is read-only; for each a digit to port 0xe9, the error code.
cat > rom.S << 'END'
	.set	rom, 0xffff0000
	.code16
base:
real:
	cli
	lgdtl	%cs:(gdt_at - base)
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $(flat - base + rom)
	.balign	8
gdt:
	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_at:
	.word	23
	.long	gdt - base + rom
	.balign	8
idt:
	.fill	14, 8, 0
	.word	fault - base, 8, 0x8e00, 0xffff
idt_at:
	.word	15 * 8 - 1
	.long	idt - base + rom

	.code32
flat:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x9000, %esp
	lidt	idt_at - base + rom
	mov	$0x100000, %edi
	xor	%eax, %eax
	mov	$1024, %ecx
	rep stosl
	movl	$0x83, 0x100000			/* where it runs */
	movl	$0xffc00083, 0x100000 + 1023 * 4
	movl	$0x800081, 0x100000 + 2 * 4	/* read-only; 0x400000: none */
	mov	%cr4, %eax
	or	$0x10, %eax
	mov	%eax, %cr4
	mov	$0x100000, %eax
	mov	%eax, %cr3
	mov	%cr0, %eax
	or	$0x80010000, %eax
	mov	%eax, %cr0
	mov	$0x400000, %ebx
	call	each
	mov	$0x800000, %ebx
	call	each
	out	%al, $0xf4
	hlt

each:
	mov	%eax, (%ebx)
	call	next
	xchg	%eax, (%ebx)
	call	next
	addl	$1, (%ebx)
	call	next
	lock xaddl %eax, (%ebx)
	call	next
	lock cmpxchgl %ecx, (%ebx)
	call	next
	mov	$'/', %al
	out	%al, $0xe9
next:
	ret

	/* prints the error code, and goes on at the next call */
fault:
	pop	%eax
	add	$'0', %al
	out	%al, $0xe9
	pop	%eax
1:
	inc	%eax
	cmpb	$0xe8, (%eax)
	jne	1b
	push	%eax
	iret

	.org	0xfff0
	.code16
	jmp	real
	.org	0x10000
END
as -o rom.o rom.S
objcopy -O binary -j .text rom.o rom

# codes VCPUS: of mov, xchg, add, lock xadd, lock cmpxchg; not present / read-only
codes()
{
	local libs

	libs=root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu
	QEMU_MODULE_DIR=root/usr/lib/x86_64-linux-gnu/qemu \
		timeout 60 root/lib64/ld-linux-x86-64.so.2 --library-path "$libs" \
		root/usr/bin/qemu-system-x86_64 -accel tcg -smp "$1" -m 64 \
		-L root/usr/share/qemu -nodefaults -display none -no-reboot \
		-bios rom -debugcon file:codes \
		-device isa-debug-exit,iobase=0xf4,iosize=1 >&2 || [ $? = 1 ]
	cat codes
}

one=$(codes 1)
two=$(codes 2)
echo "qemu-system-x86 $version"
echo "error codes of mov, xchg, add, lock xadd, lock cmpxchg"
echo "on a page not present / present and read-only; a processor: 22222/33333/"
echo "-smp 1: $one"
echo "-smp 2: $two"
[ "$one" = 20000/33333/ ] && [ "$two" = 22022/33333/ ]
