# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# For scripts that run in a VM of run or debian: `. /lib.sh`.

. /ktap.sh

# told_kernel: a line for the summary of the check
told_kernel()
{
	echo "# kernel: $(uname -sr)"
}

module_insert()
{
	insmod /vmem.ko
}

module_remove()
{
	rmmod vmem
}

# selftests NAME...: the test programs of these names, each one case that has
# the program's own cases below it
selftests()
{
	local name

	for name; do
		check "$name" selftest "/selftest/$name"
	done
}

# selftest PROGRAM [ARGUMENT]...
selftest()
(
	set -o pipefail
	"$@" | awk '{ print "    " $0; fflush() }'
)

# splats [SECONDS]: print what the kernel said that it must not say; false if
# nothing. /dev/kmsg has all from the first record on, whoever cleared dmesg.
splats()
{
	local mark reader

	mark="the end $(cat /proc/sys/kernel/random/uuid)"
	sleep "${1:-1}"
	echo "$mark" > /dev/kmsg
	cat /dev/kmsg > /tmp/kmsg &
	reader=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! grep -qF "$mark" /tmp/kmsg || break
		sleep 1
	done
	kill $reader
	grep -qF "$mark" /tmp/kmsg || {
		echo "the kernel's log has no end"
		return 0
	}
	grep -qE '^[0-9]+,0,' /tmp/kmsg || {
		echo "the first records of the kernel's log are lost"
		return 0
	}
	grep -E '^[^;]*;.*(WARNING: |BUG: |BUG at |Oops|INFO: |KASAN: |UBSAN: |ODEBUG: |DEBUG_LOCKS_WARN_ON|Bad page |corruption|possible recursive locking|unreferenced object|refcount_t: |Objects remaining|cut here)' /tmp/kmsg
}

kmemleak_here()
{
	[ -e /sys/kernel/debug/kmemleak ]
}

# An object must look the same in two scans, and be older than five seconds in the
# second. kmemleak that has turned itself off has found nothing, and must not
# pass for that.
kmemleak_found()
{
	local file=/sys/kernel/debug/kmemleak

	echo scan > $file && sleep 6 && echo scan > $file || return 0
	grep . $file
}

# For init, which has the key, and end() to end the VM.

# begin: what is printed goes to the second serial line from now on. What a kernel
# does that was broken before anything of ours ran proves nothing: without "begun" it
# is booted again.
# shellcheck disable=SC2154  # init's key
begin()
{
	stty -F /dev/ttyS1 raw -echo
	stty -F /dev/ttyS2 raw -echo
	exec < /dev/null > /dev/ttyS1 2>&1
	! splats 0.3 > /tmp/early || end
	echo "$key begun" > /dev/ttyS2
}

# verdict pass|fail [REASON]: ends the VM
verdict()
{
	echo "$key $*" > /dev/ttyS2
	# which waits until all of it has gone out
	stty -F /dev/ttyS2 raw -echo
	end
}
