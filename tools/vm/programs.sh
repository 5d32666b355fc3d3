#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In a VM: what people begin with. The examples say the same whoever does the
# work; `vmem demo --hold` keeps a guest that debugfs shows, and no longer than
# it runs.

# shellcheck source=lib.sh
. /lib.sh

examples()
{
	/examples/lib local > /tmp/local &&
		/examples/lib > /tmp/lib &&
		/examples/raw > /tmp/raw &&
		[ "$(wc -l < /tmp/local)" = 3 ] &&
		cmp /tmp/local /tmp/lib && cmp /tmp/local /tmp/raw &&
		/examples/processes local > /tmp/local &&
		/examples/processes > /tmp/module &&
		[ "$(wc -l < /tmp/local)" = 2 ] && cmp /tmp/local /tmp/module
}

# the files that the demo names, once it has
demo_starts()
{
	local tries=100

	# what the one before said doesn't count
	rm -f /tmp/enter /tmp/held
	mkfifo /tmp/enter
	vmem demo --hold < /tmp/enter > /tmp/held &
	demo=$!
	exec 3> /tmp/enter
	until grep -qs Enter /tmp/held; do
		[ $tries -gt 0 ] || return 1
		tries=$((tries - 1))
		usleep 100000
	done
	sed -n 's/^  cat //p' /tmp/held > /tmp/files
	[ "$(wc -l < /tmp/files)" = 4 ]
}

demo_is_seen()
{
	xargs cat < /tmp/files > /tmp/seen &&
		grep -q '^regions: 1$' "$(grep '/summary$' /tmp/files)" &&
		grep -q '^0xffffffff81208000-0x.* 0x0000000048000 .* rwx- ' \
			"$(grep '/spaces$' /tmp/files)" &&
		grep -q '^0xffffff8000000000-0x.* -> space .*0xffffff8000000000' \
			"$(grep '/spaces$' /tmp/files)"
}

files_are_gone()
{
	# shellcheck disable=SC2046
	! ls $(cat /tmp/files) 2> /dev/null
}

demo_ends()
{
	echo >&3
	wait $demo && files_are_gone
}

demo_ends_with_input()
{
	demo_starts || return 1
	exec 3>&-
	wait $demo && files_are_gone
}

demo_ends_killed()
{
	demo_starts || return 1
	kill $demo
	! wait $demo && files_are_gone
}

refused_without_module()
{
	! vmem demo --hold > /tmp/held 2> /tmp/error &&
		grep -q inserted /tmp/error && [ ! -s /tmp/held ]
}

echo KTAP version 1
check no_module refused_without_module
check insert module_insert
check examples_agree examples
check demo_names_files demo_starts
check demo_is_seen demo_is_seen
check demo_ends demo_ends
check demo_ends_with_input demo_ends_with_input
check demo_ends_killed demo_ends_killed
check remove module_remove
plan
