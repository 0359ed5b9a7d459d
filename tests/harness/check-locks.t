#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# make check-locks (clang's -Wthread-safety over kernel/annotate.h) finds what it is for: functions with planted mistakes.

top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

n=0
# check COMPLAINT BODY: a function of this body is refused so; "" if it is to pass
check() {
    n=$((n + 1))
    cat >"$dir/planted.c" <<END
#include "kernel/process.h"
#include "kernel/sync.h"
struct thing { struct mutex lock; struct spinlock spin; struct rwlock rw; };
extern int guarded GUARDED_BY(&process_lock);
static void change_locked(struct thing *t) REQUIRES(&t->lock) { (void)t; }
static void outer(struct thing *t) EXCLUDES(&t->lock) { mutex_lock(&t->lock); mutex_unlock(&t->lock); }
int planted(struct thing *t, struct thing *u);
int planted(struct thing *t, struct thing *u) {
    (void)u; (void)change_locked; (void)outer;
    $2
    return 0;
}
END
    out=$(make -s -C "$top" check-locks FILES="$dir/planted.c" 2>&1)
    status=$?
    case $status:$out in
    0:*) [ -z "$1" ] && verdict=ok || verdict='not ok' ;;
    *"$1"*) [ -n "$1" ] && verdict=ok || verdict='not ok' ;;
    *) verdict='not ok' ;;
    esac
    echo "$verdict $n - ${1:-passes}: $2"
    [ "$verdict" = ok ] || echo "status $status: $out" | sed 's/^/# /'
}

echo 1..12
check '' 'mutex_lock(&t->lock); change_locked(t); mutex_unlock(&t->lock); outer(t);'
check '' 'if (mutex_trylock(&t->lock)) mutex_unlock(&t->lock);'
check "requires holding mutex 't->lock'" 'change_locked(t);'
check "requires holding mutex 'u->lock'" 'mutex_lock(&t->lock); change_locked(u); mutex_unlock(&t->lock);'
check 'still held at the end' 'spin_lock(&t->spin);'
check 'not held on every path' 'mutex_lock(&t->lock); if (u == t) return 1; mutex_unlock(&t->lock);'
check 'that was not held' 'mutex_unlock(&t->lock);'
check 'that is already held' 'spin_lock(&t->spin); spin_lock(&t->spin); spin_unlock(&t->spin);'
check 'shared access' 'rw_lock_shared(&t->rw); rw_unlock(&t->rw);'
check 'that was not held' 'mutex_trylock(&t->lock); mutex_unlock(&t->lock);'
check "cannot call function 'outer'" 'mutex_lock(&t->lock); outer(t); mutex_unlock(&t->lock);'
check "writing variable 'guarded'" 'guarded = 1;'
