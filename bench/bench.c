/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The benchmark: what each call costs in instructions.
 *
 * Run by `make bench` under QEMU's -icount shift=0, where the time-stamp counter advances by one for each
 * instruction that the guest executes: a difference of two readings is a count of instructions, the same in
 * every run. Instructions are not time; they say how long the kernel's path is and how it grows.
 *
 * Every row is the median of SAMPLES measurements, less the cost of reading the counter. `per` says what
 * a figure is divided by. Rows that come in several sizes are those whose cost must not depend on it.
 *
 * The program uses POSIX and Linux calls alone but for the aio rows, so the rest of it runs on Linux too.
 */
#include <aio.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB 1024ul
#define MIB (1024ul * KIB)
#define PAGE 4096ul
#define SAMPLES 9

/* One measurement: prepare (not counted), measured part, clean up (not counted). size: bytes, for those that use it. */
struct row {
    const char *name;
    size_t size;
    unsigned long divide; /* figure = instructions / divide */
    const char *per;
    void (*before)(size_t), (*measured)(size_t), (*after)(size_t);
};

static char *area;
static struct aiocb request;

static inline uint64_t counter(void) {
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}

static void must(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

/* ---- preparing and cleaning up ---- */

static void nothing(size_t size) {
    (void)size;
}

static void map(size_t size) {
    area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(area != MAP_FAILED, "mmap");
}

static void unmap(size_t size) {
    must(munmap(area, size) == 0, "munmap");
}

static void touch(size_t size) {
    for (size_t i = 0; i < size; i += PAGE) ((volatile char *)area)[i] = 1;
}

static void map_touch(size_t size) {
    map(size);
    touch(size);
}

static void lock(size_t size) {
    must(mlock(area, size) == 0, "mlock");
}

static void map_lock(size_t size) {
    map(size);
    lock(size);
}

static void unlock(size_t size) {
    must(munlock(area, size) == 0, "munlock");
}

static void lock_all(size_t size) {
    (void)size;
    must(mlockall(MCL_CURRENT) == 0, "mlockall");
}

static void unlock_all(size_t size) {
    (void)size;
    must(munlockall() == 0, "munlockall");
}

static void map_lock_all(size_t size) {
    map(size);
    lock_all(size);
}

static void unlock_all_unmap(size_t size) {
    unlock_all(size);
    unmap(size);
}

/* ---- a second thread, which answers ---- */

#define TURNS 16ul /* there and back, in a measurement */

static pthread_t other;
static volatile int turn; /* 0: ours, 1: the other's, 2: it is to end */

static void *yields(void *arg) {
    while (turn != 2) syscall(SYS_sched_yield);
    return arg;
}

static void pass(int to) {
    turn = to;
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    while (turn == to && to != 2) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
}

static void *answers(void *arg) {
    while (turn == 0) syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    while (turn != 2) pass(0);
    return arg;
}

/* It has run once when this returns, and waits for us. */
static void with_yielder(size_t size) {
    (void)size;
    turn = 0;
    must(pthread_create(&other, NULL, yields, NULL) == 0, "pthread_create");
    syscall(SYS_sched_yield);
}

static void with_answerer(size_t size) {
    (void)size;
    turn = 0;
    must(pthread_create(&other, NULL, answers, NULL) == 0, "pthread_create");
    syscall(SYS_sched_yield);
}

static void end_other(size_t size) {
    (void)size;
    pass(2);
    pthread_join(other, NULL);
}

/* ---- measured ---- */

static void null_call(size_t size) {
    (void)size;
    syscall(SYS_getpid);
}

static void unknown_call(size_t size) {
    (void)size;
    syscall(999);
}

static void yield(size_t size) {
    (void)size;
    syscall(SYS_sched_yield);
}

static void yield_turns(size_t size) {
    (void)size;
    for (unsigned long i = 0; i < TURNS; i++) syscall(SYS_sched_yield);
}

static void futex_turns(size_t size) {
    (void)size;
    for (unsigned long i = 0; i < TURNS; i++) pass(1);
}

static void map_unmap(size_t size) {
    map(size);
    unmap(size);
}

static void lock_on_fault(size_t size) {
    must(mlock2(area, size, MLOCK_ONFAULT) == 0, "mlock2");
}

static void lock_middle(size_t size) {
    must(mlock(area + size / 2, PAGE) == 0, "mlock");
}

static void unlock_middle(size_t size) {
    must(munlock(area + size / 2, PAGE) == 0, "munlock");
}

static void map_touch_lock_middle(size_t size) {
    map_touch(size);
    lock_middle(size);
}

static void fork_wait(size_t size) {
    (void)size;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) _exit(0);
    must(waitpid(pid, NULL, 0) == pid, "waitpid");
}

static void read_only(size_t size) {
    must(mprotect(area, size, PROT_READ) == 0, "mprotect");
}

static void submit(size_t size) {
    memset(&request, 0, sizeof(request));
    request.aio_buf = area;
    request.aio_nbytes = size;
    request.aio_sigevent.sigev_notify = SIGEV_NONE;
    must(aio_mlock(&request) == 0, "aio_mlock");
}

static void reap(void) {
    const struct aiocb *list[] = {&request};
    must(aio_suspend(list, 1, NULL) == 0, "aio_suspend");
    must(aio_return(&request) == 0, "aio_mlock's end");
}

/* The request may be of a gigabyte: stop it rather than wait for it. */
static void cancel_unmap(size_t size) {
    must(aio_cancel(0, &request) >= 0, "aio_cancel");
    const struct aiocb *list[] = {&request};
    must(aio_suspend(list, 1, NULL) == 0, "aio_suspend");
    aio_return(&request);
    unmap(size);
}

static void round_trip(size_t size) {
    submit(size);
    reap();
}

