#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/check-lockorder finds what it is for: planted mistakes in a tree of its own. And docs/LOCKING.md's line is the order
# that this kernel is built with.

top=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/docs" "$tree/boot" "$tree/arch/x86_64" "$tree/kernel" "$tree/mm"

# A tree without a mistake: three locks, a condition.
plain() {
    printf 'The order.\n\n    outer → middle → leaf\n' >"$tree/docs/LOCKING.md"
    printf '"outer",\n"middle",\n"leaf",\n' >"$tree/kernel/lockorder.inc"
    echo 'void f(void) { mutex_init(&a, "outer"); rw_init(&b[at(i)], "middle"); cond_init(&c, "woken"); }' >"$tree/kernel/a.c"
    echo 'static struct spinlock l = {.name = "leaf"};' >"$tree/mm/a.c"
    rm -f "$tree"/*/planted.c "$tree/kernel/plant.c" "$tree/arch/x86_64/planted.c"
}

n=0
# check EXPECTED WHAT: EXPECTED is "" if it is to pass, or a part of the complaint
check() {
    n=$((n + 1))
    out=$("$top/tools/check-lockorder" "$tree" 2>&1)
    status=$?
    case $status:$out in
    0:) [ -z "$1" ] && verdict=ok || verdict='not ok' ;;
    1:*"$1"*) [ -n "$1" ] && verdict=ok || verdict='not ok' ;;
    *) verdict='not ok' ;;
    esac
    echo "$verdict $n - $2"
    [ "$verdict" = ok ] || echo "status $status: $out" | sed 's/^/# /'
    plain
}

echo 1..14
plain
check '' 'the order, and the locks in it'
printf '    outer → leaf → middle\n' >"$tree/docs/LOCKING.md"
check 'differ, from name 2 on' 'another order in the documents'
printf '    outer → middle\n' >"$tree/docs/LOCKING.md"
check 'differ, from name 3 on' 'one name less there'
printf '"outer",\n"middle",\n' >"$tree/kernel/lockorder.inc"
check 'differ, from name 3 on' 'one name less in the table'
printf '    outer → middle → leaf\n    a → b\n' >"$tree/docs/LOCKING.md"
check '2 lines look like the order' 'two lines'
echo 'no order' >"$tree/docs/LOCKING.md"
check '0 lines look like the order' 'none'
printf '    outer → middle → leaf → outer\n' >"$tree/docs/LOCKING.md"
printf '"outer",\n"middle",\n"leaf",\n"outer",\n' >"$tree/kernel/lockorder.inc"
check 'outer is in the order twice' 'a name twice'
for folder in boot arch/x86_64 mm; do
    echo 'void f(void) { spin_init(&x, "stray"); }' >"$tree/$folder/planted.c"
    check "$folder/planted.c: the lock \"stray\" has no place" "a lock of $folder/ that is not in the order"
done
echo 'void f(void) { spin_init(&x, "stray"); }' >"$tree/kernel/plant.c"
check '' 'what is wrong on purpose may be'
: >"$tree/mm/a.c"
check 'no lock is called leaf' 'a name that no lock has'
echo 'void f(void) { cond_init(&x->y, "leaf"); }' >"$tree/mm/planted.c"
check 'mm/planted.c: the condition "leaf" is called as a lock is' 'a condition with a lock'\''s name'
n=$((n + 1))
out=$("$top/tools/check-lockorder") && echo "ok $n - the line of docs/LOCKING.md is kernel/lockorder.inc" ||
    { echo "not ok $n - the line of docs/LOCKING.md is kernel/lockorder.inc"; echo "$out" | sed 's/^/# /'; }
