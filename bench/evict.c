/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What eviction does beside moving pages: what locked memory costs it, what the swap server holds, and who gets the memory.
 *
 *     evict scan       a round over everything, with 4 KiB, 64 MiB and 1 GiB locked      (a machine with 2 GiB)
 *     evict server     what each program has locked
 *     evict fair MIB   one that works on MIB / 4, beside one that runs over 4 * MIB; then two alike
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/mark.h"

#define PAGE 4096ul
#define MIB  (1ul << 20)

static void must(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static char *map(size_t size, int flags) {
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    must(p != MAP_FAILED, "mmap");
    return p;
}

/* ---- a scan over locked memory ---- */

static void evict_all(void) {
    uint64_t one = 1;
    must(sysctlbyname("debug.evict", NULL, NULL, &one, sizeof one) == 0, "debug.evict");
}

#define SCAN(n, size)                                                                                                  \
    do {                                                                                                               \
        char *p = map(size, MAP_PRIVATE);                                                                              \
        must(mlock(p, size) == 0, "mlock");                                                                            \
        evict_all();                                                                                                   \
        MARK(2 * (n));                                                                                                 \
        evict_all();                                                                                                   \
        MARK(2 * (n) + 1);                                                                                             \
        printf("round %d with %lu KiB locked\n", n, (size) / 1024);                                                    \
        munmap(p, size);                                                                                               \
    } while (0)

static void scan(void) {
    SCAN(1, PAGE);
    SCAN(2, 64 * MIB);
    SCAN(3, 1024 * MIB);
}

/* ---- what is locked ---- */

static void print_locked(const char *pid) {
    char path[300], line[256], name[64] = "";
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "Name:", 5) == 0) sscanf(line + 5, "%63s", name);
        if (strncmp(line, "VmLck:", 6) == 0) printf("%s %s locked %lu KiB\n", pid, name, strtoul(line + 6, NULL, 10));
    }
    if (f) fclose(f);
}

static void server(void) {
    DIR *d = opendir("/proc");
    must(d != NULL, "/proc");
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') print_locked(e->d_name);
    closedir(d);
}

/* ---- who gets the memory ---- */

struct shared {
    volatile unsigned long passes[2], faults[2], resident[2];
    volatile int stop;
};

static unsigned long waited(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (unsigned long)u.ru_majflt;
}

static unsigned long resident(char *p, size_t size) {
    static unsigned char there[65536];
    unsigned long n = 0;
    must(size / PAGE <= sizeof there && mincore(p, size, there) == 0, "mincore");
    for (size_t i = 0; i < size / PAGE; i++) n += there[i] & 1;
    return n;
}

/* Over its set again and again, with rests of so many nanoseconds, until it is told to stop; its state at the end of
 * each pass. */
static void work(struct shared *s, int who, size_t size, long rest) {
    const struct timespec pause = {.tv_nsec = rest};
    char *p = map(size, MAP_PRIVATE);
    for (size_t i = 0; i < size; i += PAGE) p[i] = (char)(i / PAGE + 1);
    unsigned long before = waited();
    while (!s->stop) {
        for (size_t i = 0; i < size && !s->stop; i += PAGE) {
            must(p[i] == (char)(i / PAGE + 1), "contents");
            p[i + 1]++;
        }
        s->passes[who]++;
        s->faults[who] = waited() - before;
        s->resident[who] += resident(p, size);
        if (rest) nanosleep(&pause, NULL);
    }
    _exit(0);
}

static pid_t start(struct shared *s, int who, size_t size, long rest) {
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) work(s, who, size, rest);
    return pid;
}

static void pair(const char *name, size_t first, long rest, size_t second, unsigned long passes) {
    struct shared *s = (struct shared *)map(sizeof *s, MAP_SHARED);
    pid_t a = start(s, 0, first, rest), b = start(s, 1, second, 0);
    const struct timespec moment = {.tv_nsec = 10000000};
    while (s->passes[1] < passes) nanosleep(&moment, NULL);
    s->stop = 1;
    waitpid(a, NULL, 0);
    waitpid(b, NULL, 0);
    size_t size[2] = {first, second};
    for (int i = 0; i < 2; i++)
        printf("%s %d: %lu pages, %lu passes, %lu major faults (%.2f per 100 pages touched), %lu%% resident on average\n", name, i,
               size[i] / PAGE, s->passes[i], s->faults[i],
               100.0 * (double)s->faults[i] / (double)(size[i] / PAGE * (s->passes[i] ? s->passes[i] : 1)),
               100 * s->resident[i] / (size[i] / PAGE * (s->passes[i] ? s->passes[i] : 1)));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "scan") == 0) scan();
    else if (argc == 2 && strcmp(argv[1], "server") == 0) server();
    else if (argc == 3 && strcmp(argv[1], "fair") == 0) {
        size_t ram = strtoul(argv[2], NULL, 10) * MIB;
        pair("worker and scanner", ram / 4, 1000000, 4 * ram, 2);
        pair("two alike", ram, 0, ram, 4);
    } else {
        printf("evict scan|server|fair MIB\n");
        return 2;
    }
    return 0;
}
