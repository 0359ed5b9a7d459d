/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads that fight over one space: map, unmap, protect, move, throw away, lock, unlock, mlockall, requests and
 * their cancellation, fork, signals and changes of CPU, at random from a seed.
 *
 *      arena   | 0 | 1 | 2 | 3 | 0 | 1 | 2 | 3 | 0 ...     slots of three pages, dealt out to the threads
 *                `---------- mlock, munlock, aio_mlock, madvise of anybody ----------'
 *
 * A slot's owner alone maps, unmaps, protects, moves and writes it, and knows what each page must hold: a stamp
 * of owner, page and generation in its first and last word. Everybody locks and unlocks across all slots, so that
 * regions are split and merged and ranges are waited for all the time. Nobody touches what is not mapped or not
 * allowed: any SIGSEGV is a failure. Nobody draws from another's numbers, so a seed gives each thread the same steps;
 * how they interleave is the machine's.
 *
 * The same files run on Linux, without requests.
 */
#pragma once

#include <pthread.h>
#include <time.h>

#include "tests/user/support.h"

#if __has_include(<sys/sysctl.h>)
#include <aio.h>
#define REQUESTS 1
#else
#define REQUESTS 0
#endif

#define RW         (PROT_READ | PROT_WRITE)
#define THREADS    4
#define SLOT_PAGES 3ul
#define SLOTS      8 /* of each thread */
#define PAGES      (THREADS * SLOTS * SLOT_PAGES)
#define VAULT      4ul
#define BLOCKS     3

struct rng {
    uint64_t state;
};

UNUSED static unsigned below(struct rng *r, unsigned n) {
    r->state = r->state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(r->state >> 33) % n;
}

enum shape { GONE, PRIVATE, SHARED };

struct slot {
    enum shape shape;
    int prot;
    uint32_t private_gen[SLOT_PAGES], shared_gen[SLOT_PAGES]; /* 0: zeroes */
};

struct worker {
    struct rng rng;
    int id;
    char *arena, *vault, *parking; /* vault: nobody else locks it; parking: where a slot is moved to and from */
    int memfd;
    bool all, vault_locked; /* all: mlockall and munlockall are among the steps */
    volatile int *others;   /* tids, for signals */
    struct slot slot[SLOTS];
    unsigned long steps, forks, requests;
    volatile int line; /* of the first thing that was wrong */
    volatile int error;
#if REQUESTS
    struct aiocb cb[BLOCKS];
    bool live[BLOCKS];
    struct worker *workers;
#endif
};

#define MUST(w, cond)                       \
    do {                                    \
        if (!(cond) && !(w)->line) {        \
            (w)->error = errno;             \
            (w)->line = __LINE__;           \
        }                                   \
    } while (0)

/* ---- contents ---- */

static char *slot_at(const struct worker *w, int i) {
    return w->arena + (unsigned long)(i * THREADS + w->id) * SLOT_PAGES * PG;
}

static uint64_t stamp(const struct worker *w, int slot, unsigned page, uint32_t gen) {
    return gen ? (uint64_t)(w->id + 1) << 56 | (uint64_t)(slot + 1) << 48 | (uint64_t)page << 40 | gen : 0;
}

static uint32_t *gen_of(struct slot *s, unsigned page) {
    return s->shape == SHARED ? &s->shared_gen[page] : &s->private_gen[page];
}

static void write_stamp(struct worker *w, int i, unsigned page) {
    volatile uint64_t *p = (volatile uint64_t *)(slot_at(w, i) + page * PG);
    uint64_t s = stamp(w, i, page, ++*gen_of(&w->slot[i], page));
    p[0] = s;
    p[PG / 8 - 1] = s;
}

static void check_stamp(struct worker *w, int i, unsigned page) {
    const volatile uint64_t *p = (const volatile uint64_t *)(slot_at(w, i) + page * PG);
    uint64_t s = stamp(w, i, page, *gen_of(&w->slot[i], page)), first = p[0], last = p[PG / 8 - 1];
    if ((first != s || last != s) && !w->line)
        diag("thread %d slot %d page %u at %p: %lx and %lx, wanted %lx", w->id, i, page, (void *)p, (unsigned long)first,
             (unsigned long)last, (unsigned long)s);
    MUST(w, first == s && last == s);
}

static void check_slot(struct worker *w, int i) {
    if (w->slot[i].shape == GONE || w->slot[i].prot == PROT_NONE) return;
    for (unsigned page = 0; page < SLOT_PAGES; page++) check_stamp(w, i, page);
}

/* ---- steps of an owner ---- */

static void step_map(struct worker *w, int i) {
    struct slot *s = &w->slot[i];
    bool common = below(&w->rng, 3) == 0;
    int flags = MAP_FIXED | (common ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
    off_t offset = slot_at(w, i) - w->arena;
    void *p = mmap(slot_at(w, i), SLOT_PAGES * PG, RW, flags, common ? w->memfd : -1, common ? offset : 0);
    MUST(w, p == slot_at(w, i) || (p == MAP_FAILED && errno == EAGAIN && w->all));
    if (p == MAP_FAILED) return;
    s->shape = common ? SHARED : PRIVATE;
    s->prot = RW;
    if (!common) memset(s->private_gen, 0, sizeof s->private_gen);
}

static void step_unmap(struct worker *w, int i) {
    MUST(w, munmap(slot_at(w, i), SLOT_PAGES * PG) == 0);
    w->slot[i].shape = GONE;
}

static void step_protect(struct worker *w, int i) {
    static const int prots[] = {RW, RW, PROT_READ, PROT_NONE};
    int prot = prots[below(&w->rng, 4)];
    int result = mprotect(slot_at(w, i), SLOT_PAGES * PG, prot);
    if (w->slot[i].shape == GONE) MUST(w, result == -1 && errno == ENOMEM);
    else MUST(w, result == 0);
    if (result == 0) w->slot[i].prot = prot;
}

static void step_write(struct worker *w, int i) {
    if (w->slot[i].shape == GONE || w->slot[i].prot != RW) return;
    for (unsigned page = 0; page < SLOT_PAGES; page++) {
        check_stamp(w, i, page);
        write_stamp(w, i, page);
    }
}

/* One page at once: while others lock it or unlock its neighbours. */
static void step_touch(struct worker *w, int i) {
    unsigned page = below(&w->rng, SLOT_PAGES);
    if (w->slot[i].shape == GONE || w->slot[i].prot != RW) return;
    for (int n = 0; n < 10; n++) write_stamp(w, i, page);
    check_stamp(w, i, page);
}

/* Away and back. Not if somebody has locked a part of it: it is of several regions then, and mremap wants one. */
static void step_move(struct worker *w, int i) {
    if (w->slot[i].shape == GONE) return;
    char *home = slot_at(w, i);
    void *p = mremap(home, SLOT_PAGES * PG, SLOT_PAGES * PG, MREMAP_MAYMOVE | MREMAP_FIXED, w->parking);
    MUST(w, p == w->parking || errno == EFAULT);
    if (p == MAP_FAILED) return;
    p = mremap(w->parking, SLOT_PAGES * PG, SLOT_PAGES * PG, MREMAP_MAYMOVE | MREMAP_FIXED, home);
    MUST(w, p == home);
}

static void step_discard(struct worker *w, int i) {
    if (w->slot[i].shape == GONE) return;
    int result = madvise(slot_at(w, i), SLOT_PAGES * PG, MADV_DONTNEED);
    MUST(w, result == 0 || errno == EINVAL); /* L19: somebody may have locked it */
    if (result != 0 && w->slot[i].shape == PRIVATE && w->slot[i].prot == RW) {
        /* Which pages went before the locked one is Linux's secret; Holdfast's answer is none. */
        if (!on_holdfast()) step_map(w, i);
        return;
    }
    if (result == 0 && w->slot[i].shape == PRIVATE) memset(w->slot[i].private_gen, 0, sizeof w->slot[i].private_gen);
    else if (result != 0 && !on_holdfast()) step_map(w, i);
}

/* lock_map and core_map keep their answers in one place for all threads. */
static bool all_are(const char *p, char lock, char core) {
    for (size_t i = 0; i < VAULT; i++)
        if (lock_letter(p + i * PG) != lock || (core && core_letter(p + i * PG) != core)) return false;
    return true;
}

/* Nobody else unlocks the vault, unless mlockall and munlockall are about: what is locked is there (L1). */
static void step_vault(struct worker *w) {
    if (w->all) return;
    if (w->vault_locked) {
        MUST(w, munlock(w->vault, VAULT * PG) == 0);
        MUST(w, all_are(w->vault, '.', 0));
    } else {
        MUST(w, below(&w->rng, 2) == 0 || madvise(w->vault, VAULT * PG, MADV_DONTNEED) == 0);
        MUST(w, mlock(w->vault, VAULT * PG) == 0);
        MUST(w, all_are(w->vault, '#', '1'));
    }
    w->vault_locked = !w->vault_locked;
}

/* ---- steps of anybody, over anything ---- */

static char *some_range(struct worker *w, size_t *len) {
    unsigned from = below(&w->rng, PAGES), most = PAGES - from > 24 ? 24 : (unsigned)PAGES - from;
    *len = (1 + below(&w->rng, most)) * PG;
    return w->arena + from * PG;
}

static void step_lock(struct worker *w) {
    size_t len;
    char *p = some_range(w, &len);
    int result = below(&w->rng, 4) ? mlock(p, len) : mlock2(p, len, MLOCK_ONFAULT);
    MUST(w, result == 0 || errno == ENOMEM || errno == EAGAIN);
}

static void step_unlock(struct worker *w) {
    size_t len;
    char *p = some_range(w, &len);
    MUST(w, munlock(p, len) == 0 || errno == ENOMEM);
}

static void step_lock_all(struct worker *w) {
    static const int flags[] = {MCL_CURRENT, MCL_CURRENT | MCL_FUTURE, MCL_CURRENT | MCL_ONFAULT, MCL_FUTURE};
    if (!w->all) return;
    if (below(&w->rng, 2)) MUST(w, munlockall() == 0);
    else MUST(w, mlockall(flags[below(&w->rng, 4)]) == 0 || errno == EAGAIN || errno == ENOMEM);
}

static void step_advise(struct worker *w) {
    size_t len;
    char *p = some_range(w, &len);
    MUST(w, madvise(p, len, MADV_WILLNEED) == 0 || errno == ENOMEM || errno == EBADF);
    unsigned char in[PAGES];
    MUST(w, mincore(p, len, in) == 0 || errno == ENOMEM);
}

/* ---- steps that are more than memory ---- */

/* The child has the pages as they are now, and none of the locks. It may not print. */
static void forked(struct worker *w) {
    w->line = 0;
    for (int i = 0; i < SLOTS; i++) check_slot(w, i);
    for (int i = 0; i < SLOTS; i++) {
        if (w->slot[i].shape == PRIVATE) step_write(w, i);
        if (i % 3 == 0) step_lock(w);
        if (i % 3 == 1 && w->slot[i].shape == PRIVATE) step_unmap(w, i);
        if (i % 3 == 2) check_slot(w, i);
    }
    _exit(w->line ? 1 + w->line % 250 : 0);
}

static void step_fork(struct worker *w) {
    int status = 0;
    bool doomed = below(&w->rng, 3) == 0;
    pid_t pid = fork();
    if (pid == 0) forked(w);
    MUST(w, pid > 0 || errno == EAGAIN || errno == ENOMEM);
    if (pid < 0) return;
    w->forks++;
    if (doomed) kill(pid, SIGKILL);
    pid_t got;
    while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) continue;
    MUST(w, got == pid);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (status && !(doomed && killed)) diag("a child of thread %d ended with %#x", w->id, (unsigned)status);
    MUST(w, status == 0 || (doomed && killed));
}

static void step_migrate(struct worker *w) {
    cpu_set_t set;
    unsigned n = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), cpu = below(&w->rng, 5);
    CPU_ZERO(&set);
    for (unsigned i = 0; i < n; i++)
        if (cpu == 4 || cpu % n == i) CPU_SET(i, &set);
    sched_setaffinity(0, sizeof set, &set); /* on Linux some CPUs may be out of bounds */
}

static void step_signal(struct worker *w) {
    int tid = w->others[below(&w->rng, THREADS)];
    if (tid) MUST(w, tgkill(getpid(), tid, SIGUSR1) == 0 || errno == ESRCH);
}

#if REQUESTS
static void reap(struct worker *w, int i) {
    int error = aio_error(&w->cb[i]);
    if (error == EINPROGRESS) return;
    MUST(w, error == 0 || error == ENOMEM || error == EAGAIN || error == ECANCELED);
    ssize_t result = aio_return(&w->cb[i]);
    MUST(w, result == (error ? -1 : 0));
    w->live[i] = false;
}

UNUSED static void settle(struct worker *w) {
    for (int i = 0; i < BLOCKS; i++) {
        const struct aiocb *list[1] = {&w->cb[i]};
        while (w->live[i] && aio_error(&w->cb[i]) == EINPROGRESS) MUST(w, aio_suspend(list, 1, NULL) == 0 || errno == EINTR);
        if (w->live[i]) reap(w, i);
    }
}

static void step_request(struct worker *w) {
    int i = (int)below(&w->rng, BLOCKS);
    size_t len;
    char *p = some_range(w, &len);
    if (w->live[i]) {
        reap(w, i);
        return;
    }
    memset(&w->cb[i], 0, sizeof w->cb[i]);
    w->cb[i].aio_buf = p;
    w->cb[i].aio_nbytes = len;
    w->cb[i].aio_sigevent.sigev_notify = SIGEV_NONE;
    int result = aio_mlock(&w->cb[i]);
    MUST(w, result == 0);
    w->live[i] = result == 0;
    w->requests += result == 0;
}

/* One's own: the answer and the request's end agree (C6). Another's: it may be reaped at this moment. */
static void step_cancel(struct worker *w) {
    int i = (int)below(&w->rng, BLOCKS);
    if (below(&w->rng, 3) == 0) {
        aio_cancel(-1, &w->workers[below(&w->rng, THREADS)].cb[i]);
        return;
    }
    int answer = aio_cancel(-1, &w->cb[i]), error = aio_error(&w->cb[i]);
    if (!w->live[i]) MUST(w, answer == AIO_ALLDONE && error == -1);
    else MUST(w, answer == AIO_ALLDONE ? error != EINPROGRESS : answer == AIO_CANCELED && error == ECANCELED);
}
#else
UNUSED static void settle(struct worker *w) {
    (void)w;
}

static void step_request(struct worker *w) {
    step_lock(w);
}

static void step_cancel(struct worker *w) {
    step_unlock(w);
}
#endif

/* ---- one thread ---- */

static void one_step(struct worker *w) {
    int i = (int)below(&w->rng, SLOTS);
    switch (below(&w->rng, 32)) {
    case 0: case 1: case 2: step_map(w, i); break;
    case 3: step_unmap(w, i); break;
    case 4: case 5: case 6: step_protect(w, i); break;
    case 7: case 8: case 9: step_write(w, i); break;
    case 10: case 11: step_touch(w, i); break;
    case 12: step_move(w, i); break;
    case 13: step_discard(w, i); break;
    case 14: case 15: case 16: step_lock(w); break;
    case 17: case 18: step_unlock(w); break;
    case 19: step_lock_all(w); break;
    case 20: step_advise(w); break;
    case 21: if (below(&w->rng, 4) == 0) step_fork(w); break;
    case 22: step_migrate(w); break;
    case 23: step_signal(w); break;
    case 24: case 25: case 26: case 27: step_request(w); break;
    case 28: step_cancel(w); break;
    case 29: step_vault(w); break;
    default: check_slot(w, i); break;
    }
    w->steps++;
}

/* ---- all of them ---- */

struct stress {
    struct worker worker[THREADS];
    volatile int tids[THREADS];
    char *arena, *parking, *vault;
    int memfd;
};

static void interrupted(int sig) {
    (void)sig;
}

static void fault_found(int sig, siginfo_t *si, void *context) {
    (void)context;
    char text[120];
    int n = snprintf(text, sizeof text, "# signal %d at %p, code %d\n", sig, si->si_addr, si->si_code);
    if (write(1, text, (size_t)n) < 0) _exit(101);
    signal(sig, SIG_DFL); /* and again, for good */
}

UNUSED static void stress_init(struct stress *s, uint64_t seed, bool all) {
    struct sigaction on = {.sa_handler = interrupted, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &on, NULL);
    struct sigaction found = {.sa_sigaction = fault_found, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &found, NULL);
    sigaction(SIGBUS, &found, NULL);
    memset(s, 0, sizeof *s);
    s->arena = anon(PAGES);
    s->parking = anon(THREADS * SLOT_PAGES);
    s->vault = anon(THREADS * VAULT);
    s->memfd = memfd(PAGES);
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &s->worker[i];
        w->rng.state = seed * THREADS + (uint64_t)i;
        for (int n = 0; n < 4; n++) below(&w->rng, 2); /* neighbouring seeds part */
        w->id = i;
        w->arena = s->arena;
        w->vault = s->vault + (unsigned long)i * VAULT * PG;
        w->parking = s->parking + (unsigned long)i * SLOT_PAGES * PG;
        w->memfd = s->memfd;
        w->all = all;
        w->others = s->tids;
        for (int n = 0; n < SLOTS; n++) w->slot[n] = (struct slot){.shape = PRIVATE, .prot = RW};
#if REQUESTS
        w->workers = s->worker;
#endif
    }
}

/* Afterwards nothing of it is left, but what the process has anyway. */
UNUSED static void stress_clear(struct stress *s) {
    munlockall();
    munmap(s->arena, PAGES * PG);
    munmap(s->parking, THREADS * SLOT_PAGES * PG);
    munmap(s->vault, THREADS * VAULT * PG);
    close(s->memfd);
}
