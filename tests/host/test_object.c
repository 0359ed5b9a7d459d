/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Objects: shared memory and files, their pages, promises, truncation and reclaim (contract L21).
 */
#include "tests/host/support.h"

#include <asm/errno.h>
#include <string.h>

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)

static const char *text_of(uint64_t n) {
    static char text[8 * PAGE_SIZE];
    for (uint64_t i = 0; i < sizeof(text); i++) text[i] = (char)('a' + i / PAGE_SIZE + i % 7);
    (void)n;
    return text;
}

static uint64_t frames_in(enum frame_state state) {
    struct frame_stats st;
    frame_get_stats(&st);
    return st.count[state];
}

static void test_shared(void) {
    struct baseline base = baseline_now();
    struct object *o = object_create_shared(4 * PAGE_SIZE + 10);
    pfn_t a, b;
    ok(o != NULL, "a shared object can be made");
    is_int(baseline_now().promised - base.promised, 5, "each of its pages is promised, the last part one too");
    is_int(object_page(o, 0, &a), 0, "its first page can be had");
    object_page(o, 0, &b);
    ok(a == b && frame_of(a)->refs == 3, "I4: the same frame twice, one reference for each and one for the object");
    frame_drop(a), frame_drop(b);
    is_int(object_page(o, 4, &a), 0, "so can its last page");
    frame_drop(a);
    is_int(object_page(o, 5, &a), -ENXIO, "past the end is ENXIO");
    is_int(object_page(o, UINT64_MAX >> 12, &a), -ENXIO, "far past the end too");
    is_int(frames_in(FRAME_SHARED), 2, "only touched pages have frames");
    object_hold(o);
    object_drop(o);
    is_int(frames_in(FRAME_SHARED), 2, "a second holder keeps it");
    object_drop(o);
    baseline_ok(&base, "after a shared object");
    ok(object_create_shared(1ul << 40) == NULL, "more than memory is refused");
    ok(object_create_shared(UINT64_MAX) == NULL, "2^64-1 bytes are refused");
    baseline_ok(&base, "after refusals");
}

static void test_read_write(void) {
    char buf[100], big[PAGE_SIZE];
    struct baseline base = baseline_now();
    struct object *o = object_create_shared(PAGE_SIZE + 100);
    is_int(object_write(o, PAGE_SIZE - 3, "abcdef", 6), 6, "a write across two pages");
    is_int(object_read(o, PAGE_SIZE - 3, buf, 6), 6, "is read back");
    ok(memcmp(buf, "abcdef", 6) == 0, "as it was written");
    is_int(object_read(o, PAGE_SIZE + 90, buf, 50), 10, "a read that meets the end is short");
    is_int(object_read(o, PAGE_SIZE + 100, buf, 50), 0, "at the end it is empty");
    is_int(object_read(o, UINT64_MAX - 5, buf, 50), 0, "far past the end too");
    memset(big, 1, sizeof(big));
    is_int(object_read(o, 100, big, 1000), 1000, "a hole can be read");
    ok(big[0] == 0 && memcmp(big, big + 1, 999) == 0, "as zeroes");
    object_drop(o);
    baseline_ok(&base, "after reads and writes");
}

