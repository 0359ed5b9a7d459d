/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Slots on a machine of 8 MiB: a full device gives up copies; bad ones hold nothing; several devices, full ones and equal ones;
 * a device turned off under pages that are shared and forked; slots of memory that was let go.
 */
#include <errno.h>

#include "mm/space.h"
#include "mm/swap.h"
#include "tests/host/disk.h"

#define RW (PROT_READ | PROT_WRITE)

static struct disk first, second;
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

/* ---- two devices ---- */

static uint64_t used_on(const struct disk *d) {
    struct swap_device_stats st;
    for (unsigned i = 0; swap_device_at(i, &st); i++)
        if (st.backing == &d->backing) return st.used;
    return UINT64_MAX;
}

static void serve_both(void) {
    while (disk_serve(&first) || disk_serve(&second)) {}
}

static void second_on(uint64_t pages, int priority) {
    disk_make(&second, pages, 4);
    disk_attend_also(&second);
    is_int(swap_on(&second.backing, priority), 0, "another of %lu pages and priority %d", pages, priority);
}

static void second_off(void) {
    serve_both();
    is_int(swap_off(&second.backing), 0, "which goes");
    disk_free(&second);
}

/* More goes than the first holds. */
static void overflow(int priority, uint64_t on_first, uint64_t on_second, const char *how) {
    begin(101);
    second_on(301, priority);
    vaddr_t va = (vaddr_t)map_anon(s, 200, RW, 0);
    fill(va, 200, 700);
    long gone = (long)pageout_everything(); /* but for some, where the run of slots is shorter than what was taken out for it */
    serve_both();
    is_int(gone + (long)pageout_everything(), 200, "200 pages go");
    serve_both();
    is_int((long)used_on(&first), (long)on_first, "%s: %lu to the first", how, on_first);
    is_int((long)used_on(&second), (long)on_second, "and %lu to the other", on_second);
    is_int((long)wrong(va, 200, 700), 0, "all come back from where they are");
    audit_ok("on two devices");
    space_unmap(s, va, 200 * PAGE_SIZE);
    second_off();
    end(how);
}

static void test_two_devices(void) {
    overflow(-1, 100, 100, "the first of higher priority, until it is full");
    overflow(0, 100, 100, "equal ones in their order");
    overflow(1, 0, 200, "the other of higher priority");
}

/* All kinds of names for slots, on a device that goes. */
static void test_off_beneath_all(void) {
    struct space *child, *grandchild;
    begin(601);
    second_on(601, -1);
    struct object *o = object_create_shared(40 * PAGE_SIZE);
    vaddr_t va = (vaddr_t)map_anon(s, 60, RW, 0), shared = (vaddr_t)map_object(s, o, 0, 40, RW, MAP_SHARED);
    fill(va, 60, 100);
    fill(shared, 40, 200);
    evict_all();
    is_int(space_fork(s, &child), 0, "a child that shares all of it");
    is_int((long)used_on(&first), 100, "in the same slots");
    is_int((long)get(va), 100, "one page is back, and its slot is the child's still");
    is_int(space_fork(child, &grandchild), 0, "and a grandchild");
    is_int(host_write(child, va + 8 * PAGE_SIZE, &(uint64_t){5}, 8), 0, "which the child goes apart from at one page");
    is_int(swap_off(&first.backing), 0, "the device is turned off");
    is_int(resident(s, va, 60) + resident(child, va, 60) + resident(grandchild, va, 60), 180, "everybody's pages have come back");
    is_int(resident(s, shared, 40), 40, "shared ones, too");
    audit_ok("with no name left");
    uint64_t bad = wrong(va, 60, 100) + wrong(shared, 40, 200), value;
    struct space *parent = s;
    s = grandchild;
    bad += wrong(va, 60, 100) + wrong(shared, 40, 200);
    s = parent;
    for (uint64_t i = 0; i < 60; i++) {
        if (host_read(child, va + i * PAGE_SIZE, &value, 8)) host_die("a read");
        bad += value != (i == 8 ? 5 : 100 + i);
    }
    is_int((long)bad, 0, "as they were to each");
    pageout_everything();
    serve_both();
    ok(used_on(&second) >= 100, "and go to the other: %lu", used_on(&second));
    is_int(swap_on(&first.backing, 0), 0, "the first is on again");
    space_end(child);
    space_end(grandchild);
    space_unmap(s, shared, 40 * PAGE_SIZE);
    object_drop(o);
    space_unmap(s, va, 60 * PAGE_SIZE);
    second_off();
    end("turned off beneath all");
}

/* ---- what is let go ---- */

static void test_free(void) {
    begin(601);
    vaddr_t va = (vaddr_t)map_anon(s, 60, RW, 0);
    fill(va, 60, 100);
    evict_all();
    is_int((long)wrong(va, 20, 100), 0, "20 of 60 pages are back");
    is_int(space_advise(s, va + 10 * PAGE_SIZE, 30 * PAGE_SIZE, MADV_FREE), 0, "MADV_FREE of pages in memory and in swap");
    swap_drop_ahead();
    is_int((long)(stats().total - stats().free), 30, "their slots are free at once, copies and all");
    audit_ok("after MADV_FREE");
    uint64_t value = 0;
    for (uint64_t i = 10; i < 40; i++) value |= get(va + i * PAGE_SIZE);
    is_int((long)value, 0, "they read as zeroes");
    put(va + 15 * PAGE_SIZE, 77);
    evict_all();
    is_int((long)get(va + 15 * PAGE_SIZE), 77, "what is written afterwards stays, through swap");
    is_int((long)(wrong(va, 10, 100) + wrong(va + 40 * PAGE_SIZE, 20, 140)), 0, "and so does what is beside them");
    space_advise(s, va, 60 * PAGE_SIZE, MADV_PAGEOUT); /* on its way */
    is_int(space_advise(s, va, 60 * PAGE_SIZE, MADV_FREE), 0, "MADV_FREE of pages that are being written");
    disk_serve_all(&first);
    is_int((long)(stats().total - stats().free), 0, "no slot is left");
    end("let go");
}

int main(void) {
    plan(87);
    mm_start(8);
    test_copies();
    test_bad();
    test_two_devices();
    test_off_beneath_all();
    test_free();
    return done_testing();
}
