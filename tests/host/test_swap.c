/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Swap and page-out on a machine of 8 MiB: what is out comes back as it was, locked pages stay, nobody's memory is mixed up
 * with another's, and each slot and frame is accounted for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/evict.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "tests/host/disk.h"

#define DISK_PAGES 8192
#define RW (PROT_READ | PROT_WRITE)

static struct disk disk;

static struct swap_stats stats(void) {
    struct swap_stats st;
    swap_get_stats(&st);
    return st;
}

static void put(struct space *s, vaddr_t va, uint64_t value) {
    int err = host_write(s, va, &value, sizeof(value));
    if (err) host_die("a write to %#lx: error %d", va, -err);
}

static uint64_t get(struct space *s, vaddr_t va) {
    uint64_t value = 0;
    int err = host_read(s, va, &value, sizeof(value));
    if (err) host_die("a read from %#lx: error %d", va, -err);
    return value;
}

static void fill(struct space *s, vaddr_t va, uint64_t pages, uint64_t key) {
    for (uint64_t i = 0; i < pages; i++) put(s, va + i * PAGE_SIZE + i % 500 * 8, key + i);
}

static uint64_t wrong(struct space *s, vaddr_t va, uint64_t pages, uint64_t key) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < pages; i++) n += get(s, va + i * PAGE_SIZE + i % 500 * 8) != key + i;
    return n;
}

static uint64_t evict_all(void) {
    uint64_t n = pageout_everything();
    disk_serve_all(&disk);
    return n;
}

static void test_three_times_memory(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    uint64_t pages = 6144;
    vaddr_t locked = (vaddr_t)map_anon(s, 64, RW, 0), va = (vaddr_t)map_anon(s, pages, RW, 0);
    fill(s, locked, 64, 77);
    is_int(space_lock(s, locked, 64 * PAGE_SIZE, false), 0, "64 pages are locked");
    fill(s, va, pages, 1000);
    is_int((long)wrong(s, va, pages, 1000), 0, "24 MiB written in 8 MiB of memory read back as they were");
    is_int((long)wrong(s, va, pages, 1000), 0, "and again");
    is_int(resident(s, locked, 64), 64, "L1: the locked pages are there");
    uint64_t faults = host_faults;
    is_int((long)wrong(s, locked, 64, 77), 0, "with what was written to them");
    is_int((long)(host_faults - faults), 0, "L2, I7: which took no fault");
    ok(stats().written >= pages && stats().read >= pages, "the disk was used: %lu out, %lu in", stats().written, stats().read);
    audit_ok("with most of it in swap");
    space_end(s);
    disk_serve_all(&disk);
    is_int((long)(stats().total - stats().free), 0, "I8: no slot is left over");
    baseline_ok(&base, "after 24 MiB");
    audit_ok("after");
}

static void test_clean_and_zero(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 100, RW, 0);
    fill(s, va, 50, 1);
    for (uint64_t i = 50; i < 100; i++) put(s, va + i * PAGE_SIZE, 0);
    uint64_t written = disk.written;
    is_int((long)evict_all(), 100, "100 pages can be evicted");
    is_int((long)(disk.written - written), 50, "those of zeroes are not written");
    is_int(resident(s, va, 100), 0, "none is resident");
    is_int((long)wrong(s, va, 50, 1), 0, "all come back");
    is_int((long)get(s, va + 99 * PAGE_SIZE), 0, "zeroes too");
    written = disk.written;
    uint64_t kept = stats().kept;
    evict_all();
    is_int((long)(disk.written - written), 0, "unchanged pages are not written again");
    is_int((long)(stats().kept - kept), 50, "their slots have them still");
    is_int((long)wrong(s, va, 50, 1), 0, "and give them back");
    put(s, va + 8, 4711);
    written = disk.written;
    evict_all();
    is_int((long)(disk.written - written), 1, "the one that changed is written");
    is_int((long)get(s, va + 8), 4711, "as it is now");
    audit_ok("clean pages");
    space_end(s);
    is_int((long)(stats().total - stats().free), 0, "no slot is left over");
}

