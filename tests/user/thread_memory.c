/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads that change one space at the same time: faults, locks, protections, mappings. Each race runs for a number of
 * rounds, and at its end the locks and charges are what they have to be.
 *
 * pitfalls: B8 B9 B15 B24
 * clauses: L1 L2 L7 L9 I3
 * timeout: 240
 */
#include "tests/user/threads.h"

#define ROUNDS 150
#define PAGES  16

static char *area;
static volatile int stop, errors, ready;

static void error_if(bool wrong) {
    if (wrong) __atomic_add_fetch(&errors, 1, __ATOMIC_SEQ_CST);
}

/* Runs fn in a thread beside the caller's own loop. */
static struct raw_thread beside;

static void start_beside(void (*fn)(void *)) {
    stop = errors = 0;
    raw_begin(&beside, fn, NULL);
}

static void stop_beside(void) {
    stop = 1;
    raw_join(&beside);
}

/* ---- B8: a write to a copy-on-write page while another thread locks it ---- */

static void write_all(void *arg) {
    (void)arg;
    for (unsigned char n = 0; !stop; n++) {
        for (size_t i = 0; i < PAGES; i++) {
            ((volatile char *)area)[i * PG + 8] = (char)n;
            error_if(((volatile char *)area)[i * PG + 8] != (char)n);
        }
        raw(SYS_sched_yield); /* or on few CPUs all wait for slices */
    }
}

static void cow_and_lock(void) {
    area = anon(PAGES);
    start_beside(write_all);
    for (int i = 0; i < ROUNDS / 5; i++) {
        pid_t pid = fork(); /* every page is shared again */
        if (pid == 0) _exit(0);
        error_if(mlock(area, PAGES * PG) != 0);
        error_if(strchr(lock_map(area, PAGES), '.') != NULL);
        waitpid(pid, NULL, 0);
        error_if(munlock(area, PAGES * PG) != 0);
    }
    stop_beside();
    is_int(errors, 0, "B8: writes to pages that a fork shares, while they are locked");
    is_int(vmlck(), 0, "I3: nothing stays charged");
    munmap(area, PAGES * PG);
}

/* ---- B9: mprotect against mlock ---- */

static void protect_all(void *arg) {
    (void)arg;
    while (!stop) {
        error_if(raw(SYS_mprotect, area, PAGES * PG, PROT_READ) != 0);
        error_if(raw(SYS_mprotect, area + PG, 3 * PG, PROT_READ | PROT_WRITE) != 0);
        error_if(raw(SYS_mprotect, area, PAGES * PG, PROT_READ | PROT_WRITE) != 0);
        raw(SYS_sched_yield);
    }
}

static void protect_and_lock(void) {
    area = anon(PAGES);
    memset(area, 1, PAGES * PG);
    start_beside(protect_all);
    for (int i = 0; i < ROUNDS; i++) {
        error_if(mlock(area + PG, 4 * PG) != 0);
        error_if(strcmp(lock_map(area, 6), ".####.") != 0);
        error_if(munlock(area, PAGES * PG) != 0);
    }
    error_if(mlock(area, PAGES * PG) != 0);
    stop_beside();
    mprotect(area, PAGES * PG, PROT_READ | PROT_WRITE);
    is_int(faults_writing(area, PAGES), 0, "B9: after mprotect and mlock at once, a locked page takes no fault: L2");
    is_int(errors, 0, "B9: and none of the calls failed");
    munmap(area, PAGES * PG);
    is_int(vmlck(), 0, "I3: nothing stays charged");
}

/* ---- B15: munlockall, mlockall against munmap and mmap ---- */

static void lock_everything(void *arg) {
    (void)arg;
    while (!stop) {
        raw(SYS_mlockall, MCL_CURRENT | MCL_FUTURE);
        raw(SYS_munlockall);
    }
}

static void everything(void) {
    start_beside(lock_everything);
    for (int i = 0; i < ROUNDS; i++) {
        char *p = mmap(NULL, 8 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            error_if(errno != EAGAIN && errno != ENOMEM);
            continue;
        }
        p[0] = p[7 * PG] = 1;
        error_if(munmap(p + 2 * PG, PG) != 0);
        error_if(munmap(p, 8 * PG) != 0);
    }
    stop_beside();
    munlockall();
    is_int(errors, 0, "B15: mlockall and munlockall against mmap and munmap");
    is_int(vmlck(), 0, "I3: the charge is 0 again");
}

/* ---- B24: faults of several threads on pages that are being locked ---- */

static void touch_all(void *arg) {
    (void)arg;
    while (!stop) {
        for (size_t i = 0; i < PAGES; i++) ((volatile char *)area)[i * PG + 16] = 1;
        raw(SYS_sched_yield);
    }
}

