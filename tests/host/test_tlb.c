/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Shootdown on four CPUs (arch/tlb.h): who is called for a batch and who is not, what a lazy CPU may keep,
 * what other CPUs may do between the steps of a batch; and that the machine catches each way to get it wrong.
 */
#include "tests/host/tlb_support.h"

static struct pmap pm, other;

/* ---- on one CPU after the other ---- */

static void load_all(struct pmap *p) {
    for (unsigned i = HOST_CPUS; i-- > 0;) load_on(i, p);
}

/* Every CPU that has the space, lazy ones too, walks ahead. */
static void read_ahead(void) {
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        host_turn(i);
        know_pages();
    }
    host_turn(0);
}

/* Pages 0 to n - 1 are mapped, all CPUs run the space and know them. */
static void begin(unsigned n) {
    pmap_init(&pm);
    load_all(&pm);
    for (unsigned i = 0; i < n; i++) map_page(&pm, VA + i * PAGE_SIZE);
    read_ahead();
    count_from_here();
}

static void finish(void) {
    host_turn(0);
    unmap_pages(&pm);
    load_all(NULL);
    pmap_fini(&pm);
}

/* ---- who is called ---- */

static void test_called(void) {
    uint64_t before = free_frames();
    begin(4);
    unmap_page(&pm, VA);
    counted(interrupted, 3, "three other CPUs run the space: three are called");
    is_int(mmu_stale(), 0, "and nothing stale is left on any");
    load_on(3, &other);
    host_turn(0);
    unmap_page(&pm, VA + PAGE_SIZE);
    counted(interrupted, 5, "one runs another space: two are called");
    load_on(3, &pm);
    is_int(mmu_stale(), 0, "when it is back it knows nothing old");
    load_all(NULL);
    load_on(0, &pm);
    count_from_here();
    unmap_page(&pm, VA + 2 * PAGE_SIZE);
    counted(interrupted, 0, "the others are lazy: none is called");
    counted(lazy, 3, "three are left alone");
    counted(shootdowns, 0, "which is no shootdown");
    finish();
    is_int(free_frames(), before, "I8: every frame is back");
}

static void test_lazy(void) {
    begin(4);
    load_on(1, NULL);
    load_on(1, &pm);
    counted(kept, 1, "a CPU that was lazy while nothing changed keeps its translations");
    ok(mmu_cached(VA), "all of them");
    load_on(2, NULL);
    host_turn(0);
    unmap_page(&pm, VA);
    host_turn(2);
    ok(mmu_cached(VA), "a lazy CPU keeps what is stale");
    load_on(2, &pm);
    ok(!mmu_cached(VA) && !mmu_cached(VA + PAGE_SIZE), "until it comes back, and flushes all");
    counted(outdated, 1, "which is counted");
    load_on(3, NULL);
    host_turn(0);
    count_from_here();
    for (unsigned i = 1; i < 4; i++) unmap_page(&pm, VA + i * PAGE_SIZE);
    counted(interrupted, 2 + 2 + 3, "the batch that frees tables calls the lazy CPU too");
    finish();
}

static void test_end(void) {
    uint64_t before = free_frames();
    begin(1);
    unmap_page(&pm, VA);
    load_all(NULL);
    host_turn(2);
    pmap_fini(&pm);
    is_int(free_frames(), before, "a space that lazy CPUs still have loaded is let go by them when it ends");
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        host_turn(i);
        if (mmu_root() != mmu_kernel_root) fail("CPU %u has another root", i);
    }
    pass("all CPUs are back on the kernel's tables");
}

/* ---- between the steps ---- */

static unsigned step_no, act_at;
static void (*act)(void);

static void at_step(void) {
    void (*now)(void) = ++step_no == act_at ? act : NULL;
    if (!now) return;
    now();
}

static void act_come_back(void) {
    load_on(1, &pm);
}

static void act_go_lazy(void) {
    load_on(2, NULL);
}

static void act_leave(void) {
    load_on(2, &other);
}

static void act_leave_and_return(void) {
    load_on(2, &other);
    load_on(2, &pm);
    host_turn(2);
    know_pages();
}

static void act_flush_too(void) {
    host_turn(3);
    unmap_page(&pm, VA + 5 * PAGE_SIZE);
}

