/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Races of locking with faults, protection, unlocking and truncation in one space, met on purpose: the kernel yields
 * between the steps of each. Every test runs with both threads on one CPU and then with each on its own.
 *
 * clauses: X5 X6 L2 L3 L17 L21 A1 A5 I2 I3 I4
 * pitfalls: B3 B4 B8 B9 B15 B16 B24
 * needs: holdfast
 * cpus: 4
 * timeout: 120
 */
#include "tests/user/race.h"

#define N      48ul
#define ROUNDS 6

static char *area;
static struct aiocb cb;
static volatile bool done;
static volatile long wrong;

#define EXPECT(cond)                                                                                         \
    do {                                                                                                     \
        if (!(cond) && wrong++ < 3) diag("line %d, errno %d", __LINE__, errno);                              \
    } while (0)

static void *lock_it(void *arg) {
    (void)arg;
    EXPECT(mlock(area, N * PG) == 0);
    done = true;
    return NULL;
}

static void *lock_by_asking(void *arg) {
    (void)arg;
    must_submit(&cb, area, N * PG);
    EXPECT(outcome(&cb) == 0);
    done = true;
    return NULL;
}

/* Locked, all of it, once: no access faults, the charge is its size, and one munlock undoes it. */
static void locked_once(void) {
    EXPECT(vmlck() == (long)N);
    EXPECT(faults_writing(area, N) == 0);
    for (size_t i = 0; i < N; i++) EXPECT(lock_letter(area + i * PG) == '#');
    EXPECT(audit_clean());
    EXPECT(munlock(area, N * PG) == 0);
    EXPECT(vmlck() == 0);
    EXPECT(madvise(area, N * PG, MADV_DONTNEED) == 0);
    EXPECT(core_letter(area) == '0' && core_letter(area + (N - 1) * PG) == '0');
}

/* ---- B8: written while it is wired ---- */

static void *write_it(void *arg) {
    (void)arg;
    do {
        for (size_t i = N; i-- > 0;) ++*(volatile uint64_t *)(area + i * PG);
    } while (!done);
    return NULL;
}

static void *write_once(void *arg) {
    (void)arg;
    for (size_t i = N; i-- > 0;) ++*(volatile uint64_t *)(area + i * PG);
    return NULL;
}

/* The pages are shared with a child, copy on write; the child's copy must stay as it was. */
static void written(void *(*locker)(void *), void *(*writer)(void *)) {
    int go[2], status = -1;
    char c;
    area = anon(N);
    for (size_t i = 0; i < N; i++) *(uint64_t *)(area + i * PG) = 5;
    if (pipe(go) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        if (read(go[0], &c, 1) < 0) _exit(2);
        for (size_t i = 0; i < N; i++)
            if (*(uint64_t *)(area + i * PG) != 5) _exit(1);
        _exit(0);
    }
    done = false;
    both(locker, writer, NULL);
    for (size_t i = 0; i < N; i++) EXPECT(*(uint64_t *)(area + i * PG) >= 6);
    for (size_t i = 1; i < N; i++) EXPECT(*(uint64_t *)(area + i * PG) == *(uint64_t *)area);
    close(go[0]);
    close(go[1]);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    locked_once();
    munmap(area, N * PG);
}

static void race_writing(void) {
    arm("lock_page", 2);
    arm("lock_slice", 2);
    arm("fault", 1);
    written(lock_it, write_it);
    written(lock_by_asking, write_it);
    written(lock_by_asking, write_once);
}

/* ---- B9: made writable while it is wired ---- */

static void *protect_it(void *arg) {
    (void)arg;
    for (int i = 0; i < 4; i++) EXPECT(mprotect(area, N * PG, i & 1 ? RW : PROT_READ) == 0);
    return NULL;
}

static void *protect_half(void *arg) {
    (void)arg;
    EXPECT(mprotect(area + N / 2 * PG, N / 2 * PG, RW) == 0);
    EXPECT(mprotect(area, N / 2 * PG, RW) == 0);
    return NULL;
}