static void test_fork(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new(), *c, *d;
    vaddr_t va = (vaddr_t)map_anon(s, 60, RW, 0);
    fill(s, va, 60, 100);
    evict_all();
    is_int(space_fork(s, &c), 0, "fork of swapped pages");
    is_int((long)(stats().total - stats().free), 60, "takes no slot");
    is_int((long)get(s, va), 100, "the parent reads a page");
    uint64_t free = baseline_now().free;
    is_int((long)get(c, va), 100, "and the child");
    is_int((long)baseline_now().free, (long)free, "which gets the same frame");
    put(c, va, 5);
    put(s, va + PAGE_SIZE + 8, 6);
    is_int((long)get(s, va), 100, "what the child writes the parent does not see");
    is_int((long)get(c, va + PAGE_SIZE + 8), 101, "nor the other way, COW from swap");
    evict_all();
    is_int(space_fork(c, &d), 0, "fork of the child");
    put(d, va + 2 * PAGE_SIZE + 16, 9);
    is_int((long)get(c, va + 2 * PAGE_SIZE + 16), 102, "three of them");
    is_int((long)get(s, va + 2 * PAGE_SIZE + 16), 102, "keep apart");
    evict_all();
    is_int((long)get(c, va), 5, "after another eviction");
    is_int((long)get(d, va), 5, "as well");
    audit_ok("forked");
    space_end(s);
    is_int((long)get(c, va + 59 * PAGE_SIZE + 59 * 8), 159, "the child goes on when the parent is gone");
    space_end(c);
    is_int((long)get(d, va + 59 * PAGE_SIZE + 59 * 8), 159, "and the grandchild");
    space_end(d);
    disk_serve_all(&disk);
    baseline_ok(&base, "after forks");
}

/* The child of a locked parent gets copies: more frames than are free, although page-out sees no want yet. */
static void test_fork_locked(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new(), *t = space_new(), *c;
    uint64_t much = base.free - 440, locked = 400;
    vaddr_t va = (vaddr_t)map_anon(s, locked, RW, 0), other = (vaddr_t)map_anon(t, 2 * much, RW, 0);
    is_int(space_lock(s, va, locked * PAGE_SIZE, false), 0, "a locked parent");
    fill(s, va, locked, 70);
    fill(t, other, much - locked, 80);
    is_int((long)frame_wanted(), 0, "with memory to spare");
    ok(!frame_room(locked), "but not so much that its child's copies find room");
    is_int(space_fork(s, &c), 0, "A8: is forked when others have made room");
    is_int(resident(s, va, locked), (long)locked, "and stays where it is");
    is_int((long)wrong(c, va, locked, 70), 0, "the child has the same");
    space_end(c);
    is_int(space_lock(s, va, locked * PAGE_SIZE, false), 0, "again");
    struct pageout_stats before, after;
    vaddr_t more = (vaddr_t)map_anon(s, 500, RW, 0);
    is_int(space_lock(s, more, 500 * PAGE_SIZE, false), 0, "with more than half of memory locked");
    pageout_get_stats(&before);
    is_int(space_fork(s, &c), -ENOMEM, "copies that never fit are refused");
    pageout_get_stats(&after);
    is_int((long)(after.rounds - before.rounds), 0, "without driving others out");
    space_end(s);
    space_end(t);
    disk_serve_all(&disk);
    baseline_ok(&base, "after the fork");
}

