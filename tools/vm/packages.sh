#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In a VM of debian: the packages installed, and used by who may and who may not.
# DKMS builds for the kernel that is there; where the Debian has another one, that
# comes later. What there was before is listed in /root/before, for purge.sh.

. /lib.sh
. ./debian-lib.sh

old=$(uname -r)
new=$(cat new)
package_version=$(cat package_version)

# The newer kernel isn't there until it comes.
kernel_goes()
{
	mkdir /root/later && mv "/usr/lib/modules/$new" /root/later/
}

# as one who built the module by hand finds it
device_before()
{
	insmod ./vmem.ko && udevadm settle &&
		same /dev/vmem stat -c '%U:%G %a' /dev/vmem <<< "root:root 600"
}

# After they are unpacked udev reads the rule, and there is no group yet.
install_packages()
{
	dpkg --unpack ./*.deb > /tmp/apt 2>&1 || { cat /tmp/apt; return 1; }
	! getent group vmem || return 1
	# after as long udev looks again whether its rules have changed
	sleep 4
	udevadm trigger --sysname-match=null && udevadm settle || return 1
	apt-get install -y ./*.deb > /tmp/apt 2>&1 || { cat /tmp/apt; return 1; }
}

# with what Debian runs when a kernel's headers are installed
kernel_comes()
{
	mv "/root/later/$new" /usr/lib/modules/ &&
		run-parts --exit-on-error --arg="$new" /etc/kernel/header_postinst.d \
			> /tmp/kernel 2>&1 || { cat /tmp/kernel; return 1; }
}

# dkms_has RELEASE...: the module for these, the older first, and nothing else
dkms_has()
{
	local release

	same "dkms status" dkms status < <(for release; do
		echo "vmem/$package_version, $release, x86_64: installed"
	done)
}

# module_for RELEASE: modprobe will take what DKMS built from the package
module_for()
{
	local file

	file=$(modinfo -k "$1" -F filename vmem)
	[ "${file%/*}" = "/lib/modules/$1/updates/dkms" ] &&
		[ "$(modinfo -F version "$file")" = "$(cat version)" ] &&
		[ "$(modinfo -F vermagic "$file" | cut -d' ' -f1)" = "$1" ]
}

group()
{
	local id

	id=$(getent group vmem | cut -d: -f3)
	[ "$id" -gt 0 ] && [ "$id" -lt 1000 ]
}

pages()
{
	local page

	for page in vmem vmem-run; do
		zcat "/usr/share/man/man1/$page.1.gz" |
			grep -q "^\.TH \"$page\" \"1\"" || return
	done
}

# By pkg-config alone, as the user, from the package's own example.
program_built()
{
	as member sh -c 'cd && cp /usr/share/doc/libvmem-dev/examples/*.c . &&
		cc -Wall -Wextra -Werror -o lib lib.c $(pkg-config --cflags --libs libvmem) &&
		cc -Wall -Wextra -Werror -o processes processes.c \
			$(pkg-config --cflags --libs libvmem) &&
		./processes local | grep -qx "child: CR3 = 0x106000" &&
		cc -Wall -Wextra -Werror -o raw raw.c $(pkg-config --cflags libvmem) &&
		install lib raw /usr/local/bin/' 2>&1
}

# By the command that stands in it.
program_for_vmm()
{
	as member sh -c 'cd && cp -r /usr/share/doc/vmem-tools/examples vmm &&
		cd vmm/programs && eval "$(sed -n "/^ \* cc/,/^ \*\//{/\*\//d;s/^ \*//p}" \
			hello.c | tr "\n" " ")" && vmem-run --help > /dev/null &&
		od -An -c -N4 hello.elf | grep -q "E   L   F"' 2>&1
}

echo KTAP version 1
useradd -m member
useradd -m other
chgrp member /usr/local/bin && chmod g+w /usr/local/bin
check "there is no vmem yet" no_vmem
listed > /root/before
[ "$old" = "$new" ] || kernel_goes
check "a module is there before" device_before
start=$(date +%s)
check "the packages install" install_packages
echo "# $(($(date +%s) - start)) s, with DKMS for $old"
check "DKMS has built for $old" dkms_has "$old"
check "the device that was there is the group's now" device
check "the module that was there is removed" rmmod vmem
check "the module for $old" module_for "$old"
if [ "$old" != "$new" ]; then
	start=$(date +%s)
	check "a new kernel comes" kernel_comes
	echo "# $(($(date +%s) - start)) s, with DKMS for $new"
	check "DKMS has built for $old and $new" dkms_has "$old" "$new"
	check "the module for $new" module_for "$new"
fi
check "a system group" group
usermod -aG vmem member
check "manual pages" pages
check "the module is inserted" modprobe vmem
check "/dev/vmem is root's and the group's" device
check "a member builds a program by pkg-config" program_built
check "and one for vmem-run" program_for_vmm
used
check "the module is removed" modprobe -r vmem
plan
