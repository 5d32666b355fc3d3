#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In a VM: ROUNDS short rounds of load, open, region, space, walk, kill at a
# random point, unload. Nothing of the module is left after any of them, and in
# the end the memory cgroup of the rounds holds no more than after the first one,
# but for a page a CPU.

# shellcheck source=lib.sh
. /lib.sh

rounds=${ROUNDS:-20}
group=/sys/fs/cgroup/rounds

# charged TRIES MOST: in pages, the least that was seen while all that can be
# reclaimed was, until there are MOST or fewer. Compaction has each CPU let go of
# pages on their way to a list of the LRU, on Linux 6.1 too. Lowering memory.high
# also takes back what each CPU has charged in advance. With PREEMPT_RT pages are
# freed later.
charged()
{
	local least=-1 now i

	# shellcheck disable=SC2034
	for i in $(seq "$1"); do
		echo 1 > /proc/sys/vm/compact_memory
		echo 1 > /proc/sys/vm/drop_caches
		echo 0 > $group/memory.high
		echo max > $group/memory.high
		usleep 50000
		now=$(($(cat $group/memory.current) / 4096))
		[ "$least" -ge 0 ] && [ "$now" -ge "$least" ] || least=$now
		[ "$least" -gt "$2" ] || break
	done
	echo "$least"
}

in_group()
{
	sh -c "echo \$\$ > $group/cgroup.procs; exec $*"
}

one_round()
{
	module_insert || return 1
	in_group /selftest/rounds > /tmp/round || {
		cat /tmp/round
		return 1
	}
	sed -n 's/^# SEED/# a round: SEED/p' /tmp/round
	module_remove || return 1
	! grep '^vmem' /proc/slabinfo || return 1
	! grep -F '[vmem]' /proc/vmallocinfo || return 1
	! ls -d /sys/kernel/debug/vmem 2> /dev/null
}

all_rounds()
{
	local n=1

	while [ "$n" -lt "$rounds" ]; do
		one_round || return 1
		n=$((n + 1))
	done
}

no_more_charged()
{
	local now

	now=$(charged 100 $((first + $(nproc))))
	echo "# $first pages after the first round, $now after round $rounds"
	[ "$now" -le $((first + $(nproc))) ]
}

echo +memory > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p $group
echo KTAP version 1
check first_round one_round
first=$(charged 8 0)
check "rounds_$rounds" all_rounds
check memory_cgroup no_more_charged
plan