static void test_in_flight(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 8, RW, 0);
    fill(s, va, 8, 50);
    sync_other_thread = NULL; /* nobody serves: what is begun stays on its way */
    space_advise(s, va, 8 * PAGE_SIZE, MADV_PAGEOUT);
    is_int((long)disk.n, 1, "eight pages leave in one request");
    is_int(resident(s, va, 8), 0, "and are not resident");
    is_int((long)get(s, va), 50, "a touch gets the frame back at once");
    put(s, va + PAGE_SIZE + 8, 99);
    is_int(space_lock(s, va, 4 * PAGE_SIZE, false), 0, "so does a lock");
    is_int(resident(s, va, 8), 4, "its pages are there");
    is_int(space_unmap(s, va + 6 * PAGE_SIZE, 2 * PAGE_SIZE), 0, "munmap while the pages are being written");
    audit_ok("in flight");
    disk_serve_all(&disk);
    audit_ok("landed");
    disk_attend(&disk);
    is_int((long)get(s, va + 4 * PAGE_SIZE + 32), 54, "what nobody touched comes from the disk");
    is_int((long)get(s, va + PAGE_SIZE + 8), 99, "what was changed meanwhile stays so");
    is_int(space_unlock(s, va, 4 * PAGE_SIZE), 0, "unlocked");
    evict_all();
    is_int(resident(s, va, 6), 0, "it goes");
    is_int((long)get(s, va + PAGE_SIZE + 8), 99, "and comes back as it was when it went");
    space_advise(s, va, 6 * PAGE_SIZE, MADV_PAGEOUT);
    space_end(s);
    disk_serve_all(&disk);
    is_int((long)(stats().total - stats().free), 0, "exit with writes in flight leaves no slot");
    audit_ok("after exit");
}

/* With every request on its way the hand stops: what it took out further on it would have to put back. */
static void test_starved(void) {
    struct space *s = space_new();
    struct eviction ev = {.most = UINT64_MAX, .most_looks = UINT64_MAX, .force = true};
    vaddr_t va = (vaddr_t)map_anon(s, 1024, RW, 0);
    fill(s, va, 1024, 300);
    sync_other_thread = NULL;
    rw_lock_shared(&s->lock);
    evict_range(s, va, va + 1024 * PAGE_SIZE, &ev);
    rw_unlock_shared(&s->lock);
    ok(ev.starved && !ev.full, "more pages than requests: the hand is starved");
    ok(ev.written > (disk.n - 2) * BACKING_SEGMENTS, "with requests that are full, but for the last of a table (%lu)", ev.written);
    ok(ev.looked <= ev.written + BACKING_SEGMENTS + 1, "it looks no further (%lu looks)", ev.looked);
    disk_attend(&disk);
    disk_serve_all(&disk);
    is_int(space_advise(s, va, 1024 * PAGE_SIZE, MADV_PAGEOUT), 0, "who waits for requests");
    is_int(resident(s, va, 1024), 0, "gets everything out");
    is_int((long)wrong(s, va, 1024, 300), 0, "and back");
    space_end(s);
    disk_serve_all(&disk);
    is_int((long)(stats().total - stats().free), 0, "no slot is left over");
}

/* Page-out runs before the disk does. */
static void others_late(void) {
    swap_drop_ahead();
    disk_serve(&disk);
}

/* What another CPU may do between two steps of a fault. */
static void test_between_steps(void) {
    struct space *s = space_new();
    struct stall st = {0};
    vaddr_t va = (vaddr_t)map_anon(s, 2, RW, 0);
    pfn_t pfn = NO_PFN;
    bool alone;
    fill(s, va, 2, 60);
    sync_other_thread = NULL;
    space_advise(s, va, PAGE_SIZE, MADV_PAGEOUT);
    slot_t slot = pte_slot(*pmap_find(&s->pmap, va));
    is_int(swap_lookup(slot, &st, &pfn, &alone), 0, "a page is found while it is being written");
    disk_serve_all(&disk);
    is_int(frame_of(pfn)->state, FRAME_ANON, "its frame stays for who found it, when the write ends");
    is_int((long)*(uint64_t *)frame_addr(pfn), 60, "with its contents");
    frame_drop(pfn);
    is_int(frame_of(pfn)->state, FRAME_FREE, "and goes with them");
    uint32_t link = frame_of(pfn)->prev;
    for (uint32_t other = 1; other; other <<= 1) {
        frame_of(pfn)->prev = other;
        swap_reap(pfn); /* who dropped the last reference but one comes late */
    }
    frame_of(pfn)->prev = link;
    audit_ok("after a late look at a frame that is free");
    disk_attend(&disk);
    is_int((long)wrong(s, va, 2, 60), 0, "the page comes back from the disk");
    space_end(s);
    is_int((long)(stats().total - stats().free), 0, "no slot is left over");
}

