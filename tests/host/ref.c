/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The reference (tests/host/ref.h), clause by clause of the contract.
 */
#include "tests/host/ref.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <string.h>

#include "kernel/assert.h"

enum { NONE, ON_FAULT, FULL }; /* struct ref_page.lock */

struct ref ref;

/* ---- objects ---- */

bool ref_object_room(void) {
    for (int i = 0; i < REF_OBJECTS; i++)
        if (!ref.object[i].used) return true;
    return false;
}

int ref_object_new(bool file, uint64_t size, uint32_t stamp) {
    for (int i = 0; i < REF_OBJECTS; i++) {
        struct ref_object *o = &ref.object[i];
        if (o->used) continue;
        memset(o, 0, sizeof(*o));
        o->used = true, o->file = file, o->size = size, o->stamp = stamp;
        for (unsigned p = 0; file && p < REF_OBJECT_PAGES; p++) o->page[p] = (struct contents){stamp + p, stamp + p};
        return i;
    }
    return -1;
}

static bool object_reaches(const struct ref_object *o, unsigned page) {
    return page * PAGE_SIZE < o->size;
}

bool ref_past_end(const struct ref_page *p) {
    return p->object >= 0 && !object_reaches(&ref.object[p->object], p->opage);
}

/* L21: what lies behind the new end is gone, and is zero when it comes back; private copies of it go too. */
void ref_object_resize(int which, uint64_t size) {
    struct ref_object *o = &ref.object[which];
    o->size = size;
    for (unsigned i = 0; i < REF_OBJECT_PAGES; i++) {
        if (i * PAGE_SIZE + REF_HEAD >= size) o->page[i].head = 0;
        if (i * PAGE_SIZE + REF_TAIL >= size) o->page[i].tail = 0;
        if (!object_reaches(o, i)) o->resident[i] = false;
    }
    for (unsigned s = 0; s < REF_SPACES; s++)
        for (unsigned i = 0; i < REF_PAGES; i++) {
            struct ref_page *p = &ref.space[s].page[i];
            if (!p->mapped || p->object != which || object_reaches(o, p->opage)) continue;
            p->own = p->touched = p->touched_maybe = false;
            if (p->lock == FULL) p->past = true;
        }
}

bool ref_object_mapped(int which) {
    for (unsigned s = 0; s < REF_SPACES; s++)
        for (unsigned i = 0; i < REF_PAGES; i++)
            if (ref.space[s].page[i].mapped && ref.space[s].page[i].object == which) return true;
    return false;
}

void ref_object_collect(void) {
    for (int i = 0; i < REF_OBJECTS; i++)
        if (ref.object[i].used && !ref.object[i].real && !ref_object_mapped(i)) ref.object[i].used = false;
}

/* ---- what there is to see ---- */

struct contents ref_contents(const struct ref_space *s, unsigned i) {
    const struct ref_page *p = &s->page[i];
    if (p->own) return p->c;
    if (p->object >= 0) return ref.object[p->object].page[p->opage];
    return (struct contents){0, 0};
}

enum maybe ref_resident(const struct ref_space *s, unsigned i) {
    const struct ref_page *p = &s->page[i];
    if (p->own || p->touched) return YES;
    if (p->object >= 0) return ref.object[p->object].resident[p->opage] ? YES : NO;
    return p->touched_maybe ? MAYBE : NO;
}

uint64_t ref_charged(const struct ref_space *s) {
    uint64_t n = 0;
    for (unsigned i = 0; i < REF_PAGES; i++) n += s->page[i].mapped && s->page[i].prot && s->page[i].lock;
    return n;
}

uint64_t ref_count(const struct ref_space *s, bool accessible_only) {
    uint64_t n = 0;
    for (unsigned i = 0; i < REF_PAGES; i++) n += s->page[i].mapped && (s->page[i].prot || !accessible_only);
    return n;
}

bool ref_promised(const struct ref_page *p) {
    bool file = p->object >= 0 && ref.object[p->object].file;
    return p->mapped && !file && (!p->noreserve || p->shared);
}

bool ref_no_fault(const struct ref_page *p) {
    return p->mapped && p->prot && (p->lock == FULL ? !p->past : p->lock == ON_FAULT && p->touched);
}

/* ---- bringing in ---- */

void ref_make_own(struct ref_space *s, unsigned i) {
    struct ref_page *p = &s->page[i];
    if (p->own) return;
    p->c = ref_contents(s, i);
    p->own = true;
}

