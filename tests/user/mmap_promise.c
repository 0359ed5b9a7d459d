/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Memory is promised before it is given: what cannot be had is refused when it is mapped, and what was mapped can
 * always be written. MAP_NORESERVE asks for no promise, PROT_NONE and read-only pages need none.
 *
 * clauses: L10 I1 I8
 * needs: holdfast
 */
#include "tests/user/support.h"

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW   (PROT_READ | PROT_WRITE)

static uint64_t can_be_promised(void) {
    return knob("vm.stats.free_frames") - (knob("vm.stats.promised") - knob("vm.stats.given"));
}

int main(void) {
    needs_holdfast();
    plan(0);
    uint64_t total = knob("vm.stats.total_frames"), promised = knob("vm.stats.promised");
    fails(mmap(NULL, total * PG, RW, ANON, -1, 0), ENOMEM, "L10: all of RAM cannot be promised");
    fails(mmap(NULL, total * PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), ENOMEM, "L10: nor shared");
    is_int(knob("vm.stats.promised"), promised, "I8: a refusal leaves no promise");
    char *p = mmap(NULL, total * PG, RW, ANON | MAP_NORESERVE, -1, 0);
    ok(p != MAP_FAILED, "L10: MAP_NORESERVE promises nothing");
    munmap(p, total * PG);
    p = mmap(NULL, total * PG, PROT_NONE, ANON, -1, 0);
    ok(p != MAP_FAILED, "L10: PROT_NONE needs none");
    fails(mprotect(p, total * PG, RW), ENOMEM, "L17: which mprotect to writable would");
    is_int(signal_reading(p), SIGSEGV, "L17: and changed nothing");
    munmap(p, total * PG);
    is_int(knob("vm.stats.promised"), promised, "I8: munmap gives promises back");

    uint64_t most = can_be_promised() * 3 / 4;
    p = mmap(NULL, most * PG, RW, ANON, -1, 0);
    ok(p != MAP_FAILED, "L10: three quarters of what there is, promised (%lu pages)", (unsigned long)most);
    fails(mmap(NULL, most * PG, RW, ANON, -1, 0), ENOMEM, "L10: not a second time");
    for (uint64_t i = 0; i < most; i++) p[i * PG] = (char)i;
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < most; i++) wrong += p[i * PG] != (char)i;
    is_int(wrong, 0, "L10: every page that was promised can be written");
    int e = errno_of(mmap(NULL, most / 2 * PG, RW, ANON, -1, 0));
    is_int(e, ENOMEM, "L10: what is given is still promised");
    is_int(madvise(p, most * PG, MADV_DONTNEED), 0, "L19: thrown away");
    e = errno_of(mmap(NULL, most / 2 * PG, RW, ANON, -1, 0));
    is_int(e, ENOMEM, "L10: it is promised all the same");
    munmap(p, most * PG);
    is_int(knob("vm.stats.promised"), promised, "I8: at the end all promises are back");
    ok(audit_clean(), "I1: the audit agrees");
    return done_testing();
}