/* What is read ahead, and not wanted any more before it has come, leaves again. */
static void test_late(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 8, RW, 0);
    struct stall st = {0};
    fill(s, va, 8, 90);
    space_advise(s, va, 8 * PAGE_SIZE, MADV_PAGEOUT);
    disk_serve_all(&disk);
    uint64_t cached = stats().cached;
    int err = -ESTALL;
    st.slot = pte_slot(*pmap_find(&s->pmap, va));
    sync_other_thread = others_late;
    ok(stalled(&err, &st), "a page is read, others ahead of their time");
    stall_end(&st);
    disk_attend(&disk);
    disk_serve_all(&disk);
    is_int((long)(stats().cached - cached), 0, "those that came too late do not stay");
    is_int((long)wrong(s, va, 8, 90), 0, "and can be read again");
    space_end(s);
}

/* A lock in slices never sleeps: here is nobody who would let it go on. */
static void test_asking(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 8, RW, 0);
    struct lock_job job;
    fill(s, va, 8, 30);
    sync_other_thread = NULL;
    space_advise(s, va, 8 * PAGE_SIZE, MADV_PAGEOUT);
    disk_serve_all(&disk);
    swap_drop_ahead();
    uint64_t cached = stats().cached;
    lock_job_init(&job, s, va, 8 * PAGE_SIZE, false, true);
    is_int(lock_job_begin(&job), 0, "X4: a lock of what is in swap begins");
    is_int(lock_job_step(&job, 100), -EINPROGRESS, "its first page is asked for");
    is_int(lock_job_step(&job, 100), -EINPROGRESS, "and is not there yet");
    is_int((long)disk.n, 1, "asked for once");
    audit_ok("while it is on its way");
    lock_job_finish(&job, false);
    disk_serve_all(&disk);
    swap_drop_ahead();
    is_int((long)(stats().cached - cached), 0, "C2: a page that comes for nobody goes again");
    is_int(lock_job_begin(&job), 0, "once more");
    long err;
    while ((err = lock_job_step(&job, 2)) == -EINPROGRESS || err > 0) {
        audit_ok("between two slices");
        disk_serve(&disk);
    }
    is_int(err, 0, "X2: it ends well");
    lock_job_finish(&job, true);
    is_int(resident(s, va, 8), 8, "L1: with all of it there");
    disk_attend(&disk);
    is_int((long)wrong(s, va, 8, 30), 0, "and as it was");
    space_end(s);
    disk_serve_all(&disk);
}

/* Frames are asked for, and then not wanted any more: page-out does not go on making them. */
static void test_asking_for_frames(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    struct pageout_stats before, after;
    vaddr_t va = (vaddr_t)map_anon(s, base.free - 300, RW, 0);
    struct stall st = {.frames = 600};
    fill(s, va, base.free - 300, 40);
    is_int((long)frame_wanted(), 0, "with memory to spare");
    is_int(stall_ask(&st), -EINPROGRESS, "600 frames are not to be had at once");
    stall_end(&st);
    pageout_get_stats(&before);
    pageout_step();
    pageout_get_stats(&after);
    is_int((long)(after.rounds - before.rounds), 0, "who wants them no more drives nobody out");
    st.frames = 600;
    is_int(stall_ask(&st), -EINPROGRESS, "asked for again");
    pageout_step();
    disk_serve_all(&disk);
    is_int(stall_ask(&st), 0, "page-out makes them free");
    is_int((long)st.frames, 0, "and that is that");
    space_end(s);
    disk_serve_all(&disk);
    baseline_ok(&base, "after asking");
}

