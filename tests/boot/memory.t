#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# From 16 MiB of RAM to 16 GiB: it boots, knows what it has, and locks much of it.

. "$(dirname "$0")/lib.sh"
echo 1..8
check '16 MiB: boots' 0 'hello from ring 3' --mem 16M -- hello
check '16 MiB: locks 4 MiB' 0 'locked 4 MiB' --mem 16M -- lock 4
check '16 MiB: says that 64 MiB are not to be had' 1 'lock: ' --mem 16M -- lock 64
check '1 GiB: knows its size' 0 'ram 10[0-2][0-9] MiB' --mem 1G -- ram
check '4 GiB: RAM on both sides of the hole below 4 GiB' 0 'ram 40[0-9][0-9] MiB' --mem 4G -- ram
check '16 GiB: boots' 0 'hello from ring 3' --mem 16G -- hello
check '16 GiB: knows its size' 0 'ram 163[0-9][0-9] MiB' --mem 16G -- ram
check '16 GiB: locks 256 MiB' 0 'locked 256 MiB' --mem 16G -- lock 256
