#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of `make bench-calls`: what whole calls cost, beside the kernel's own.
# shellcheck shell=dash

set -e
# shellcheck source=lib.sh
. /lib.sh

module_insert
echo "whole calls in Linux $(uname -r), on a CPU that QEMU emulates: such figures"
echo "count instructions, and each access to memory costs some"
figures
module_remove
