/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The lock engine: the clauses of L and A that need no process. A lock in slices is tests/host/test_job.c.
 *
 * pitfalls: B4
 */
#include "tests/host/lock_support.h"

#include <string.h>

static char file_bytes[8 * PAGE_SIZE];

static int future(void) {
    struct space_stats st;
    space_get_stats(s, &st);
    return st.future;
}

static uint64_t faults(void) {
    return host_faults;
}

/* ---- L ---- */

static void test_basic(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    is_int(space_lock(s, a, P(16), false), 0, "L1: fresh memory can be locked");
    is_int(resident(s, a, 16), 16, "L1: and is all resident");
    uint64_t before = faults();
    for (unsigned i = 0; i < 16; i++) poke(s, a + P(i), 1), peek(s, a + P(i));
    is_int(faults() - before, 0, "L2: reading and writing it takes no fault");
    is_int(locked(), 16, "L11: 16 pages are charged");
    is_int(space_lock(s, a, P(16), false), 0, "L3: it can be locked again");
    is_int(locked(), 16, "L11: which costs nothing");
    is_int(space_unlock(s, a, P(16)), 0, "L3: one munlock undoes both");
    is_int(locked(), 0, "L3: nothing is charged");
    is_int(resident(s, a, 16), 16, "L16: and every page is still there");
    end("L1-L3");
}

static void test_ranges(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    space_lock(s, a + P(3) - 1, 2, false);
    is_str(lock_map(a), "NNLLNNNNNNNNNNNN", "L5: two bytes that cross a page lock both pages");
    space_unlock(s, a + P(2) + 77, 1);
    is_str(lock_map(a), "NNNLNNNNNNNNNNNN", "L5: one byte unlocks its page");
    for (uint64_t len = SIZE_MAX; len > SIZE_MAX - 5000; len -= 1234) {
        is_int(space_lock(s, a, len, false), -EINVAL, "L6: mlock of %#lx bytes wraps", len);
        is_int(space_lock(s, a + 1, len, false), -EINVAL, "L6: unaligned too");
        is_int(space_unlock(s, a, len), -EINVAL, "L6: munlock as well");
    }
    is_int(space_lock(s, 0, UINT64_MAX, false), -EINVAL, "L6: wraps only when it is rounded");
    is_int(space_lock(s, 0, 0, false), 0, "L7: no bytes at 0");
    is_int(space_lock(s, a + 5, 0, false), 0, "L7: at an unaligned address");
    is_int(space_lock(s, UINT64_MAX, 0, false), 0, "L7: at the last address there is");
    is_int(space_unlock(s, UINT64_MAX, 0), 0, "L7: munlock too");
    is_int(space_lock(s, 0xffff800000000000, PAGE_SIZE, false), -ENOMEM, "L8: a kernel address is not mapped");
    is_int(space_lock(s, a, USER_MAX, false), -ENOMEM, "L8: a range that leaves user space is not clamped");
    is_int(space_lock(s, 0, P(1), false), -ENOMEM, "L8: page 0");
    is_str(lock_map(a), "NNNLNNNNNNNNNNNN", "L4: none of that changed a lock");
    end("L5-L8");
}

/* B10: every sub-range of a mapping, unaligned ones too. */
static void test_every_subrange(void) {
    bool good = true;
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    for (unsigned from = 0; from < 16 && good; from++)
        for (unsigned to = from + 1; to <= 16; to++) {
            char want[17] = "NNNNNNNNNNNNNNNN";
            memset(want + from, 'L', to - from);
            good &= space_lock(s, a + P(from) + 9, P(to - from) - 100, false) == 0 && strcmp(lock_map(a), want) == 0;
            good &= space_unlock(s, a + P(from) + 4000, P(to - from) - 4000) == 0 && locked() == 0;
        }
    ok(good, "L5: each of 136 ranges can be locked and unlocked");
    struct space_stats st;
    space_get_stats(s, &st);
    is_int(st.regions, 1, "and the pieces have joined again");
    end("every sub-range");
}

static void test_all_or_nothing(void) {
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    space_lock(s, a + P(1), P(2), false);
    space_unmap(s, a + P(8), P(1));
    const char *before = lock_map(a);
    is_int(space_lock(s, a, P(16), false), -ENOMEM, "L8: a hole in the middle");
    is_int(space_lock(s, a, P(9), false), -ENOMEM, "L8: a hole at the end");
    is_int(space_unlock(s, a, P(9)), -ENOMEM, "L13: munlock over a hole");
    is_str(lock_map(a), before, "L4: every lock is as it was");
    is_int(space_unlock(s, a, P(8)), 0, "L13: over pages that are not locked it succeeds");
    space_protect(s, a + P(5), P(1), PROT_NONE);
    is_int(space_lock(s, a, P(8), false), -ENOMEM, "L9: a PROT_NONE page in the range");
    is_int(locked(), 0, "L4: nothing was charged");
    end("L4, L9, L13");
}

