#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# What a boot costs hardly grows with RAM: instructions from the kernel's first to the first program's
# question, with 16 GiB at most 1.5 times those with 1 GiB. Descriptors of frames are initialised lazily.

. "$(dirname "$0")/lib.sh"
echo 1..3
check '1 GiB: boots under counted instructions' 0 '^clock ' --icount --mem 1G -- clock
small=$(sed -n 's/^clock \([0-9]*\).*/\1/p' "$dir/out")
check '16 GiB: boots under counted instructions' 0 '^clock ' --icount --mem 16G -- clock
large=$(sed -n 's/^clock \([0-9]*\).*/\1/p' "$dir/out")
verdict='not ok'
[ "${small:-0}" -gt 0 ] && [ $((${large:-0} * 2)) -le $((small * 3)) ] && verdict=ok
echo "$verdict 3 - 16 GiB cost at most 1.5 times what 1 GiB costs ($small, $large instructions)"