static void parallel_faults(void) {
    struct raw_thread more[2];
    area = anon(PAGES);
    start_beside(touch_all);
    for (int i = 0; i < 2; i++) raw_begin(&more[i], touch_all, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        error_if(madvise(area, PAGES * PG, MADV_DONTNEED) != 0);
        error_if(mlock(area, PAGES * PG) != 0);
        if (i % 16 == 0) error_if(vmlck() != PAGES);
        error_if(strcmp(core_map(area, PAGES), "1111111111111111") != 0);
        error_if(munlock(area, PAGES * PG) != 0);
    }
    stop_beside();
    for (int i = 0; i < 2; i++) raw_join(&more[i]);
    is_int(errors, 0, "B24: a lock on pages that three threads touch: counted once");
    is_int(vmlck(), 0, "I3: and given back once");
    munmap(area, PAGES * PG);
}

/* ---- mappings that come and go under calls that use them ---- */

static void use_by_calls(void *arg) {
    (void)arg;
    int fds[2];
    char c;
    error_if(raw(SYS_pipe, fds) != 0);
    while (!stop) {
        long r = raw(SYS_write, fds[1], area + PG - 1, 3); /* straddles two pages */
        error_if(r != -EFAULT && (r < 1 || r > 3));
        for (; r > 0; r--) raw(SYS_read, fds[0], &c, 1);
        r = raw(SYS_mlock, area, 4 * PG);
        error_if(r != 0 && r != -ENOMEM && r != -EAGAIN);
        r = raw(SYS_getrandom, area + PG, 2 * PG, 0);
        error_if(r != -EFAULT && r < 0);
    }
    raw(SYS_close, fds[0]);
    raw(SYS_close, fds[1]);
}

static void come_and_go(void) {
    area = anon(4);
    start_beside(use_by_calls);
    for (int i = 0; i < ROUNDS; i++) {
        error_if(munmap(area + PG, 2 * PG) != 0);
        void *p = mmap(area + PG, 2 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        error_if(p != area + PG);
        if (i % 3 == 0) error_if(mprotect(area, 4 * PG, PROT_NONE) != 0);
        if (i % 3 == 0) error_if(mprotect(area, 4 * PG, PROT_READ | PROT_WRITE) != 0);
    }
    stop_beside();
    is_int(errors, 0, "mappings come and go under read, write, mlock: EFAULT and ENOMEM at most");
    munlock(area, 4 * PG);
    munmap(area, 4 * PG);
    is_int(vmlck(), 0, "I3: nothing stays charged");
}

/* ---- the heap's end ---- */

static void move_break(void *arg) {
    (void)arg;
    while (!stop) {
        long at = raw(SYS_brk, 0);
        error_if(raw(SYS_brk, at + 3 * (long)PG) < at);
    }
}

static void breaks(void) {
    char *start = sbrk(0);
    start_beside(move_break);
    for (int i = 0; i < ROUNDS; i++) {
        long at = raw(SYS_brk, 0);
        error_if(raw(SYS_brk, at + 100) < (long)start);
    }
    stop_beside();
    raw(SYS_brk, start);
    is_int(errors, 0, "two threads move the heap's end");
    is_int(raw(SYS_brk, 0) == (long)start, 1, "and it comes back");
}

/* ---- two locks that overlap, with unlocks ---- */

static void lock_part(void *arg) {
    (void)arg;
    while (!stop) {
        error_if(raw(SYS_mlock, area + 4 * PG, 8 * PG) != 0);
        error_if(raw(SYS_munlock, area + 6 * PG, 8 * PG) != 0);
    }
}

static void overlapping(void) {
    area = anon(PAGES);
    start_beside(lock_part);
    for (int i = 0; i < ROUNDS; i++) {
        error_if(mlock(area, 10 * PG) != 0);
        error_if(munlock(area + 2 * PG, 10 * PG) != 0);
        error_if(lock_letter(area) != '#' || lock_letter(area + PG) != '#');
    }
    stop_beside();
    munlock(area, PAGES * PG);
    is_int(errors, 0, "locks that overlap: nobody's failed, and nobody took another's");
    is_int(vmlck(), 0, "I3: nothing stays charged");
    munmap(area, PAGES * PG);
}

int main(void) {
    uint64_t regions = knob("vm.stats.regions");
    plan(2 + 3 + 2 + 2 + 2 + 2 + 2 + 2);
    cow_and_lock();
    protect_and_lock();
    everything();
    parallel_faults();
    come_and_go();
    breaks();
    overlapping();
    ok(knob_change("vm.stats.regions", regions) <= 1, "I8: no region is left over");
    ok(audit_clean(), "I1-I6: audit clean");
    return done_testing();
}
