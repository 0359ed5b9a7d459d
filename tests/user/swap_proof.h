/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The proof: memory three times as large as RAM is filled, verified, written again and verified, by a thread on each CPU;
 * what is locked has never left, and who touches nothing else has not taken one fault.
 *
 *      area    0 1 2 0 1 2 0 1 2 [ locked: 64 pages ] 0 1 2 0 1 2 ...      whose turn the page is; three times RAM
 *
 *      watcher   a process, all of it locked: writes its pages, private and shared, as long as the others are at work
 *
 * Everything but the area is locked (its threads' stacks, too), so that each fault which this process takes is one of
 * the area's unlocked pages. Time is not looked at: residency by mincore, faults by their counts, locks by the auditor (I2).
 */
#pragma once

#include <pthread.h>

#include "tests/user/swaps.h"

#define LOCKED  64ul
#define THREADS 8

/* What the watcher and we share. */
struct watch {
    volatile bool ready, stop;
    volatile long passes, faults, absent, wrong;
    char pages[LOCKED * PG] __attribute__((aligned(4096)));
};

static char *area_, *locked_;
static size_t pages_, threads_;
static pthread_barrier_t step_;
static volatile long bad_[THREADS];
static struct watch *watch_;

static bool is_locked_page(const char *p) {
    return p >= locked_ && p < locked_ + LOCKED * PG;
}

/* Pages of thread `me`, each found as `old` (none: -1) and left as `now` (as it is: -1). */
static void pass_over(size_t me, int old, int now) {
    for (size_t i = me; i < pages_; i += threads_) {
        char *p = area_ + i * PG;
        if (is_locked_page(p)) continue;
        if (old >= 0 && !has_as(p, p, (unsigned)old)) bad_[me]++;
        if (now >= 0) put_as(p, p, (unsigned)now);
    }
}

/* Fill; verify; verify and rewrite; verify, from where others had filled. */
static void *worker_(void *arg) {
    size_t me = (size_t)arg;
    static const int turn[4][2] = {{-1, 1}, {1, -1}, {1, 2}, {2, -1}};
    for (int i = 0; i < 4; i++) {
        pthread_barrier_wait(&step_);
        pass_over((me + (size_t)(i / 2)) % threads_, turn[i][0], turn[i][1]);
        pthread_barrier_wait(&step_);
    }
    return NULL;
}

static _Noreturn void watcher(void) {
    char *own = anon(LOCKED);
    if (mlockall(MCL_CURRENT) != 0) _exit(1);
    watch_->ready = true;
    long before = faults();
    for (unsigned char n = 0; !watch_->stop; n++) {
        for (size_t i = 0; i < LOCKED; i++) {
            if (own[i * PG] != (char)n || watch_->pages[i * PG + 9] != (char)n) watch_->wrong++;
            own[i * PG]++;
            watch_->pages[i * PG + 9]++;
        }
        watch_->absent += (long)(2 * LOCKED - resident(own, LOCKED) - resident(watch_->pages, LOCKED));
        watch_->passes++;
        sched_yield();
    }
    watch_->faults = faults() - before;
    _exit(0);
}

static void look_at_locked(const char *when, unsigned generation) {
    is_int((long)resident(locked_, LOCKED), (long)LOCKED, "L1: %s: all that is locked is in memory", when);
    long before = faults();
    bool same = has(locked_, LOCKED, generation);
    put(locked_, LOCKED, generation + 1);
    is_int(faults() - before, 0, "I7 L2: %s: reading and writing it is no fault", when);
    ok(same, "%s: and it has what was written", when);
    ok(audit_clean(), "I2: %s: audit", when);
}

static void start_(void) {
    static pthread_t t[THREADS];
    threads_ = cpus() < THREADS ? cpus() : THREADS;
    watch_ = shared(sizeof *watch_);
    pthread_barrier_init(&step_, NULL, (unsigned)threads_ + 1);
    fflush(stdout);
    if (fork() == 0) watcher();
    while (!watch_->ready) sched_yield();
    for (size_t i = 0; i < threads_; i++)
        if (pthread_create(&t[i], NULL, worker_, (void *)i) != 0) bail_out("no thread");
    if (mlockall(MCL_CURRENT) != 0) bail_out("mlockall: %s", strerror(errno));
    pages_ = 3 * ram_pages();
    area_ = anon(pages_);
    locked_ = area_ + pages_ / 2 * PG;
    if (mlock(locked_, LOCKED * PG) != 0) bail_out("mlock: %s", strerror(errno));
    put(locked_, LOCKED, 1);
}

static void end_(void) {
    watch_->stop = true;
    int status = -1;
    wait(&status);
    is_int(status, 0, "the watcher is as it was");
    ok(watch_->passes > 2, "it went over its pages %ld times meanwhile", watch_->passes);
    is_int(watch_->absent, 0, "L1: none of them was ever away");
    is_int(watch_->wrong, 0, "or another's");
    is_int(watch_->faults, 0, "I7: who touches only locked memory takes no fault");
}

static int proof(void) {
    static const char *const when[] = {"filled", "verified", "rewritten", "verified again"};
    uint64_t written = knob("vm.swap.written"), read = knob("vm.swap.read");
    struct rusage before, after;
    start_();
    getrusage(RUSAGE_SELF, &before);
    for (unsigned i = 0; i < 4; i++) {
        pthread_barrier_wait(&step_);
        pthread_barrier_wait(&step_);
        look_at_locked(when[i], i + 1);
    }
    getrusage(RUSAGE_SELF, &after);
    long bad = 0;
    for (size_t i = 0; i < threads_; i++) bad += bad_[i];
    is_int(bad, 0, "%zu pages, three times RAM, kept what was written to them", pages_);
    ok(knob("vm.swap.written") - written > 2 * pages_ / 3, "for which %lu pages were written to swap",
       (unsigned long)(knob("vm.swap.written") - written));
    ok(knob("vm.swap.read") - read > 2 * pages_ / 3, "and %lu read", (unsigned long)(knob("vm.swap.read") - read));
    ok(after.ru_majflt - before.ru_majflt > 100, "%ld faults waited for that", after.ru_majflt - before.ru_majflt);
    end_();
    munmap(area_, pages_ * PG);
    ok(audit_clean(), "I1 I4: audit, when all of it is gone");
    return done_testing();
}
