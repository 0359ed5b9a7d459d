/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The model-based test: random calls, each made on mm/ and on the reference (tests/host/ref.h), with
 * everything that can be seen compared after each.
 *
 *     build/host/model [--seed N] [--steps M] [--frames F] [--verbose 1]
 *
 * As many steps follow with CPUs that have process-context identifiers, and half as many with these and all but F frames
 * used up. After every step: the answer; of every page in
 * every space its contents, rights and residency; that fully locked pages are there with every right (L1,
 * L2, I2) and take no fault when touched (I7); what is mapped, accessible and charged (I3); the audit; the
 * TLB. At the end everything goes and the baseline is back (I8). A failure names the step, the call and the
 * seed: the same seed repeats it.
 */
#include "tests/host/ref.h"
#include "tests/host/support.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>

#include "arch/mmu.h"
#include "mm/space.h"

static struct rng rng;
static uint64_t step;
static char call[200]; /* what this step does */
static bool verbose;
static uint32_t next_stamp = 1000;
static uint8_t file_bytes[REF_OBJECT_PAGES * PAGE_SIZE];

/* ---- saying what went wrong ---- */

static __attribute__((format(printf, 1, 2))) void differ(const char *fmt, ...) {
    char what[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    fail("step %lu: %s", step, call);
    diag("%s", what);
    bail_out("step %lu: %s: %s", step, call, what);
}

static __attribute__((format(printf, 1, 2))) void describe(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(call, sizeof(call), fmt, ap);
    va_end(ap);
    if (verbose) diag("%lu %s", step, call);
}

/* ---- answers ---- */

static bool tight;              /* memory is short: what was not promised may be refused */
static struct ref before;       /* the reference as this step found it */
static uint64_t refused;        /* calls that were, and rightly changed nothing */

/*
 * Memory was short. The call must have changed nothing, but pages may have been brought in before it gave
 * up, and private ones copied: contents are the same, but no longer follow their object.
 */
static void take_back(void) {
    ref = before;
    for (int i = 0; i < REF_SPACES; i++)
        for (unsigned page = 0; page < REF_PAGES && ref.space[i].real; page++) {
            const pte_t *slot = pmap_find(&ref.space[i].real->pmap, ref_va(page));
            if (!slot || !*slot) continue;
            ref.space[i].page[page].touched = true;
            if (pte_pfn(*slot) != zero_pfn && frame_of(pte_pfn(*slot))->state == FRAME_ANON) ref_make_own(&ref.space[i], page);
        }
}

/* Is it the answer that the reference wants? False: refused for want of memory, and the reference is as it was. */
static bool same_answer(long got, long want) {
    if (got == want) return true;
    if (!tight || (got != -ENOMEM && got != -EAGAIN)) differ("answered %ld, must be %ld", got, want);
    take_back();
    refused++;
    return false;
}

/* ---- choosing ---- */

static unsigned pick(unsigned n) {
    return (unsigned)rng_below(&rng, n);
}

static bool chance(unsigned one_in) {
    return pick(one_in) == 0;
}

static struct ref_space *pick_space(void) {
    for (;;) {
        struct ref_space *s = &ref.space[pick(REF_SPACES)];
        if (s->real) return s;
    }
}

static int index_of(const struct ref_space *s) {
    return (int)(s - ref.space);
}

/* A range: mostly short, sometimes large, and mostly where something is. */
static void pick_range(const struct ref_space *s, unsigned *start, unsigned *n) {
    *start = pick(REF_PAGES);
    for (int tries = 0; tries < 3 && !s->page[*start].mapped; tries++) *start = pick(REF_PAGES);
    *n = 1 + pick(chance(4) ? REF_PAGES : 8);
    if (*start + *n > REF_PAGES) *n = REF_PAGES - *start;
}

static int pick_prot(void) {
    static const int prots[] = {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
                                PROT_READ | PROT_EXEC, PROT_NONE, PROT_WRITE};
    return prots[pick(7)];
}

static int pick_object(void) {
    for (int tries = 0; tries < 8; tries++) {
        int i = (int)pick(REF_OBJECTS);
        if (ref.object[i].real) return i;
    }
    return -1;
}

/* ---- the calls ---- */

/* A place that was cleared for what could then not be brought in (L23, A6: nothing stays mapped). */
static void lost_place(struct ref_space *s, unsigned start, unsigned n) {
    for (unsigned i = start; i < start + n; i++) {
        struct region_info r;
        if (!space_region_at(s->real, ref_va(i), &r) || r.start > ref_va(i)) ref_unmap(s, i, 1);
    }
}

/* MAP_POPULATE is a hint: where memory was short, pages that the reference believes in may not have come. */
static void not_populated(struct ref_space *s, unsigned start, unsigned n) {
    for (unsigned i = start; i < start + n; i++) {
        const pte_t *slot = pmap_find(&s->real->pmap, ref_va(i));
        if (!slot || !*slot) s->page[i].own = s->page[i].touched = false;
    }
}

static void do_map(struct ref_space *s) {
    struct ref_map m = {.prot = pick_prot(), .shared = chance(3), .noreserve = chance(5), .replace = !chance(4),
                        .locked = chance(6), .populate = chance(6), .object = chance(2) ? pick_object() : -1};
    if (!ref_object_room()) m.shared = false;
    pick_range(s, &m.start, &m.n);
    if (m.object >= 0) {
        if (ref.object[m.object].file) m.shared = false;
        m.opage = pick(4);
        if (m.opage + m.n > REF_OBJECT_PAGES) m.opage = REF_OBJECT_PAGES - m.n;
    }
    describe("space %d: map %u+%u prot %d object %d+%u%s%s%s%s%s", index_of(s), m.start, m.n, m.prot, m.object, m.opage,
             m.shared ? " shared" : "", m.noreserve ? " noreserve" : "", m.replace ? " fixed" : " noreplace",
             m.locked ? " locked" : "", m.populate ? " populate" : "");
    struct map_request q = {.addr = ref_va(m.start), .len = m.n * PAGE_SIZE - pick(PAGE_SIZE), .prot = m.prot, .max_prot = 7};
    q.flags = (m.shared ? MAP_SHARED : MAP_PRIVATE) | (m.noreserve ? MAP_NORESERVE : 0) | (m.locked ? MAP_LOCKED : 0) |
              (m.populate ? MAP_POPULATE : 0) | (m.replace ? MAP_FIXED : MAP_FIXED_NOREPLACE) |
              (m.object < 0 ? MAP_ANONYMOUS : 0);
    if (m.object >= 0) q.object = ref.object[m.object].real, q.offset = m.opage * PAGE_SIZE;
    long got = space_map(s->real, &q), want = ref_map(s, &m);
    if (!same_answer(got, want ? want : (long)ref_va(m.start))) lost_place(s, m.start, m.n);
    else if (tight && m.populate && got >= 0) not_populated(s, m.start, m.n);
}

static void do_unmap(struct ref_space *s) {
    unsigned start, n;
    pick_range(s, &start, &n);
    describe("space %d: unmap %u+%u", index_of(s), start, n);
    same_answer(space_unmap(s->real, ref_va(start), n * PAGE_SIZE - pick(PAGE_SIZE)), ref_unmap(s, start, n));
}

static void do_protect(struct ref_space *s) {
    unsigned start, n;
    int prot = chance(20) ? PROT_WRITE | PROT_EXEC : pick_prot();
    pick_range(s, &start, &n);
    describe("space %d: protect %u+%u prot %d", index_of(s), start, n, prot);
    same_answer(space_protect(s->real, ref_va(start), n * PAGE_SIZE, prot), ref_protect(s, start, n, prot));
}

static void do_lock(struct ref_space *s) {
    unsigned start, n;
    bool on_fault = chance(3);
    pick_range(s, &start, &n);
    /* L5: any byte of the first and the last page will do. */
    uint64_t cut = pick(PAGE_SIZE), len = n * PAGE_SIZE - cut - (n > 1 ? pick(PAGE_SIZE) : 0);
    if (n == 1) len = 1 + pick((unsigned)(PAGE_SIZE - cut));
    describe("space %d: lock %u+%u%s", index_of(s), start, n, on_fault ? " on fault" : "");
    same_answer(space_lock(s->real, ref_va(start) + cut, len, on_fault), ref_lock(s, start, n, on_fault));
}

static void do_unlock(struct ref_space *s) {
    unsigned start, n;
    pick_range(s, &start, &n);
    describe("space %d: unlock %u+%u", index_of(s), start, n);
    same_answer(space_unlock(s->real, ref_va(start), n * PAGE_SIZE), ref_unlock(s, start, n));
}

static void do_lock_all(struct ref_space *s) {
    int flags = (int)pick(16);
    describe("space %d: lock_all %d", index_of(s), flags);
    same_answer(space_lock_all(s->real, flags), ref_lock_all(s, flags));
}

static void do_unlock_all(struct ref_space *s) {
    describe("space %d: unlock_all", index_of(s));
    same_answer(space_unlock_all(s->real), ref_unlock_all(s));
}

static void do_advise(struct ref_space *s) {
    static const int advice[] = {MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT,
                                 MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK};
    unsigned start, n;
    int a = advice[pick(10)];
    pick_range(s, &start, &n);
    describe("space %d: advise %u+%u %d", index_of(s), start, n, a);
    same_answer(space_advise(s->real, ref_va(start), n * PAGE_SIZE, a), ref_advise(s, start, n, a));
}

/* One access by the program, and no fault where none may be (L2, I7). */
static void touch(struct ref_space *s, unsigned i, int access) {
    uint64_t faults = host_faults;
    bool no_fault = ref_no_fault(&s->page[i]);
    uint32_t stamp = next_stamp++;
    if (tight) before = ref;
    int got = host_touch(s->real, ref_va(i), access), want = ref_access(s, i, access);
    if (got != want && ref_promised(&s->page[i])) differ("page %u was promised and a touch answers %d", i, got);
    if (!same_answer(got, want)) return;
    if (got == 0 && no_fault && host_faults != faults) differ("L2: page %u is locked and faulted", i);
    if (got || access != FAULT_WRITE) return;
    host_write(s->real, ref_va(i) + REF_HEAD, &stamp, 4);
    host_write(s->real, ref_va(i) + REF_TAIL, &stamp, 4);
    ref_write(s, i, stamp);
}

static void do_touch(struct ref_space *s) {
    unsigned start, n;
    int access = chance(10) ? FAULT_EXEC : chance(2) ? FAULT_WRITE : FAULT_READ;
    pick_range(s, &start, &n);
    describe("space %d: touch %u+%u access %d", index_of(s), start, n, access);
    for (unsigned i = start; i < start + n; i++) touch(s, i, access);
}

/*
 * Some CPUs run this space and know all its translations, and some of those have gone lazy since: what the next
 * call changes, mm/ must flush. The call itself is made by any CPU, whatever it runs.
 */
static void read_ahead(struct ref_space *s) {
    for (unsigned cpu = 0; cpu < HOST_CPUS; cpu++) {
        host_turn(cpu);
        if (chance(2)) host_run(s->real);
        if (chance(2))
            for (unsigned i = 0; i < REF_PAGES; i++) mmu_speculate(ref_va(i));
        if (chance(4)) host_run(NULL);
    }
}

static bool in_one_region(const struct ref_space *s, unsigned start, unsigned n) {
    struct region_info info;
    return space_region_at(s->real, ref_va(start), &info) && info.start <= ref_va(start) && info.end >= ref_va(start + n);
}

static void do_remap(struct ref_space *s) {
    unsigned from, old, to = pick(REF_PAGES), new = 1 + pick(12);
    pick_range(s, &from, &old);
    if (old > 12) old = 12;
    while (old && !ref_uniform(s, from, old)) old--;
    bool fixed = chance(2);
    if (!fixed) to = from;
    if (old == 0 || to + new > REF_PAGES || s->page[from].opage + new > REF_OBJECT_PAGES) return;
    if (fixed && to < from + old && from < to + new) return;
    describe("space %d: remap %u+%u to %u+%u%s", index_of(s), from, old, to, new, fixed ? " fixed" : " here");
    bool whole = in_one_region(s, from, old < new ? old : new) && in_one_region(s, from, old);
    long got = space_remap(s->real, ref_va(from), old * PAGE_SIZE, new * PAGE_SIZE,
                           fixed ? MREMAP_FIXED | MREMAP_MAYMOVE : 0, ref_va(to)), want = 0;
    if (!whole && got == -EFAULT) return; /* alike, but for a flag that nobody sees: two regions to mm/ */
    if (fixed) want = ref_move(s, from, old, to, new);
    else if (new < old) ref_unmap(s, from + new, old - new);
    else if (new > old) want = ref_grow(s, from, old, new);
    if (!same_answer(got, want ? want : (long)ref_va(to))) lost_place(s, to, new);
}

static struct ref_space *free_slot(void) {
    for (int i = 0; i < REF_SPACES; i++)
        if (!ref.space[i].real) return &ref.space[i];
    return NULL;
}

static void do_fork(struct ref_space *s) {
    struct ref_space *child = free_slot();
    if (!child) return;
    describe("space %d: fork to %d", index_of(s), index_of(child));
    struct space *real;
    if (!same_answer(space_fork(s->real, &real), 0)) return;
    child->real = real;
    ref_fork(s, child);
}

static void do_create(void) {
    struct ref_space *s = free_slot();
    if (!s) return;
    *s = (struct ref_space){.privileged = chance(2), .limit = chance(8) ? 0 : 10 + pick(60)};
    describe("space %d: create, limit %lu%s", index_of(s), s->limit, s->privileged ? ", privileged" : "");
    struct space_limits l = {s->limit * PAGE_SIZE, UINT64_MAX, UINT64_MAX, UINT64_MAX, s->privileged};
    s->real = space_create(&l);
    if (!s->real && !tight) differ("no space");
}

static void do_end(struct ref_space *s) {
    int alive = 0;
    for (int i = 0; i < REF_SPACES; i++) alive += ref.space[i].real != NULL;
    if (alive == 1) return;
    describe("space %d: end", index_of(s));
    space_end(s->real);
    ref_end(s);
}

static void do_limit(struct ref_space *s) {
    s->limit = pick(80);
    describe("space %d: limit %lu", index_of(s), s->limit);
    struct space_limits l = {s->limit * PAGE_SIZE, UINT64_MAX, UINT64_MAX, UINT64_MAX, s->privileged};
    space_set_limits(s->real, &l);
}

/* ---- objects ---- */

static uint64_t pick_size(void) {
    return pick(40) * PAGE_SIZE + (chance(2) ? 2000 : 0);
}

static void do_object(void) {
    int i = pick_object();
    if (i >= 0 && !ref.object[i].file && !chance(4)) {
        uint64_t size = pick_size();
        describe("object %d: resize to %lu", i, size);
        if (same_answer(object_resize(ref.object[i].real, size), 0)) ref_object_resize(i, size);
        return;
    }
    if (i >= 0 && chance(2)) {
        describe("object %d: drop", i);
        object_drop(ref.object[i].real);
        ref.object[i].real = NULL;
        ref_object_collect();
        return;
    }
    bool file = chance(3);
    uint64_t size = file ? (1 + pick(40)) * PAGE_SIZE : pick_size();
    i = ref_object_new(file, size, 1);
    if (i < 0) return;
    describe("object %d: create %s of %lu", i, file ? "file" : "shared memory", size);
    ref.object[i].real = file ? object_create_file(file_bytes, size) : object_create_shared(size);
    if (!ref.object[i].real && !tight) differ("no object");
    ref_object_collect();
}

static void fill_file(void) {
    for (uint32_t p = 0; p < REF_OBJECT_PAGES; p++) {
        uint32_t value = 1 + p;
        memcpy(file_bytes + p * PAGE_SIZE + REF_HEAD, &value, 4);
        memcpy(file_bytes + p * PAGE_SIZE + REF_TAIL, &value, 4);
    }
}

/* ---- a lock in slices, with life going on between them (X4, X5, X6, C2) ---- */

static void do_job(struct ref_space *s) {
    struct lock_job j;
    unsigned start, n;
    bool cancel = chance(3);
    pick_range(s, &start, &n);
    for (unsigned i = start; i < start + n; i++)
        if (ref_past_end(&s->page[i])) return; /* the plain lock covers that */
    describe("space %d: lock job %u+%u%s", index_of(s), start, n, cancel ? ", cancelled" : "");
    int want = ref_lock(s, start, n, false);
    ref = before; /* only the answer is due yet */
    lock_job_init(&j, s->real, ref_va(start), n * PAGE_SIZE, false, s->privileged);
    int got = lock_job_begin(&j);
    if (!same_answer(got, want) || got) return;
    int more;
    do {
        more = lock_job_step(&j, 1 + pick(8));
        ref_bring_in(s, start, (unsigned)j.pages_done);
        if (more < 0) break;
        unsigned i = pick(REF_PAGES);
        touch(s, i, chance(2) ? FAULT_WRITE : FAULT_READ);
    } while (more > 0 && !(cancel && chance(3)));
    lock_job_finish(&j, more == 0);
    if (tight) before = ref;
    if (more < 0) same_answer(more, 0);
    if (more == 0) same_answer(ref_lock(s, start, n, false), 0);
}

static void one_step(void) {
    struct ref_space *s = pick_space();
    unsigned what = pick(100);
    if (chance(2)) read_ahead(s);
    host_turn(pick(HOST_CPUS));
    before = ref;
    if (what < 18) do_map(s);
    else if (what < 24) do_unmap(s);
    else if (what < 33) do_protect(s);
    else if (what < 44) do_lock(s);
    else if (what < 48) do_unlock(s);
    else if (what < 52) do_lock_all(s);
    else if (what < 54) do_unlock_all(s);
    else if (what < 60) do_advise(s);
    else if (what < 75) do_touch(s);
    else if (what < 83) do_remap(s);
    else if (what < 86) do_fork(s);
    else if (what < 88) do_create();
    else if (what < 90) do_end(s);
    else if (what < 91) do_limit(s);
    else if (what < 96) do_object();
    else do_job(s);
}

static bool any_space(void) {
    for (int i = 0; i < REF_SPACES; i++)
        if (ref.space[i].real) return true;
    return false;
}

static void end_everything(void) {
    describe("the end");
    for (int i = 0; i < REF_SPACES; i++)
        if (ref.space[i].real) space_end(ref.space[i].real);
    for (int i = 0; i < REF_OBJECTS; i++)
        if (ref.object[i].real) object_drop(ref.object[i].real);
    memset(&ref, 0, sizeof(ref));
}

/* So many random steps from nothing to nothing. */
static void run(uint64_t steps) {
    for (uint64_t last = step + steps; step < last; step++) {
        if (!any_space()) do_create();
        else one_step();
        const char *difference = ref_compare(!tight);
        if (difference) differ("%s", difference);
    }
    end_everything();
}

/* Leave only a few frames: from here on promises run out, and what was promised must still be there. */
static void use_up_memory(uint64_t leave) {
    struct frame_stats st;
    do {
        frame_alloc(FRAME_KERNEL);
        frame_get_stats(&st);
    } while (st.count[FRAME_FREE] > leave);
}

int main(int argc, char **argv) {
    uint64_t steps = option(argc, argv, "--steps", 2000);
    rng.state = seed_of(argc, argv);
    verbose = option(argc, argv, "--verbose", 0);
    mm_start(32);
    fill_file();
    struct baseline base = baseline_now();
    run(steps);
    pass("%lu random steps agree with the reference", steps);
    mmu_has_pcids = true;
    run(steps);
    pass("%lu more, on CPUs that remember several spaces", steps);
    baseline_ok(&base, "after all of them");
    audit_ok("after all of them");
    use_up_memory(option(argc, argv, "--frames", 300));
    tight = true;
    base = baseline_now();
    run(steps / 2);
    pass("%lu more with memory used up: what was promised is always there", steps / 2);
    diag("%lu calls were refused for want of memory", refused);
    baseline_ok(&base, "after these");
    audit_ok("after these");
    return done_testing();
}
