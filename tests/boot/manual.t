#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The programs that the manual pages and README.md show compile without a warning, run, and end with status 0.

top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$top" || exit 1

# program FILE: the first C program in a manual page's EXAMPLES, or in a fenced block of Markdown
program() {
    case $1 in
    *.md) awk '/^```c$/ {on = 1; next} /^```$/ {if (on) exit} on' "$1" ;;
    *) awk '/^\.Sh / {s = /EXAMPLES/} s && /^\.Ed/ {exit} s && on; s && /^\.Bd -literal$/ {on = 1}' "$1" |
        sed 's/\\e/\\/g; s/^\\&//' ;;
    esac
}

shown=
for page in README.md docs/man/*.[1-9]; do
    case $(program "$page") in
    *'int main'*) shown="$shown $page" ;;
    esac
done
# shellcheck disable=SC2086 # names without white space
set -- $shown
echo "1..$#"
[ $# -ge 9 ] || echo "Bail out! only $# programs were found"
n=0
for page; do
    n=$((n + 1))
    program "$page" >"$dir/example.c"
    tools/hf run "$dir/example.c" </dev/null >"$dir/out" 2>&1
    status=$?
    if [ $status = 0 ] && ! grep -q 'warning: ' "$dir/out"; then
        echo "ok $n - $page"
    else
        echo "not ok $n - $page: status $status"
        tr -d '\r' <"$dir/out" | tail -20 | sed 's/^/# /'
    fi
done
