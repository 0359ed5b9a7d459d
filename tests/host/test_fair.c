/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who gets the memory, in pages that had to be read back: a small set that is used again and again survives one that runs over
 * three times memory, whichever began first; and two alike get alike. On a machine of 64 MiB. The bounds are far from what is
 * measured, which is in the checks' names.
 */
#include "mm/evict.h"
#include "mm/space.h"
#include "tests/host/disk.h"

#define RW (PROT_READ | PROT_WRITE)

static struct disk disk;

/* One program: pages that it touches in turn. */
struct program {
    struct space *s;
    vaddr_t va;
    uint64_t pages, at;
    uint64_t touched, missed; /* since it was last asked; and how many were not in memory */
};

static struct program start(uint64_t pages) {
    struct program p = {.s = space_new(), .pages = pages};
    p.va = (vaddr_t)map_anon(p.s, pages, RW, 0);
    return p;
}

/* Touches n pages, round its set, and writes to them. */
static void run(struct program *p, uint64_t n) {
    for (uint64_t i = 0; i < n; i++, p->at = (p->at + 1) % p->pages) {
        vaddr_t va = p->va + p->at * PAGE_SIZE;
        const pte_t *e = pmap_find(&p->s->pmap, va);
        uint64_t value = p->at + 1;
        p->missed += !e || !pte_resident(*e);
        p->touched++;
        if (host_write(p->s, va, &value, sizeof(value))) host_die("a write");
    }
}

static uint64_t percent(struct program *p) {
    uint64_t misses = p->touched ? 100 * p->missed / p->touched : 0;
    p->touched = p->missed = 0;
    return misses;
}

/* ---- one look ---- */

/* The hand goes once over all of it: pages that went. */
static uint64_t look(struct program *p, bool force) {
    struct eviction ev = {.most = UINT64_MAX, .most_looks = p->pages + p->s->regions.count + 1, .force = force};
    p->s->hand = 0;
    evict_space(p->s, &ev);
    disk_serve_all(&disk);
    return ev.written + ev.dropped;
}

static void test_second_chance(void) {
    struct program p = start(200);
    run(&p, p.pages);
    is_int((long)look(&p, false), 0, "pages that were used are passed over once");
    run(&p, p.pages / 2);
    is_int((long)look(&p, false), (long)p.pages / 2, "the next time those go that were not used since");
    is_int(resident(p.s, p.va, p.pages / 2), (long)p.pages / 2, "and no others");
    run(&p, p.pages);
    is_int((long)look(&p, true), (long)p.pages, "by force, all of them");
    space_end(p.s);
    disk_serve_all(&disk);
}

/* ---- many rounds ---- */

/* The one touches its set while the other runs over a quarter as many pages: often enough for each to be seen in use. */
static void test_scan(bool worker_first) {
    uint64_t memory = free_frames();
    struct program worker = {.s = NULL}, scanner;
    if (worker_first) worker = start(memory / 4);
    scanner = start(3 * memory);
    if (!worker_first) worker = start(memory / 4);
    run(&worker, worker.pages);
    run(&scanner, memory);
    percent(&worker), percent(&scanner);
    for (int i = 0; i < 64; i++) {
        run(&worker, worker.pages);
        run(&scanner, memory / 16);
    }
    uint64_t of_worker = percent(&worker), of_scanner = percent(&scanner);
    long there = 100 * resident(worker.s, worker.va, worker.pages) / (long)worker.pages;
    ok(of_worker < 30, "a working set survives a scan: %lu %% of what it touches is away", of_worker);
    ok(there > 60, "most of it is in memory: %ld %%", there);
    ok(of_scanner > 90, "what the scanner comes to is: %lu %%", of_scanner);
    audit_ok("a worker and a scanner");
    space_end(worker.s);
    space_end(scanner.s);
    disk_serve_all(&disk);
}

static void test_alike(void) {
    uint64_t memory = free_frames();
    struct program a = start(memory * 3 / 4), b = start(memory * 3 / 4);
    for (int i = 0; i < 200; i++) {
        run(&a, memory / 20);
        run(&b, memory / 20);
    }
    long of_a = resident(a.s, a.va, a.pages), of_b = resident(b.s, b.va, b.pages);
    uint64_t misses_a = percent(&a), misses_b = percent(&b);
    ok(of_a < 3 * of_b && of_b < 3 * of_a, "two alike have memory alike: %ld and %ld pages", of_a, of_b);
    ok(misses_a < 3 * misses_b && misses_b < 3 * misses_a, "and miss alike: %lu %% and %lu %%", misses_a, misses_b);
    audit_ok("two alike");
    space_end(a.s);
    space_end(b.s);
    disk_serve_all(&disk);
}

int main(int argc, char **argv) {
    plan(17);
    mm_start(64);
    disk_make(&disk, 80000, seed_of(argc, argv));
    disk_attend(&disk);
    is_int(swap_on(&disk.backing, 0), 0, "swap is on");
    test_second_chance();
    test_scan(true);
    test_scan(false);
    test_alike();
    ok(audit_clean(), "audit: at the end");
    return done_testing();
}
