#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In a VM of debian, on the disk that packages.sh has left, with the newest kernel:
# what DKMS built for it is used, and then all is purged. The group stays, as Debian
# would have it: files may belong to it.

. /lib.sh
. ./debian-lib.sh

purge()
{
	apt-get purge -y vmem-dkms vmem-tools libvmem0 libvmem-dev python3-vmem > /tmp/apt 2>&1 ||
		{ cat /tmp/apt; return 1; }
}

# DKMS keeps the key that it has made to sign modules.
nothing_left()
{
	[ -s /root/before ] || return 1
	same files listed < /root/before | grep '^[+-]/' |
		grep -vE '^\+/var/lib/dkms/mok\.(key|pub)$' > /tmp/left
	! head -n 20 /tmp/left | grep .
}

no_module()
{
	local kernel

	for kernel in /usr/lib/modules/*; do
		! modprobe -n -S "${kernel##*/}" vmem 2> /dev/null || return 1
	done
}

echo KTAP version 1
check "the newest kernel runs" test "$(uname -r)" = "$(cat new)"
check "the module is not inserted unasked" test ! -e /sys/module/vmem
check "the module is inserted" modprobe vmem
check "/dev/vmem is root's and the group's" device
used
check "the module is removed" modprobe -r vmem
check "the packages are purged" purge
check "there is no vmem any more" no_vmem
check "no kernel has the module" no_module
check "all files are as before" nothing_left
check "the group stays" eval "getent group vmem > /dev/null"
plan
