#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian 13's static libelf can't be linked: libelf.a of elfutils 0.192 calls
# eu_tsearch(), eu_tdelete(), eu_search_tree_init() and eu_search_tree_fini(), helpers
# of elfutils' own, which are in no library that Debian ships; the shared libelf.so.1
# has them inside. A program that only opens and closes an ELF file misses two of
# them: built with all that `pkgconf --static --libs libelf` says, it links as a
# dynamic program and fails as a static one. Debian 12's libelf.a (0.188) calls
# nothing of the kind.
#
# Seen with: libelf-dev 0.192-4 of Debian 13, gcc 14.2 of the same.
# Needs: root, mmdebstrap, and an apt that knows an archive of Debian's. It ends with
# 0 while it is so.

# shellcheck disable=SC2016
set -eu

version=0.192-4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

archive=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | sed -n 1p)
mmdebstrap --quiet --variant=apt \
	--include="gcc,libc6-dev,pkgconf,libelf-dev=$version" trixie "$tmp/root" \
	"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive trixie main"

cat > "$tmp/root/prog.c" << 'END'
#include <fcntl.h>
#include <stddef.h>
#include <libelf.h>

int main(int argc, char **argv)
{
	Elf *elf;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return 1;
	elf = elf_begin(open(argv[argc - 1], O_RDONLY), ELF_C_READ, NULL);
	return !elf || elf_kind(elf) != ELF_K_ELF || elf_end(elf);
}
END

# build NAME WORD...: run what comes out of it
build()
{
	chroot "$tmp/root" sh -c 'name=$1; shift
		gcc "$@" -o "/$name" /prog.c $(pkgconf --static --libs libelf) &&
		"/$name"' sh "$@"
}

build dynamic
echo "dynamic: linked and run"
! build static -static 2> "$tmp/error" || { echo "it links now"; exit 1; }
missing=$(sed -n "s/.*undefined reference to .\([a-z_]*\)'.*/\1/p" "$tmp/error" |
	sort -u | tr '\n' ' ')
echo "static: undefined $missing"
[ "$missing" = "eu_search_tree_fini eu_search_tree_init " ]
[ -z "$(find "$tmp/root/usr/lib" -name 'libeu*')" ]