static void test_limits(void) {
    struct mm_stats st;
    begin(10);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    is_int(space_lock(s, a, P(11), false), -ENOMEM, "L10: a page more than the limit");
    is_int(space_lock(s, a, P(10), false), 0, "L10: exactly the limit");
    is_int(space_lock(s, a, P(10), false), 0, "L11: the same range again");
    is_int(space_lock(s, a + P(9), P(2), false), -ENOMEM, "L10: then not a page more");
    space_set_limits(s, &(struct space_limits){P(4), UINT64_MAX, UINT64_MAX, 0, false});
    is_int(locked(), 10, "B1: lowering the limit unlocks nothing");
    is_int(space_lock(s, a, P(10), false), 0, "L11: what is locked can be locked still");
    is_int(space_unlock(s, a, P(3)), 0, "L12: unlocking needs nothing");
    is_int(space_lock(s, a, P(1), false), -ENOMEM, "B1: but above the limit nothing new");
    space_set_limits(s, &(struct space_limits){0, UINT64_MAX, UINT64_MAX, 0, false});
    is_int(space_lock(s, a, P(1), false), -EPERM, "L12: a limit of 0 is EPERM");
    is_int(space_lock_all(s, MCL_CURRENT), -EPERM, "L12: for mlockall too");
    is_int(space_unlock_all(s), 0, "L12: unlocking never is");
    space_set_limits(s, &(struct space_limits){0, UINT64_MAX, UINT64_MAX, 0, true});
    is_int(space_lock(s, a, P(16), false), 0, "L12: uid 0 ignores the limit");
    mm_get_stats(&st);
    is_int(mm_set_lock_cap(15), 0, "B2: the cap can be lowered below what is locked");
    is_int(locked(), 16, "B2: which unlocks nothing");
    vaddr_t b = (vaddr_t)map_anon(s, 1, RW, 0);
    is_int(space_lock(s, b, 1, false), -ENOMEM, "L12: uid 0 does not ignore the cap");
    is_int(mm_set_lock_cap(17), 0, "B2: raised again");
    is_int(space_lock(s, b, 1, false), 0, "B2: it lets one more page in");
    is_int(mm_set_lock_cap(st.frames.total), -EINVAL, "B2: all of memory is more than the reserve allows");
    mm_set_lock_cap(st.lock_cap);
    end("L10-L12, B1, B2");
}

static void test_on_fault(void) {
    begin(8);
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0);
    poke(s, a, 1);
    is_int(space_lock(s, a, P(8), true), 0, "L14: MLOCK_ONFAULT");
    is_int(resident(s, a, 8), 1, "L14: brings nothing in");
    is_int(locked(), 8, "L14: but charges all of it");
    poke(s, a + P(3), 1);
    uint64_t before = faults();
    poke(s, a, 2), poke(s, a + P(3), 2);
    is_int(faults() - before, 0, "L14: what has been touched takes no fault any more");
    is_int(space_advise(s, a + P(3), P(1), MADV_DONTNEED), -EINVAL, "L19: and is locked");
    is_int(space_lock(s, a, P(8), false), 0, "mlock over it");
    is_int(resident(s, a, 8), 8, "L1: brings the rest in");
    is_int(locked(), 8, "L11: at no further charge");
    end("L14");
}

