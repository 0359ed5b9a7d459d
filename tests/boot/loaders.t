#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The same kernel through each of its three doors runs the same program and gives back its status.

. "$(dirname "$0")/lib.sh"
echo 1..6
check 'PVH: QEMU loads the kernel' 0 'hello from ring 3' -- hello
check 'PVH: the status comes back' 41 '' -- exit 41
check 'BIOS: GRUB loads it from an ISO' 0 'hello from ring 3' --iso -- hello
check 'BIOS: the status comes back' 42 '' --iso -- exit 42
check 'UEFI: GRUB loads it from the same ISO' 0 'hello from ring 3' --uefi --mem 256M -- hello
check 'UEFI: the status comes back' 43 '' --uefi --mem 256M -- exit 43
