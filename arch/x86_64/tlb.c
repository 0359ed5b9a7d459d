/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Loading spaces and shooting translations down. The protocol and its argument are in arch/tlb.h; the same
 * file runs on the emulated CPUs of arch/host, whose TLBs are as forgetless as the SDM allows.
 *
 * LOCKING     none: pmap.cpus and pmap.generation are atomic; `lazy` is read by other CPUs; the rest of a
 *             CPU's record is its own, with interrupts off.
 * INVARIANTS  the record's `loaded` is what CR3 holds whenever interrupts are on, under `pcid`; a CPU's bit is in
 *             loaded->cpus. seen <= loaded->generation; every translation changed by a batch up to `seen` has been
 *             forgotten. The same is true of each slot, its space, and what is known under its identifier; the slot
 *             whose identifier is `pcid` has its `seen` in the record. No two slots have the same space.
 */
#include "arch/tlb.h"

#include <machine_cpu.h>

#include "arch/ipi.h"
#include "arch/mmu.h"
#include "arch/pmap.h"
#include "kernel/assert.h"
#include "libc/core/string.h"
#include "mm/frame.h"

#define SPACES 6 /* that a CPU with identifiers remembers */

static struct tlb {
    struct pmap *loaded; /* NULL: the kernel's own tables */
    uint64_t seen;
    bool lazy;           /* written here alone, read by all */
    unsigned pcid;       /* under which the last space was loaded; 0 without identifiers, and for the kernel's own tables */
    unsigned taken;      /* the slot that a space was given last */
    struct tlb_stats count;
    struct slot {
        uint64_t space;  /* pmap.id; 0: none yet */
        uint64_t seen;
    } slot[1 + SPACES];  /* by identifier */
} __attribute__((aligned(64))) tlbs[MACHINE_CPUS];

static uint64_t generation_of(const struct pmap *pm) {
    return __atomic_load_n(&pm->generation, __ATOMIC_SEQ_CST);
}

/* ---- loading ---- */

static void set_lazy(struct tlb *t, bool lazy) {
    __atomic_store_n(&t->lazy, lazy, __ATOMIC_SEQ_CST);
}

/* The same tables once more, after laziness. */
static void come_back(struct tlb *t, const struct pmap *pm) {
    set_lazy(t, false);
    MACHINE_STEP();
    uint64_t now = generation_of(pm);
    if (t->seen == now) {
        t->count.kept++;
        return;
    }
    t->count.outdated++;
    t->seen = now;
    mmu_flush_user();
}

/*
 * Choose the space's slot; if it has none, it takes one from another, in turn. Is all still good that is known under it?
 * Not in line, so that CPUs without identifiers hardly pay for it.
 */
static __attribute__((noinline)) bool remembered(struct tlb *t, uint64_t space, uint64_t now) {
    t->slot[t->pcid].seen = t->seen;
    for (unsigned i = 1; i <= SPACES; i++) {
        if (t->slot[i].space != space) continue;
        t->pcid = i;
        DEBUG_ASSERT(t->slot[i].seen <= now);
        bool good = t->slot[i].seen == now;
        t->count.kept += good;
        t->count.outdated += !good;
        return good;
    }
    t->pcid = t->taken = t->taken % SPACES + 1;
    t->slot[t->pcid].space = space;
    return false;
}

static void change(struct tlb *t, struct pmap *pm, uint64_t bit) {
    struct pmap *old = t->loaded;
    set_lazy(t, false);
    __atomic_fetch_or(&pm->cpus, bit, __ATOMIC_SEQ_CST);
    MACHINE_STEP();
    uint64_t now = generation_of(pm);
    bool keep = mmu_has_pcids && remembered(t, pm->id, now);
    t->seen = now;
    t->loaded = pm;
    mmu_load(pm->root, t->pcid, keep);
    MACHINE_STEP();
    if (old) __atomic_fetch_and(&old->cpus, ~bit, __ATOMIC_SEQ_CST);
}

void pmap_load(struct pmap *pm) {
    uint64_t saved = machine_irq_save();
    unsigned id = machine_cpu();
    struct tlb *t = &tlbs[id];
    if (!pm)
        set_lazy(t, true);
    else if (pm != t->loaded)
        change(t, pm, 1ul << id);
    else if (t->lazy)
        come_back(t, pm);
    machine_irq_restore(saved);
}

