# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# shellcheck disable=SC2034  # for those who source this
#
# Sourced by the scripts of this directory: where things are, and what more
# than one of them does. Everything that takes long to make is kept in $cache,
# made under a lock in a directory of its own name, and moved into place whole.

set -eu
# or cd may go elsewhere, and prints where
unset CDPATH

# For depmod and modprobe, which need no root for what is done here.
PATH=$PATH:/usr/sbin:/sbin

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vmem

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# What kbuild and QEMU's options can't be given.
case $top in
*[[:space:],:%]*)
	die "$top: a checkout whose path has a space, comma, colon or % can't be used"
	;;
esac

# key FUNCTION TEXT...: what is made by FUNCTION from TEXT, as a short name
key()
{
	declare -f "$1" | cat - <(echo "$@") | sha256sum | cut -c1-12
}

# progress DIR STEPS: every few seconds, how far it is; a step is a line
progress()
{
	local start=$SECONDS lines

	while sleep 10; do
		lines=$(wc -l < "$1.log")
		echo "# ${1##*/}: $lines${2:+ of about $2} steps, $((SECONDS - start)) s"
	done
}

# cached [--steps N] DIR COMMAND...: unless DIR is there, let COMMAND fill it.
# COMMAND is given the name of the directory to fill; what it prints goes to
# DIR.log, N lines or so.
cached()
{
	local dir steps='' telling status

	if [ "$1" = --steps ]; then
		steps=$2
		shift 2
	fi
	dir=$1
	shift

	[ ! -e "$dir" ] || return 0
	mkdir -p "${dir%/*}"
	set +e
	(
		set -e
		flock 9
		[ ! -e "$dir" ] || exit 0
		new=$dir.new
		rm -rf "$new"
		mkdir "$new"
		echo "# making $dir"
		: > "$dir.log"
		progress "$dir" "$steps" 9>&- &
		telling=$!
		# shellcheck disable=SC2064
		trap "kill $telling" EXIT
		"$@" "$new" > "$dir.log" 2>&1
		mv "$new" "$dir"
	) 9> "$dir.lock" < /dev/null >&2
	status=$?
	set -e
	[ $status = 0 ] || {
		tail -n 20 "$dir.log" >&2
		die "cannot make $dir, see $dir.log"
	}
}

# archive LABEL: where this machine has Debian's packages of this label from
archive()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI)' "Label: $1" | sed -n 1p
}

# tree_sources SUITE: lines of a sources.list
tree_sources()
{
	local debian security suite

	debian=$(archive Debian)
	if [ -z "$debian" ] && [ "$(id -u)" = 0 ]; then
		apt-get -qq update >&2
		debian=$(archive Debian)
	fi
	[ -n "$debian" ] || die "apt knows no archive of Debian's: apt-get update"
	for suite in "$1" "$1-updates" "$1-backports"; do
		echo "deb [signed-by=$keyring] $debian $suite main"
	done
	security=$(archive Debian-Security)
	[ -z "$security" ] ||
		echo "deb [signed-by=$keyring] $security $1-security main"
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# new_debian SUITE DIR OPTION...: a tree of that release, by mmdebstrap with these
# options
new_debian()
{
	apt-config dump --format '%F "%v";%n' Acquire > "$2.apt"
	tree_sources "$1" > "$2.list"
	mmdebstrap --aptopt="$2.apt" "${@:3}" "$1" "$2" "$2.list"
	rm "$2.apt" "$2.list"
}

# tree_apt SUITE DIR APT-COMMAND...: apt-get or apt-cache, of that release, with
# what apt keeps in DIR
tree_apt()
{
	local suite=$1 dir=$2/apt command=$3
	shift 3

	if [ ! -e "$dir" ]; then
		mkdir -p "$dir/lists/partial" "$dir/archives/partial"
		touch "$dir/status"
		tree_sources "$suite" > "$dir/sources.list"
		tree_apt "$suite" "${dir%/apt}" apt-get -qq update >&2
	fi
	"$command" -o Dir::Etc::SourceList="$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::State="$dir" \
		-o Dir::State::status="$dir/status" -o Dir::Cache="$dir" \
		-o APT::Architecture=amd64 -o APT::Sandbox::User=root "$@"
}

# in_tree NAME COMMAND...: run COMMAND in a tree of the cache, with this checkout
# and the cache at their places.
in_tree()
{
	local tree dir
	local links=()

	tree=$("$top/tools/vm/tree" "$1") || return
	case $top/:$cache/ in
	/usr/*|*:/usr/*)
		die "a checkout or a cache below /usr can't be shown there"
		;;
	esac
	shift
	for dir in bin sbin lib lib64; do
		links+=(--symlink "usr/$dir" "/$dir")
	done
	bwrap --die-with-parent --unshare-pid --as-pid-1 --tmpfs / "${links[@]}" \
		--ro-bind "$tree/usr" /usr --ro-bind "$tree/etc" /etc \
		--dev /dev --proc /proc --tmpfs /tmp --tmpfs /dev/shm \
		--bind "$top" "$top" --bind "$cache" "$cache" \
		--chdir "$PWD" --clearenv --setenv HOME /tmp \
		--setenv PATH /usr/sbin:/usr/bin --setenv LC_ALL C \
		--setenv KBUILD_BUILD_USER vmem --setenv KBUILD_BUILD_HOST vmem "$@"
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
