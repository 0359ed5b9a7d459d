/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The auditor: walks every frame, object, region and page table and checks the contract's invariants.
 *
 *   I1  each frame is in one state, the states add up to all of RAM, the free lists hold what is free
 *   I2  every accessible page of a locked region is present, and writable where region and privacy say so
 *   I3  charges equal the accessible locked pages; mapped and accessible pages equal their sums
 *   I4  references equal entries, index slots, pins and swap's own; a table's count equals its entries; each name of a
 *       slot of swap, in a page table or an index, is counted by that slot
 *   I6  nothing is writable and executable; no user entry reaches a frame of the kernel's
 *   and the promises: what is promised equals what regions, tables, objects and pins were promised
 *
 * References are counted in the frame descriptors themselves: a frame that is not free does not use its
 * list links, so .next serves as the count of what was seen. The first thing broken is reported; the rest
 * may follow from it.
 *
 * Other CPUs go on meanwhile, so a look may find what was only on its way from one count to another: who calls looks
 * again (kernel/audit.c).
 *
 * LOCKING  audit_lock: one audit at a time. Frames: a chunk at a time under frame_freeze. See mm_audit() in mm/mm.h.
 */
#include <asm/mman.h>

#include "arch/mmu.h"
#include "kernel/assert.h"
#include "libc/core/format.h"
#include "libc/core/string.h"
#include "mm/object_impl.h"
#include "mm/space.h"
#include "mm/swap.h"

struct audit {
    bool broken;
    uint64_t promised, charged;
    struct swap_sums named; /* by entries of page tables and indexes */
    uint64_t seen[FRAME_STATES];
};

static struct mutex audit_lock = {.guard = {.name = "guard"}, .name = "audit"};
static char text[160] GUARDED_BY(&audit_lock);