static void test_shared(void) {
    struct baseline base = baseline_now();
    struct space *a = space_new(), *b = space_new();
    struct object *o = object_create_shared(32 * PAGE_SIZE);
    vaddr_t va = (vaddr_t)map_object(a, o, 0, 32, RW, MAP_SHARED), vb = (vaddr_t)map_object(b, o, 0, 32, RW, MAP_SHARED);
    fill(a, va, 32, 200);
    is_int((long)wrong(b, vb, 32, 200), 0, "two spaces share 32 pages");
    evict_all();
    is_int(resident(a, va, 32) + resident(b, vb, 32), 0, "evicted from both");
    audit_ok("shared pages in swap");
    put(b, vb, 7);
    is_int((long)get(a, va), 7, "what one writes to a page from swap the other sees");
    is_int(space_lock(b, vb + PAGE_SIZE, PAGE_SIZE, false), 0, "one of two locks a page");
    evict_all();
    is_int(resident(a, va, 32), 1, "L15: it stays, for both");
    uint64_t value;
    is_int((long)object_read(o, 5 * PAGE_SIZE + 40, &value, 8), 8, "read of a swapped page of the object");
    is_int((long)value, 205, "gives what was written");
    evict_all();
    is_int(object_resize(o, 4 * PAGE_SIZE + 100), 0, "truncation of swapped pages");
    is_int((long)get(a, va + 4 * PAGE_SIZE + 32), 204, "what is left of the last page is there");
    is_int((long)get(a, va + 4 * PAGE_SIZE + 200), 0, "and zeroes behind it");
    is_int(host_touch(a, va + 9 * PAGE_SIZE, FAULT_READ), -ENXIO, "past the end is SIGBUS");
    audit_ok("truncated");
    space_end(a);
    space_end(b);
    object_drop(o);
    disk_serve_all(&disk);
    baseline_ok(&base, "after shared memory");
    is_int((long)(stats().total - stats().free), 0, "no slot is left over");
}

static void test_calls(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 40, RW, 0);
    fill(s, va, 40, 300);
    evict_all();
    is_int(space_protect(s, va, 40 * PAGE_SIZE, PROT_READ), 0, "mprotect of swapped pages");
    is_int((long)wrong(s, va, 20, 300), 0, "which can be read");
    is_int(host_touch(s, va + 30 * PAGE_SIZE, FAULT_WRITE), -EACCES, "and not written");
    is_int(space_protect(s, va, 40 * PAGE_SIZE, PROT_NONE), 0, "PROT_NONE");
    evict_all();
    audit_ok("parked pages in swap");
    is_int(space_lock_all(s, MCL_FUTURE), 0, "under MCL_FUTURE");
    is_int(space_protect(s, va, 40 * PAGE_SIZE, RW), 0, "A4: opened, they are brought in by mprotect");
    is_int(resident(s, va, 40), 40, "all of them");
    is_int((long)wrong(s, va, 40, 300), 0, "as they were");
    space_unlock_all(s);
    evict_all();
    long at = space_remap(s, va, 40 * PAGE_SIZE, 60 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
    ok(at > 0, "mremap of swapped pages");
    is_int((long)wrong(s, (vaddr_t)at, 40, 300), 0, "moves them");
    evict_all();
    is_int(space_advise(s, (vaddr_t)at, 10 * PAGE_SIZE, MADV_DONTNEED), 0, "MADV_DONTNEED");
    is_int((long)get(s, (vaddr_t)at), 0, "forgets what is in swap");
    is_int(space_lock(s, (vaddr_t)at, 60 * PAGE_SIZE, false), 0, "mlock brings in what is in swap");
    is_int(resident(s, (vaddr_t)at, 60), 60, "all of it");
    audit_ok("locked from swap");
    is_int((long)evict_all(), 0, "and nothing of it goes");
    space_end(s);
    is_int((long)(stats().total - stats().free), 0, "no slot is left over");
}