static void test_file(void) {
    struct baseline base = baseline_now();
    const char *text = text_of(8);
    char buf[200];
    uint64_t size = 3 * PAGE_SIZE + 17;
    struct object *o = object_create_file(text, size);
    pfn_t pfn;
    ok(o != NULL, "a file object can be made");
    is_int(object_page(o, 3, &pfn), 0, "its last, partial page can be had");
    const char *bytes = frame_addr(pfn);
    ok(memcmp(bytes, text + 3 * PAGE_SIZE, 17) == 0 && bytes[17] == 0 && memcmp(bytes + 17, bytes + 18, PAGE_SIZE - 18) == 0,
       "with the file's bytes, and zeroes behind its end");
    is_int(frame_of(pfn)->state, FRAME_CACHE, "it is a clean copy");
    is_int(object_reclaim(100), 0, "which nobody may drop while another holds it");
    frame_drop(pfn);
    is_int(object_reclaim(100), 1, "but may when only the object does");
    is_int(frames_in(FRAME_CACHE), 0, "then it is gone");
    is_int(object_read(o, PAGE_SIZE - 10, buf, 20), 20, "and reading brings back what is needed");
    ok(memcmp(buf, text + PAGE_SIZE - 10, 20) == 0, "with the right bytes");
    is_int(object_resize(o, PAGE_SIZE), -EINVAL, "a file cannot be resized");
    ok(object_write(o, 0, "x", 1) < 0, "or written");
    inject_arm(INJECT_FRAME, 1);
    is_int(object_page(o, 2, &pfn), -ENOMEM, "a file's page may fail for want of a frame");
    inject_arm(INJECT_FRAME, 0);
    object_drop(o);
    baseline_ok(&base, "after a file");
}

/* L21: a mapped object shrinks and grows. */
static void test_truncate(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new(), *t = space_new();
    struct object *o = object_create_shared(4 * PAGE_SIZE);
    long a = map_object(s, o, 0, 4, RW, MAP_SHARED), b = map_object(t, o, 1, 3, RW, MAP_SHARED);
    for (int i = 0; i < 4; i++) poke(s, (vaddr_t)a + (vaddr_t)i * PAGE_SIZE + 2000, (uint8_t)(i + 1));
    is_int(peek(t, (vaddr_t)b + 2000), 2, "what one space writes the other reads");
    is_int(object_resize(o, PAGE_SIZE + 1000), 0, "the object can shrink");
    is_int(peek(s, (vaddr_t)a + 2000), 1, "what is inside stays");
    is_int(peek(s, (vaddr_t)a + PAGE_SIZE + 2000), 0, "the last page's tail is zero");
    is_int(peek(s, (vaddr_t)a + 2 * PAGE_SIZE), -ENXIO, "L21: past the end is SIGBUS");
    is_int(peek(t, (vaddr_t)b + PAGE_SIZE), -ENXIO, "L21: in every mapping");
    is_int(baseline_now().promised - base.promised < 20, 1, "promises of what went are taken back");
    is_int(object_resize(o, 4 * PAGE_SIZE), 0, "it can grow again");
    is_int(peek(s, (vaddr_t)a + 3 * PAGE_SIZE + 2000), 0, "L21: showing zeroes");
    is_int(object_resize(o, 1ul << 45), -ENOMEM, "but not beyond memory");
    is_int(peek(s, (vaddr_t)a + 2000), 1, "and a refusal changes nothing");
    audit_ok("after truncation");
    object_drop(o);
    is_int(peek(s, (vaddr_t)a + 2000), 1, "mappings keep an object that nobody else holds");
    space_end(s);
    is_int(peek(t, (vaddr_t)b + 2000), 0, "the last of them too");
    space_end(t);
    baseline_ok(&base, "after truncation");
}

/* B4: private copies of a truncated object. */
static void test_private(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    struct object *o = object_create_shared(3 * PAGE_SIZE);
    long shared = map_object(s, o, 0, 3, RW, MAP_SHARED), mine = map_object(s, o, 0, 3, RW, MAP_PRIVATE);
    poke(s, (vaddr_t)shared, 7);
    is_int(peek(s, (vaddr_t)mine), 7, "a private mapping shows the object");
    poke(s, (vaddr_t)mine, 8);
    is_int(peek(s, (vaddr_t)shared), 7, "and keeps its writes to itself");
    poke(s, (vaddr_t)shared, 9);
    is_int(peek(s, (vaddr_t)mine), 8, "a page that was copied no longer follows");
    poke(s, (vaddr_t)shared + PAGE_SIZE, 5);
    is_int(peek(s, (vaddr_t)mine + PAGE_SIZE), 5, "one that was not does");
    object_resize(o, PAGE_SIZE);
    is_int(peek(s, (vaddr_t)mine + PAGE_SIZE), -ENXIO, "L21: past the end, private mappings are SIGBUS too");
    audit_ok("after a private mapping was truncated");
    object_drop(o);
    space_end(s);
    baseline_ok(&base, "after private mappings");
}