/* As a fault, or a lock, brings a page in. False: it lies past its object's end. */
static bool populate(struct ref_space *s, unsigned i, bool write) {
    struct ref_page *p = &s->page[i];
    bool for_good = p->lock == ON_FAULT && (p->prot & PROT_WRITE); /* L14: this touch locks it, with every right */
    if (ref_past_end(p)) return false;
    if (p->object >= 0 && !p->own) ref.object[p->object].resident[p->opage] = true;
    p->touched = true;
    if ((write || for_good) && !p->shared) ref_make_own(s, i);
    return true;
}

/* L14: what is there when it is locked on fault, or opened under such a lock, is given every right at once. */
static void complete(struct ref_space *s, unsigned i) {
    const struct ref_page *p = &s->page[i];
    if (p->touched && (p->prot & PROT_WRITE) && !p->shared) ref_make_own(s, i);
}

/* Make a page with a full lock what L2 asks for. */
static void fulfil(struct ref_space *s, unsigned i) {
    struct ref_page *p = &s->page[i];
    p->past = !populate(s, i, p->prot & PROT_WRITE);
}

void ref_bring_in(struct ref_space *s, unsigned start, unsigned done) {
    for (unsigned i = start; i < start + done; i++) populate(s, i, s->page[i].prot & PROT_WRITE);
}

/* ---- ranges ---- */

static bool all_mapped(const struct ref_space *s, unsigned start, unsigned n) {
    for (unsigned i = start; i < start + n; i++)
        if (i >= REF_PAGES || !s->page[i].mapped) return false;
    return true;
}

static bool over_limit(const struct ref_space *s, uint64_t more, uint64_t less) {
    return !s->privileged && more > less && ref_charged(s) + more - less > s->limit;
}

static bool may_not_lock(const struct ref_space *s) {
    return !s->privileged && s->limit == 0; /* L12 */
}

/* ---- mapping ---- */

static uint64_t charged_in(const struct ref_space *s, unsigned start, unsigned n) {
    uint64_t sum = 0;
    for (unsigned i = start; i < start + n; i++) sum += s->page[i].mapped && s->page[i].prot && s->page[i].lock;
    return sum;
}

static bool any_mapped(const struct ref_space *s, unsigned start, unsigned n) {
    for (unsigned i = start; i < start + n; i++)
        if (s->page[i].mapped) return true;
    return false;
}

int ref_unmap(struct ref_space *s, unsigned start, unsigned n) {
    memset(&s->page[start], 0, n * sizeof(s->page[0]));
    ref_object_collect();
    return 0;
}

int ref_map(struct ref_space *s, const struct ref_map *m) {
    uint8_t mode = m->locked ? FULL : s->future;
    uint64_t charge = mode && m->prot ? m->n : 0;
    if (m->locked && !m->prot) return -EAGAIN; /* L9 and L23 */
    if (!m->replace && any_mapped(s, m->start, m->n)) return -EEXIST;
    if (charge && may_not_lock(s)) return -EAGAIN;
    if (over_limit(s, charge, charged_in(s, m->start, m->n))) return -EAGAIN; /* A6, L23 */
    int object = m->object >= 0 || !m->shared ? m->object : ref_object_new(false, m->n * PAGE_SIZE, 0);
    memset(&s->page[m->start], 0, m->n * sizeof(s->page[0]));
    for (unsigned i = 0; i < m->n; i++) {
        struct ref_page *p = &s->page[m->start + i];
        *p = (struct ref_page){.mapped = true, .shared = m->shared, .noreserve = m->noreserve, .prot = (uint8_t)m->prot,
                               .lock = mode, .object = (int8_t)object, .opage = (uint8_t)(m->opage + i)};
        if (!m->prot) continue;
        if (mode == FULL) fulfil(s, m->start + i);
        else if (m->populate && mode == NONE) populate(s, m->start + i, m->prot & PROT_WRITE);
        if (m->locked && p->past) { /* L21 through L23: nothing stays mapped */
            ref_unmap(s, m->start, m->n);
            return -EAGAIN;
        }
    }
    ref_object_collect();
    return 0;
}

