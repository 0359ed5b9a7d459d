/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * When the copies of the parent's locked pages cannot be had, fork fails with ENOMEM and nothing has changed:
 * it never takes the parent's pages instead.
 *
 * clauses: A8 I8
 * needs: holdfast
 */
#include "tests/user/support.h"

/* Locked memory of more than half of what can be promised: no second copy fits. */
static char *lock_most(uint64_t *pages) {
    uint64_t left = knob("vm.stats.free_frames") - (knob("vm.stats.promised") - knob("vm.stats.given"));
    *pages = left * 5 / 8;
    char *p = anon(*pages);
    if (mlock(p, *pages * PG) != 0) {
        munmap(p, *pages * PG);
        return NULL;
    }
    return p;
}

static int try_fork(void) {
    errno = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(pid, NULL, 0);
    return pid < 0 ? errno : 0;
}

int main(void) {
    needs_holdfast();
    plan(0);
    uint64_t pages = 0;
    char *p = lock_most(&pages);
    if (!p) bail_out("the cap is below five eighths of what is free");
    ok(pages > 0, "A8: %lu pages locked, more than half of what there is", (unsigned long)pages);
    for (uint64_t i = 0; i < pages; i++) p[i * PG] = 5;
    try_fork(); /* whatever libc touches the first time it has touched now */
    uint64_t free_frames = knob("vm.stats.free_frames"), promised = knob("vm.stats.promised"),
             spaces = knob("vm.stats.spaces"), heap = knob("vm.stats.heap_live");
    for (int i = 0; i < 3; i++) is_int(try_fork(), ENOMEM, "A8: fork fails for want of the copies");
    is_int(knob_change("vm.stats.free_frames", free_frames), 0, "I8: no frame is lost");
    is_int(knob("vm.stats.promised"), promised, "I8: no promise is left");
    is_int(knob("vm.stats.spaces"), spaces, "I8: no space is left");
    is_int(knob("vm.stats.heap_live"), heap, "I8: no kernel memory is left");
    is_int(vmlck(), pages, "A8: the parent's locks are what they were");
    is_int(faults_writing(p, pages), 0, "A8: and its pages are writable without a fault");
    is_int(p[0], 6, "A8: with their contents");
    is_int(munmap(p, pages / 2 * PG), 0, "A8: half of it unmapped");
    is_int(try_fork(), 0, "A8: there is room for a child");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
