/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls that want more frames than are free just now, on a machine of 8 MiB with swap: they wait for as many as it takes, no
 * more, and then get through.
 */
#include <errno.h>
#include <string.h>

#include "kernel/race.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "tests/host/disk.h"

#define DISK_PAGES 8192
#define RW (PROT_READ | PROT_WRITE)

static struct disk disk;
static struct baseline base;
static struct space *s, *filler, *child;

static void put(struct space *to, vaddr_t va, uint64_t value) {
    int err = host_write(to, va, &value, sizeof(value));
    if (err) host_die("a write to %#lx: error %d", va, -err);
}

static uint64_t get(struct space *from, vaddr_t va) {
    uint64_t value = 0;
    int err = host_read(from, va, &value, sizeof(value));
    if (err) host_die("a read from %#lx: error %d", va, -err);
    return value;
}

static void fill(struct space *to, vaddr_t va, uint64_t pages, uint64_t key) {
    for (uint64_t i = 0; i < pages; i++) put(to, va + i * PAGE_SIZE, key + i);
}

static uint64_t wrong(struct space *from, vaddr_t va, uint64_t pages, uint64_t key) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < pages; i++) n += get(from, va + i * PAGE_SIZE) != key + i;
    return n;
}

static struct pageout_stats pageout(void) {
    struct pageout_stats p;
    pageout_get_stats(&p);
    return p;
}

static void begin(void) {
    base = baseline_now();
    s = space_new();
    filler = space_new();
    child = NULL;
}

static void end(const char *what) {
    audit_ok(what);
    if (child) space_end(child);
    space_end(s);
    space_end(filler);
    disk_serve_all(&disk);
    baseline_ok(&base, what);
}

/* So many frames are free for pages; the rest is the filler's, which may be evicted. */
static void leave_free(uint64_t n) {
    uint64_t room = base.free;
    while (room && !frame_room(room)) room--;
    if (room <= n) host_die("%lu frames are free, not %lu", room, n);
    fill(filler, (vaddr_t)map_anon(filler, room - n, RW, 0), room - n, 5000);
    while (frame_room(n + 1)) fill(filler, (vaddr_t)map_anon(filler, 1, RW, 0), 1, 5000);
}

/* ---- fork ---- */

/* The tables that the child is promised are more than are free. */
static void test_fork_tables(void) {
    begin();
    uint64_t tables = 200;
    vaddr_t va = (vaddr_t)map_anon(s, tables * 512, RW, MAP_NORESERVE);
    fill(s, va, 3, 1);
    leave_free(100);
    uint64_t stalls = pageout().stalls;
    is_int(space_fork(s, &child), 0, "a fork that lacks frames for its page tables waits for them");
    ok(pageout().stalls > stalls, "it did wait");
    is_int((long)wrong(child, va, 3, 1), 0, "and gives a child what it is to have");
    end("fork of many page tables");
}

/* Most of memory is locked on fault, and little of it is there. */
static void test_fork_on_fault(void) {
    begin();
    uint64_t pages = base.free * 6 / 10, there = 60;
    vaddr_t va = (vaddr_t)map_anon(s, pages, RW, 0);
    is_int(space_lock(s, va, pages * PAGE_SIZE, true), 0, "more than half of memory is locked on fault");
    fill(s, va, there, 300);
    leave_free(20);
    uint64_t stalls = pageout().stalls;
    is_int(space_fork(s, &child), 0, "A8: a fork waits for copies of the pages that are there, and of no others");
    ok(pageout().stalls > stalls, "it did wait");
    is_int(resident(s, va, pages), (long)there, "L14: those stay");
    is_int((long)wrong(child, va, there, 300), 0, "and the child has the same");
    end("fork of a lock on fault");
}

/* ---- fork, while others take what becomes free ---- */

static struct space *greedy;
static vaddr_t greedy_at;
static uint64_t greedy_has, greedy_most; /* pages that it has touched, and stops at */
static bool eating;

/* All that another thread finds free for pages. */
static void eat(void) {
    if (eating) return;
    eating = true;
    while (greedy_has < greedy_most && frame_room(1)) put(greedy, greedy_at + greedy_has++ * PAGE_SIZE, 9);
    eating = false;
}

