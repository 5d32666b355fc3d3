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

# printed PATTERN: a line of what vmem-run printed
printed()
{
	grep -Eqx "$1" /tmp/vmem-run || { echo "vmem-run printed no: $1"; exit 1; }
}

echo "in the VM: $(uname -srv)"
echo "# insmod vmem.ko; vmem info"
module_insert
vmem info
echo
echo "# story /dev/vda $(cat /cr3)"
story /dev/vda "$(cat /cr3)"
echo
echo "# vmem-run: a program on a vCPU of KVM, its pages Cow, in tables of the module"
(
	set -o pipefail
	vmem-run --verbose --cow --translate=0x404000 --dump /programs/cow.elf 2>&1 |
		tee /tmp/vmem-run
)
printed "0x404000: vmem (0x[0-9a-f]+), KVM \\1"
printed "vmem-run: 4 pages copied, 4 flushes"
printed "0000000000404000-0000000000407fff  [0-9a-f]{12}  4K  rw-u"
module_remove
