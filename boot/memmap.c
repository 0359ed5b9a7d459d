/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The set of bytes that are RAM, as sorted ranges that neither overlap nor touch.
 *
 *   add     [____]   [____]         remove  [______________]
 *              [_______]                         [__]
 *   gives   [_____________]         gives   [____]  [______]
 *
 * Working on the set itself, and not on a copy of the firmware's entries, bounds the store whatever the
 * firmware says: when ranges no longer fit, the smallest is given up, which loses RAM but never
 * invents any. That is why RAM is added before the reserved is removed.
 *
 * INVARIANTS  r[i].start < r[i].end < r[i + 1].start.
 */
#include "boot/memmap.h"

void memmap_init(struct memmap *m, struct boot_range *room, unsigned max) {
    *m = (struct memmap){.max = max, .r = room};
}

static void delete_range(struct memmap *m, unsigned i) {
    for (m->n--; i < m->n; i++) m->r[i] = m->r[i + 1];
}

/* Makes room for one more, giving up the smallest range if need be, even if that is the new one. */
static void insert_range(struct memmap *m, struct boot_range new) {
    if (m->n == m->max) {
        unsigned least = 0;
        for (unsigned i = 1; i < m->n; i++) {
            if (m->r[i].end - m->r[i].start < m->r[least].end - m->r[least].start) least = i;
        }
        if (m->n == 0 || new.end - new.start <= m->r[least].end - m->r[least].start) {
            m->lost += new.end - new.start;
            return;
        }
        m->lost += m->r[least].end - m->r[least].start;
        delete_range(m, least);
    }
    unsigned at = m->n++;
    for (; at > 0 && m->r[at - 1].start > new.start; at--) m->r[at] = m->r[at - 1];
    m->r[at] = new;
}

void memmap_add(struct memmap *m, paddr_t start, uint64_t length) {
    if (length == 0 || start > UINT64_MAX - length) return; /* RAM that wraps is nonsense: not believed */
    struct boot_range new = {start, start + length};
    for (unsigned i = 0; i < m->n;) {
        if (m->r[i].end < new.start || m->r[i].start > new.end) {
            i++;
            continue;
        }
        if (m->r[i].start < new.start) new.start = m->r[i].start;
        if (m->r[i].end > new.end) new.end = m->r[i].end;
        delete_range(m, i);
    }
    insert_range(m, new);
}

void memmap_remove(struct memmap *m, paddr_t start, uint64_t length) {
    if (length == 0) return;
    paddr_t end = start > UINT64_MAX - length ? UINT64_MAX : start + length;
    for (unsigned i = 0; i < m->n;) {
        struct boot_range old = m->r[i];
        if (old.end <= start || old.start >= end) {
            i++;
            continue;
        }
        delete_range(m, i);
        if (old.start < start) {
            insert_range(m, (struct boot_range){old.start, start});
            i = 0; /* a full set may have given up any range */
        }
        if (old.end > end) {
            insert_range(m, (struct boot_range){end, old.end});
            i = 0;
        }
    }
}

void memmap_finish(struct memmap *m) {
    const paddr_t limit = (paddr_t)NO_PFN << PAGE_SHIFT;
    memmap_remove(m, 0, PAGE_SIZE);
    memmap_remove(m, limit, UINT64_MAX - limit);
    for (unsigned i = 0; i < m->n;) {
        m->r[i].start = page_ceil(m->r[i].start);
        m->r[i].end = page_floor(m->r[i].end);
        if (m->r[i].start < m->r[i].end) i++;
        else delete_range(m, i);
    }
}