static void test_protect(void) {
    begin(20);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    poke(s, a, 7);
    space_lock(s, a, P(16), false);
    space_protect(s, a + P(4), P(4), PROT_NONE);
    is_int(resident(s, a, 16), 16, "L17: PROT_NONE keeps pages resident");
    is_str(lock_map(a), "LLLLLLLLLLLLLLLL", "L17: and locked");
    is_int(locked(), 12, "I3: but they are not charged");
    is_int(space_protect(s, a + P(4), P(4), RW), 0, "L17: made accessible again");
    is_int(locked(), 16, "L17: they are");
    uint64_t before = faults();
    for (unsigned i = 0; i < 16; i++) poke(s, a + P(i), 1);
    is_int(faults() - before, 0, "L2: and take no fault");
    space_protect(s, a, P(16), PROT_NONE);
    is_int(space_unlock(s, a, P(16)), 0, "L17: munlock finds PROT_NONE pages");
    end("L17: PROT_NONE");

    begin(20);
    a = (vaddr_t)map_anon(s, 4, RO, 0);
    space_lock(s, a, P(4), false);
    is_int(space_protect(s, a, P(4), RW), 0, "L17: read-only made writable");
    before = faults();
    for (unsigned i = 0; i < 4; i++) poke(s, a + P(i), 1);
    is_int(faults() - before, 0, "L17: breaks COW at once, not on a fault");
    space_protect(s, a, P(4), PROT_NONE);
    vaddr_t b = (vaddr_t)map_anon(s, 18, RW, 0);
    space_lock(s, b, P(18), false);
    is_int(space_protect(s, a, P(4), RW), -ENOMEM, "L17: what cannot be charged is not opened");
    is_int(host_touch(s, a, FAULT_READ), -EACCES, "L17: and nothing changed");
    end("L17: read-only");
}

static void test_remap(void) {
    begin(10);
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0), to = 0x70000000;
    space_lock(s, a, P(4), false);
    poke(s, a, 9);
    is_int(space_remap(s, a, P(4), P(8), MREMAP_MAYMOVE | MREMAP_FIXED, to), (long)to, "L18: a locked mapping moves and grows");
    is_int(peek(s, to), 9, "L18: with its contents");
    is_int(locked(), 8, "L18: the growth is charged, once");
    is_int(resident(s, to, 8), 8, "L18: and brought in");
    is_int(peek(s, a), -EFAULT, "L18: nothing is left behind");
    is_int(space_remap(s, to, P(8), P(12), MREMAP_MAYMOVE, 0), -EAGAIN, "L18: growth over the limit is EAGAIN");
    is_int(locked(), 8, "L4: and changes nothing");
    is_int(space_remap(s, to, P(8), P(2), 0, 0), (long)to, "L18: it shrinks");
    is_int(locked(), 2, "L18: and so does its charge");
    end("L18");
}

static void test_advice(void) {
    static const int bad[] = {MADV_DONTNEED, MADV_FREE, MADV_PAGEOUT, MADV_COLD};
    begin(UINT64_MAX);
    vaddr_t a = (vaddr_t)map_anon(s, 4, RW, 0);
    poke(s, a, 5), poke(s, a + P(3), 6);
    space_lock(s, a + P(3), P(1), false);
    for (unsigned i = 0; i < 4; i++) is_int(space_advise(s, a, P(4), bad[i]), -EINVAL, "L19: advice %d over a locked page", bad[i]);
    ok(peek(s, a) == 5 && peek(s, a + P(3)) == 6, "L19: touches nothing, not even what is not locked");
    is_int(space_advise(s, a, P(4), MADV_WILLNEED), 0, "L19: WILLNEED is fine");
    is_int(space_sync(s, a, P(4), MS_INVALIDATE | MS_SYNC), -EBUSY, "L20: msync(MS_INVALIDATE) over a locked page");
    is_int(space_sync(s, a, P(3), MS_INVALIDATE | MS_SYNC), 0, "L20: not over others");
    uint8_t vec[8];
    is_int(space_incore(s, a, 8, vec), -ENOMEM, "L22: mincore over a hole");
    end("L19, L20, L22");
}

/* L21, B3, B4: a locked object that is truncated, in every order of what follows. */
static void test_truncate(void) {
    for (int order = 0; order < 6; order++) {
        begin(UINT64_MAX);
        struct object *o = object_create_shared(P(8));
        vaddr_t a = (vaddr_t)map_object(s, o, 0, 8, RW, MAP_SHARED), b = (vaddr_t)map_object(s, o, 0, 8, RO, MAP_PRIVATE);
        struct space *child;
        for (unsigned i = 0; i < 8; i++) poke(s, a + P(i), 1);
        space_lock(s, a, P(8), false), space_lock(s, b, P(8), false);
        object_resize(o, P(3));
        is_int(peek(s, a + P(5)), -ENXIO, "L21: SIGBUS past the new end, order %d", order);
        is_int(space_lock(s, a, P(8), false), -ENOMEM, "L21: mlock past the end");
        is_int(space_protect(s, b, P(8), RW), 0, "B4: made writable after truncation");
        is_int(space_fork(s, &child), 0, "B4: and forked");
        space_end(child);
        if (order & 1) object_resize(o, P(8)), is_int(peek(s, a + P(5)), 0, "L21: growing shows zeroes");
        if (order / 2 == 0) space_unlock(s, a, P(8)), space_unmap(s, a, P(8)), object_drop(o);
        if (order / 2 == 1) object_drop(o), space_unmap(s, a, P(8)), space_unmap(s, b, P(4));
        if (order / 2 == 2) space_unmap(s, b, P(8)), object_drop(o), space_unlock_all(s);
        end("L21: truncated while locked");
    }
}

