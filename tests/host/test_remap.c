/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * mremap where a test in ring 3 cannot look: what another thread may do between its steps, and what is left
 * when it fails (contract L18).
 */
#include "tests/host/support.h"

#include <asm/errno.h>

#include "mm/space.h"

#define RW (PROT_READ | PROT_WRITE)
#define P(n) ((n) * PAGE_SIZE)

static struct space *s;
static struct baseline base;

static void begin(void) {
    base = baseline_now();
    s = space_new();
}

static void end(const char *what) {
    audit_ok(what);
    space_end(s);
    baseline_ok(&base, what);
}

static vaddr_t victim;

/* Another thread, as soon as a range is let go. */
static void unmap_victim(void *arg) {
    space_on_release(s, NULL, NULL);
    space_unmap(s, victim, P(4));
    (void)arg;
}

static void test_source_goes(void) {
    begin();
    victim = (vaddr_t)map_anon(s, 16, RW, 0); /* all but the first four stay: no room to grow where it is */
    space_on_release(s, unmap_victim, NULL);
    is_int(space_remap(s, victim, P(4), P(8), MREMAP_MAYMOVE, 0), -EFAULT,
           "a mapping that goes between the look for room and the move: EFAULT");
    end("a source that went");
}

/* Moved and shrunk in one call: with each allocation failing in turn, all of it happens or none. */
static void test_move_and_shrink(void) {
    begin();
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0), to = a - P(64);
    for (unsigned i = 0; i < 8; i++) poke(s, a + P(i), (uint8_t)(i + 1));
    long at = -ENOMEM;
    for (unsigned nth = 1; nth < 20 && at == -ENOMEM; nth++) {
        inject_arm(INJECT_HEAP, nth);
        at = space_remap(s, a + P(1), P(4), P(2), MREMAP_MAYMOVE | MREMAP_FIXED, to);
        inject_arm(INJECT_HEAP, 0);
        if (at != -ENOMEM) break;
        is_int(resident(s, a, 8), 8, "L18: failure %u leaves the mapping as it was", nth);
        is_int(resident(s, to, 1), -ENOMEM, "L18: and nothing at the new place");
    }
    is_int(at, (long)to, "L18: without a failure it moves");
    is_int(peek(s, to + P(1)), 3, "with its pages");
    is_int(resident(s, a + P(1), 1), -ENOMEM, "the old place is free");
    is_int(resident(s, a + P(4), 1), -ENOMEM, "the tail is gone");
    is_int(peek(s, a + P(5)), 6, "what is behind it stays");
    end("moved and shrunk");
}

int main(void) {
    mm_start(32);
    test_source_goes();
    test_move_and_shrink();
    return done_testing();
}
