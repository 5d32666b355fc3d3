#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of `make run`: the main job, on the memory of a real guest, which is
# the VM's disk (its CR3 lies in /cr3); then a program on a vCPU of KVM, on tables
# that the module built.
# shellcheck shell=dash

set -e
# shellcheck source=lib.sh
. /lib.sh

echo "in the VM: $(uname -srv)"
echo "# insmod vmem.ko; vmem info"
module_insert
vmem info
echo
echo "# story /dev/vda $(cat /cr3)"
story /dev/vda "$(cat /cr3)"
echo
echo "# vmem-run: a program on a vCPU of KVM, its pages Cow, in tables of the module"
vmem-run --verbose --cow --translate=0x404000 --dump /programs/cow.elf 2>&1
module_remove
