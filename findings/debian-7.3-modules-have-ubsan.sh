#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian's kernels check array bounds and shifts at run time since Linux 7.x: the
# 7.3 of trixie-backports has CONFIG_UBSAN with UBSAN_BOUNDS and UBSAN_SHIFT, in
# report mode (no UBSAN_TRAP); the 6.12 of the same release has no UBSAN at all. A
# module that is built against these headers is instrumented, too, without a word:
# the same source that has no such call for 6.12 calls
# __ubsan_handle_out_of_bounds() and __ubsan_handle_shift_out_of_bounds() for 7.3,
# so its text grows, its loops slow down, and a shift by the width of a type, which
# was silent before, is a splat in the log. Who measures a module on both kernels
# measures that as well. UBSAN_SANITIZE := n in its Makefile turns it off.
#
# Seen with: linux-headers-6.12.118+deb13-amd64 of Debian 13,
# linux-headers-7.3.4+deb13-amd64 of its backports, gcc 14.2.
# Needs: root, mmdebstrap, bubblewrap and an apt that knows an archive of Debian's. It ends with
# 0 while it is so.

# shellcheck disable=SC2016
set -eu
old=6.12.118+deb13-amd64
new=7.3.4+deb13-amd64
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

archive=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | sed -n 1p)
for suite in trixie trixie-updates trixie-backports; do
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
done > "$tmp/sources"
security=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian-Security' |
	sed -n 1p)
[ -z "$security" ] ||
	echo "deb $security trixie-security main" >> "$tmp/sources"
mmdebstrap --quiet --variant=apt \
	--include="make,gcc,libc6-dev,linux-headers-$old,linux-headers-$new" \
	trixie "$tmp/root" "$tmp/sources"

mkdir "$tmp/root/module"
echo 'obj-m := probe.o' > "$tmp/root/module/Makefile"
cat > "$tmp/root/module/probe.c" << 'END'
#include <linux/module.h>

static u64 table[8];

u64 probe_read(unsigned int i);
u64 probe_read(unsigned int i)
{
	return table[i];
}

u64 probe_shift(unsigned int n);
u64 probe_shift(unsigned int n)
{
	return 1ULL << n;
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("probe");
END

# inside COMMAND...: in the Debian that was made
inside()
{
	bwrap --bind "$tmp/root" / --dev /dev --proc /proc "$@"
}

# build RELEASE: the module, and in $calls which of UBSAN's functions it calls
build()
{
	inside make -s -C "/usr/src/linux-headers-$1" M=/module clean modules >&2
	inside nm -u /module/probe.o > "$tmp/undefined"
	calls=$(sed -n 's/.*\(__ubsan_[a-z_]*\).*/\1/p' "$tmp/undefined" | sort |
		tr '\n' ' ')
	echo "$1: $calls"
}

build "$old"
[ -z "$calls" ]
build "$new"
[ "$calls" = \
	"__ubsan_handle_out_of_bounds __ubsan_handle_shift_out_of_bounds " ]
[ "$(grep -c "^CONFIG_UBSAN" "$tmp/root/usr/src/linux-headers-$old/.config")" = 0 ]
grep -x 'CONFIG_UBSAN_\(BOUNDS\|SHIFT\)=y' "$tmp/root/usr/src/linux-headers-$new/.config"
