# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# A list of tests in KTAP, for scripts here and in a VM: `echo KTAP version 1`,
# any number of check, and plan.

check_nr=0
check_failed=0

# check NAME COMMAND...: one case
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

# quiet COMMAND...: what it prints goes to the log, and its status counts
quiet()
{
	"$@" >&2
}

# indented COMMAND...: its list of tests, below one of this list
indented()
(
	set -o pipefail
	"$@" | sed -u 's/^/    /'
)

# plan: the end of the list; false if a case failed
plan()
{
	echo "1..$check_nr"
	[ $check_failed = 0 ]
}