static void race_protecting(void) {
    static void *(*const lockers[])(void *) = {lock_it, lock_by_asking};
    arm("range", 2);
    arm("protect_held", 3);
    arm("protect_done", 3);
    arm("lock_slice", 2);
    arm("lock_finish", 3);
    for (int i = 0; i < 4; i++) {
        area = anon(N);
        memset(area, 3, N * PG);
        pid_t pid = fork(); /* so that the pages are copy-on-write */
        if (pid == 0) {
            pause();
            _exit(0);
        }
        EXPECT(i < 2 || mprotect(area, N * PG, PROT_READ) == 0);
        both(lockers[i & 1], i < 2 ? protect_it : protect_half, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        EXPECT(area[0] == 3 && area[(N - 1) * PG] == 3);
        locked_once();
        munmap(area, N * PG);
    }
}

/* ---- B15: everything unlocked while parts are unmapped ---- */

static void *lock_all_often(void *arg) {
    (void)arg;
    for (int i = 0; i < 12; i++) {
        EXPECT(mlockall(i % 3 ? MCL_CURRENT : MCL_CURRENT | MCL_FUTURE) == 0);
        EXPECT(munlockall() == 0);
    }
    done = true;
    return NULL;
}

static void *unmap_often(void *arg) {
    (void)arg;
    while (!done) {
        for (size_t i = 0; i < N; i += 4) EXPECT(munmap(area + i * PG, 3 * PG) == 0);
        EXPECT(mmap(area, N * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
        EXPECT(mlock(area, N / 2 * PG) == 0);
        write_once(NULL);
    }
    return NULL;
}

static void race_unlocking_all(void) {
    arm("range", 2);
    arm("unmap_held", 2);
    arm("unlock_held", 2);
    arm("lock_slice", 1);
    arm("lock_finish", 2);
    area = anon(N);
    done = false;
    both(lock_all_often, unmap_often, NULL);
    munlockall();
    EXPECT(vmlck() == 0);
    EXPECT(knob("vm.stats.locked") == 0);
    EXPECT(mlock(area, N * PG) == 0);
    locked_once();
    munmap(area, N * PG);
}

/* ---- B24: locked twice at once, and touched ---- */

static void *lock_again(void *arg) {
    (void)arg;
    for (int i = 0; i < 5; i++) EXPECT(mlock(area + (size_t)i * PG, (N - (size_t)i) * PG) == 0);
    return NULL;
}

static void race_locking_twice(void) {
    arm("range", 1);
    arm("lock_page", 2);
    arm("lock_slice", 1);
    arm("fault", 2);
    arm("lock_finish", 1);
    for (int i = 0; i < 3; i++) {
        area = anon(N);
        done = false;
        if (i == 0) both(lock_it, lock_again, NULL);
        if (i == 1) both(lock_by_asking, lock_again, NULL);
        if (i == 2) both(lock_it, write_it, NULL);
        locked_once();
        munmap(area, N * PG);
    }
}

/* ---- a shared object cut off below what is being locked ---- */

static int fd;

static void *truncate_often(void *arg) {
    (void)arg;
    for (int i = 0; i < 6; i++) {
        EXPECT(ftruncate(fd, (off_t)(N / 2 * PG)) == 0);
        sched_yield();
        EXPECT(ftruncate(fd, (off_t)(N * PG)) == 0);
    }
    done = true;
    return NULL;
}

static void *lock_cut(void *arg) {
    (void)arg;
    do {
        EXPECT(mlock(area, N * PG) == 0 || errno == ENOMEM);
        area[0]++;
        munlock(area, N * PG);
    } while (!done);
    return NULL;
}

static void race_truncating(void) {
    arm("fault_object", 2);
    arm("lock_page", 1);
    arm("resize", 1);
    fd = memfd(N);
    for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
        area = mmap(NULL, N * PG, RW, flags, fd, 0);
        done = false;
        both(truncate_often, lock_cut, NULL);
        EXPECT(vmlck() == 0);
        munmap(area, N * PG);
    }
    close(fd);
}

/* ---- all of them ---- */

static void race(void (*run)(void), const char *what) {
    uint64_t locked = knob("vm.stats.locked"), pins = knob("vm.stats.pins");
    for (int wide = 0; wide < 2; wide++) {
        const char *where = wide ? "on two CPUs" : "on one CPU";
        spread(wide);
        wrong = 0;
        long met = rounds(run, ROUNDS);
        is_int(wrong, 0, "%s, %s", what, where);
        ok(met > 0, "and they met"), diag("%ld times", met);
        ok(knob("vm.stats.locked") == locked && knob("vm.stats.pins") == pins && audit_clean(), "I3 I4: nothing is left");
    }
}

int main(void) {
    aio_test();
    slice_pages(3);
    plan(5 * 6);
    race(race_writing, "B8: pages written while they are being wired: no fault signal, the child's are its own");
    race(race_protecting, "B9: made writable while being wired: no write faults afterwards");
    race(race_unlocking_all, "B15: munlockall while parts are unmapped: the count is exact");
    race(race_locking_twice, "B24: locked twice at once and touched meanwhile: counted once");
    race(race_truncating, "L21: an object cut off below what is being locked");
    return done_testing();
}