static void eat_in_fork(enum race_id id) {
    if (id == RACE_FORK_REGION) eat();
}

static void (*attending)(void);

/* After page-out, not in the midst of it, or it would never end. */
static void eat_after_others(void) {
    static unsigned depth;
    depth++;
    attending();
    if (--depth == 0) eat();
}

/* A fork that wants copies of most of memory. */
static void fork_beside(uint64_t most, const char *when) {
    uint64_t pages = 450;
    begin();
    greedy = space_new();
    greedy_at = (vaddr_t)map_anon(greedy, most, RW, 0);
    greedy_has = 0;
    greedy_most = most;
    vaddr_t va = (vaddr_t)map_anon(s, pages, RW, 0);
    is_int(space_lock(s, va, pages * PAGE_SIZE, false), 0, "a parent with a third of memory locked");
    fill(s, va, pages, 70);
    leave_free(50);
    is_int(space_fork(s, &child), 0, "A8: is forked, %s", when);
    ok(greedy_has > 0 && greedy_has < greedy_most, "which found %lu, and not without end", greedy_has);
    is_int((long)wrong(child, va, pages, 70), 0, "the child has the same");
    greedy_most = 0;
    space_end(greedy);
}

static void test_fork_beside_others(void) {
    race_meet(eat_in_fork);
    fork_beside(4000, "though others take all that is free while it begins");
    race_meet(NULL);
    end("others amid the fork");
    attending = sync_other_thread;
    sync_other_thread = eat_after_others;
    fork_beside(4000, "though others take all that is free before it wakes up");
    disk_attend(&disk);
    end("others amid the wait");
}

/* ---- mprotect ---- */

static void lower_limit(enum race_id id) {
    if (id == RACE_STALL) space_set_limits(s, &(struct space_limits){PAGE_SIZE, UINT64_MAX, UINT64_MAX, 8 * MIB, false});
}

/* Opened under MCL_FUTURE, it has to wait, and afterwards may not be locked any more. */
static void test_protect(void) {
    begin();
    struct region_info r;
    vaddr_t va = (vaddr_t)map_anon(s, 8, PROT_NONE, MAP_NORESERVE);
    is_int(space_lock_all(s, MCL_FUTURE), 0, "MCL_FUTURE, after a mapping without access");
    race_meet(lower_limit);
    inject_arm(INJECT_STALL, 3);
    is_int(space_protect(s, va, 4 * PAGE_SIZE, RW), -ENOMEM, "A4: what has waited for memory finds the limit lowered");
    race_meet(NULL);
    ok(space_region_at(s, va, &r) && !r.locked && r.prot == PROT_NONE, "L4: it is as it was: closed, and not locked");
    struct space_stats st;
    space_get_stats(s, &st);
    is_int((long)st.locked, 0, "and nothing is charged");
    end("mprotect that waits and fails");
}

/* ---- what may not be evicted ---- */

/* Locks and pins are judged together: page-out must be left something to work with. */
static void test_fixed(void) {
    begin();
    uint64_t pages = base.free - 100, most = pages;
    struct pinned pins;
    vaddr_t va = (vaddr_t)map_anon(s, pages, RW, 0), other = (vaddr_t)map_anon(filler, 200, RW, 0);
    while (most && space_lock(s, va, most * PAGE_SIZE, true)) most--;
    ok(most > 500 && most < pages, "%lu pages and no more can be locked", most);
    is_int(space_pin(filler, other, 200 * PAGE_SIZE, true, &pins), -ENOMEM, "and then 200 cannot be pinned");
    is_int((long)pins.n, 0, "not one of them");
    is_int(space_unlock(s, va, pages * PAGE_SIZE), 0, "unlocked");
    is_int(space_pin(filler, other, 200 * PAGE_SIZE, true, &pins), 0, "W4: they can");
    is_int(space_lock(s, va, most * PAGE_SIZE, true), -EAGAIN, "L10: and then not so many be locked");
    is_int(space_lock(s, va, (most - 200) * PAGE_SIZE, true), 0, "but as many fewer");
    pinned_release(&pins);
    is_int(space_lock(s, va, most * PAGE_SIZE, true), 0, "until they are let go");
    end("locks and pins");
}

