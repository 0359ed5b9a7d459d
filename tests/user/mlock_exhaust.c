/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * No frames to be had although every limit allows it: EAGAIN, nothing locked, nothing lost. Pages are promised
 * when they are mapped, so it takes MAP_NORESERVE to come here.
 *
 * clauses: L10 A3 L23 I8
 * needs: holdfast
 */
#include "tests/user/support.h"

#define NORESERVE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Promise away frames until `left` can be had. */
static char *hog(uint64_t left, uint64_t *size) {
    uint64_t can = knob("vm.stats.free_frames") - (knob("vm.stats.promised") - knob("vm.stats.given"));
    char *p = MAP_FAILED;
    *size = can - left;
    while (p == MAP_FAILED && *size > left) {
        p = mmap(NULL, *size * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) *size -= 16; /* page tables are promised too */
    }
    return p;
}

int main(void) {
    needs_holdfast();
    plan(0);
    uint64_t size, want = 2048, cap = knob("vm.max_user_wired");
    char *p = map_pages(want, PROT_READ | PROT_WRITE, NORESERVE);
    char *hogged = hog(512, &size);
    ok(hogged != MAP_FAILED, "L10: most frames are promised to another mapping (%lu pages)", (unsigned long)size);
    ok(cap > want, "L10: the cap would allow %lu pages", (unsigned long)want);
    uint64_t locked = knob("vm.stats.locked");
    fails(mlock(p, want * PG), EAGAIN, "L10: mlock of pages that nobody promised and no frame is there for");
    is_int(strspn(lock_map(p, MAP_SHOWN), "."), MAP_SHOWN, "L4: locks nothing");
    is_int(knob("vm.stats.locked"), locked, "L4: and charges nothing");
    ok(audit_clean(), "I3: the audit agrees");
    fails(mlockall(MCL_CURRENT), EAGAIN, "A3: mlockall likewise");
    is_int(vmlck(), 0, "A3: locks nothing");
    char *q = mmap(NULL, want * PG, PROT_READ | PROT_WRITE, NORESERVE | MAP_LOCKED, -1, 0);
    ok(q == MAP_FAILED && errno == EAGAIN, "L23: MAP_LOCKED says so too");
    fails(mmap(NULL, want * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM,
          "L10: an ordinary mapping is refused when it is made: no overcommit");
    is_int(mlock(p, 16 * PG), 0, "L10: what frames there are can be locked");
    munmap(hogged, size * PG);
    is_int(mlock(p, want * PG), 0, "L10: when the frames are back, all of it can");
    is_int(vmlck(), want, "L11: and is charged");
    munmap(p, want * PG);
    ok(audit_clean(), "I4: the audit agrees at the end");
    return done_testing();
}