static void found(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void found(struct audit *a, const char *fmt, ...) {
    if (a->broken) return;
    a->broken = true;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
}

/* ---- frames ---- */

typedef void frame_visitor(struct audit *, pfn_t, struct frame *);

/* Every block's head, in order of address, a chunk at a time. Tails and absent frames are passed over. */
static void each_block(struct audit *a, frame_visitor *visit) {
    pfn_t pfn = frame_next_initialised(0);
    while (pfn != NO_PFN) {
        pfn_t end = (pfn | ((1u << FRAME_MAX_ORDER) - 1)) + 1;
        frame_freeze(); /* the list links of a frame that is freed now are not ours any more */
        while (pfn < end) {
            struct frame *f = frame_of(pfn);
            bool head = f->state != FRAME_ABSENT && f->order <= FRAME_MAX_ORDER;
            if (head) visit(a, pfn, f);
            pfn += head ? 1u << f->order : 1;
        }
        frame_thaw();
        pfn = frame_next_initialised(end);
    }
}

static void start_count(struct audit *a, pfn_t pfn, struct frame *f) {
    (void)pfn;
    if (f->state >= FRAME_STATES) return;
    a->seen[f->state] += 1ul << f->order;
    if (f->state != FRAME_FREE) f->next = 0;
}

static void check_count(struct audit *a, pfn_t pfn, struct frame *f) {
    if (f->state >= FRAME_STATES) {
        found(a, "I1: frame %u is in state %u", pfn, f->state);
    } else if (f->state >= FRAME_CACHE && f->state != FRAME_TABLE && f->refs != f->next + f->pins) {
        found(a, "I4: frame %u (state %u): %u references, %u entries, %u pins", pfn, f->state, f->refs, f->next, f->pins);
    } else if (f->state == FRAME_FREE && f->refs) {
        found(a, "I4: free frame %u has %u references", pfn, f->refs);
    }
    if (f->state != FRAME_FREE) f->next = NO_PFN;
}

static void check_states(struct audit *a) {
    struct frame_stats fs;
    frame_get_stats(&fs);
    uint64_t sum = 0, free = frame_count_free();
    a->seen[FRAME_FREE] = free;
    for (int i = FRAME_FREE; i < FRAME_STATES; i++) {
        sum += fs.count[i];
        if (a->seen[i] != fs.count[i]) found(a, "I1: %lu frames in state %d, %lu counted", a->seen[i], i, fs.count[i]);
    }
    if (sum != fs.total) found(a, "I1: %lu frames in all states, %lu in all", sum, fs.total);
    if (fs.promised != a->promised) found(a, "promises: %lu made, %lu accounted for", fs.promised, a->promised);
    struct swap_stats swap;
    swap_get_stats(&swap); /* a frame on its way may have outlived its page */
    if (fs.given > fs.promised + swap.cached) found(a, "promises: %lu given of %lu", fs.given, fs.promised);
    if (fs.count[FRAME_FREE] + fs.backing + fs.given < fs.promised)
        found(a, "promises: %lu due, %lu free", fs.promised - fs.given, free);
}

/* ---- objects ---- */

static void name_slot(struct audit *a, slot_t s) {
    a->named.names++;
    a->named.hash += swap_hash(s);
}

static void check_object(struct object *o, void *arg) {
    struct audit *a = arg;
    uint64_t resident = 0, swapped = 0;
    mutex_lock(&o->lock);
    for (uint64_t leaf = 0; leaf < o->leaves; leaf++)
        for (unsigned i = 0; i < 1024; i++) {
            pfn_t pfn = o->index[leaf][i];
            if (pfn == NO_PFN) continue;
            if (index_swapped(pfn)) {
                name_slot(a, index_slot(pfn));
                swapped++;
                continue;
            }
            frame_of(pfn)->next++;
            resident++;
        }
    if (swapped != o->swapped) found(a, "I4: object has %lu pages in swap, %lu counted", swapped, o->swapped);
    if (resident != o->resident) found(a, "I4: object has %lu pages, %lu counted", resident, o->resident);
    if (o->kind == OBJECT_SHARED) a->promised += page_ceil(o->size) >> PAGE_SHIFT;
    mutex_unlock(&o->lock);
}

/* ---- page tables ---- */

/* Reached by one mapping, pins and a copy in swap aside. */
static bool is_own(pfn_t pfn) {
    const struct frame *f = frame_of(pfn);
    return f->refs - f->pins - (f->slot != 0) == 1;
}

static void check_entry(struct audit *a, const struct region *r, vaddr_t va, pte_t e) {
    pfn_t pfn = pte_pfn(e);
    if ((e & PTE_W) && !(e & PTE_NX)) found(a, "I6: %#lx is writable and executable", va);
    if (pte_is_device(e) != ((r->flags & REGION_DEVICE) != 0)) found(a, "I6: %#lx is a device's against its region", va);
    if ((e & PTE_W) && !(r->prot & PROT_WRITE)) found(a, "I6: %#lx is writable, its region is not", va);
    if (pte_is_device(e)) return; /* there is no frame behind it */
    if (pte_swapped(e)) {
        if (r->flags & (REGION_SHARED | REGION_DEVICE)) found(a, "I4: %#lx is shared and swapped by its page table", va);
        if (!(r->flags & REGION_PROMISED)) a->promised++;
        name_slot(a, pte_slot(e));
        return;
    }
    enum frame_state state = frame_of(pfn)->state;
    if (pte_present(e) != region_accessible(r))
        found(a, "I6: %#lx is %s against its region", va, pte_present(e) ? "open" : "parked");
    if (pfn == zero_pfn) {
        if (e & PTE_W) found(a, "I6: %#lx can write the frame of zeroes", va);
        return;
    }
    if (state < FRAME_CACHE || state == FRAME_TABLE) found(a, "I6: %#lx reaches frame %u in state %u", va, pfn, state);
    if (state == FRAME_ANON && !(r->flags & (REGION_PROMISED | REGION_SHARED))) a->promised++;
    if ((e & PTE_W) && !(r->flags & REGION_SHARED) && (state != FRAME_ANON || !is_own(pfn)))
        found(a, "I4: %#lx can write frame %u which is not its own", va, pfn);
    frame_of(pfn)->next++;
}

/* Entries in use below a table, checking each table's count; a table itself is found by its parent. */
static uint64_t check_table(struct audit *a, struct space *s, const pte_t *table, int level, vaddr_t base, uint64_t *tables,
                            uint64_t *swapped) {
    uint64_t used = 0, leaves = 0;
    unsigned n = level == PT_LEVELS - 1 ? PT_ENTRIES / 2 : PT_ENTRIES;
    for (unsigned i = 0; i < n; i++) {
        pte_t e = table[i];
        vaddr_t va = base + i * PT_SPAN(level);
        if (!e) continue;
        used++;
        if (level) {
            ++*tables;
            leaves += check_table(a, s, phys_to_virt(e & PTE_FRAME), level - 1, va, tables, swapped);
            continue;
        }
        const struct region *r = region_find(&s->regions, va);
        leaves++;
        *swapped += pte_swapped(e);
        if (!r)
            found(a, "I4: %#lx has a page and no region", va);
        else
            check_entry(a, r, va, e);
    }
    if (level < PT_LEVELS - 1 && frame_of(frame_number(table))->refs != used)
        found(a, "I4: the table for %#lx has %lu entries, %u counted", base, used, frame_of(frame_number(table))->refs);
    return leaves;
}

/* ---- spaces ---- */

static void check_locked(struct audit *a, struct space *s, const struct region *r) {
    bool writable = (r->prot & PROT_WRITE) && !(r->flags & REGION_SHARED);
    pte_t need = PTE_P | (writable ? PTE_W : 0);
    for (vaddr_t va = r->start; va < r->end; va += PAGE_SIZE) {
        const pte_t *slot = pmap_find(&s->pmap, va);
        if (slot && (*slot & need) == need) continue;
        found(a, "I2: locked page %#lx is %s", va, slot && pte_present(*slot) ? "not writable" : "not there");
        return;
    }
}

static void check_regions(struct audit *a, struct space *s) {
    uint64_t mapped = 0, accessible = 0, charged = 0, count = 0;
    vaddr_t last = 0;
    for (const struct region *r = region_from(&s->regions, 0); r; r = region_next(r), count++) {
        uint64_t n = region_pages(r);
        if (r->start < last || r->start >= r->end) found(a, "regions overlap at %#lx", r->start);
        last = r->end;
        mapped += n;
        if (region_accessible(r)) accessible += n;
        if (region_charged(r)) charged += n;
        if (r->flags & REGION_PROMISED) a->promised += n;
        if (r->lock == LOCK_FULL && r->want == LOCK_FULL && region_accessible(r) && !r->holes) check_locked(a, s, r);
    }
    if (mapped != s->mapped) found(a, "I3: %lu pages mapped, %lu counted", mapped, s->mapped);
    if (accessible != s->accessible) found(a, "I3: %lu pages accessible, %lu counted", accessible, s->accessible);
    if (charged != s->charged) found(a, "I3: %lu pages locked, %lu charged", charged, s->charged);
    if (count != s->regions.count) found(a, "%lu regions, %lu counted", count, s->regions.count);
}

static void check_space(struct space *s, void *arg) {
    struct audit *a = arg;
    uint64_t tables = 0, swapped = 0;
    check_regions(a, s);
    spin_lock(&s->pmap.lock);
    uint64_t leaves = check_table(a, s, phys_to_virt(s->pmap.root), PT_LEVELS - 1, 0, &tables, &swapped);
    if (tables != s->pmap.tables) found(a, "I4: %lu page tables, %u counted", tables, s->pmap.tables);
    if (leaves - swapped != s->pmap.resident) found(a, "I4: %lu pages in tables, %lu counted", leaves - swapped, s->pmap.resident);
    if (swapped != s->pmap.swapped) found(a, "I4: %lu slots in tables, %lu counted", swapped, s->pmap.swapped);
    spin_unlock(&s->pmap.lock);
    if (tables > s->regions.tables) found(a, "promises: %lu page tables, %lu foreseen", tables, s->regions.tables);
    a->promised += s->tables_promised + s->pinned;
    a->charged += s->charged;
}

/* The kernel's half: no leaf is writable and executable, none is open to ring 3. */
static void check_kernel(struct audit *a, const pte_t *table, int level, unsigned from) {
    for (unsigned i = from; i < PT_ENTRIES; i++) {
        pte_t e = table[i];
        if (!(e & PTE_P)) continue;
        if (level && !(e & PTE_PS)) {
            check_kernel(a, phys_to_virt(e & PTE_FRAME), level - 1, 0);
            continue;
        }
        if ((e & PTE_W) && !(e & PTE_NX)) found(a, "I6: the kernel maps frame %u writable and executable", pte_pfn(e));
        if (e & PTE_U) found(a, "I6: the kernel maps frame %u for ring 3", pte_pfn(e));
    }
}

static void count_frame(pfn_t pfn) {
    frame_of(pfn)->next++;
}

/* Every name of a slot is known to it, and every frame that swap holds is counted. */
static void check_swap(struct audit *a) {
    struct swap_sums sums = {0};
    const char *wrong = swap_check(&sums, count_frame);
    if (wrong) found(a, "%s", wrong);
    if (sums.names != a->named.names)
        found(a, "I4: slots have %lu names, %lu are there", sums.names, a->named.names);
    else if (sums.hash != a->named.hash)
        found(a, "I4: %lu slots are named, but not those that think so", sums.names);
}

const char *mm_audit(void) {
    struct audit a = {0};
    uint64_t charged, cap;
    mutex_lock(&audit_lock);
    each_block(&a, start_count);
    objects_each(check_object, &a);
    spaces_each(check_space, &a);
    check_swap(&a);
    each_block(&a, check_count);
    check_states(&a);
    charge_get_stats(&charged, &cap);
    if (charged != a.charged) found(&a, "I3: %lu pages charged in all, %lu in spaces", charged, a.charged);
    check_kernel(&a, phys_to_virt(mmu_kernel_root), PT_LEVELS - 1, PT_ENTRIES / 2);
    mutex_unlock(&audit_lock);
    return a.broken ? text : NULL;
}
