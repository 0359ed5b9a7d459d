#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The programs that a newcomer runs first: the demonstration of `make run` finds everything as promised,
# and the first program of the README says hello.

. "$(dirname "$0")/lib.sh"
examples=$top/user/examples
echo 1..14

# shown NUMBER NAME PATTERN: the last run said so
shown() {
    if grep -q "$3" "$dir/demo"; then echo "ok $1 - $2"; else echo "not ok $1 - $2"; fi
}

if "$hf" run --mem 256M --timeout 300 "$examples/demo.c" >"$dir/demo" 2>&1; then verdict=ok; else verdict='not ok'; fi
echo "$verdict 1 - the demonstration ends well"
[ "$verdict" = ok ] || sed 's/^/# /' "$dir/demo"
shown 2 'L2: no fault on locked memory' 'writing to each of 16384 pages .* 0 faults'
shown 3 'Q1: a request for 64 MiB is under way when aio_mlock has returned' 'EINPROGRESS'
shown 4 'C2: the second one is cancelled amid its work' 'AIO_CANCELED'
shown 5 'L12: another user meets EPERM' 'EPERM'
shown 6 'nothing was a surprise' 'Everything was as promised'
"$hf" run --timeout 300 "$examples/hello.c" >"$dir/demo" 2>&1
shown 7 'the first program says hello' 'Hello from ring 3'

# The same with memory short: another program keeps most of it busy.
"$hf" run --mem 48M --swap 256M --pressure 80% --timeout 300 "$examples/demo.c" >"$dir/demo" 2>&1
shown 8 'L2: under pressure no fault on memory locked by mlock' 'writing to each page for the first time .* 0 faults'
shown 9 'A1: none on memory mapped under MCL_FUTURE' 'mapped afterwards .* 0 faults'
shown 10 'Q1: none on 8 MiB locked by request' 'writing to each of 2048 pages .* 0 faults'
shown 11 'and nothing else is a surprise' 'Everything was as promised'
shown 12 'though others'"'"' pages left memory' 'left memory meanwhile [.]* [1-9]'
"$hf" run --mem 48M --swap 256M --pressure 50% --timeout 300 "$examples/held.c" >"$dir/demo" 2>&1
shown 13 'L1: of two pieces the locked one stays whole, and takes no major fault' '^locked  *1024 of 1024 pages stayed, 0 major faults'
shown 14 'L1: the other leaves memory, or some of it' '^not locked .* [1-9][0-9]* major faults'
