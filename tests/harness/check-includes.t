#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/check-includes finds what it is for: planted violations in a tree of its own.

top=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/mm" "$tree/kernel" "$tree/arch/x86_64" "$tree/abi" "$tree/libc/core"
for f in mm/mm.h mm/region.h kernel/sync.h kernel/process.h arch/mmu.h arch/x86_64/port.h abi/aio.h libc/core/string.h; do
    echo '#pragma once' >"$tree/$f"
done

n=0
# check EXPECTED FILE INCLUDE: EXPECTED is "allowed" or a word of the complaint
check() {
    n=$((n + 1))
    echo "#include $3" >"$tree/$2"
    out=$("$top/tools/check-includes" "$tree")
    status=$?
    rm "$tree/$2"
    case $1:$status:$out in
    allowed:0:) echo "ok $n - $2 may include $3" ;;
    allowed:*) echo "not ok $n - $2 may include $3"; echo "# $out" ;;
    *:1:*"$2:1: "*"$1"*) echo "ok $n - $2 may not include $3" ;;
    *) echo "not ok $n - $2 may not include $3"; echo "# status $status: $out" ;;
    esac
}

echo 1..14
check allowed mm/a.c '"kernel/sync.h"'
check allowed mm/a.c '"arch/mmu.h"'
check allowed kernel/a.c '"mm/mm.h"'
check allowed kernel/a.c '"abi/aio.h"'
check allowed arch/mmu2.h '<machine.h>'
check includes.tbl mm/a.c '"kernel/process.h"'
check includes.tbl mm/a.c '"arch/x86_64/port.h"'
check includes.tbl kernel/a.c '"mm/region.h"'
check includes.tbl kernel/a.c '<machine.h>'
check includes.tbl libc/core/a.c '"kernel/sync.h"'
check includes.tbl abi/b.h '"kernel/sync.h"'
check 'from the top' kernel/a.c '"sync.h"'
check 'from the top' kernel/a.c '"../kernel/sync.h"'
check 'about this folder' stray.c '"mm/mm.h"'
