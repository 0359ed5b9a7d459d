/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * CPUs with process-context identifiers (arch/tlb.h, SLOTS): what a CPU remembers of a space while it runs others, when it
 * may go on with that, and that the machine catches each way to get it wrong. In the end, random steps on four CPUs.
 */
#include "tests/host/tlb_support.h"

#define SPACES 9 /* more than a CPU has identifiers for */

static struct pmap space[SPACES];
#define A (&space[0])
#define B (&space[1])

/* All spaces are new. */
static void begin(void) {
    for (unsigned i = 0; i < SPACES; i++) pmap_init(&space[i]);
    host_turn(0);
    count_from_here();
}

static void leave_all(void) {
    for (unsigned i = HOST_CPUS; i-- > 0;) load_on(i, NULL);
}

static void finish(void) {
    leave_all();
    for (unsigned i = 0; i < SPACES; i++) {
        unmap_pages(&space[i]);
        pmap_fini(&space[i]);
    }
}

static void map_pages(struct pmap *p, unsigned n) {
    for (unsigned i = 0; i < n; i++) map_page(p, VA + i * PAGE_SIZE);
}

/* The CPU loads the space and knows its pages. */
static void visit(unsigned cpu, struct pmap *p) {
    load_on(cpu, p);
    know_pages();
}

/* ---- what is kept ---- */

static void test_kept(void) {
    begin();
    map_pages(A, 4);
    map_pages(B, 2);
    visit(0, A);
    visit(0, B);
    counted(kept, 0, "two spaces, loaded for the first time");
    ok(!mmu_cached(VA + 2 * PAGE_SIZE), "the second does not see the first one's pages");
    load_on(0, A);
    ok(mmu_cached(VA) && mmu_cached(VA + 3 * PAGE_SIZE), "back in the first one, the CPU knows its pages");
    load_on(0, B);
    ok(mmu_cached(VA) && mmu_cached(VA + PAGE_SIZE) && !mmu_cached(VA + 2 * PAGE_SIZE), "and in the second one, those");
    counted(kept, 2, "which is counted");
    counted(outdated, 0, "nothing was flushed");
    load_on(1, A);
    ok(!mmu_cached(VA), "another CPU knows nothing by that");
    finish();
}

static void test_outdated(void) {
    begin();
    map_pages(A, 4);
    visit(0, A);
    load_on(0, B);
    unmap_page(A, VA);
    counted(interrupted, 0, "a batch, while the CPU runs another space");
    load_on(0, A);
    ok(!mmu_cached(VA) && !mmu_cached(VA + PAGE_SIZE), "makes the return forget all");
    counted(outdated, 1, "which is counted");
    know_pages();
    load_on(0, B);
    load_on(0, A);
    ok(mmu_cached(VA + PAGE_SIZE), "the next one need not");
    unmap_page(A, VA + PAGE_SIZE);
    load_on(0, B);
    load_on(0, A);
    ok(mmu_cached(VA + 2 * PAGE_SIZE), "nor after a batch that the CPU was there for");
    is_int(mmu_stale(), 0, "nothing is stale");
    finish();
}

static void test_tables(void) {
    begin();
    uint64_t before = free_frames();
    map_pages(A, 1);
    visit(0, A);
    load_on(0, B);
    unmap_page(A, VA);
    is_int(free_frames(), before, "page tables go while the CPU runs another space");
    map_pages(A, 1);
    load_on(0, A);
    ok(!mmu_cached(VA), "when it is back it walks the new ones");
    finish();
}

/* ---- several CPUs ---- */

static void test_cpus(void) {
    begin();
    map_pages(A, 4);
    for (unsigned i = 0; i < 3; i++) visit(i, A);
    load_on(1, B);
    host_turn(0);
    unmap_page(A, VA);
    counted(interrupted, 1, "of two other CPUs that know a page, the one that runs the space is called");
    load_on(1, A);
    ok(!mmu_cached(VA + PAGE_SIZE), "the one that ran another flushes when it is back");
    host_turn(2);
    ok(!mmu_cached(VA) && mmu_cached(VA + PAGE_SIZE), "the one that was called has forgotten that page alone");
    is_int(mmu_stale(), 0, "nothing is stale on any");
    finish();
}