/* L17, A4 */
int ref_protect(struct ref_space *s, unsigned start, unsigned n, int prot) {
    uint64_t more = 0, less = 0;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC)) return -EACCES;
    if (n == 0) return 0;
    if (!all_mapped(s, start, n)) return -ENOMEM;
    for (unsigned i = start; i < start + n; i++) {
        const struct ref_page *p = &s->page[i];
        uint8_t mode = !p->lock && !p->prot && prot ? s->future : p->lock;
        more += prot && mode && !(p->prot && p->lock);
        less += !prot && p->prot && p->lock;
    }
    if (over_limit(s, more, less)) return -ENOMEM;
    for (unsigned i = start; i < start + n; i++) {
        struct ref_page *p = &s->page[i];
        if (!p->lock && !p->prot && prot) p->lock = s->future;
        p->prot = (uint8_t)prot;
        if (prot && p->lock == FULL) fulfil(s, i);
        if (prot && p->lock == ON_FAULT) complete(s, i);
    }
    return 0;
}

/* ---- locks ---- */

int ref_lock(struct ref_space *s, unsigned start, unsigned n, bool on_fault) {
    uint64_t more = 0;
    if (n == 0) return 0;                             /* L7 */
    if (may_not_lock(s)) return -EPERM;               /* L12 */
    if (!all_mapped(s, start, n)) return -ENOMEM;     /* L8 */
    for (unsigned i = start; i < start + n; i++) {
        if (!s->page[i].prot) return -ENOMEM;         /* L9 */
        more += !s->page[i].lock;                     /* L11 */
    }
    if (over_limit(s, more, 0)) return -ENOMEM;       /* L10 */
    for (unsigned i = start; i < start + n && !on_fault; i++)
        if (!populate(s, i, s->page[i].prot & PROT_WRITE)) return -ENOMEM; /* L21; L4: no lock has changed */
    for (unsigned i = start; i < start + n; i++) {
        if (on_fault && !s->page[i].lock) complete(s, i);
        s->page[i].lock = on_fault ? ON_FAULT : FULL; /* L1, L3, L14 */
        if (!on_fault) s->page[i].past = false;
    }
    return 0;
}

int ref_unlock(struct ref_space *s, unsigned start, unsigned n) {
    if (n == 0) return 0;
    if (!all_mapped(s, start, n)) return -ENOMEM;     /* L13 */
    for (unsigned i = start; i < start + n; i++) s->page[i].lock = NONE;
    return 0;
}

int ref_lock_all(struct ref_space *s, int flags) {
    uint8_t mode = flags & MCL_ONFAULT ? ON_FAULT : FULL;
    if ((flags & ~7) || !(flags & (MCL_CURRENT | MCL_FUTURE))) return -EINVAL; /* A1, A2 */
    if (may_not_lock(s)) return -EPERM;
    if (flags & MCL_CURRENT) {
        if (over_limit(s, ref_count(s, true) - ref_charged(s), 0)) return -ENOMEM; /* A3 */
        for (unsigned i = 0; i < REF_PAGES; i++) {
            struct ref_page *p = &s->page[i];
            if (!p->mapped || !p->prot) continue;     /* A4 */
            if (mode == FULL) fulfil(s, i);
            else if (!p->lock) complete(s, i);
            p->lock = mode;
        }
    }
    if (flags & MCL_FUTURE) s->future = mode;         /* A5: only set here, cleared by munlockall alone */
    return 0;
}

int ref_unlock_all(struct ref_space *s) {
    for (unsigned i = 0; i < REF_PAGES; i++) s->page[i].lock = NONE;
    s->future = NONE;
    return 0;
}

/* ---- advice ---- */

static bool takes_away(int advice) {
    return advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_COLD || advice == MADV_PAGEOUT;
}

static bool private_anonymous(const struct ref_page *p) {
    return p->object < 0;
}

/* MADV_PAGEOUT, and there is no swap: entries go whose page is the object's, and private pages of zeroes. */
static void page_out(struct ref_page *p) {
    bool zero = p->object < 0 && p->c.head == 0 && p->c.tail == 0;
    if (p->shared) return;
    if (!p->own && p->object >= 0) p->touched = false;
    if (p->own && zero) p->own = p->touched = p->touched_maybe = false;
}

int ref_advise(struct ref_space *s, unsigned start, unsigned n, int advice) {
    if (n == 0) return 0;
    if (!all_mapped(s, start, n)) return -ENOMEM;
    for (unsigned i = start; i < start + n; i++) {
        const struct ref_page *p = &s->page[i];
        if (takes_away(advice) && p->lock) return -EINVAL; /* L19 */
        if ((advice == MADV_FREE || advice == MADV_WIPEONFORK) && !private_anonymous(p)) return -EINVAL;
    }
    for (unsigned i = start; i < start + n; i++) {
        struct ref_page *p = &s->page[i];
        if (advice == MADV_DONTNEED || advice == MADV_FREE) p->own = p->touched = p->touched_maybe = false;
        if (advice == MADV_PAGEOUT) page_out(p);
        if (advice == MADV_DONTFORK || advice == MADV_DOFORK) p->dontfork = advice == MADV_DONTFORK;
        if (advice == MADV_WIPEONFORK || advice == MADV_KEEPONFORK) p->wipe = advice == MADV_WIPEONFORK;
    }
    return 0;
}