static void test_errors(void) {
    struct space *s = space_new();
    vaddr_t va = (vaddr_t)map_anon(s, 20, RW, 0);
    fill(s, va, 20, 400);
    disk.fail_write = 1;
    evict_all();
    ok(stats().errors > 0, "a write fails");
    is_int((long)wrong(s, va, 20, 400), 0, "and nothing is lost");
    ok(stats().bad > 0, "its slots are not used again: %lu", stats().bad);
    audit_ok("bad slots");
    evict_all();
    disk.fail_read = 1;
    is_int((long)get(s, va), 400, "one of several pages that cannot be read is tried alone");
    evict_all();
    disk.gone = true;
    is_int(host_touch(s, va + 10 * PAGE_SIZE, FAULT_READ), -EIO, "a device that is gone: SIGBUS");
    is_int(space_lock(s, va, 20 * PAGE_SIZE, false), -EAGAIN, "mlock says EAGAIN");
    audit_ok("lost pages");
    disk.gone = false;
    space_end(s);
}

static void test_off(void) {
    struct space *s = space_new();
    uint64_t pages = 4096;
    vaddr_t va = (vaddr_t)map_anon(s, pages, RW, 0);
    fill(s, va, pages, 9000);
    is_int(swap_off(&disk.backing), -ENOMEM, "swap cannot be turned off while what is committed needs it");
    is_int((long)wrong(s, va, pages, 9000), 0, "and nothing has changed");
    is_int(space_unmap(s, va + 1000 * PAGE_SIZE, (pages - 1000) * PAGE_SIZE), 0, "with less");
    evict_all();
    ok(stats().total - stats().free >= 1000, "that is all in swap");
    struct disk other;
    disk_make(&other, 1500, 5);
    is_int(swap_on(&other.backing, 7), 0, "another device of higher priority");
    is_int(swap_off(&disk.backing), 0, "the first is turned off");
    is_int(swap_off(&disk.backing), -EINVAL, "once");
    is_int(resident(s, va, 1000), 1000, "all that was there has come back");
    is_int((long)wrong(s, va, 1000, 9000), 0, "as it was");
    disk_attend(&other);
    is_int((long)pageout_everything(), 1000, "it goes to the other");
    disk_serve_all(&other);
    is_int((long)other.written, 1000, "all of it");
    audit_ok("on another device");
    is_int(swap_on(&disk.backing, 9), 0, "and back");
    space_end(s);
    disk_serve_all(&other);
    is_int(swap_off(&other.backing), 0, "off with nothing on it");
    disk_free(&other);
    disk_attend(&disk);
    audit_ok("devices turned on and off");
}

/* ---- three spaces and a reference ---- */

#define SPACES 4
#define PAGES  700 /* each: 2800 pages in all, on some 1600 frames */

static struct {
    struct space *s;
    vaddr_t va;
    uint64_t value[PAGES];
    bool locked[PAGES];
} world[SPACES];

static void step_fork(struct rng *rng, unsigned from) {
    unsigned to = (unsigned)rng_below(rng, SPACES);
    if (to == from) return;
    space_end(world[to].s);
    if (space_fork(world[from].s, &world[to].s)) host_die("fork");
    world[to].va = world[from].va;
    memcpy(world[to].value, world[from].value, sizeof(world[0].value));
    memset(world[to].locked, 0, sizeof(world[0].locked));
}

static bool step_lock(struct rng *rng, unsigned i, bool lock) {
    uint64_t first = rng_below(rng, PAGES), n = 1 + rng_below(rng, 20);
    if (first + n > PAGES) n = PAGES - first;
    vaddr_t va = world[i].va + first * PAGE_SIZE;
    int err = lock ? space_lock(world[i].s, va, n * PAGE_SIZE, false) : space_unlock(world[i].s, va, n * PAGE_SIZE);
    for (uint64_t k = 0; k < n && !err; k++) world[i].locked[first + k] = lock;
    return !lock || err || resident(world[i].s, va, n) == (long)n;
}

