#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# QEMU's emulation (TCG) sets the accessed bit of a page of 1 GiB by an access that the
# page refuses, here a write to a read-only one. Of a page of 2 MiB and of 4 KiB it sets
# none then; it has set that of the entries above, which a processor may do as well.
# (For QEMU a PDPTE is one of the entries above until it has looked at PS.) Bochs 2.7 and
# 3.0, and KVM where it walks the guest's tables itself, set none of a leaf. So who takes
# A for "this page was used" by such a guest counts pages of 1 GiB that nobody got to.
#
# Seen with: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12, which is
# downloaded with all that it needs into a temporary folder and run from there
# (and alike with 11.1.3).
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

# A ROM: 4 levels; a write to a read-only page of 1 GiB, of 2 MiB and of 4 KiB. For each
# the error code and A of the leaf go to port 0xe9, after a read A once more.
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
	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_at:
	.word	31
	.long	gdt - base + rom
	.balign	8
idt:
	.fill	28, 8, 0
	.word	fault - base, 24, 0x8e00, 0xffff
	.quad	0
idt_at:
	.word	15 * 16 - 1
	.quad	idt - base + rom

	.code32
flat:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$0x9000, %esp
	mov	$0x100000, %edi
	xor	%eax, %eax
	mov	$0x4000, %ecx
	rep stosl
	movl	$0x101003, 0x100000		/* PML4E */
	movl	$0x83, 0x101000			/* the first GiB, */
	movl	$0xc0000083, 0x101018		/* the last of 4: the ROM */
	movl	$0x81, 0x101008			/* 0x40000000: read-only, 1 GiB */
	movl	$0x102003, 0x101010
	movl	$0x81, 0x102000			/* 0x80000000: read-only, 2 MiB */
	movl	$0x103003, 0x102008
	movl	$0x1, 0x103000			/* 0x80200000: read-only, 4 KiB */
	mov	%cr4, %eax
	or	$0x20, %eax			/* PAE */
	mov	%eax, %cr4
	mov	$0x100000, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x100, %eax			/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$0x80010000, %eax		/* PG, WP */
	mov	%eax, %cr0
	ljmp	$24, $(long - base + rom)

	.code64
long:
	mov	$(idt_at - base + rom), %eax
	lidt	(%rax)
	mov	$0x40000000, %ebx
	mov	$0x101008, %esi
	call	each
	mov	$0x80000000, %ebx
	mov	$0x102000, %esi
	call	each
	mov	$0x80200000, %ebx
	mov	$0x103000, %esi
	call	each
	xor	%eax, %eax
	out	%al, $0xf4
	hlt

each:
	mov	%al, (%rbx)			/* 2 bytes */
	call	accessed
	mov	(%rbx), %al
	call	accessed
	mov	$'/', %al
	out	%al, $0xe9
	ret

	/* A of the entry at rsi */
accessed:
	mov	(%rsi), %eax
	shr	$5, %eax
	and	$1, %eax
	add	$'0', %al
	out	%al, $0xe9
	ret

	/* prints the error code, and goes on behind it */
fault:
	pop	%rax
	add	$'0', %al
	out	%al, $0xe9
	addq	$2, (%rsp)
	iretq

	.org	0xfff0
	.code16
	jmp	real
	.org	0x10000
END
as -o rom.o rom.S
objcopy -O binary -j .text rom.o rom


libs=root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu
QEMU_MODULE_DIR=root/usr/lib/x86_64-linux-gnu/qemu \
	timeout 60 root/lib64/ld-linux-x86-64.so.2 --library-path "$libs" \
	root/usr/bin/qemu-system-x86_64 -accel tcg -cpu max -m 64 \
	-L root/usr/share/qemu -nodefaults -display none -no-reboot \
	-bios rom -debugcon file:said \
	-device isa-debug-exit,iobase=0xf4,iosize=1 >&2 || [ $? = 1 ]
said=$(cat said)
echo "qemu-system-x86 $version"
echo "error code of a write to a read-only page, its A then, and after a read"
echo "pages of 1 GiB / 2 MiB / 4 KiB; as others have it: 301/301/301/"
echo "QEMU: $said"
[ "$said" = 311/301/301/ ]
