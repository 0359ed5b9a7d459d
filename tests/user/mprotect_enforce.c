/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a call takes away is gone at once, for the very process that has just used it: no stale translation lets a
 * touch through. Each child touches pages, has a right taken away, and touches again.
 *
 * clauses: I6 L17 L1 L18 L21
 */
#include "tests/user/support.h"

#define N  64 /* more than a few, so that a flush of the whole and page by page are both met */
#define RW (PROT_READ | PROT_WRITE)

static char *p;
static int fd;

static void touch_all(void) {
    for (size_t i = 0; i < N; i++) p[i * PG]++;
}

struct deed {
    const char *what;
    int (*take_away)(size_t page, size_t n);
    bool write; /* the touch that must fail: a write, or a read */
    int signal;
};

static int make_read_only(size_t page, size_t n) {
    return mprotect(p + page * PG, n * PG, PROT_READ);
}

static int make_none(size_t page, size_t n) {
    return mprotect(p + page * PG, n * PG, PROT_NONE);
}

static int unmap(size_t page, size_t n) {
    return munmap(p + page * PG, n * PG);
}

static int map_over(size_t page, size_t n) {
    return mmap(p + page * PG, n * PG, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED;
}

static int move_away(size_t page, size_t n) {
    return mremap(p + page * PG, n * PG, n * PG, MREMAP_MAYMOVE | MREMAP_FIXED, anon(N)) == MAP_FAILED;
}

static int shrink(size_t page, size_t n) {
    return mremap(p + page * PG, n * PG, PG, 0) == MAP_FAILED;
}

static int truncate_object(size_t page, size_t n) {
    (void)n;
    return ftruncate(fd, (off_t)(page * PG));
}

static const struct deed deeds[] = {
    {"mprotect to read-only", make_read_only, true, SIGSEGV},   {"mprotect to PROT_NONE", make_none, false, SIGSEGV},
    {"munmap", unmap, false, SIGSEGV},                          {"MAP_FIXED read-only", map_over, true, SIGSEGV},
    {"mremap elsewhere", move_away, false, SIGSEGV},            {"mremap to one page", shrink, false, SIGSEGV},
    {"truncation", truncate_object, false, SIGBUS}};
#define DEEDS (sizeof deeds / sizeof *deeds)

struct order {
    const struct deed *deed;
    size_t page, n;
    bool object, locked;
};

static void child(void *arg) {
    const struct order *o = arg;
    fd = memfd(N);
    p = o->object ? map_fd(fd, N, RW, MAP_SHARED) : anon(N);
    if (o->locked && mlock(p, N * PG) != 0) _exit(1);
    touch_all();
    if (o->deed->take_away(o->page, o->n) != 0) _exit(2);
    volatile char *last = p + (o->page + o->n - 1) * PG;
    if (o->deed->write) *last = 1;
    else (void)*last;
    _exit(3); /* it went through */
}

/* The pages beside are not hit. */
static void neighbours(void *arg) {
    (void)arg;
    p = anon(N);
    touch_all();
    mprotect(p + 8 * PG, 8 * PG, PROT_READ);
    munmap(p + 24 * PG, 8 * PG);
    for (size_t i = 0; i < N; i++)
        if (i / 8 != 1 && i / 8 != 3) p[i * PG]++;
    for (size_t i = 8; i < 16; i++)
        if (p[i * PG] != 1) _exit(1);
}

static void judge(const struct deed *d, bool object, bool locked) {
    static const struct {
        size_t page, n;
    } ranges[] = {{5, 3}, {0, N}, {N - 2, 2}, {1, N - 1}};
    int wrong = 0;
    for (int r = 0; r < 4; r++) {
        struct order o = {d, ranges[r].page, ranges[r].n, object, locked};
        int status = as_root(child, &o);
        if (WIFSIGNALED(status) && WTERMSIG(status) == d->signal) continue;
        if (wrong++ < 2) diag("%s of %zu pages at %zu: status %x", d->what, o.n, o.page, (unsigned)status);
    }
    is_int(wrong, 0, "I6: %s of pages in use, %s%s: the next touch is a signal", d->what, object ? "shared" : "private",
           locked ? ", locked" : "");
}

int main(void) {
    plan(28);
    for (size_t d = 0; d < DEEDS; d++)
        for (int kind = 0; kind < 4; kind++)
            if (kind & 1 || deeds[d].take_away != truncate_object) judge(&deeds[d], kind & 1, kind & 2);
    is_int(as_root(neighbours, NULL), 0, "I6: what is beside keeps its rights and contents");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
