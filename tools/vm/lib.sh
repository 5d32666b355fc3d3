# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For scripts that run in a VM of run: `. /lib.sh`.

# module_insert [PARAMETER]..., module_remove
module_insert()
{
	insmod /vmem.ko "$@"
}

module_remove()
{
	rmmod vmem
}

# check NAME COMMAND...: one case of a KTAP list that plan ends
check_nr=0
check_failed=0
check()
{
	local name=$1
	shift

	check_nr=$((check_nr + 1))
	if "$@"; then
		echo "ok $check_nr $name"
	else
		echo "not ok $check_nr $name"
		check_failed=$((check_failed + 1))
	fi
}

# plan: the end of a list; fails if a case failed
plan()
{
	echo "1..$check_nr"
	[ $check_failed = 0 ]
}

# selftests PATTERN...: run the test programs of these names, each is one case
# with its own cases below it
selftests()
{
	local pattern program

	for pattern; do
		for program in /selftest/$pattern; do
			check "${program##*/}" selftest "$program"
		done
	done
}

selftest()
{
	"$1" > /tmp/ktap
	set -- $?
	sed 's/^/    /' /tmp/ktap
	return "$1"
}

# splats: print what the kernel said that it must not say; false if nothing.
# /dev/kmsg has all from the first record on, whoever cleared dmesg.
splats()
{
	cat /dev/kmsg > /tmp/kmsg &
	sleep 1
	kill $!
	grep -qE '^[0-9]+,0,' /tmp/kmsg || {
		echo "the first records of the kernel's log are lost"
		return 0
	}
	grep -E '^[^;]*;.*(WARNING: |BUG: |BUG at |Oops|INFO: |KASAN: |UBSAN: |ODEBUG: |DEBUG_LOCKS_WARN_ON|general protection fault|Bad page |corruption|possible recursive locking|unreferenced object|refcount_t: |Objects remaining|cut here)' /tmp/kmsg
}

kmemleak_here()
{
	[ -e /sys/kernel/debug/kmemleak ]
}

# An object must be older than five seconds and look the same in two scans.
kmemleak_found()
{
	sleep 6
	echo scan > /sys/kernel/debug/kmemleak
	echo scan > /sys/kernel/debug/kmemleak
	grep . /sys/kernel/debug/kmemleak
}

kmemleak_forget()
{
	echo scan > /sys/kernel/debug/kmemleak
	echo clear > /sys/kernel/debug/kmemleak
}
