/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every memory call with every hostile address and every hostile length: the errno that the contract names, and
 * nothing changed, neither locks nor mappings nor contents nor charge.
 *
 * The right answer is worked out by a small oracle from what is mapped at the address. Calls that would succeed
 * and destroy something are left out.
 *
 * clauses: L4 L5 L6 L7 L8 L9 L13 L20 L22
 * pitfalls: B20 B26 B31
 */
#include "tests/user/support.h"

#define N 8 /* arena: RW, locked RW, RO, NONE, hole, RW, RW, RW; a hole before and behind */

static char *arena;
static bool linux_differs;

static const size_t lengths[] = {0, 1, PG - 1, PG, PG + 1, 2 * PG, 5 * PG, 1ul << 47, SIZE_MAX / 2, SIZE_MAX - 2 * PG,
                                 SIZE_MAX - PG, SIZE_MAX - PG + 1, SIZE_MAX - PG + 2, SIZE_MAX - 1, SIZE_MAX};
#define LENGTHS (sizeof lengths / sizeof *lengths)

static void *const nowhere[] = {NULL,
                                (void *)1,
                                (void *)(USER_END - 1),
                                (void *)USER_END,
                                (void *)0x0000800000000000ul,
                                (void *)0xffff800000000000ul,
                                (void *)KERNEL,
                                (void *)(KERNEL + 1),
                                (void *)(UINTPTR_MAX - PG + 1),
                                (void *)UINTPTR_MAX};
#define NOWHERE (sizeof nowhere / sizeof *nowhere)

static void make_arena(void) {
    char *all = anon(N + 16);
    cut(all, 0, 8);
    cut(all, N + 8, 8);
    arena = all + 8 * PG;
    memset(arena, 7, N * PG);
    mlock(arena + PG, PG);
    mprotect(arena + 2 * PG, PG, PROT_READ);
    mprotect(arena + 3 * PG, PG, PROT_NONE);
    cut(arena, 4, 1);
}

static void remake(void) {
    munlockall();
    mlock(arena + PG, PG);
}

/* What is at [a, a+len) after rounding: 0 all accessible, 'n' with PROT_NONE, '_' with a hole, 'w' it wraps. */
static char what_is_at(uintptr_t a, size_t len) {
    uintptr_t end;
    char found = 0;
    if (__builtin_add_overflow(a, len, &end) || end > UINTPTR_MAX - (PG - 1)) return 'w';
    end = (end + PG - 1) & ~(PG - 1);
    a &= ~(PG - 1);
    if (end - a > 64 * PG) return '_'; /* nothing of ours is that large */
    for (; a < end; a += PG) {
        if (lock_letter((void *)a) == '_') return '_';
        if (a == (uintptr_t)arena + 3 * PG) found = 'n';
    }
    return found;
}

/* ---- one oracle a call: the errno, 0 for success, -1 for "leave it out" ---- */

struct call {
    const char *name;
    int (*make)(char *p, size_t len);
    int (*oracle)(uintptr_t a, size_t len);
};

static int want_lock(uintptr_t a, size_t len) {
    linux_differs = true; /* L4, L6, L7: it rounds first and keeps half */
    if (len == 0) return 0;
    char at = what_is_at(a, len);
    return at == 'w' ? EINVAL : at ? ENOMEM : 0;
}

static int want_unlock(uintptr_t a, size_t len) {
    int e = want_lock(a, len);
    return len && what_is_at(a, len) == 'n' ? 0 : e;
}

static int want_unmap(uintptr_t a, size_t len) {
    if (a % PG || len == 0 || a > USER_END || len > USER_END - a) return EINVAL;
    return -1;
}

static int want_protect(uintptr_t a, size_t len) {
    linux_differs = true; /* it changes what lies before a hole */
    if (a % PG) return EINVAL;
    if (len == 0) return 0;
    char at = what_is_at(a, len);
    return at == 'w' || at == '_' ? ENOMEM : -1;
}

static int want_advise(uintptr_t a, size_t len) {
    if (a % PG) return EINVAL;
    if (len == 0) return 0;
    char at = what_is_at(a, len);
    return at == 'w' ? EINVAL : at == '_' ? ENOMEM : 0;
}

