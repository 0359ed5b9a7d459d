#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Ask two C libraries the same random questions (tests/libc/reference/questions.c): ours must answer as the
# build machine's does. printf, strtod, strtol, scanf, strftime, mktime.
# Both are compiled by the same compiler: the order of arguments decides which question is asked.
#
#     tests/libc/reference.t            SEED=n repeats a run; CC=clang BUILD=build/clang for another build
set -u
cd "$(dirname "$0")/../.." || exit 1
cc=${CC:-gcc}
build=${BUILD:-build}
seed=${SEED:-$(date +%s)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source=tests/libc/reference/questions.c

echo 1..4
say() { # STATUS NUMBER NAME
    if [ "$1" -eq 0 ]; then echo "ok $2 - $3"; else echo "not ok $2 - $3"; fi
}
echo "# SEED=$seed"
$cc -std=gnu17 -O2 -o "$work/theirs" $source
say $? 1 'the questions compile against the C library of this machine'
# shellcheck disable=SC2046 # flags are words
$cc $(libc/flags.sh cflags "$build") -o "$work/ours" $source $(libc/flags.sh ldflags "$build")
say $? 2 'and against ours'

for part in 3 4; do
    n=$((seed + part - 3))
    TZ=UTC LC_ALL=C "$work/theirs" $n 100000 > "$work/theirs.txt" && "$work/ours" $n 100000 > "$work/ours.txt" &&
        [ "$(wc -l < "$work/ours.txt")" -gt 100000 ] && cmp -s "$work/theirs.txt" "$work/ours.txt"
    status=$?
    say $status $part "seed $n: 100000 answers are the same"
    [ $status -eq 0 ] || diff "$work/theirs.txt" "$work/ours.txt" | cut -c1-300 | head -20 | sed 's/^/# /'
done