/* object_create and object_resize under every n-th failure. */
static void test_failures(void) {
    struct baseline base = baseline_now();
    for (int site = 0; site < INJECT_SITES; site++) {
        unsigned n = 1;
        for (bool done = false; !done; n++) {
            inject_arm(site, n);
            struct object *o = object_create_shared(3000 * PAGE_SIZE);
            if (o && object_resize(o, 5000 * PAGE_SIZE) == 0) {
                pfn_t pfn;
                done = inject_left(site) != 0;
                if (object_page(o, 4000, &pfn) == 0) frame_drop(pfn);
            }
            inject_arm(site, 0);
            if (o) object_drop(o);
        }
        ok(n < 100, "every allocation of site %d was made to fail in turn: %u", site, n - 1);
        baseline_ok(&base, "after each of them");
    }
}

#define CACHED (9 * MIB)

/* A file whose pages are all in memory, held by nobody else: half of what there is. */
static struct object *cached_file(void) {
    static char bytes[CACHED];
    struct object *o = object_create_file(bytes, sizeof(bytes));
    pfn_t pfn;
    for (uint64_t i = 0; i < CACHED / PAGE_SIZE; i++) {
        object_page(o, i, &pfn);
        frame_drop(pfn);
    }
    return o;
}

/* As much memory that nobody promised and as leaves but few frames beside the file's. */
static long map_most(struct space *s) {
    struct frame_stats st;
    frame_get_stats(&st);
    return map_anon(s, st.count[FRAME_FREE] - 64, RW, MAP_NORESERVE);
}

/* L10: clean pages of files make room, whoever asks and however. */
static void test_makes_room(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    struct object *file = cached_file();
    long a = map_most(s);
    ok(a > 0 && frames_in(FRAME_CACHE) == CACHED / PAGE_SIZE, "a file fills half of memory");
    is_int(space_lock(s, (vaddr_t)a, (frames_in(FRAME_FREE) - 64) * PAGE_SIZE, false), 0, "L10: mlock of MAP_NORESERVE memory");
    ok(frames_in(FRAME_CACHE) == 0, "had the file's pages dropped");
    space_end(s);
    object_drop(file);
    file = cached_file();
    struct object *o = object_create_shared((frames_in(FRAME_FREE) + 64) * PAGE_SIZE);
    ok(o != NULL, "shared memory has them dropped");
    if (o) object_drop(o);
    object_drop(file);
    file = cached_file();
    o = object_create_shared(PAGE_SIZE);
    is_int(object_resize(o, (frames_in(FRAME_FREE) + 64) * PAGE_SIZE), 0, "and so has shared memory that grows");
    object_drop(o);
    object_drop(file);
    baseline_ok(&base, "after making room");
}

/* Files' pages take what is free, but not the kernel's share of it. */
static void test_leaves_the_kernel_its_share(void) {
    static char bytes[32 * MIB];
    struct baseline base = baseline_now();
    struct object *file = object_create_file(bytes, sizeof(bytes));
    pfn_t pfn;
    uint64_t n = 0;
    while (object_page(file, n, &pfn) == 0) frame_drop(pfn), n++;
    ok(n < sizeof(bytes) / PAGE_SIZE, "pages of a file fill memory");
    struct space *s = space_create(&(struct space_limits){0});
    void *block = heap_alloc(16 * PAGE_SIZE);
    ok(s && block, "a space and a block can still be made");
    heap_free(block);
    if (s) space_drop(s);
    object_drop(file);
    baseline_ok(&base, "after filling memory");
}

int main(void) {
    mm_start(64);
    test_shared();
    test_read_write();
    test_file();
    test_truncate();
    test_private();
    test_failures();
    mm_start(20);
    test_makes_room();
    test_leaves_the_kernel_its_share();
    return done_testing();
}
