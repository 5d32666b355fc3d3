#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of `make run`: the main job, on the memory of a real guest. Its
# memory is the VM's disk, its CR3 lies in /cr3.
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
module_remove
