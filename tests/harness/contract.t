#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/contract notices a clause without a test, a test of no clause, and a failure; and only these.

top=$(cd "$(dirname "$0")/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/docs" "$root/tests/user" "$root/build/tap/user"
n=0

# check STATUS WORDS NAME
check() {
    n=$((n + 1))
    out=$("$top/tools/contract" --root "$root" 2>&1)
    if [ $? = "$1" ] && echo "$out" | tr -s ' ' | grep -q -- "$2"; then echo "ok $n - $3"; else
        echo "not ok $n - $3"
        echo "$out" | sed 's/^/# /'
    fi
}
contract() { printf -- '- **%s** text\n' "$@" | sed 's/W5\*\*/& *(later)*/' >"$root/docs/CONTRACT.md"; }
cites() { printf '/*\n * clauses: %s\n */\n' "$1" >"$root/tests/user/$2.c"; }

check 1 'no such file' 'no contract at all'
contract L1 L2
cites 'L1 L2' one
check 0 '^L1 not run user/one' 'cited, not run'
printf '1..3\nok 1 - L1: a\nok 2 - L1 L2: b\nok 3 - L12: c # SKIP\n' >"$root/build/tap/user/one.tap"
contract L1 L2 L12
echo '- **W5** *(later)* text' >>"$root/docs/CONTRACT.md"
check 0 '^L1 2 ok user/one' 'counts the checks that name the clause'
check 0 '^W5 not in force' 'a clause that is not in force may be without a test'
printf '1..2\nok 1 - L1: a\nnot ok 2 - L2: b\n' >"$root/build/tap/user/one.tap"
contract L1 L2
check 1 '^L2 FAILED: 1 of 1 user/one' 'a failed check'
check 1 '^L1 1 ok user/one' 'does not taint its neighbour'
printf '1..2\nok 1 - L1: a\nnot ok 2 - the run: signal 11 ended it\n' >"$root/build/tap/user/one.tap"
check 1 '^L1 FAILED' 'but a crash does'
contract L1 L2 A1
check 1 '^A1 NO TEST' 'a clause without a test'
cites 'A1 L99' two
check 1 'user/two cites L99, which does not exist' 'a citation of nothing'
contract L1 A1
cites L1 one
cites A1 two
printf '1..1\nok 1 - B7: not a clause here\n' >"$root/build/tap/user/two.tap"
printf '1..1\nok 1 - L1: a\n' >"$root/build/tap/user/one.tap"
check 1 'user/two cites B7' 'a check named after nothing'
echo ' * pitfalls: B7, B9' >>"$root/tests/user/two.c"
check 0 '^A1 1 ok user/two' 'a check named after a pitfall'
echo "1..$n"