static void test_lazy(void) {
    begin();
    map_pages(A, 4);
    visit(0, A);
    visit(1, A);
    load_on(1, NULL);
    load_on(1, B);
    load_on(1, A);
    ok(mmu_cached(VA), "a CPU goes lazy, then to another space, and back: nothing has changed");
    load_on(1, NULL);
    host_turn(0);
    unmap_page(A, VA);
    counted(lazy, 1, "it is left alone as it is lazy again");
    load_on(1, B);
    load_on(1, A);
    ok(!mmu_cached(VA) && !mmu_cached(VA + PAGE_SIZE), "and goes to another space, and back: all is flushed");
    know_pages();
    load_on(1, NULL);
    host_turn(0);
    unmap_pages(A);
    map_pages(A, 4);
    load_on(1, A);
    ok(mmu_root() == A->root && !mmu_cached(VA), "called for the tables it left the space: flushed, too");
    finish();
}

/* ---- slots ---- */

static void test_more_spaces(void) {
    begin();
    for (unsigned i = 0; i < SPACES; i++) map_pages(&space[i], 2);
    for (unsigned i = 0; i < SPACES; i++) visit(0, &space[i]);
    load_on(0, &space[SPACES - 2]);
    ok(mmu_cached(VA), "of many spaces a CPU remembers the last");
    load_on(0, A);
    ok(!mmu_cached(VA), "and not the first");
    counted(kept, 1, "that one needs a slot anew");
    counted(outdated, 0, "and is not taken for a return");
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < SPACES; i++) {
            visit(0, &space[i]);
            if (round == 1) unmap_page(&space[(i + 2) % SPACES], VA + PAGE_SIZE);
        }
    is_int(mmu_stale(), 0, "round and round, with pages that go: nothing is stale");
    finish();
}

/* The space ends, and another stands in its struct and in its frames. CPU 0 has it as the last one, lazy; CPU 1 has another. */
static void test_ended(void) {
    unsigned known = 0, same = 0;
    begin();
    map_pages(A, 2);
    for (unsigned i = 0; i < 8; i++) {
        visit(0, A);
        visit(1, A);
        load_on(0, NULL);
        load_on(1, B);
        unmap_pages(A);
        paddr_t root = A->root;
        pmap_fini(A);
        pmap_init(A);
        same += A->root == root;
        map_pages(A, 2);
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            load_on(cpu, A);
            known += mmu_cached(VA);
        }
    }
    is_int(known, 0, "nobody remembers a space that has ended");
    counted(outdated, 0, "nor takes another for it");
    ok(same > 0, "though that has the same struct and root (%u times)", same);
    finish();
}

/* ---- between the steps ---- */

static void (*act)(void);
static unsigned steps_to_act;

static void at_step(void) {
    if (!act || --steps_to_act) return;
    void (*now)(void) = act;
    act = NULL;
    now();
}

static void from_here(void (*what)(void), unsigned step) {
    act = what;
    steps_to_act = step;
    host_at_step = at_step;
}

static void act_unmap(void) {
    host_turn(0);
    unmap_page(A, VA);
}

static void act_return(void) {
    load_on(1, A);
    know_pages();
}

static void act_leave(void) {
    load_on(1, B);
}

static void act_leave_and_return(void) {
    load_on(1, B);
    load_on(1, A);
    know_pages();
}