/* A lazy CPU lets its space go. Interrupts off. */
static void leave(struct tlb *t) {
    struct pmap *pm = t->loaded;
    t->loaded = NULL;
    mmu_load(mmu_kernel_root, 0, false);
    __atomic_fetch_and(&pm->cpus, ~(1ul << machine_cpu()), __ATOMIC_SEQ_CST);
}

/* On each CPU that has the space. */
static void let_go(void *arg) {
    const struct pmap *pm = arg;
    struct tlb *t = &tlbs[machine_cpu()];
    if (t->loaded != pm) return;
    ASSERT(t->lazy); /* or a program runs without its space */
    leave(t);
}

void pmap_evict(struct pmap *pm) {
    uint64_t mask = __atomic_load_n(&pm->cpus, __ATOMIC_SEQ_CST);
    if (mask) ipi_call(mask, let_go, pm);
    ASSERT(__atomic_load_n(&pm->cpus, __ATOMIC_SEQ_CST) == 0);
}

/* ---- batches ---- */

void flush_begin(struct flush *f, struct pmap *pm) {
    f->pmap = pm;
    f->pages = 0;
    f->frames = 0;
    f->tables = false;
}

/*
 * The batch's own pages suffice if it is the next one for this CPU. If others are due between, theirs are
 * unknown here: all goes, and with it all that had been stored when the generation was read.
 * INVLPG also drops the paging-structure caches (SDM Vol. 3, 4.10.4.1), which freed tables need.
 */
static void answer(void *arg) {
    const struct flush *f = arg;
    struct tlb *t = &tlbs[machine_cpu()];
    if (t->loaded != f->pmap) return; /* it has loaded another meanwhile */
    if (t->lazy) {
        leave(t); /* asked once, it is not asked again */
        return;
    }
    if (f->generation <= t->seen) {
        t->count.covered++;
    } else if (f->generation == t->seen + 1 && f->pages <= FLUSH_PAGES) {
        t->seen = f->generation;
        for (unsigned i = 0; i < f->pages; i++) mmu_flush_page(f->page[i]);
    } else {
        t->seen = generation_of(f->pmap);
        mmu_flush_user();
    }
}

/* May this CPU go on without the batch until it comes back from laziness? */
static bool may_skip(unsigned id, const struct flush *f) {
    return !f->tables && __atomic_load_n(&tlbs[id].lazy, __ATOMIC_SEQ_CST);
}

/* Which of the CPUs that have the space must be told of the batch. */
static uint64_t concerned(const struct flush *f, unsigned me, struct tlb_stats *count) {
    uint64_t mask = __atomic_load_n(&f->pmap->cpus, __ATOMIC_SEQ_CST);
    unsigned others = 0;
    for (uint64_t left = mask; left; left &= left - 1) {
        unsigned id = (unsigned)__builtin_ctzl(left);
        bool skip = may_skip(id, f);
        if (skip) mask &= ~(1ul << id);
        if (id == me) continue;
        count->lazy += skip;
        others += !skip;
    }
    count->batches++;
    count->shootdowns += others > 0;
    count->interrupted += others;
    return mask;
}

static void shoot(struct flush *f) {
    unsigned me = machine_cpu_hold();
    f->generation = __atomic_add_fetch(&f->pmap->generation, 1, __ATOMIC_SEQ_CST);
    MACHINE_STEP();
    uint64_t mask = concerned(f, me, &tlbs[me].count);
    MACHINE_STEP();
    if (mask) ipi_call(mask, answer, f);
    machine_cpu_release();
}

void flush_finish(struct flush *f) {
    if (f->pages) shoot(f);
    if (f->frames) frame_drop_batch(f->frame, f->frames);
    f->pages = f->frames = 0;
    f->tables = false;
}

/* Under the lock to the end: another locker that finds nothing to do must know that it is done. */
void flush_grown(struct pmap *pm) {
    struct flush f;
    flush_begin(&f, pm);
    spin_lock(&pm->lock);
    if (pm->grown) flush_all(&f);
    pm->grown = false;
    flush_finish(&f);
    spin_unlock(&pm->lock);
}

/* ---- what there is to see ---- */

void tlb_get_stats(struct tlb_stats *sum) {
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i < MACHINE_CPUS; i++) { /* racy by a few: each counts for itself */
        const struct tlb_stats *c = &tlbs[i].count;
        sum->batches += c->batches;
        sum->shootdowns += c->shootdowns;
        sum->interrupted += c->interrupted;
        sum->lazy += c->lazy;
        sum->covered += c->covered;
        sum->kept += c->kept;
        sum->outdated += c->outdated;
    }
}