static int want_sync(uintptr_t a, size_t len) {
    if (a % PG) return EINVAL;
    char at = what_is_at(a, len);
    linux_differs = at == 'w'; /* a length that rounds to 0 is good there */
    return len == 0 ? 0 : at == 'w' || at == '_' ? ENOMEM : 0;
}

static int want_incore(uintptr_t a, size_t len) {
    if (a % PG) return EINVAL;
    char at = what_is_at(a, len);
    if (len == 0) return a > USER_END ? ENOMEM : 0;
    if (at == 'w' || a >= USER_END || len > USER_END - a) return ENOMEM;
    if (len > 1ul << 30) return -1; /* the vector's end would be looked at too */
    return at == '_' ? ENOMEM : 0;
}

static int want_remap(uintptr_t a, size_t len) {
    if (a % PG || len == 0) return EINVAL;
    return len > USER_END ? EINVAL : lock_letter((void *)a) == '_' ? EFAULT : -1;
}

static int make_mlock(char *p, size_t len) {
    return errno_of(mlock(p, len));
}

static int make_onfault(char *p, size_t len) {
    return errno_of(mlock2(p, len, MLOCK_ONFAULT));
}

static int make_munlock(char *p, size_t len) {
    return errno_of(munlock(p, len));
}

static int make_munmap(char *p, size_t len) {
    return errno_of(munmap(p, len));
}

static int make_mprotect(char *p, size_t len) {
    return errno_of(mprotect(p, len, PROT_READ));
}

static int make_madvise(char *p, size_t len) {
    return errno_of(madvise(p, len, MADV_NORMAL));
}

static int make_msync(char *p, size_t len) {
    return errno_of(msync(p, len, MS_SYNC));
}

static int make_mincore(char *p, size_t len) {
    static unsigned char vec[64];
    return errno_of(mincore(p, len, vec));
}

static int make_mremap(char *p, size_t len) {
    return errno_of(mremap(p, PG, len, 0));
}

static const struct call calls[] = {
    {"mlock", make_mlock, want_lock},          {"mlock2 on fault", make_onfault, want_lock},
    {"munlock", make_munlock, want_unlock},    {"munmap", make_munmap, want_unmap},
    {"mprotect", make_mprotect, want_protect}, {"madvise", make_madvise, want_advise},
    {"msync", make_msync, want_sync},          {"mincore", make_mincore, want_incore},
    {"mremap", make_mremap, want_remap}};
#define CALLS (sizeof calls / sizeof *calls)

static bool unchanged(void) {
    return strcmp(lock_map(arena - PG, N + 2), "_.#.._..._") == 0 && vmlck() == 1 && arena[0] == 7 && arena[2 * PG] == 7 &&
           arena[6 * PG - 1] == 7 && core_letter(arena + 3 * PG) == '1';
}

/* 1 when something was wrong. */
static int try_one(const struct call *c, char *p, size_t len) {
    linux_differs = false;
    int want = c->oracle((uintptr_t)p, len);
    if (want < 0 || (linux_differs && !on_holdfast())) return 0;
    int got = c->make(p, len);
    bool kept = want == 0 || unchanged();
    if (want == 0) remake();
    if (got == want && kept) return 0;
    diag("%s(%p, %#zx): errno %d, wanted %d%s", c->name, (void *)p, len, got, want, kept ? "" : "; and something changed");
    return 1;
}

int main(void) {
    static const size_t inside[] = {0, 1, PG - 1};
    plan(2 * (int)CALLS + 2);
    make_arena();
    ok(unchanged(), "L4: the arena is what it should be: %s", lock_map(arena - PG, N + 2));
    for (size_t c = 0; c < CALLS; c++) {
        int wrong = 0;
        for (size_t i = 0; i < NOWHERE; i++)
            for (size_t l = 0; l < LENGTHS; l++) wrong += try_one(&calls[c], nowhere[i], lengths[l]);
        is_int(wrong, 0, "L8: %s at NULL, in the kernel, at both ends of user space, with every length", calls[c].name);
        wrong = 0;
        for (size_t page = 0; page < N + 2; page++)
            for (size_t o = 0; o < 3; o++)
                for (size_t l = 0; l < LENGTHS; l++) wrong += try_one(&calls[c], arena + (page - 1) * PG + inside[o], lengths[l]);
        is_int(wrong, 0, "L4: %s on locked, read-only, PROT_NONE pages and holes, aligned and not", calls[c].name);
    }
    munlockall();
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