static void test_map_locked(void) {
    begin(8);
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, MAP_LOCKED);
    is_int(resident(s, a, 8), 8, "L23: MAP_LOCKED brings everything in");
    is_int(map_anon(s, 1, RW, MAP_LOCKED), -EAGAIN, "L23: over the limit it fails");
    is_int(map_anon(s, 1, PROT_NONE, MAP_LOCKED), -EAGAIN, "L23: as mlock of PROT_NONE would");
    is_int(map_anon_at(s, a + P(2), 2, RW, MAP_LOCKED), 0, "L23: over what it replaces it pays nothing twice");
    struct space_stats st;
    space_get_stats(s, &st);
    is_int(st.mapped, 8, "L23: what failed left nothing mapped");
    struct object *o = object_create_shared(P(2));
    space_unlock(s, a, P(8));
    is_int(map_object(s, o, 0, 4, RW, MAP_SHARED | MAP_LOCKED), -EAGAIN, "L23: past an object's end, as mlock");
    is_int(locked(), 0, "L4: with no charge left");
    object_drop(o);
    end("L23");
}

static void test_stack(void) {
    base = baseline_now();
    s = space_create(&(struct space_limits){P(20), UINT64_MAX, UINT64_MAX, P(64), false});
    vaddr_t top = 0x7ff000000000;
    is_int(space_map_stack(s, top, P(4)), 0, "a stack of four pages");
    is_int(poke(s, top - P(5), 1), 0, "L24: a touch below it grows it");
    is_int(poke(s, top - P(65), 1), -EFAULT, "L24: not beyond its limit");
    space_lock(s, top - P(5), P(5), false);
    is_int(poke(s, top - P(10), 1), 0, "L24: a locked stack grows");
    is_int(locked(), 10, "L24: charged at once");
    is_int(resident(s, top - P(10), 10), 10, "L24: and brought in at once");
    is_int(poke(s, top - P(30), 1), -EFAULT, "L24: SIGSEGV if it cannot be charged");
    is_int(space_lock(s, top - P(11), P(11), false), -ENOMEM, "L24: the guard gap is never locked");
    end("L24");
}

/* L15 */
static void test_two_mappings(void) {
    begin(UINT64_MAX);
    struct object *o = object_create_shared(P(1));
    vaddr_t a = (vaddr_t)map_object(s, o, 0, 1, RW, MAP_SHARED), b = (vaddr_t)map_object(s, o, 0, 1, RW, MAP_SHARED);
    struct space *t = space_new();
    vaddr_t c = (vaddr_t)map_object(t, o, 0, 1, RW, MAP_SHARED);
    space_lock(s, a, 1, false), space_lock(s, b, 1, false), space_lock(t, c, 1, false);
    is_int(locked(), 2, "L11: two mappings of a page cost two");
    space_unlock(s, a, 1);
    is_int(space_sync(s, b, 1, MS_INVALIDATE), -EBUSY, "L15: the other mapping is locked still");
    space_unlock_all(s);
    is_int(space_sync(t, c, 1, MS_INVALIDATE), -EBUSY, "L15: and so is another process's");
    space_end(t);
    object_drop(o);
    end("L15");
}

/* L10: no frames although the limits allow it. */
static void test_exhaustion(void) {
    begin(UINT64_MAX);
    for (unsigned i = 0; i < sizeof(file_bytes); i++) file_bytes[i] = (char)i;
    struct object *o = object_create_file(file_bytes, sizeof(file_bytes));
    vaddr_t f = (vaddr_t)map_object(s, o, 0, 8, RO, MAP_PRIVATE), n = (vaddr_t)map_anon(s, 8, RW, MAP_NORESERVE);
    inject_arm(INJECT_FRAME, 4);
    is_int(space_lock(s, f, P(8), false), -EAGAIN, "L10: no frame for a page of a file is EAGAIN");
    is_int(space_lock(s, f, P(8), false), 0, "L10: it can be had another time");
    space_unlock(s, f, P(8));
    inject_arm(INJECT_RESERVE, 5);
    is_int(space_lock(s, n, P(8), false), -EAGAIN, "L10: no frame for a page that nobody promised, too");
    is_int(locked(), 0, "L4: and nothing is locked");
    is_int(space_lock(s, n, P(8), false), 0, "L10: it can be had another time");
    object_drop(o);
    end("L10: no frames");
}

