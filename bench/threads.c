/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * How costs grow from one thread to four, on four CPUs: in one space, and each in a space of its own; and how soon
 * a locked SCHED_FIFO thread runs when it is woken under load.
 *
 *     threads instructions    under -icount: instructions of all CPUs together, an operation. There the CPUs take
 *                             turns, at each `pause` below and whenever one has nothing to do: what shootdowns and
 *                             longer paths cost is counted, what real overlap costs is not
 *     threads waits           without: the CPUs really run at once. How often a thread slept for a lock of the
 *                             kernel, turned in a loop until one was free (some 4 instructions each), interrupted
 *                             other CPUs, or did not have to
 *     threads latency         under -icount, one CPU: from the wake-up to the thread's next instruction in ring 3
 *
 * A CPU that waits for a spinlock of another's executes instructions too: so a row that stays the same is good twice.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define MOST 4
#define RW   (PROT_READ | PROT_WRITE)

static uint64_t ops = 512; /* of each kind, by each thread */

static inline uint64_t counter(void) {
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}

static void must(int good, const char *what) {
    if (good) return;
    perror(what);
    exit(1);
}

static uint64_t knob(const char *name) {
    uint64_t value = 0;
    size_t size = sizeof value;
    must(sysctlbyname(name, &value, &size, NULL, 0) == 0, name);
    return value;
}

static char *map(uint64_t pages) {
    char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(p != MAP_FAILED, "mmap");
    return p;
}

static void take_turns(void) {
    __builtin_ia32_pause();
}

/* ---- the operations: each `ops` times, on memory of the thread's own ---- */

static void fault(char *p) {
    for (uint64_t i = 0; i < ops; i++, take_turns()) p[i * PAGE] = 1;
}

static void lock_fresh(char *p) {
    for (uint64_t i = 0; i < ops; i++, take_turns()) must(mlock(p + i * PAGE, PAGE) == 0, "mlock");
}

/* Amid the memory, which may or may not be one region with other threads': both ends are split off, then merged. */
static void lock_unlock(char *p) {
    p += 8 * PAGE;
    for (uint64_t i = 0; i < ops; i++, take_turns()) must((i & 1 ? munlock(p, 8 * PAGE) : mlock(p, 8 * PAGE)) == 0, "lock");
}

static void map_touch_unmap(char *p) {
    (void)p;
    for (uint64_t i = 0; i < ops; i++, take_turns()) {
        char *q = map(4);
        for (int n = 0; n < 4; n++) q[n * 4096] = 1;
        must(munmap(q, 4 * PAGE) == 0, "munmap");
    }
}

static const struct operation {
    const char *name;
    void (*run)(char *);
} operations[] = {
    {"first write to a page", fault},
    {"mlock of a fresh page", lock_fresh},
    {"mlock, munlock of 8 pages", lock_unlock},
    {"mmap, 4 writes, munmap", map_touch_unmap},
};

/* ---- n of them at once ---- */

struct meeting {
    pthread_barrier_t begin, end;
    void (*run)(char *);
};

static struct meeting *meeting; /* shared by parent and children */

static void go_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof set, &set) == 0, "affinity");
}

static void *worker(void *arg) {
    go_to((int)(long)arg);
    char *p = map(ops);
    pthread_barrier_wait(&meeting->begin);
    meeting->run(p);
    pthread_barrier_wait(&meeting->end);
    munmap(p, ops * PAGE);
    return NULL;
}

enum { INSTRUCTIONS, WAITS, SPINS, SHOOTDOWNS, INTERRUPTED, LAZY, FIGURES };
static const char *const figure_knobs[FIGURES] = {NULL, "kern.lock_waits", "kern.lock_spins", "vm.stats.tlb_shootdowns",
                                                  "vm.stats.tlb_interrupted", "vm.stats.tlb_lazy"};

static void read_figures(uint64_t *f) {
    for (int i = 1; i < FIGURES; i++) f[i] = knob(figure_knobs[i]);
    f[INSTRUCTIONS] = counter();
}

/* What n workers cost, in one space or in n. */
static void measure(const struct operation *op, int n, int spaces, uint64_t *cost) {
    uint64_t before[FIGURES], after[FIGURES];
    pthread_t t[MOST];
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&meeting->begin, &shared, (unsigned)n + 1);
    pthread_barrier_init(&meeting->end, &shared, (unsigned)n + 1);
    meeting->run = op->run;
    for (long i = 0; i < n; i++) {
        if (!spaces) must(pthread_create(&t[i], NULL, worker, (void *)i) == 0, "pthread_create");
        else if (fork() == 0) _exit(worker((void *)i) != NULL);
    }
    read_figures(before);
    pthread_barrier_wait(&meeting->begin);
    pthread_barrier_wait(&meeting->end);
    after[INSTRUCTIONS] = counter();
    uint64_t end = after[INSTRUCTIONS];
    read_figures(after);
    after[INSTRUCTIONS] = end;
    for (int i = 0; i < n; i++) {
        if (!spaces) pthread_join(t[i], NULL);
        else must(wait(NULL) > 0, "wait");
    }
    for (int i = 0; i < FIGURES; i++) cost[i] = after[i] - before[i];
}

