#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bochs loads a file into a machine's memory (optramimageN of bochsrc), and says how many
# bytes it has loaded. Only the first 128 KiB are sure to be where they were wanted: its
# memory lies in blocks of that size, each of which is found room for when it is first
# touched, and the file is read as if the blocks behind the first one had theirs already.
# So what follows is found wherever the machine touches memory next, here at 16 MiB.
#
# Seen with: bochs 2.7+dfsg-4+deb12u1 of Debian 12, which is downloaded with all that it
# needs into a temporary folder and run from there.
# Needs: Debian 12 with apt-get and binutils. Ends with 0 while it is so.

set -eu

version="2.7+dfsg-4+deb12u1"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# All packages from an empty state, so that nothing of this machine is run.
mkdir -p archives/partial root
: > status
apt-get -qq -y --no-install-recommends --download-only \
	-o Dir::State::status="$tmp/status" -o Dir::Cache::archives="$tmp/archives" \
	-o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	install "bochs=$version" "bochs-term=$version" ncurses-base > /dev/null
for package in archives/*.deb; do
	dpkg-deb -x "$package" root
done

# A ROM: the first byte at 16 MiB, and then of each 64 KiB at 32 MiB.
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

	.code32
flat:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	$0x1000000, %esi
	call	show
	mov	$0x2000000, %esi
	mov	$8, %ecx
1:
	call	show
	add	$0x10000, %esi
	loop	1b
	mov	$0x8900, %edx
	mov	$word - base + rom, %esi
	mov	$8, %ecx
	rep outsb
	hlt
show:
	mov	(%esi), %al
	test	%al, %al
	jnz	2f
	mov	$'-', %al
2:
	out	%al, $0xe9
	ret
word:
	.ascii	"Shutdown"

	.org	0xfff0
	.code16
	jmp	real
	.org	0x10000
END
as -o rom.o rom.S
objcopy -O binary -j .text rom.o rom


# each 64 KiB is of one letter
for letter in a b c d e f g h; do
	head -c 65536 /dev/zero | tr '\0' $letter
done > image
head -c 32768 /dev/zero > vga
cat > bochsrc << END
plugin_ctrl: unmapped=1
config_interface: textconfig
display_library: term
romimage: file=rom, address=0xffff0000
vgaromimage: file=vga
vga: extension=none
optramimage1: file=image, address=0x2000000
cpu: model=core2_penryn_t9600, count=1, ips=1000000
memory: guest=64, host=64
port_e9_hack: enabled=1
pci: enabled=0
ata0: enabled=0
log: log
panic: action=fatal
END
echo continue > commands
lib=root/usr/lib/x86_64-linux-gnu
TERM=vt100 TERMINFO=root/lib/terminfo LTDL_LIBRARY_PATH=$lib/bochs/plugins \
	timeout 60 root/lib64/ld-linux-x86-64.so.2 \
	--library-path "$lib:root/lib/x86_64-linux-gnu" \
	root/usr/bin/bochs-bin -q -f bochsrc -rc commands > out 2>&1 < /dev/null || true
said=$(grep -ao '[a-h-]\{9\}' out | grep -a '[a-h]' | tail -1)
echo "bochs $version"
grep -a 'ram at' log || true
echo "16 MiB, and each 64 KiB from 32 MiB on: $said (as wanted: -abcdefgh)"
[[ $said = [c-h]ab* ]] && [ "$said" != -abcdefgh ]