/* ---- A ---- */

static void test_lock_all(void) {
    begin(40);
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0), none = (vaddr_t)map_anon(s, 8, PROT_NONE, 0);
    for (int flags = 0; flags < 16; flags++) {
        bool good = flags && !(flags & 8) && flags != MCL_ONFAULT;
        is_int(space_lock_all(s, flags), good ? 0 : -EINVAL, "A1, A2: mlockall(%d)", flags);
    }
    is_int(space_lock_all(s, -1), -EINVAL, "A2: all bits");
    space_unlock_all(s);
    is_int(locked() + (uint64_t)future(), 0, "A5: munlockall ends it all");
    is_int(space_lock_all(s, MCL_CURRENT), 0, "A1: MCL_CURRENT");
    is_int(resident(s, a, 8), 8, "A1: everything accessible is resident");
    is_int(locked(), 8, "A4: PROT_NONE is skipped");
    is_int(future(), 0, "A1: and nothing is said about the future");
    space_protect(s, none, P(1), RW);
    is_int(locked(), 8, "A4: what opens later without MCL_FUTURE is not locked");
    is_int(space_lock_all(s, MCL_FUTURE), 0, "A1: MCL_FUTURE");
    space_protect(s, none + P(1), P(3), RW);
    is_int(locked(), 11, "A4: with it, PROT_NONE made accessible is charged");
    is_int(resident(s, none + P(1), 3), 3, "A4: and brought in");
    is_int(space_lock_all(s, MCL_CURRENT), 0, "A5: MCL_CURRENT after it");
    is_int(future(), MCL_FUTURE, "A5: does not end it");
    vaddr_t b = (vaddr_t)map_anon(s, 4, RW, 0);
    is_int(resident(s, b, 4), 4, "A1: what is mapped later is locked as it is mapped");
    is_int(locked(), 16, "A1: and charged");
    is_int(map_anon(s, 30, RW, 0), -EAGAIN, "A6: beyond the limit mmap fails");
    is_int(space_unlock_all(s), 0, "A5: munlockall");
    b = (vaddr_t)map_anon(s, 4, RW, 0);
    is_int(resident(s, b, 4), 0, "A10: what is mapped after it is not locked");
    end("A1, A2, A4-A6, A10");
}

static void test_lock_all_fails(void) {
    begin(10);
    vaddr_t a = (vaddr_t)map_anon(s, 16, RW, 0);
    space_lock(s, a, P(2), false);
    const char *before = lock_map(a);
    is_int(space_lock_all(s, MCL_CURRENT | MCL_FUTURE), -ENOMEM, "A3: over the limit, judged on the total");
    is_str(lock_map(a), before, "A3: no lock changed");
    is_int(future(), 0, "A3: nor is there MCL_FUTURE");
    is_int(space_lock_all(s, MCL_FUTURE), 0, "A3: MCL_FUTURE alone is judged by no limit");
    is_int(space_brk(s, 0), 0, "a break that was never set");
    space_set_break(s, 0x10000000);
    is_int((long)space_brk(s, 0x10000000 + P(4)), 0x10000000 + P(4), "A6: brk within the limit");
    is_int(resident(s, 0x10000000, 4), 4, "A6: is locked as it grows");
    is_int((long)space_brk(s, 0x10000000 + P(9)), 0x10000000 + P(4), "A6: beyond it the break stays");
    end("A3, A6");
    begin(UINT64_MAX);
    vaddr_t n = (vaddr_t)map_anon(s, 8, RW, MAP_NORESERVE);
    inject_arm(INJECT_RESERVE, 5);
    is_int(space_lock_all(s, MCL_CURRENT | MCL_FUTURE), -EAGAIN, "A3: not enough frames");
    ok(locked() == 0 && future() == 0, "A3: and nothing changed");
    inject_arm(INJECT_RESERVE, 0);
    is_int(space_lock(s, n, P(8), false), 0, "A3: another time it works");
    end("A3: no frames");
}

int main(void) {
    mm_start(32);
    test_basic();
    test_ranges();
    test_every_subrange();
    test_all_or_nothing();
    test_limits();
    test_on_fault();
    test_protect();
    test_remap();
    test_advice();
    test_truncate();
    test_map_locked();
    test_stack();
    test_two_mappings();
    test_exhaustion();
    test_lock_all();
    test_lock_all_fails();
    return done_testing();
}
