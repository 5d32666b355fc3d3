# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What packages.sh and purge.sh share.

# same WHAT COMMAND...: its output is what stdin says
same()
{
	diff -u --label expected --label "$1" - <("${@:2}")
}

# as USER COMMAND...: with the groups that the user has now
as()
{
	runuser -u "$1" -- "${@:2}"
}

device()
{
	udevadm settle
	same /dev/vmem stat -c '%U:%G %a %F' /dev/vmem \
		<<< "root:vmem 660 character special file"
}

# All files, but for those that come and go by themselves.
listed()
{
	find / -xdev \( -path /root -o -path /home -o -path /tmp -o -path /var/tmp \
		-o -path /var/log -o -path /var/cache -o -path /var/lib/systemd \
		-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /usr/local/bin \) \
		-prune -o -print | sort
}

# nothing of vmem, wherever
no_vmem()
{
	! find / -xdev \( -path /root -o -path /home \) -prune -o \
		\( -name 'vmem*' -o -name 'libvmem*' -o -name '*-vmem.*' \) \
		! -name vmem-check.service -print | grep . &&
		! dpkg-query -W '*vmem*' 2> /dev/null | grep . &&
		! dkms status | grep . && [ ! -e /dev/vmem ]
}

# module_answers USER: the user is answered, by the module
module_answers()
{
	local text

	text=$(as "$1" vmem info --kernel 2>&1) || { echo "$text"; return 1; }
	grep -q "^  version  *$(cat version)$" <<< "$text"
}

# refused COMMAND...: by the permissions of the device, and for no other reason
refused()
{
	local text

	! text=$("$@" 2>&1) && grep -q 'Permission denied' <<< "$text" ||
		{ echo "$text"; return 1; }
}

mapped='CR3 = 0x100000, flush: 0
0x401234 -> 0x201234
0x400000 + 0x10000 -> 0x200000'

examples_py=/usr/share/doc/python3-vmem/examples/lib.py

# used: by a member of the group, by another user
used()
{
	check "a member: vmem info" module_answers member
	check "a member: a program with the library" \
		same lib as member lib <<< "$mapped"
	check "a member: the library from Python" \
		same lib.py as member python3 "$examples_py" <<< "$mapped"
	check "a member: a program by ioctl" same raw as member raw <<< "$mapped"
	check "another user: vmem info is refused" \
		refused as other vmem info --kernel
	check "another user: a program with the library is refused" \
		refused as other lib
	check "another user: the library without the module" \
		same local as other lib local <<< "$mapped"
	check "another user: from Python" \
		same local as other python3 "$examples_py" local <<< "$mapped"
}
