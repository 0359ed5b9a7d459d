/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every call of mm/ with its n-th allocation failing, n = 1, 2, 3 ... until it succeeds (SQLite's way).
 *
 * A call that fails must say so with an errno that the contract allows it, and leave locks, charges,
 * mappings and contents as they were (L4, A3, A6, A8). The audit after each; the baseline at the end.
 *
 * Then with swap, where a frame may have to be waited for: a call of which the n-th has to wait succeeds all the same. Once with
 * all pages in memory, and once with those that may leave it in swap.
 */
#include "tests/host/disk.h"

#include <asm/errno.h>
#include <string.h>

#include "mm/space.h"

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define P(n) ((n) * PAGE_SIZE)

/* A space with something of everything, around two table boundaries. */
#define A 0x3ffff000ul /* 1 GiB less a page */

static char file_bytes[4 * PAGE_SIZE];
static struct object *file, *memory;
static struct space *s, *child;
static struct pinned pins;
static struct disk disk;
static bool swapping, cold; /* there is swap; and before each call all that may be is in it */

static void build(void) {
    s = space_new();
    file = object_create_file(file_bytes, sizeof(file_bytes));
    memory = object_create_shared(P(8));
    map_anon_at(s, A, 8, RW, 0);
    poke(s, A + P(1), 1), poke(s, A + P(3), 3);
    space_lock(s, A + P(3), P(1), false);
    map_anon_at(s, A + P(10), 8, RW, MAP_NORESERVE);
    poke(s, A + P(10), 4);
    map_anon_at(s, A + P(20), 8, PROT_NONE, 0);
    struct map_request q = {A + P(30), P(4), RO, MAP_PRIVATE | MAP_FIXED, file, 0, 7};
    space_map(s, &q);
    q = (struct map_request){A + P(40), P(8), RW, MAP_SHARED | MAP_FIXED, memory, 0, 7};
    space_map(s, &q);
    space_set_break(s, 0x50000000);
    space_map_stack(s, 0x7f0000000000, P(4));
    child = NULL;
    pins = (struct pinned){0};
}

static void tear_down(void) {
    pinned_release(&pins);
    if (child) space_end(child);
    space_end(s);
    object_drop(file);
    object_drop(memory);
}

/* ---- the calls ---- */

static long at(long address, vaddr_t want) {
    return address == (long)want ? 0 : address;
}

static long fixed(vaddr_t va, uint64_t pages, int prot, int flags, struct object *o) {
    struct map_request q = {va, P(pages), prot, flags | MAP_FIXED, o, 0, 7};
    return at(space_map(s, &q), va);
}

static long create(void) {
    child = space_create(&s->limits);
    return child ? 0 : -ENOMEM;
}

static long do_fork(void) { return space_fork(s, &child); }
static long map_private(void) { return fixed(A + P(60), 600, RW, MAP_PRIVATE | MAP_ANONYMOUS, NULL); }
static long map_shared(void) { return fixed(A + P(60), 2000, RW, MAP_SHARED | MAP_ANONYMOUS, NULL); }
static long map_file(void) { return fixed(A + P(60), 4, RW, MAP_PRIVATE, file); }
static long map_over(void) { return fixed(A + P(2), 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, NULL); }
static long map_locked(void) { return fixed(A + P(60), 4, RO, MAP_PRIVATE | MAP_LOCKED, file); }
static long unmap_middle(void) { return space_unmap(s, A + P(2), P(1)); }
static long unmap_many(void) { return space_unmap(s, A + P(2), P(30)); }
static long protect_none(void) { return space_protect(s, A + P(1), P(5), PROT_NONE); }
static long protect_open(void) { return space_protect(s, A + P(22), P(3), RW); }
static long protect_file(void) { return space_protect(s, A + P(31), P(2), RW); }
static long lock_some(void) { return space_lock(s, A + P(1), P(4), false); }
static long lock_single(void) { return space_lock(s, A + P(11), P(4), false); }
static long lock_file(void) { return space_lock(s, A + P(31), P(2), false); }
static long lock_fault(void) { return space_lock(s, A + P(1), P(4), true); }
static long unlock_part(void) { return space_unlock(s, A + P(2), P(2)); }
static long lock_all(void) { return space_lock_all(s, MCL_CURRENT | MCL_FUTURE); }
static long unlock_all(void) { return space_unlock_all(s); }
static long advise(void) { return space_advise(s, A + P(1), P(1), MADV_DONTFORK); }
static long forget(void) { return space_advise(s, A + P(10), P(4), MADV_DONTNEED); }
static long remap(unsigned from, unsigned old, unsigned new) {
    return at(space_remap(s, A + P(from), P(old), P(new), MREMAP_MAYMOVE | MREMAP_FIXED, A + P(600)), A + P(600));
}
static long grow(void) { return at(space_remap(s, A + P(40), P(8), P(10), MREMAP_MAYMOVE, 0), A + P(40)); }
static long move(void) { return remap(5, 3, 900); }
static long move_single(void) { return remap(11, 2, 2); }
static long grow_heap(void) {
    return space_brk(s, 0x50000000 + P(700)) == 0x50000000 + P(700) ? 0 : -ENOMEM;
}
static long grow_stack(void) { return poke(s, 0x7f0000000000 - P(20), 1); }
static long touch_fresh(void) { return poke(s, A + P(2), 1); }
static long touch_single(void) { return poke(s, A + P(12), 1); }
static long touch_file(void) { return peek(s, A + P(31)) < 0 ? -ENOMEM : 0; }
static long pin_some(void) { return space_pin(s, A + P(1), P(4), true, &pins); }
static long resize(void) { return object_resize(memory, P(3000)); }
static long write_object(void) {
    char bytes[100] = {5};
    return object_write(memory, P(3) - 50, bytes, 100) == 100 ? 0 : -ENOMEM;
}
static long populate(void) { return space_advise(s, A, P(8), MADV_POPULATE_WRITE); }
static long fork_and_write(void) {
    long err = space_fork(s, &child);
    return err ? err : poke(child, A + P(1), 9);
}
static long peek_file(void) {
    char byte;
    return space_peek(s, &byte, A + P(33), 1);
}

static const struct {
    const char *name;
    long (*call)(void);
    long error; /* what it may fail with */
    bool sure;  /* it allocates nothing that can be refused */
} calls[] = {
    {"space_create", create, -ENOMEM, false},
    {"fork", do_fork, -ENOMEM, false},
    {"mmap, private", map_private, -ENOMEM, false},
    {"mmap, shared", map_shared, -ENOMEM, false},
    {"mmap, a file", map_file, -ENOMEM, false},
    {"mmap over others", map_over, -ENOMEM, false},
    {"mmap, MAP_LOCKED", map_locked, -EAGAIN, false},
    {"munmap in the middle", unmap_middle, -ENOMEM, false},
    {"munmap over many", unmap_many, -ENOMEM, false},
    {"mprotect to nothing", protect_none, -ENOMEM, false},
    {"mprotect from nothing", protect_open, -ENOMEM, false},
    {"mprotect of a file", protect_file, -ENOMEM, false},
    {"mlock", lock_some, -EAGAIN, false},
    {"mlock of MAP_NORESERVE", lock_single, -EAGAIN, false},
    {"mlock of a file", lock_file, -EAGAIN, false},
    {"mlock2", lock_fault, -EAGAIN, false},
    {"munlock in the middle", unlock_part, -ENOMEM, false},
    {"mlockall", lock_all, -EAGAIN, false},
    {"munlockall", unlock_all, 0, true},
    {"madvise that splits", advise, -ENOMEM, false},
    {"madvise that forgets", forget, 0, true},
    {"mremap in place", grow, -ENOMEM, false},
    {"mremap that moves", move, -ENOMEM, false},
    {"mremap of MAP_NORESERVE", move_single, -ENOMEM, false},
    {"brk", grow_heap, -ENOMEM, false},
    {"stack growth", grow_stack, -EFAULT, false},
    {"a touch of promised memory", touch_fresh, 0, true},
    {"a touch of MAP_NORESERVE", touch_single, -ENOMEM, false},
    {"a touch of a file", touch_file, -ENOMEM, false},
    {"a pin", pin_some, -ENOMEM, false},
    {"ftruncate", resize, -ENOMEM, false},
    {"a peek", peek_file, -ENOMEM, false},
    {"a write to shared memory", write_object, 0, true},
    {"MADV_POPULATE_WRITE", populate, 0, true},
    {"fork and a copy on write", fork_and_write, -ENOMEM, false},
};

/* All that a failed call must leave alone. */
struct snapshot {
    struct space_stats st;
    char map[70];
    int bytes[3];
};

static struct snapshot look(void) {
    struct snapshot n = {0};
    space_get_stats(s, &n.st);
    n.st.resident = n.st.swapped = n.st.tables = n.st.regions = 0; /* a failed call may have brought pages in */
    n.st.minor_faults = n.st.major_faults = 0;
    for (unsigned i = 0; i < sizeof(n.map); i++) {
        struct region_info r;
        bool there = space_region_at(s, A + P(i), &r) && r.start <= A + P(i);
        n.map[i] = !there ? '.' : (char)('0' + r.prot + 8 * r.locked + 16 * r.on_fault);
    }
    static const unsigned written[] = {1, 3, 10};
    for (unsigned i = 0; i < 3; i++) space_peek(s, &n.bytes[i], A + P(written[i]), 1);
    return n;
}

/* One call, one site, one n. False: it went through without the failure. */
static bool try_one(unsigned i, enum inject_site site, unsigned n, const char **bad) {
    build();
    struct snapshot before = look();
    if (cold) pageout_everything();
    inject_arm(site, n);
    long result = calls[i].call();
    bool fired = inject_left(site) == 0;
    inject_arm(site, 0);
    if (fired && result) {
        struct snapshot after = look();
        if (calls[i].sure || swapping) *bad = "failed, and must not";
        else if (result != calls[i].error && result != -ENOMEM && result != -EAGAIN) *bad = "failed with another errno";
        else if (memcmp(&before, &after, sizeof(before)) != 0) *bad = "failed, and something had changed";
    } else if (result) {
        *bad = "failed although nothing was refused";
    }
    const char *error = audit_error();
    if (error) diag("%s", error), *bad = "the audit";
    tear_down();
    disk_serve_all(&disk);
    return fired;
}

/* How often it failed, or waited. */
static unsigned test_site(unsigned i, enum inject_site site) {
    static const char *const sites[] = {"frame failures", "heap failures", "reserve failures", "stalls"};
    const char *bad = NULL;
    unsigned n = 1;
    while (!bad && n < 200 && try_one(i, site, n, &bad)) n++;
    ok(!bad && n < 200, "%s: each of %u %s%s", calls[i].name, n - 1, sites[site], cold ? ", with pages in swap" : "");
    if (bad) diag("number %u: %s", n, bad);
    return n - 1;
}

static void test_call(unsigned i) {
    struct baseline base = baseline_now();
    for (int site = 0; site < INJECT_STALL; site++) test_site(i, site);
    ok(baseline_same(&base), "I8: %s: the baseline is back", calls[i].name);
}

static void test_stalls(bool in_swap) {
    unsigned stalls = 0;
    struct baseline base = baseline_now();
    cold = in_swap;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) stalls += test_site(i, INJECT_STALL);
    ok(stalls > 30, "%u times a call had to wait", stalls);
    baseline_ok(&base, "after the stalls");
}

int main(void) {
    mm_start(64);
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) test_call(i);
    disk_make(&disk, 4096, 1);
    disk_attend(&disk);
    swapping = swap_on(&disk.backing, 0) == 0;
    ok(swapping, "swap is on");
    test_stalls(false);
    test_stalls(true);
    return done_testing();
}
