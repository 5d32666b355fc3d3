#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What machine a core of QEMU's is of says the mode that its first vCPU is in, not the
# machine that was emulated: qemu-system-x86_64, stopped before its first instruction,
# writes by dump-guest-memory an ELF file of 64 bits (ELFCLASS64) whose e_machine is
# EM_386, 3, with program headers of 64 bits and an NT_PRSTATUS of 32 bits (144 bytes; of
# an x86-64 core it is 336). The kdump file of the same moment names its machine x86_64.
# So neither the class nor the machine of the ELF header says what the guest is.
#
# Seen with: qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3 of Debian 12, which is
# downloaded with all that it needs into a temporary folder and run from there.
# Needs: Debian 12 with apt-get. Ends with 0 while it is so.

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

dump()
{
	printf '{"execute":"dump-guest-memory","arguments":{"paging":false,"protocol":"file:%s"%s}}\n' \
		"$tmp/$1" "$2"
}

{
	echo '{"execute":"qmp_capabilities"}'
	dump core ''
	dump kdump ',"format":"kdump-zlib"'
	echo '{"execute":"quit"}'
} > commands

# it is never run
head -c 65536 /dev/zero > rom
libs=root/usr/lib/x86_64-linux-gnu:root/lib/x86_64-linux-gnu
QEMU_MODULE_DIR=root/usr/lib/x86_64-linux-gnu/qemu \
	timeout 60 root/lib64/ld-linux-x86-64.so.2 --library-path "$libs" \
	root/usr/bin/qemu-system-x86_64 -accel tcg -m 16 -S -bios rom -L root/usr/share/qemu \
	-nodefaults -display none -qmp stdio < commands > answers

# field FILE OFFSET LENGTH: bytes, in decimal
field()
{
	od -An -v -tu1 -j"$2" -N"$3" "$1" | tr -s ' ' | sed 's/^ //'
}

class=$(field core 4 1)
machine=$(field core 18 2)
# the first header is that of the notes; the first note's length of what it describes
header=$(od -An -tu8 -j32 -N8 core | tr -d ' ')
notes=$(od -An -tu8 -j$((header + 8)) -N8 core | tr -d ' ')
prstatus=$(od -An -tu4 -j$((notes + 4)) -N4 core | tr -d ' ')
echo "ELF class $class (2: 64 bits), machine $machine (3 0: i386; 62 0: x86-64), NT_PRSTATUS of $prstatus bytes"
in_kdump=$(grep -caF x86_64 kdump || :)
echo "the kdump file says x86_64 on $in_kdump lines"
[ "$class" = 2 ] && [ "$machine" = "3 0" ] && [ "$prstatus" = 144 ] &&
	[ "$in_kdump" -ge 1 ]