/* ---- a page from swap ---- */

/* Page-out runs before the disk does. */
static void others_late(void) {
    swap_drop_ahead();
    disk_serve(&disk);
}

/* What was read ahead, and is waited for by now, is not in vain. */
static void test_wanted_ahead(void) {
    begin();
    struct stall st = {0};
    vaddr_t va = (vaddr_t)map_anon(s, 8, RW, 0);
    fill(s, va, 8, 40);
    space_advise(s, va, 8 * PAGE_SIZE, MADV_PAGEOUT);
    disk_serve_all(&disk);
    uint64_t before = disk.read;
    slot_t slot = pte_slot(*pmap_find(&s->pmap, va));
    is_int(swap_read_soon(slot), 8, "eight pages are read ahead");
    sync_other_thread = others_late;
    st.slot = slot + 1;
    ok(stalled(&(int){-ESTALL}, &st), "the second is waited for, while page-out lets go what nobody asks for");
    stall_end(&st);
    disk_attend(&disk);
    is_int((long)(disk.read - before), 8, "and is not read again");
    is_int((long)wrong(s, va, 8, 40), 0, "all are what they were");
    end("reading ahead");
}

/* ---- nothing can be made free ---- */

#define TEXT 20 /* pages */

static struct object *text;
static vaddr_t text_at;
static unsigned refaults;

/* A program runs on while page-out is at another: its text, which was unmapped, is there again. */
static void run_on(enum race_id id) {
    if (id != RACE_EVICT || rw_held(&filler->lock) || filler->lock.readers || refaults == 500) return;
    refaults++;
    for (unsigned i = 0; i < TEXT; i++) peek(filler, text_at + i * PAGE_SIZE);
}

/* No slot can be written, and the text is in somebody's hand. What is unmapped and mapped again makes nothing free, and whoever
 * waits has to be told. */
static void test_in_vain_beside_text(void) {
    static char bytes[TEXT * PAGE_SIZE];
    struct disk bad;
    pfn_t held[TEXT];
    is_int(swap_off(&disk.backing), 0, "another device");
    disk_make(&bad, 65, 1);
    disk_attend(&bad);
    is_int(swap_on(&bad.backing, 0), 0, "a small one");
    begin(); /* the filler is the younger and so the first that page-out comes to */
    bad.gone = true;
    text = object_create_file(bytes, sizeof(bytes));
    text_at = (vaddr_t)map_object(filler, text, 0, TEXT, PROT_READ, MAP_PRIVATE);
    for (unsigned i = 0; i < TEXT; i++) object_page(text, i, &held[i]);
    uint64_t pages = base.free - 200;
    vaddr_t va = (vaddr_t)map_anon(s, pages, RW, 0);
    fill(s, va, pages, 10);
    pageout_everything();
    disk_serve_all(&bad);
    race_meet(run_on);
    uint64_t rounds = pageout().rounds;
    ok(!stalled(&(int){-ESTALL}, &(struct stall){.frames = 300}), "300 frames cannot be had");
    race_meet(NULL);
    ok(pageout().rounds - rounds < 60, "which is known after %lu rounds, a program running on", pageout().rounds - rounds);
    ok(refaults > 5, "%u times", refaults);
    frame_drop_batch(held, TEXT);
    object_drop(text);
    end("in vain");
    is_int(swap_off(&bad.backing), 0, "the small one goes");
    disk_free(&bad);
    disk_attend(&disk);
    is_int(swap_on(&disk.backing, 0), 0, "the first is back");
}

int main(int argc, char **argv) {
    plan(56);
    mm_start(8);
    disk_make(&disk, DISK_PAGES, seed_of(argc, argv));
    disk_attend(&disk);
    is_int(swap_on(&disk.backing, 0), 0, "swap is on");
    test_fork_tables();
    test_fork_on_fault();
    test_fork_beside_others();
    test_protect();
    test_fixed();
    test_wanted_ahead();
    test_in_vain_beside_text();
    return done_testing();
}
