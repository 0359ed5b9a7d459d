/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the boot tests run: does one thing that its first argument names, so that a test can see from
 * outside whether it happened.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int show_file(const char *path) {
    char text[256];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0) return perror(path), 1;
    return write(1, text, (size_t)n) != n;
}

/* Its size and first word; then that word is another. */
static int show_disk(const char *path) {
    char word[6] = "";
    int fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, word, 5, 0) != 5 || pwrite(fd, "again", 5, 0) != 5) return perror(path), 1;
    printf("%s: %ld bytes, %s, process %d of %d\n", path, (long)lseek(fd, 0, SEEK_END), word, getpid(), getppid());
    return 0;
}

/* Locks this many MiB and says so. */
static int lock(size_t mib) {
    char *p = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mlock(p, mib << 20) != 0) return perror("lock"), 1;
    printf("locked %zu MiB\n", mib);
    return 0;
}

static int ram(void) {
    struct sysinfo s;
    if (sysinfo(&s) != 0) return perror("sysinfo"), 1;
    printf("ram %lu MiB\n", s.totalram * s.mem_unit >> 20);
    return 0;
}

/* Since the kernel's first instruction; with --icount a nanosecond is an instruction. */
static int show_clock(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return perror("clock_gettime"), 1;
    printf("clock %lu\n", (unsigned long)t.tv_sec * 1000000000ul + (unsigned long)t.tv_nsec);
    return 0;
}

static long knob(const char *name) {
    uint64_t n;
    size_t size = sizeof n;
    if (sysctlbyname(name, &n, &size, NULL, 0) == 0) return (long)n;
    return perror(name), -1;
}

/* The CPUs, and what calling each of them a few times came to. */
static int show_cpus(void) {
    long n = knob("hw.ncpu"), calls = knob("debug.ipi.calls"), reached = 0;
    for (int i = 0; i < 100; i++) reached += knob("debug.ipi.reach");
    printf("cpus %ld, reached %ld, by %ld calls\n", n, reached, knob("debug.ipi.calls") - calls);
    return 0;
}

static int panic_on(uint64_t cpu) {
    (void)sysctlbyname("debug.panic", NULL, NULL, &cpu, sizeof cpu);
    return perror("debug.panic"), 1;
}

#define TURNS 200

/* Two processes take turns, each looks whether its page is its own still: how often a CPU knew a space that it came back to. */
static int take_turns(void) {
    static volatile long mine;
    int there[2], back[2];
    long got = 0, kept = knob("vm.stats.tlb_kept"), wrong = 0;
    if (pipe(there) || pipe(back)) return perror("pipe"), 1;
    pid_t pid = fork();
    int from = pid ? back[0] : there[0], to = pid ? there[1] : back[1];
    for (long i = 0; i < TURNS; i++) {
        mine = pid ? i : -i;
        if (pid && write(to, &i, sizeof i) != sizeof i) return perror("write"), 1;
        if (read(from, &got, sizeof got) != sizeof got) return perror("read"), 1;
        if (!pid && write(to, &i, sizeof i) != sizeof i) return perror("write"), 1;
        wrong += got != i || mine != (pid ? i : -i);
    }
    if (!pid) _exit(wrong != 0);
    int status = 1;
    waitpid(pid, &status, 0);
    printf("turns %d, wrong %ld, kept %ld\n", TURNS, wrong + status, knob("vm.stats.tlb_kept") - kept);
    return 0;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    const char *how = argc > 2 ? argv[2] : "0";
    if (strcmp(what, "exit") == 0) return atoi(how);
    if (strcmp(what, "hello") == 0) return puts("hello from ring 3") < 0;
    if (strcmp(what, "crash") == 0) *(volatile int *)8 = 1;
    if (strcmp(what, "loop") == 0) for (;;) (void)getpid();
    if (strcmp(what, "uid") == 0) return printf("uid %d\n", (int)getuid()) < 0;
    if (strcmp(what, "cat") == 0) return show_file(how);
    if (strcmp(what, "lock") == 0) return lock(strtoul(how, NULL, 10));
    if (strcmp(what, "ram") == 0) return ram();
    if (strcmp(what, "cpus") == 0) return show_cpus();
    if (strcmp(what, "turns") == 0) return take_turns();
    if (strcmp(what, "disk") == 0) return show_disk(how);
    if (strcmp(what, "panic") == 0) return panic_on(strtoul(how, NULL, 10));
    if (strcmp(what, "clock") == 0) return show_clock();
    if (strcmp(what, "args") == 0) {
        for (int i = 2; i < argc; i++) printf("[%s]", argv[i]);
        return puts("") < 0;
    }
    return 99;
}
