#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# What a fault, a lock and a mapping cost does not grow with the threads that do the same beside them: from one to
# four on four CPUs by at most 20 % in one space, and by at most 5 % in spaces of their own. In counted instructions,
# so the same in every run (bench/threads.c says what that leaves out).

. "$(dirname "$0")/lib.sh"
"$hf" run --icount --cpus 4 --mem 256M --timeout 300 "$top/bench/threads.c" instructions </dev/null >"$dir/out" 2>&1
status=$?
echo 1..9
verdict='not ok'
[ $status = 0 ] && [ "$(grep -c 'spaces* .* %' "$dir/out")" = 8 ] && verdict=ok
echo "$verdict 1 - the costs of four operations are counted, in one space and in several"
[ "$verdict" = ok ] || sed 's/^/# /' "$dir/out"
tr -d '\r' <"$dir/out" | awk -v n=1 '
    / spaces? .* %$/ {
        most = / one space / ? 20 : 5
        grown = $(NF - 1) + 0
        printf "%s %d - %s: %+d %%, at most %d\n", grown <= most ? "ok" : "not ok", ++n, $0, grown, most
    }' | sed 's/  */ /g'
