/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A touch of what is not there, or not allowed, ends the program with SIGSEGV and nothing else: the parent sees
 * the signal, and no memory is lost.
 *
 * clauses: I6 L24 I8
 */
#include "tests/user/support.h"

static void call(void *p) {
    ((void (*)(void))(uintptr_t)p)();
}

static int signal_calling(void *p) {
    int status = as_root(call, p);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void nowhere(void) {
    char *hole = anon(3);
    cut(hole, 1, 1);
    is_int(signal_reading(NULL), SIGSEGV, "I6: reading NULL");
    is_int(signal_writing(NULL), SIGSEGV, "I6: writing NULL");
    is_int(signal_calling(NULL), SIGSEGV, "I6: calling NULL");
    is_int(signal_reading(hole + PG), SIGSEGV, "I6: reading a hole");
    is_int(signal_writing(hole + 2 * PG - 1), SIGSEGV, "I6: writing its last byte");
    is_int(signal_writing(hole + 2 * PG), 0, "I6: the byte behind it is good");
    is_int(signal_reading((void *)(USER_END - 1)), SIGSEGV, "I6: the last byte below the end of user space");
    is_int(signal_reading((void *)USER_END), SIGSEGV, "I6: the first byte beyond it");
}

static void kernel(void) {
    static const uintptr_t places[] = {KERNEL, KERNEL + 0x200000, 0xffff800000000000ul, 0xffffc00000000000ul, ~0ul};
    for (int i = 0; i < 5; i++) {
        is_int(signal_reading((void *)places[i]), SIGSEGV, "I6: reading %#lx, the kernel's", places[i]);
        is_int(signal_writing((void *)places[i]), SIGSEGV, "I6: writing it");
    }
    is_int(signal_calling((void *)KERNEL), SIGSEGV, "I6: calling the kernel");
    is_int(signal_reading((void *)0x0000800000000000ul), SIGSEGV, "I6: a non-canonical address");
    is_int(signal_calling((void *)0x0000800000000000ul), SIGSEGV, "I6: calling one");
}

static void forbidden(void) {
    char *r = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    char *none = map_pages(1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    char *rw = anon(1);
    is_int(signal_writing(r), SIGSEGV, "I6: writing a read-only page");
    is_int(signal_reading(r), 0, "I6: reading it is good");
    is_int(signal_reading(none), SIGSEGV, "I6: reading a PROT_NONE page");
    is_int(signal_calling(rw), SIGSEGV, "I6: running data");
    is_int(signal_writing((void *)(uintptr_t)call), SIGSEGV, "I6: writing code");
    mlock(r, PG);
    is_int(signal_writing(r), SIGSEGV, "I6: that a page is locked allows nothing");
    munmap(rw, PG);
    is_int(signal_writing(rw), SIGSEGV, "I6: what is unmapped is gone at once");
}

int main(void) {
    plan(30);
    signal_reading(NULL);
    uint64_t before = knob("vm.stats.free_frames");
    for (int i = 0; i < 10; i++) signal_writing(NULL);
    is_int(knob_change("vm.stats.free_frames", before), 0, "I8: ten programs ended so lose no frame");
    nowhere();
    kernel();
    forbidden();
    ok(audit_clean(), "I6: the audit agrees");
    return done_testing();
}