/* ---- a program ---- */

int ref_access(struct ref_space *s, unsigned i, int access) {
    const struct ref_page *p = &s->page[i];
    int need = access == FAULT_WRITE ? PROT_WRITE : access == FAULT_EXEC ? PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
    if (!p->mapped) return -EFAULT;
    if (!(p->prot & need)) return -EACCES;
    return populate(s, i, access == FAULT_WRITE) ? 0 : -ENXIO;
}

void ref_write(struct ref_space *s, unsigned i, uint32_t stamp) {
    struct ref_page *p = &s->page[i];
    struct contents c = {stamp, stamp};
    if (!p->shared) {
        p->c = c;
        return;
    }
    struct ref_object *o = &ref.object[p->object];
    o->page[p->opage] = c;
}

/* ---- whole spaces ---- */

/* A7: no locks, no MCL_FUTURE, no charge. */
void ref_fork(const struct ref_space *parent, struct ref_space *child) {
    struct space *real = child->real;
    *child = *parent;
    child->real = real;
    child->future = NONE;
    for (unsigned i = 0; i < REF_PAGES; i++) {
        struct ref_page *p = &child->page[i];
        p->lock = NONE;
        p->past = false;
        if (p->touched && !p->own) p->touched = false, p->touched_maybe = p->object < 0;
        if (p->wipe) p->own = p->touched = p->touched_maybe = false;
        if (p->dontfork) *p = (struct ref_page){0};
    }
}

void ref_end(struct ref_space *s) {
    memset(s, 0, sizeof(*s));
    ref_object_collect();
}

/* ---- mremap ---- */

static bool same_mapping(const struct ref_page *a, const struct ref_page *b) {
    return b->mapped && a->shared == b->shared && a->prot == b->prot && a->lock == b->lock && a->object == b->object &&
           a->noreserve == b->noreserve && a->dontfork == b->dontfork && a->wipe == b->wipe &&
           (a->object < 0 || a->opage + 1 == b->opage);
}

bool ref_uniform(const struct ref_space *s, unsigned start, unsigned n) {
    for (unsigned i = start + 1; i < start + n; i++)
        if (!same_mapping(&s->page[i - 1], &s->page[i])) return false;
    return s->page[start].mapped;
}

/* Pages behind `last`, as it is: grown, and brought in if it is fully locked. */
static void grow(struct ref_space *s, const struct ref_page *last, unsigned at, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        struct ref_page *p = &s->page[at + i];
        *p = *last;
        p->own = p->touched = p->touched_maybe = p->past = false;
        p->opage = (uint8_t)(last->opage + i + 1);
        if (p->prot && p->lock == FULL) fulfil(s, at + i);
    }
}

/* L18: growth is charged by its delta; over the limit EAGAIN. */
static int may_grow(const struct ref_space *s, const struct ref_page *last, unsigned more) {
    uint64_t charge = last->lock && last->prot ? more : 0;
    if (charge && may_not_lock(s)) return -EAGAIN;
    return over_limit(s, charge, 0) ? -EAGAIN : 0;
}

int ref_grow(struct ref_space *s, unsigned start, unsigned old, unsigned new) {
    struct ref_page last = s->page[start + old - 1];
    if (any_mapped(s, start + old, new - old)) return -ENOMEM; /* without MREMAP_MAYMOVE */
    int err = may_grow(s, &last, new - old);
    if (!err) grow(s, &last, start + old, new - old);
    return err;
}

/* To a fixed place, all or nothing. What is mapped there goes; the growth pays in full before it does. */
int ref_move(struct ref_space *s, unsigned from, unsigned old, unsigned to, unsigned new) {
    unsigned keep = old < new ? old : new;
    struct ref_page moved[REF_PAGES], last = s->page[from + keep - 1];
    int err = may_grow(s, &last, new - keep);
    if (err) return err;
    ref_unmap(s, to, new);
    memcpy(moved, &s->page[from], keep * sizeof(moved[0]));
    memset(&s->page[from], 0, old * sizeof(moved[0]));
    memcpy(&s->page[to], moved, keep * sizeof(moved[0]));
    grow(s, &last, to + keep, new - keep);
    ref_object_collect();
    return 0;
}
