#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where vector registers are forbidden, as in kernels, gcc 12 zeroes a local struct of
# six words (48 bytes) and more by `rep stos` at -O2, and at -Os one of three. With
# vector registers it is three stores. clang 14 writes six moves in both cases, and
# calls memset() from 17 words on. A processor takes longer to begin a `rep stos`
# than six moves last, so a small struct that is zeroed by `= { 0 }` can cost more than
# all that a short function does.
#
# Seen with: gcc-12 12.2.0-14+deb12u1 and clang-14 1:14.0.6-12 of Debian 12, amd64.
# Needs: root, mmdebstrap, and an apt that knows an archive of Debian's. It ends with
# 0 while it is so.

# shellcheck disable=SC2016
set -eu

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

archive=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | sed -n 1p)
mmdebstrap --quiet --variant=apt \
	--include="gcc-12=12.2.0-14+deb12u1,clang-14=1:14.0.6-12" bookworm "$tmp/root" \
	"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive bookworm main"

# how WORDS COMPILER OPTION...: what zeroes a struct of so many words
how()
{
	local words=$1

	shift
	cat > "$tmp/root/one.c" << END
struct one { unsigned long word[$words]; };
void use(struct one *one);

void zeroed(void)
{
	struct one one = { { 0 } };

	use(&one);
}
END
	chroot "$tmp/root" "$@" -S -o /one.s /one.c
	if grep -q 'rep.*stos' "$tmp/root/one.s"; then
		echo stos
	elif grep -q 'call.*memset' "$tmp/root/one.s"; then
		echo memset
	else
		echo stores
	fi
}

# first WHAT COMPILER OPTION...: from how many words on it is that, to 32
first()
{
	local what=$1 words

	shift
	for ((words = 1; words <= 32; words++)); do
		[ "$(how "$words" "$@")" = "$what" ] && break
	done
	echo "$*: $what from $words words on" >&2
	echo "$words"
}

[ "$(first stos gcc-12 -O2 -mgeneral-regs-only)" = 6 ]
[ "$(first stos gcc-12 -Os -mgeneral-regs-only)" = 3 ]
[ "$(how 6 gcc-12 -O2)" = stores ]
[ "$(first memset clang-14 -O2 -mgeneral-regs-only)" = 17 ]
[ "$(first stos clang-14 -O2 -mgeneral-regs-only)" = 33 ]