/* CPU 1 knows A's pages, and is away or lazy or runs A. A batch of CPU 0's and a load of CPU 1's cross each other. */
static void test_between(void) {
    static const struct {
        const char *name;
        void (*act)(void);
        bool away, lazy;
        unsigned steps; /* at each of which CPU 1 acts in CPU 0's batch, or CPU 0 in CPU 1's load of A or of B */
        struct pmap *load;
    } cases[] = {
        {"returns amid a batch", act_return, true, false, 2, NULL},
        {"leaves amid a batch", act_leave, false, false, 2, NULL},
        {"leaves and returns amid a batch", act_leave_and_return, false, false, 2, NULL},
        {"returns, a batch amid it", act_unmap, true, false, 2, A},
        {"leaves, a batch amid it", act_unmap, false, false, 2, B},
        {"returns from laziness, a batch amid it", act_unmap, false, true, 1, A},
    };
    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
        for (unsigned step = 1; step <= cases[k].steps; step++) {
            begin();
            map_pages(A, PAGES);
            visit(1, A);
            if (cases[k].away) load_on(1, B);
            if (cases[k].lazy) load_on(1, NULL);
            host_turn(0);
            from_here(cases[k].act, step);
            if (cases[k].load) load_on(1, cases[k].load);
            else unmap_page(A, VA);
            host_at_step = NULL;
            ok(!act && mmu_stale() == 0, "step %u: a CPU %s", step, cases[k].name);
            load_on(1, B);
            load_on(1, A);
            is_int(mmu_stale(), 0, "and nothing stale comes to light later");
            finish();
        }
}

/* The batch has read that CPU 1 runs A; it knows B, too. Both are at the same generation. */
static void test_called_late(void) {
    begin();
    map_pages(A, 2);
    map_pages(B, 2);
    visit(1, B);
    visit(1, A);
    host_turn(0);
    from_here(act_leave, 2);
    unmap_page(A, VA);
    host_at_step = NULL;
    counted(interrupted, 1, "a CPU is called about a space that it has left meanwhile");
    host_turn(1);
    ok(mmu_cached(VA), "what it knows of the one that it runs is none of the call's business");
    load_on(1, &space[2]);
    unmap_page(B, VA);
    load_on(1, B);
    ok(!mmu_cached(VA + PAGE_SIZE), "nor has it seen a batch there");
    finish();
}

/* ---- planted ---- */

static void away(void) {
    begin();
    map_pages(A, 2);
    visit(1, A);
    load_on(1, B);
    host_turn(0);
}

static void no_generation(void *arg) {
    (void)arg;
    away();
    unmap_page(A, VA);
    A->generation--;
    load_on(1, A);
}

static void no_generation_for_tables(void *arg) {
    (void)arg;
    away();
    load_on(1, A);
    mmu_flush_page(VA);
    mmu_flush_page(VA + PAGE_SIZE);
    mmu_speculate(VA + 4 * PAGE_SIZE); /* nothing is there: it knows the tables alone */
    load_on(1, B);
    host_turn(0);
    unmap_pages(A);
    A->generation -= 2;
    load_on(1, A);
}

static void known_again(void *arg) {
    const bool *same_frames = arg;
    away();
    uint64_t id = A->id;
    unmap_pages(A);
    pmap_fini(A);
    if (!*same_frames) frame_alloc(FRAME_KERNEL);
    pmap_init(A);
    A->id = id;
    load_on(1, A);
}

static void batch_forgotten(void *arg) {
    (void)arg;
    away();
    pte_t *slot = pmap_find(A, VA);
    pmap_set(A, slot, *slot & ~PTE_W);
    load_on(1, A);
}

static void test_planted(void) {
    bool yes = true, no = false;
    panics(no_generation, NULL, "kept under PCID", "caught: the generation is not counted up");
    panics(no_generation_for_tables, NULL, "kept under PCID", "caught: nor for tables");
    panics(known_again, &yes, "kept under PCID", "caught: a space has the number of one that has ended, and its root's frame");
    panics(known_again, &no, "kept under PCID", "caught: or has another");
    panics(batch_forgotten, NULL, "stale TLB", "caught: an entry that grants less, and no batch");
}

/* ---- random steps ---- */

static struct rng rng;

static unsigned pick(unsigned n) {
    return (unsigned)rng_below(&rng, n);
}

static bool chance(unsigned one_in) {
    return pick(one_in) == 0;
}

