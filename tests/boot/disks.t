#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Disks and pressure: what hf is given arrives, the program's end is hf's, and what cannot be had is said.

. "$(dirname "$0")/lib.sh"
printf first >"$dir/image"
truncate -s 96K "$dir/image"
echo 1..16
check 'a file as a disk' 0 '/dev/vda: 98304 bytes, first' --disk "$dir/image" -- disk /dev/vda
check 'what was written is in it' 0 '/dev/vda: 98304 bytes, again' --disk "$dir/image" -- disk /dev/vda
check 'an empty disk' 0 '/dev/vdb: 1048576 bytes, ,' --disk 1M --disk 1M -- disk /dev/vdb
check 'a disk, booted by BIOS from an ISO' 0 '/dev/vda: 98304 bytes, again' --iso --disk "$dir/image" -- disk /dev/vda
check 'a disk, with many CPUs' 0 '/dev/vda: 98304 bytes, again' --cpus 4 --disk "$dir/image" -- disk /dev/vda
check 'a disk after swap' 0 '/dev/vdc: 1048576 bytes' --swap 4M,4M --disk 1M -- disk /dev/vdc
check 'swap is not to be written' 1 '/dev/vda: .*busy' --swap 4M -- disk /dev/vda
check 'the status is the program'"'"'s' 7 'with status 7; audit ok' --disk 1M -- exit 7
check 'so is a status that init itself uses' 125 'with status 125; audit ok' --disk 1M -- exit 125
check 'so is its signal' 139 'SIGSEGV' --disk 1M --pressure 20% -- crash
check 'and its arguments' 0 '\[a\]\[-b\]\[--\]' --pressure 20% -- args a -b --
check 'and its user' 0 'uid 1000' --uid 1000 --disk 1M -- uid
check 'a user may not open a disk' 1 'ermission denied' --uid 1000 --disk 1M -- disk /dev/vda
check 'memory under pressure without swap' 0 'locked 4 MiB' --pressure 50% -- lock 4
check 'more than there is' 125 'no memory for a pressure of 95%' --mem 24M --pressure 95% -- lock 1
check 'swap makes it possible' 0 'locked 4 MiB' --mem 32M --swap 64M --pressure 90% -- lock 4