static void count_instructions(void) {
    printf("%-28s %-14s %8s %8s %8s %8s   %s\n", "instructions an operation", "", "1", "2", "3", "4", "growth");
    for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++) {
        for (int spaces = 0; spaces < 2; spaces++) {
            uint64_t cost[FIGURES], each[MOST + 1] = {0};
            printf("%-28s %-14s", operations[o].name, spaces ? "own spaces" : "one space");
            for (int n = 1; n <= MOST; n++) {
                measure(&operations[o], n, spaces, cost);
                each[n] = cost[INSTRUCTIONS] / (ops * (uint64_t)n);
                printf(" %8lu", each[n]);
            }
            printf("   %+ld %%\n", ((long)each[MOST] - (long)each[1]) * 100 / (long)each[1]);
        }
    }
}

static void count_waits(void) {
    printf("%-28s %-14s %8s %8s %8s %8s %8s %8s\n", "for 1000 operations", "", "threads", "waits", "spins", "shot", "CPUs", "lazy");
    for (size_t o = 0; o < sizeof operations / sizeof operations[0]; o++) {
        for (int spaces = 0; spaces < 2; spaces++) {
            for (int n = 1; n <= MOST; n++) {
                uint64_t cost[FIGURES];
                measure(&operations[o], n, spaces, cost);
                printf("%-28s %-14s %8d", operations[o].name, spaces ? "own spaces" : "one space", n);
                for (int f = WAITS; f < FIGURES; f++) printf(" %8lu", cost[f] * 1000 / (ops * (uint64_t)n));
                printf("\n");
            }
        }
    }
}

/* ---- how soon a real-time thread runs ---- */

#define WAKES 200

static sem_t bell;
static volatile uint64_t rung;
static uint64_t late[WAKES];
static volatile int finished;

static void *by_semaphore(void *arg) {
    (void)arg;
    for (int i = 0; i < WAKES; i++) {
        sem_wait(&bell);
        late[i] = counter() - rung;
    }
    finished = 1;
    return NULL;
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A nanosecond is an instruction there. */
static void *by_timer(void *arg) {
    (void)arg;
    uint64_t next = now_ns();
    for (int i = 0; i < WAKES; i++) {
        next += 777777;
        struct timespec t = {(time_t)(next / 1000000000), (long)(next % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        late[i] = now_ns() - next;
    }
    finished = 1;
    return NULL;
}

/* Faults, locks, maps and forks without end. */
static void *load(void *arg) {
    (void)arg;
    while (!finished) {
        char *p = map(32);
        memset(p, 1, 32 * PAGE);
        mlock(p, 16 * PAGE);
        munmap(p, 32 * PAGE);
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        waitpid(pid, NULL, 0);
    }
    return NULL;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void latency(const char *name, void *(*sleeper)(void *), int loads, int rings) {
    struct sched_param fifo = {.sched_priority = 50};
    pthread_attr_t attr;
    pthread_t t, l[2];
    finished = 0;
    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
    pthread_attr_setschedparam(&attr, &fifo);
    for (int i = 0; i < loads; i++) must(pthread_create(&l[i], NULL, load, NULL) == 0, "pthread_create");
    must(pthread_create(&t, &attr, sleeper, NULL) == 0, "pthread_create");
    while (rings && !finished) {
        for (volatile int i = 0; i < 3000; i++) continue;
        rung = counter();
        sem_post(&bell);
    }
    pthread_join(t, NULL);
    for (int i = 0; i < loads; i++) pthread_join(l[i], NULL);
    qsort(late, WAKES, sizeof late[0], ascending);
    printf("%-44s %8lu %8lu %8lu\n", name, late[WAKES / 2], late[WAKES * 99 / 100], late[WAKES - 1]);
}

static void latencies(void) {
    must(mlockall(MCL_CURRENT | MCL_FUTURE) == 0, "mlockall");
    sem_init(&bell, 0, 0);
    printf("%-44s %8s %8s %8s\n", "instructions until a locked FIFO thread runs", "median", "99 %", "most");
    latency("sem_post, nothing else to do", by_semaphore, 0, 1);
    latency("sem_post, amid faults, locks and forks", by_semaphore, 2, 1);
    latency("a timer, nothing else to do", by_timer, 0, 0);
    latency("a timer, amid faults, locks and forks", by_timer, 2, 0);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "waits";
    meeting = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(meeting != MAP_FAILED, "mmap");
    if (strcmp(what, "latency") == 0) latencies();
    else if (strcmp(what, "instructions") == 0) count_instructions();
    else {
        ops = 2048; /* threads that come and go wait for locks too */
        count_waits();
    }
    return 0;
}