static struct pmap *runs[HOST_CPUS]; /* NULL: no program */

static void load_random(unsigned cpu) {
    runs[cpu] = chance(4) ? NULL : &space[pick(SPACES)];
    load_on(cpu, runs[cpu]);
    if (chance(2)) know_pages();
}

/* Map it; or take it away, or the right to write; or give that without a batch. */
static void change_random(void) {
    struct pmap *p = &space[pick(SPACES)];
    vaddr_t va = VA + pick(PAGES) * PAGE_SIZE;
    pte_t *slot = pmap_find(p, va);
    struct flush f;
    if (!slot || !*slot) {
        map_page(p, va);
    } else if (chance(2)) {
        unmap_page(p, va);
    } else if (*slot & PTE_W) {
        flush_begin(&f, p);
        spin_lock(&p->lock);
        pmap_set(p, slot, *slot & ~PTE_W);
        flush_page(&f, va);
        spin_unlock(&p->lock);
        flush_finish(&f);
    } else {
        spin_lock(&p->lock);
        pmap_set(p, slot, *slot | PTE_W);
        spin_unlock(&p->lock);
    }
}

/* Loads and stores do what the tables say, after one fault at most that they do not ask for. */
static void access_random(void) {
    const struct pmap *p = runs[host_cpu()];
    vaddr_t va = VA + pick(PAGES) * PAGE_SIZE;
    int access = chance(2) ? FAULT_WRITE : FAULT_READ;
    void *byte = NULL;
    if (!p) return;
    const pte_t *slot = pmap_find(p, va);
    bool may = slot && *slot && (access == FAULT_READ || (*slot & PTE_W));
    unsigned error = mmu_access(va, access, &byte);
    if (error && may) error = mmu_access(va, access, &byte);
    if (may ? error || byte != frame_addr(pte_pfn(*slot)) : !error) bail_out("an access to %#lx: error %#x", va, error);
}

/* A space ends; those who run it have nothing to run any more. */
static void end_random(void) {
    struct pmap *p = &space[pick(SPACES)];
    for (unsigned i = 0; i < HOST_CPUS; i++)
        if (runs[i] == p) load_on(i, runs[i] = NULL);
    unmap_pages(p);
    pmap_fini(p);
    pmap_init(p);
}

/* Amid a batch or a load, another CPU does something. */
static void act_random(void) {
    unsigned self = host_cpu();
    void (*again)(void) = host_at_step;
    host_at_step = NULL;
    host_turn((self + 1 + pick(HOST_CPUS - 1)) % HOST_CPUS);
    if (chance(2)) load_random(host_cpu());
    else if (chance(2)) change_random();
    host_at_step = again;
}

static void test_random(uint64_t steps) {
    begin();
    memset(runs, 0, sizeof(runs));
    for (uint64_t i = 0; i < steps; i++) {
        unsigned what = pick(16);
        host_turn(pick(HOST_CPUS));
        host_at_step = chance(2) ? act_random : NULL;
        if (what < 6) load_random(host_cpu());
        else if (what < 10) change_random();
        else if (what < 14) access_random();
        else if (what < 15) know_pages();
        host_at_step = NULL;
        if (what == 15 && chance(4)) end_random();
        if (mmu_stale()) bail_out("step %lu: stale", i);
    }
    pass("%lu random steps, and nothing stale", steps);
    finish();
}

int main(int argc, char **argv) {
    uint64_t steps = option(argc, argv, "--steps", 20000);
    rng.state = seed_of(argc, argv);
    power_on();
    uint64_t before = free_frames();
    for (int pcids = 0; pcids < 2; pcids++) {
        diag("CPUs %s process-context identifiers", pcids ? "with" : "without");
        mmu_has_pcids = pcids;
        test_between();
        test_random(steps);
    }
    test_kept();
    test_outdated();
    test_tables();
    test_cpus();
    test_lazy();
    test_more_spaces();
    test_ended();
    test_called_late();
    test_planted();
    is_int(free_frames(), before, "I8: every frame is back");
    return done_testing();
}
