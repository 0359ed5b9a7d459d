/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the emulated CPUs remember of page tables: the worst TLB that SDM Vol. 3, 4.10 permits.
 *
 *      va -> TLB --hit--> permitted? -> RAM          a hit is first held against a fresh walk: a stale
 *             |              no -> fault              answer that grants more ends the test
 *             miss
 *             v
 *      CR3 -> the walk (walk.c) -> frame              every table passed on the way is remembered too:
 *                                                     the paging-structure caches (4.10.3)
 *
 * What forgets: mmu_load, unless told to keep, everything; mmu_flush_user the same (nothing global is user's);
 * mmu_flush_page its page, and all paging-structure caches (4.10.4.1); a page fault the translation of its address.
 *
 * With process-context identifiers (4.10.1; a test says that the CPUs have them) a CPU remembers apart what it met under
 * each, uses what is under the current one alone, and all of the above forgets what is under that one (mmu_load's: the
 * one loaded) and nothing else. So a frame may be freed that is reached under another. But a load that keeps what is
 * there ends the test if a frame was freed since that it reaches, if it is stale, or if it was met by another root.
 *
 * There are HOST_CPUS of them, and one runs at a time. A CPU that runs no program (the kernel's word for it:
 * lazy) may keep stale translations, for it does not use them, but not cached tables: it reads ahead. What
 * it kept is looked at when it runs a program again.
 *
 * INVARIANTS  reach[pfn] = live translations to pfn; via[pfn] iff pfn is in via_list. m is under me's current identifier.
 * MISSING     global pages.
 */
#include "arch/host/host.h"
#include "arch/host/mmu.h"

#include <stdlib.h>
#include <string.h>

#include "arch/mmu.h"
#include "mm/mm.h"

struct translation {
    vaddr_t va; /* page; 0: empty (page 0 is never mapped) */
    pfn_t pfn;
    bool write, exec, dirty, large;
};

#define SLOTS (1u << 15)
#define MAX_FRAMES (1u << 22) /* 16 GiB */

/* What a CPU remembers under one identifier. */
struct known {
    struct translation tlb[SLOTS];
    uint32_t used[SLOTS]; /* slots that have been filled since all was forgotten */
    unsigned nused;
    uint16_t *reach;
    uint8_t *via;
    pfn_t via_list[SLOTS];
    unsigned nvia;
    paddr_t root;         /* by which it was met */
    pfn_t lost;           /* a frame that was freed while the CPU used none of this, and is reached still; NO_PFN: none */
};

static struct cpu {
    struct known known[HOST_PCIDS];
    unsigned pcid;        /* the current one */
    bool kernel;          /* runs no program: what is stale must go before it runs one again */
} cpus[HOST_CPUS];

static struct cpu *me = &cpus[0];            /* this CPU */
static struct known *m = &cpus[0].known[0];  /* what it may use */

bool mmu_has_pcids;

static void be(struct cpu *cpu) {
    me = cpu;
    m = &cpu->known[cpu->pcid];
}

/* ---- the TLB ---- */

static struct translation *slot_of(vaddr_t page) {
    uint32_t h = (uint32_t)((page >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ul >> 40);
    for (uint32_t i = h % SLOTS;; i = (i + 1) % SLOTS)
        if (m->tlb[i].va == page || m->tlb[i].va == 0) return &m->tlb[i];
}

static struct translation *tlb_find(vaddr_t page) {
    struct translation *t = slot_of(page);
    return t->va && t->pfn != NO_PFN ? t : NULL;
}

/* The slot stays taken, so that probing goes on past it; it only translates nothing any more. */
static void tlb_forget(struct translation *t) {
    m->reach[t->pfn]--;
    t->pfn = NO_PFN;
}

static void forget_tables(void) {
    while (m->nvia) m->via[m->via_list[--m->nvia]] = 0;
}

static void forget_all(void) {
    while (m->nused) {
        struct translation *t = &m->tlb[m->used[--m->nused]];
        if (t->pfn != NO_PFN) m->reach[t->pfn]--;
        *t = (struct translation){0};
    }
    forget_tables();
    m->lost = NO_PFN;
}

static void remember_tables(const struct walk *w) {
    for (unsigned i = 0; i < w->tables; i++) {
        pfn_t table = w->table[i];
        if (m->via[table]) continue;
        if (m->nvia == SLOTS) forget_tables();
        m->via[table] = 1;
        m->via_list[m->nvia++] = table;
    }
}

/* A full TLB may drop what it likes: all of it, for simplicity. */
static void tlb_remember(vaddr_t page, const struct walk *w) {
    if (m->nused >= SLOTS / 2) forget_all();
    struct translation *t = slot_of(page);
    if (!t->va) m->used[m->nused++] = (uint32_t)(t - m->tlb);
    else if (t->pfn != NO_PFN) tlb_forget(t);
    *t = (struct translation){.va = page, .pfn = w->pfn, .write = w->write, .exec = w->exec,
                              .dirty = w->dirty, .large = w->large};
    m->reach[w->pfn]++;
}

static bool is_stale(const struct translation *t, struct walk *now) {
    mmu_walk(m->root, t->va, now);
    return !now->present || !now->user || now->pfn != t->pfn || (t->write && !now->write) || (t->exec && !now->exec);
}

static void check_translation(const struct translation *t) {
    struct walk now;
    if (!is_stale(t, &now)) return;
    host_die("stale TLB: va %#lx still reaches frame %u%s%s; the tables say %s frame %u%s%s: a flush is missing", t->va,
             t->pfn, t->write ? " W" : "", t->exec ? " X" : "", now.present ? "present," : "absent,", now.pfn,
             now.write ? " W" : "", now.exec ? " X" : "");
}

/* Of the CPU that m is. */
static unsigned count_stale(void) {
    unsigned n = 0;
    struct walk now;
    for (unsigned i = 0; i < m->nused; i++) {
        struct translation *t = &m->tlb[m->used[i]];
        if (t->pfn != NO_PFN && is_stale(t, &now)) n++;
    }
    return n;
}

static void check_all(void) {
    for (unsigned i = 0; i < m->nused; i++)
        if (m->tlb[m->used[i]].pfn != NO_PFN) check_translation(&m->tlb[m->used[i]]);
}

/* Be each CPU that runs a program in turn. Back in the end. */
#define EACH_USER_CPU(self)                                   \
    for (struct cpu *self = me; self; be(self), self = NULL) \
        for (unsigned i_ = 0; i_ < HOST_CPUS; i_++)           \
            if (be(&cpus[i_]), !me->kernel)

unsigned mmu_stale(void) {
    unsigned n = 0;
    EACH_USER_CPU(self) n += count_stale();
    return n;
}

void mmu_check(void) {
    EACH_USER_CPU(self) check_all();
}

bool mmu_refuses(paddr_t space, vaddr_t va) {
    struct walk now;
    bool refuses = false;
    mmu_walk(space, va, &now);
    EACH_USER_CPU(self) {
        const struct translation *t = m->root == space ? tlb_find(page_floor(va)) : NULL;
        refuses |= t && now.present && ((now.write && !t->write) || (now.exec && !t->exec));
    }
    return refuses;
}

bool mmu_cached(vaddr_t va) {
    return tlb_find(page_floor(va)) != NULL;
}

/* ---- accesses ---- */

static bool permits(bool write, bool exec, int access) {
    return access == FAULT_READ || (access == FAULT_WRITE ? write : exec);
}

static unsigned error_code(bool present, int access) {
    return HOST_USER | (present ? HOST_PRESENT : 0) | (access == FAULT_WRITE ? HOST_WRITE : 0) |
           (access == FAULT_EXEC ? HOST_FETCH : 0);
}

/* Fill from the tables: 0, or the fault. */
static unsigned fill(vaddr_t va, int access, struct walk *w) {
    mmu_walk(m->root, va, w);
    remember_tables(w);
    if (!w->present || !w->user || !permits(w->write, w->exec, access)) return error_code(w->present, access);
    mmu_walk_marking(m->root, va, w, access == FAULT_WRITE);
    tlb_remember(page_floor(va), w);
    return 0;
}

unsigned mmu_access(vaddr_t va, int access, void **byte) {
    if (me->kernel) host_die("va %#lx: an access to user space by a CPU that runs no program", va);
    if (va >= 1ul << 47) return error_code(false, access); /* not user space: would be #GP or a fault at U=0 */
    struct translation *t = tlb_find(page_floor(va));
    struct walk w;
    if (t) {
        check_translation(t);
        if (!permits(t->write, t->exec, access)) {
            tlb_forget(t); /* 4.10.4.1: the fault itself invalidates */
            return error_code(true, access);
        }
        w.pfn = t->pfn;
    }
    /* The first write through a clean translation goes to the tables again, to set dirty there. */
    if (!t || (access == FAULT_WRITE && !t->dirty)) {
        unsigned error = fill(va, access, &w);
        if (error) return error;
    }
    *byte = (uint8_t *)phys_to_virt((paddr_t)w.pfn << PAGE_SHIFT) + (va & PAGE_MASK);
    return 0;
}

void mmu_speculate(vaddr_t va) {
    struct walk w;
    if (va < PAGE_SIZE || va >= 1ul << 47 || tlb_find(page_floor(va))) return;
    fill(va, FAULT_READ, &w);
}

/* ---- what the kernel tells the CPU ---- */

paddr_t mmu_root(void) {
    return m->root;
}

/* What the CPU met under the identifier it goes on with is about to be used for this root. */
static void check_kept(paddr_t root) {
    if (m->lost != NO_PFN)
        host_die("frame %u was freed, and what CPU %u kept under PCID %u still reaches it", m->lost, host_cpu(), me->pcid);
    if ((m->nused || m->nvia) && m->root != root)
        host_die("CPU %u keeps under PCID %u what it met by root %#lx and loads %#lx", host_cpu(), me->pcid, m->root, root);
    check_all();
}

void mmu_load(paddr_t to, unsigned pcid, bool keep) {
    if ((to & PAGE_MASK) || !host_is_ram(to)) host_die("mmu_load(%#lx): not a frame", to);
    if ((pcid || keep) && !mmu_has_pcids) host_die("mmu_load: PCID %u, keep %d: general protection", pcid, keep);
    if (pcid >= HOST_PCIDS) host_die("mmu_load: there is no PCID %u", pcid);
    me->pcid = pcid;
    be(me);
    if (keep) check_kept(to);
    else forget_all();
    m->root = to;
}

void mmu_flush_user(void) {
    forget_all();
}

void mmu_copy_page(void *to, const void *from) {
    memcpy(to, from, PAGE_SIZE);
}

/* INVLPG drops a large page whole, whatever address inside it is named. */
void mmu_flush_page(vaddr_t va) {
    for (unsigned i = 0; i < m->nused; i++) {
        struct translation *t = &m->tlb[m->used[i]];
        if (t->large && t->pfn != NO_PFN && (t->va ^ va) >> 21 == 0) tlb_forget(t);
    }
    struct translation *t = tlb_find(page_floor(va));
    if (t) tlb_forget(t);
    forget_tables();
}

/* ---- for the rest of the machine ---- */

/* The arrays stay for the next machine: forgetting leaves them zero. */
static void reset_known(struct known *k) {
    m = k;
    if (!m->reach) m->reach = calloc(MAX_FRAMES, sizeof(*m->reach));
    if (!m->via) m->via = calloc(MAX_FRAMES, sizeof(*m->via));
    if (!m->reach || !m->via) host_die("no memory for the MMU");
    forget_all();
}

void mmu_reset(paddr_t root) {
    for (unsigned i = HOST_CPUS; i-- > 0;) {
        for (unsigned pcid = 0; pcid < HOST_PCIDS; pcid++) reset_known(&cpus[i].known[pcid]);
        mmu_be(i);
        me->kernel = false;
        mmu_load(root, 0, false);
    }
}

void mmu_be(unsigned cpu) {
    be(&cpus[cpu]);
}

void mmu_run_kernel(void) {
    me->kernel = true;
}

void mmu_run_program(void) {
    if (m->lost != NO_PFN) host_die("frame %u was freed while this CPU was lazy, and it still translates to it", m->lost);
    if (me->kernel) check_all();
    me->kernel = false;
}

static vaddr_t who_reaches(pfn_t pfn) {
    for (unsigned i = 0; i < m->nused; i++)
        if (m->tlb[m->used[i]].pfn == pfn) return m->tlb[m->used[i]].va;
    return 0;
}

/* Under the current identifier. */
static void forbid_free(pfn_t pfn) {
    unsigned cpu = (unsigned)(me - cpus);
    if (pfn == m->root >> PAGE_SHIFT) host_die("frame %u is freed while it is the root table that CPU %u runs", pfn, cpu);
    if (m->via[pfn]) host_die("table in frame %u is freed while CPU %u's paging-structure caches may still use it", pfn, cpu);
    if (!m->reach[pfn]) return;
    if (!me->kernel) host_die("frame %u is freed while CPU %u's TLB still translates va %#lx to it", pfn, cpu, who_reaches(pfn));
    m->lost = pfn;
}

void mmu_forbid_free(pfn_t pfn) {
    struct cpu *self = me;
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        be(&cpus[i]);
        forbid_free(pfn);
        for (struct known *k = me->known; k < me->known + HOST_PCIDS; k++)
            if (k != m && (k->via[pfn] || k->reach[pfn])) k->lost = pfn;
    }
    be(self);
}