#define PAGES(size) ((size) / PAGE)
#define ROW_CALL(name, size, b, m, a) {name, size, 1, "call", b, m, a}
#define ROW_PAGE(name, size, b, m, a) {name, size, PAGES(size), "page", b, m, a}

static const struct row rows[] = {
    ROW_CALL("null call (getpid)", 0, nothing, null_call, nothing),
    ROW_CALL("unknown call (ENOSYS)", 0, nothing, unknown_call, nothing),
    ROW_CALL("sched_yield alone", 0, nothing, yield, nothing),
    {"sched_yield to a thread that yields", 0, TURNS, "there and back", with_yielder, yield_turns, end_other},
    {"futex wake, and wait for the answer", 0, TURNS, "there and back", with_answerer, futex_turns, end_other},
    ROW_CALL("mmap + munmap, untouched, 4 KiB", PAGE, nothing, map_unmap, nothing),
    ROW_CALL("mmap + munmap, untouched, 1 MiB", MIB, nothing, map_unmap, nothing),
    ROW_PAGE("first write, 64 MiB", 64 * MIB, map, touch, unmap),
    ROW_PAGE("munmap resident, 64 MiB", 64 * MIB, map_touch, unmap, nothing),
    ROW_CALL("munmap resident, 4 KiB", PAGE, map_touch, unmap, nothing),
    ROW_CALL("mlock fresh, 4 KiB", PAGE, map, lock, unmap),
    ROW_PAGE("mlock fresh, 1 MiB", MIB, map, lock, unmap),
    ROW_PAGE("mlock fresh, 64 MiB", 64 * MIB, map, lock, unmap),
    ROW_PAGE("mlock fresh, 256 MiB", 256 * MIB, map, lock, unmap),
    ROW_CALL("mlock resident, 4 KiB", PAGE, map_touch, lock, unmap),
    ROW_PAGE("mlock resident, 256 MiB", 256 * MIB, map_touch, lock, unmap),
    ROW_CALL("mlock again, 4 KiB", PAGE, map_lock, lock, unmap),
    ROW_CALL("mlock again, 256 MiB", 256 * MIB, map_lock, lock, unmap),
    ROW_CALL("munlock resident, 4 KiB", PAGE, map_lock, unlock, unmap),
    ROW_CALL("munlock resident, 1 MiB", MIB, map_lock, unlock, unmap),
    ROW_CALL("munlock resident, 256 MiB", 256 * MIB, map_lock, unlock, unmap),
    ROW_CALL("mlock2(ONFAULT) fresh, 4 KiB", PAGE, map, lock_on_fault, unmap),
    ROW_CALL("mlock2(ONFAULT) fresh, 256 MiB", 256 * MIB, map, lock_on_fault, unmap),
    ROW_CALL("lock one page amid a region (split)", MIB, map_touch, lock_middle, unmap),
    ROW_CALL("unlock it (merge)", MIB, map_touch_lock_middle, unlock_middle, unmap),
    ROW_CALL("mlockall(CURRENT), small process", 0, nothing, lock_all, unlock_all),
    ROW_CALL("munlockall, small process", 0, lock_all, unlock_all, nothing),
    ROW_CALL("munlockall, 1 MiB more", MIB, map_lock_all, unlock_all, unmap),
    ROW_CALL("munlockall, 256 MiB more", 256 * MIB, map_lock_all, unlock_all, unmap),
    ROW_PAGE("mlockall(CURRENT), 64 MiB untouched", 64 * MIB, map, lock_all, unlock_all_unmap),
    ROW_CALL("mprotect, 1 MiB resident", MIB, map_touch, read_only, unmap),
    ROW_CALL("fork + exit + wait, empty", 0, nothing, fork_wait, nothing),
    ROW_CALL("fork + exit + wait, 16 MiB", 16 * MIB, map_touch, fork_wait, unmap),
    ROW_CALL("aio_mlock: submit, 4 KiB", PAGE, map, submit, cancel_unmap),
    ROW_CALL("aio_mlock: submit, 1 MiB", MIB, map, submit, cancel_unmap),
    ROW_CALL("aio_mlock: submit, 64 MiB", 64 * MIB, map, submit, cancel_unmap),
    ROW_CALL("aio_mlock: submit, 1 GiB", 1024 * MIB, map, submit, cancel_unmap),
    ROW_CALL("aio_mlock: round trip, 4 KiB", PAGE, map, round_trip, unmap),
    ROW_CALL("aio_mlock: round trip, 1 MiB", MIB, map, round_trip, unmap),
    ROW_CALL("aio_mlock: round trip, 16 MiB", 16 * MIB, map, round_trip, unmap),
};

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t sample(const struct row *r) {
    r->before(r->size);
    uint64_t start = counter();
    r->measured(r->size);
    uint64_t cost = counter() - start;
    r->after(r->size);
    return cost;
}

static uint64_t median(const struct row *r) {
    uint64_t s[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) s[i] = sample(r);
    qsort(s, SAMPLES, sizeof(s[0]), ascending);
    return s[SAMPLES / 2];
}

int main(void) {
    const struct row idle = ROW_CALL("", 0, nothing, nothing, nothing);
    uint64_t reading = median(&idle);
    size_t room = (size_t)sysconf(_SC_PHYS_PAGES) * PAGE;
    printf("%-40s %14s  %s\n", "operation", "instructions", "per");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];
        if (r->size + r->size / 8 > room) {
            printf("%-40s %14s  needs more memory\n", r->name, "-");
            continue;
        }
        uint64_t cost = median(r) - reading;
        printf("%-40s %12lu.%lu  %s\n", r->name, cost / r->divide, cost % r->divide * 10 / r->divide, r->per);
    }
    return 0;
}