/* CPU 1 lazy, 2 and 3 running. Whatever another CPU does in the middle of CPU 0's batch, nobody reaches the frame after. */
static void test_between(void) {
    static void (*const acts[])(void) = {act_come_back, act_go_lazy, act_leave, act_leave_and_return, act_flush_too};
    static const char *const names[] = {"a lazy CPU comes back", "a CPU goes lazy", "a CPU loads another space",
                                        "a CPU loads another space, and this one again", "another CPU unmaps a page too"};
    for (unsigned k = 0; k < 5; k++)
        for (act_at = 1; act_at <= 2; act_at++) {
            begin(8);
            load_on(1, NULL);
            host_turn(0);
            act = acts[k];
            step_no = 0;
            host_at_step = at_step;
            unmap_page(&pm, VA);
            host_at_step = NULL;
            ok(step_no >= 2 && mmu_stale() == 0, "step %u: %s", act_at, names[k]);
            load_on(1, &pm);
            is_int(mmu_stale(), 0, "and nothing stale comes to light later");
            finish();
        }
    begin(8);
    act = act_flush_too;
    act_at = 2;
    step_no = 0;
    host_at_step = at_step;
    unmap_page(&pm, VA);
    host_at_step = NULL;
    counted(covered, 4, "CPUs that the later batch made flush all do nothing for the earlier one");
    finish();
}

/* ---- planted ---- */

static void no_call(void *arg) {
    (void)arg;
    begin(2);
    host_deaf = true;
    unmap_page(&pm, VA);
}

static void not_in_the_set(void *arg) {
    (void)arg;
    begin(2);
    pm.cpus &= ~2ul;
    unmap_page(&pm, VA);
}

static void dropped_first(void *arg) {
    struct flush f;
    (void)arg;
    begin(2);
    flush_begin(&f, &pm);
    spin_lock(&pm.lock);
    take_page(&pm, VA, &f);
    frame_drop(f.frame[0]);
}

static void no_generation(void *arg) {
    (void)arg;
    begin(2);
    load_on(1, NULL);
    host_turn(0);
    unmap_page(&pm, VA);
    pm.generation--;
    load_on(1, &pm);
}

static void lazy_not_called_for_tables(void *arg) {
    struct flush f;
    (void)arg;
    begin(1);
    load_on(1, NULL);
    host_turn(0);
    flush_begin(&f, &pm);
    spin_lock(&pm.lock);
    take_page(&pm, VA, &f);
    pmap_prune(&pm, VA, &f);
    f.tables = false;
    flush_finish(&f);
}

static void lazy_not_seen_coming_back(void *arg) {
    (void)arg;
    begin(2);
    load_on(1, NULL);
    host_note_program(true); /* it runs the program again, and has not said so */
    host_turn(0);
    unmap_page(&pm, VA);
}

static void root_freed_under_lazy(void *arg) {
    (void)arg;
    begin(0);
    load_all(NULL);
    pm.cpus = 0;
    pmap_fini(&pm);
}

static void space_ends_running(void *arg) {
    (void)arg;
    begin(0);
    load_all(NULL);
    load_on(2, &pm);
    host_turn(0);
    pmap_fini(&pm);
}

static void lazy_touches(void *arg) {
    void *byte;
    (void)arg;
    begin(1);
    load_on(0, NULL);
    mmu_access(VA, FAULT_READ, &byte);
}

static void test_planted(void) {
    panics(no_call, NULL, "TLB still translates", "caught: CPUs are not called");
    panics(not_in_the_set, NULL, "TLB still translates", "caught: a CPU that runs the space is not in its set");
    panics(dropped_first, NULL, "TLB still translates", "caught: a frame is dropped before the flush");
    panics(no_generation, NULL, "while this CPU was lazy", "caught: the generation is not counted up");
    panics(lazy_not_called_for_tables, NULL, "paging-structure", "caught: tables go and lazy CPUs are not called");
    panics(lazy_not_seen_coming_back, NULL, "TLB still translates", "caught: a CPU counts as lazy and is not");
    panics(root_freed_under_lazy, NULL, "root table", "caught: a root goes that a lazy CPU has loaded");
    panics(space_ends_running, NULL, "assertion failed", "caught: a space ends and a CPU runs it");
    panics(lazy_touches, NULL, "runs no program", "caught: a kernel thread touches user space");
}

int main(void) {
    power_on();
    pmap_init(&other);
    for (int pcids = 0; pcids < 2; pcids++) {
        diag("CPUs %s process-context identifiers", pcids ? "with" : "without");
        mmu_has_pcids = pcids;
        test_called();
        test_lazy();
        test_end();
        test_between();
        test_planted();
    }
    return done_testing();
}
