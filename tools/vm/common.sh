# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# shellcheck disable=SC2034  # for those who source this
#
# Sourced by the scripts of this directory: where things are, and what more
# than one of them does. Everything that takes long to make is kept in $cache,
# made under a lock in a directory of its own name, and moved into place whole.

set -eu

# For depmod and modprobe, which need no root for what is done here.
PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vmem

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# cached DIR COMMAND...: unless DIR is there, let COMMAND fill it. COMMAND is
# given the name of the directory to fill; what it prints goes to DIR.log.
cached()
{
	local dir=$1
	shift

	[ ! -e "$dir" ] || return 0
	mkdir -p "${dir%/*}"
	# In the background, because set -e does not hold left of a ||.
	(
		flock 9
		[ ! -e "$dir" ] || exit 0
		new=$dir.new
		rm -rf "$new"
		mkdir "$new"
		"$@" "$new" > "$dir.log" 2>&1
		mv "$new" "$dir"
	) 9> "$dir.lock" < /dev/null &
	wait $! || {
		tail -n 20 "$dir.log" >&2
		die "cannot make $dir, see $dir.log"
	}
}

# initramfs DIR FILE: pack DIR, the same bytes for the same content.
initramfs()
{
	(
		cd "$1"
		find . -exec touch -h -d @0 {} +
		find . | LC_ALL=C sort |
			cpio --quiet --reproducible -R 0:0 -H newc -o
	) > "$2"
}