static bool step(struct rng *rng) {
    unsigned i = (unsigned)rng_below(rng, SPACES);
    uint64_t page = rng_below(rng, PAGES), what = rng_below(rng, 1000);
    struct space *s = world[i].s;
    vaddr_t va = world[i].va + page * PAGE_SIZE;
    if (what < 500) {
        world[i].value[page] = what < 40 ? 0 : rng_next(rng);
        put(s, va + 1000, world[i].value[page]);
    } else if (what < 900) {
        return get(s, va + 1000) == world[i].value[page];
    } else if (what < 905) {
        step_fork(rng, i);
    } else if (what < 920) {
        return step_lock(rng, i, true);
    } else if (what < 940) {
        step_lock(rng, i, false);
    } else if (what < 950) {
        space_advise(s, va, PAGE_SIZE, MADV_PAGEOUT);
    } else if (what < 955) {
        if (!world[i].locked[page] && space_advise(s, va, PAGE_SIZE, MADV_DONTNEED) == 0) world[i].value[page] = 0;
    } else if (what < 958) {
        space_protect(s, va, PAGE_SIZE, PROT_READ);
        space_protect(s, va, PAGE_SIZE, RW);
    } else if (what < 960) {
        pageout_everything();
    } else {
        disk_serve(&disk);
    }
    return true;
}

static uint64_t locked_and_gone(void) {
    uint64_t n = 0;
    for (unsigned i = 0; i < SPACES; i++)
        for (uint64_t page = 0; page < PAGES; page++)
            n += world[i].locked[page] && resident(world[i].s, world[i].va + page * PAGE_SIZE, 1) != 1;
    return n;
}

static void test_random(int argc, char **argv) {
    struct rng rng = {seed_of(argc, argv)};
    uint64_t steps = option(argc, argv, "--steps", 60000), bad = 0;
    const char *audit = NULL;
    for (unsigned i = 0; i < SPACES; i++) {
        world[i].s = space_new();
        world[i].va = (vaddr_t)map_anon(world[i].s, PAGES, RW, 0);
    }
    for (uint64_t n = 0; n < steps && !bad && !audit; n++) {
        bad += !step(&rng);
        if (n % 1000 == 0) audit = audit_error();
        if (n % 1000 == 0) bad += locked_and_gone();
    }
    is_int((long)bad, 0, "%lu random steps on four spaces: every page as it should be", steps);
    ok(!audit, "audited on the way: %s", audit ? audit : "all holds");
    ok(stats().kept > 100 && stats().ahead > 100, "with pages kept (%lu) and read ahead (%lu)", stats().kept, stats().ahead);
    for (unsigned i = 0; i < SPACES; i++) space_end(world[i].s);
    disk_serve_all(&disk);
    is_int((long)(stats().total - stats().free), 0, "I8: no slot is left over");
    audit_ok("after the random steps");
}

int main(int argc, char **argv) {
    plan(169);
    mm_start(8);
    disk_make(&disk, DISK_PAGES, seed_of(argc, argv));
    disk_attend(&disk);
    is_int(swap_on(&disk.backing, 0), 0, "swap is on");
    is_int(swap_on(&disk.backing, 0), -EBUSY, "once");
    is_int((long)stats().total, DISK_PAGES - 1, "all but its first page");
    test_three_times_memory();
    test_clean_and_zero();
    test_fork();
    test_fork_locked();
    test_in_flight();
    test_starved();
    test_between_steps();
    test_late();
    test_asking();
    test_asking_for_frames();
    test_shared();
    test_calls();
    test_errors();
    test_off();
    test_random(argc, argv);
    return done_testing();
}
