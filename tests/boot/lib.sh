# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# For the boot tests: builds the probe, runs hf, makes TAP of status and console.

top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
hf=$top/tools/hf
n=0
"$hf" build "$top/tests/boot/probe.c" -o "$dir/probe" || exit 1

# check NAME STATUS WORDS [HF-OPTION...] -- ARG...: run the probe; its status, and a line with WORDS on its
# console or in hf's message
check() {
    name=$1 want=$2 words=$3
    shift 3
    options=
    while [ "$1" != -- ]; do options="$options $1" && shift; done
    shift
    n=$((n + 1))
    # shellcheck disable=SC2086 # options are single words
    "$hf" run --timeout 300 $options "$dir/probe" "$@" </dev/null >"$dir/out" 2>&1
    got=$?
    if [ $got = "$want" ] && grep -aq -- "$words" "$dir/out"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "# status $got, wanted $want with: $words"
        tail -40 "$dir/out" | tr -d '\r' | sed 's/^/# /'
    fi
}
