/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Everything that can be seen of mm/, held against the reference: contents, rights and residency of each
 * page, charges and counts of each space, and the audit.
 */
#include "tests/host/ref.h"
#include "tests/host/support.h"

#include <asm/errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "arch/mmu.h"
#include "mm/space.h"

static char found[300]; /* the first difference */

static __attribute__((format(printf, 1, 2))) void differ(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (!found[0]) vsnprintf(found, sizeof(found), fmt, ap);
    va_end(ap);
}

static struct contents bytes_of(pfn_t pfn) {
    struct contents c;
    memcpy(&c.head, (char *)frame_addr(pfn) + REF_HEAD, 4);
    memcpy(&c.tail, (char *)frame_addr(pfn) + REF_TAIL, 4);
    return c;
}

static void compare_page(const struct ref_space *s, unsigned i) {
    const struct ref_page *p = &s->page[i];
    struct walk w;
    mmu_walk(s->real->pmap.root, ref_va(i), &w);
    if (w.present && !p->mapped) differ("page %u is not mapped and can be reached", i);
    if (w.present && !p->prot) differ("page %u is PROT_NONE and can be reached", i);
    if (!w.present) {
        if (ref_no_fault(p)) differ("L1: page %u is locked and not there", i);
        return;
    }
    struct contents c = bytes_of(w.pfn), want = ref_contents(s, i);
    if (c.head != want.head || c.tail != want.tail)
        differ("page %u holds %u %u, must hold %u %u", i, c.head, c.tail, want.head, want.tail);
    if (ref_past_end(p)) differ("L21: page %u lies past its object's end and can be reached", i);
    if (w.write && !(p->prot & PROT_WRITE)) differ("page %u can be written and must not", i);
    if (w.exec != !!(p->prot & PROT_EXEC)) differ("page %u can%s be executed", i, w.exec ? "" : "not");
    if (!ref_no_fault(p)) return;
    if (w.write != !!(p->prot & PROT_WRITE)) differ("L2: page %u is locked and a write would fault", i);
    if (mmu_refuses(s->real->pmap.root, ref_va(i))) differ("L2: page %u is locked and the TLB refuses it", i);
}

static void compare_residency(const struct ref_space *s) {
    for (unsigned i = 0; i < REF_PAGES; i++) {
        uint8_t vec = 9;
        int got = space_incore(s->real, ref_va(i), 1, &vec);
        if (got != (s->page[i].mapped ? 0 : -ENOMEM)) differ("L22: mincore of page %u answers %d", i, got);
        if (got) continue;
        enum maybe want = ref_resident(s, i);
        if (want != MAYBE && (vec & 1) != (want == YES)) differ("L22: page %u: resident is %d, must be %d", i, vec & 1, want);
    }
}

static void compare_space(const struct ref_space *s, bool exact) {
    struct space_stats st;
    space_get_stats(s->real, &st);
    int future = s->future == 2 ? MCL_FUTURE : s->future == 1 ? MCL_FUTURE | MCL_ONFAULT : 0;
    if (st.mapped != ref_count(s, false)) differ("%lu pages mapped, must be %lu", st.mapped, ref_count(s, false));
    if (st.accessible != ref_count(s, true)) differ("%lu pages accessible, must be %lu", st.accessible, ref_count(s, true));
    if (st.locked != ref_charged(s)) differ("I3: %lu pages charged, must be %lu", st.locked, ref_charged(s));
    if (st.future != future) differ("future locks %d, must be %d", st.future, future);
    for (unsigned i = 0; i < REF_PAGES; i++) compare_page(s, i);
    if (exact) compare_residency(s);
}

const char *ref_compare(bool exact_residency) {
    found[0] = 0;
    uint64_t locked = 0;
    struct mm_stats st;
    for (int i = 0; i < REF_SPACES; i++) {
        if (!ref.space[i].real) continue;
        compare_space(&ref.space[i], exact_residency);
        locked += ref_charged(&ref.space[i]);
    }
    mm_get_stats(&st);
    if (st.locked != locked) differ("I3: %lu pages locked in all, must be %lu", st.locked, locked);
    const char *error = audit_error();
    if (error) differ("audit: %s", error);
    return found[0] ? found : NULL;
}
