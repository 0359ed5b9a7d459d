/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Slots on a machine of 8 MiB: a device that is full gives up copies, an end at a time.
 */
#include <errno.h>

#include "mm/space.h"
#include "mm/swap.h"
#include "tests/host/disk.h"

#define RW (PROT_READ | PROT_WRITE)

static struct disk first;
static struct baseline base;
static struct space *s;

static struct swap_stats stats(void) {
    struct swap_stats st;
    swap_get_stats(&st);
    return st;
}

static void put(vaddr_t va, uint64_t value) {
    int err = host_write(s, va, &value, sizeof(value));
    if (err) host_die("a write to %#lx: error %d", va, -err);
}

static uint64_t get(vaddr_t va) {
    uint64_t value = 0;
    int err = host_read(s, va, &value, sizeof(value));
    if (err) host_die("a read from %#lx: error %d", va, -err);
    return value;
}

static void fill(vaddr_t va, uint64_t pages, uint64_t key) {
    for (uint64_t i = 0; i < pages; i++) put(va + i * PAGE_SIZE, key + i);
}

static uint64_t wrong(vaddr_t va, uint64_t pages, uint64_t key) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < pages; i++) n += get(va + i * PAGE_SIZE) != key + i;
    return n;
}

static void begin(uint64_t pages) {
    base = baseline_now();
    s = space_new();
    disk_make(&first, pages, 3);
    disk_attend(&first);
    is_int(swap_on(&first.backing, 0), 0, "a device of %lu pages is on", pages);
}

static void end(const char *what) {
    audit_ok(what);
    space_end(s);
    disk_serve_all(&first);
    is_int(swap_off(&first.backing), 0, "off again");
    disk_free(&first);
    baseline_ok(&base, what);
}

static void evict_all(void) {
    pageout_everything();
    disk_serve_all(&first);
}

/* All slots are used, many of them as copies of pages that are in memory as well. */
static void test_copies(void) {
    enum { PAGES = 1200, COPIES = 300 };
    begin(PAGES + 1);
    vaddr_t va = (vaddr_t)map_anon(s, PAGES, RW, 0), more = (vaddr_t)map_anon(s, 100, RW, 0);
    for (uint64_t at = 0; at < PAGES; at += 400) { /* not all of it fits into memory at once */
        fill(va + at * PAGE_SIZE, 400, 1000 + at);
        evict_all();
    }
    is_int((long)stats().free, 0, "no slot is free");
    is_int((long)wrong(va + 600 * PAGE_SIZE, COPIES, 1600), 0, "some pages are back, and their slots are copies");
    swap_drop_ahead();
    uint64_t copies = stats().cached;
    is_int((long)copies, COPIES, "as many as were touched");
    audit_ok("copies counted");
    bool later;
    struct swap_write *io = swap_write_begin(&later);
    ok(io != NULL, "a page can be written all the same");
    swap_write_end(io);
    is_int((long)(copies - stats().cached), BACKING_SEGMENTS, "and no more copies are given up than one request takes");
    fill(more, 100, 50);
    evict_all();
    is_int((long)wrong(more, 100, 50) + (long)wrong(va, PAGES, 1000), 0, "100 pages more find room, and nothing is lost");
    end("copies");
}

static uint64_t backing(void) {
    struct frame_stats f;
    frame_get_stats(&f);
    return f.backing;
}

/* Can so many pages more be committed? */
static bool fits(uint64_t pages) {
    bool ok = frame_commit(pages) == 0;
    if (ok) frame_uncommit(pages);
    return ok;
}

/* What could not be written is no place for a page: no memory is committed against it. */
static void test_bad(void) {
    begin(401);
    vaddr_t va = (vaddr_t)map_anon(s, 16, RW, 0);
    fill(va, 16, 1);
    uint64_t most = 400;
    while (fits(most + 1)) most++;
    first.fail_write = 1;
    evict_all();
    is_int((long)wrong(va, 16, 1), 0, "a write that fails loses nothing");
    is_int((long)backing(), 400 - 16, "but 16 slots are bad, and the device holds as many pages less");
    ok(!fits(most) && fits(most - 16), "so many less can be committed");
    space_unmap(s, va, 16 * PAGE_SIZE);
    is_int((long)stats().bad, 16, "they stay bad when their pages have gone");
    is_int((long)backing(), 400 - 16, "and are not taken off twice");
    is_int(swap_off(&first.backing), 0, "turned off");
    is_int(swap_on(&first.backing, 0), 0, "and on, it is as good as new");
    is_int((long)backing(), 400, "for what anybody knows");
    end("bad slots");
}

int main(void) {
    mm_start(8);
    test_copies();
    test_bad();
    return done_testing();
}
