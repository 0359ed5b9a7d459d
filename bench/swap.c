/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What it costs to use more memory than there is: pages out, pages in, in order and at random.
 *
 *     swap MIB FAULTS       a set of MIB, larger than RAM; FAULTS pages at random
 *
 * Run by bench/swap.py, on Holdfast and on Linux (the same file; it uses what both have). It passes a mark before and
 * after each part, and prints how many pages moved and how many faults had to wait in it; the machine's instructions
 * in between are counted from outside (bench/count.c), since the clock runs on while a program waits for a disk.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/mark.h"

#define PAGE 4096ul

struct moved {
    unsigned long in, out, waited;
};

static volatile uint64_t *area; /* 512 words a page */
static size_t pages, faults;
static uint64_t state = 88172645463325252ull;

/* Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t any(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void must(int ok, const char *what) {
    if (ok) return;
    perror(what);
    exit(1);
}

static unsigned long field(const char *text, const char *name) {
    const char *at = strstr(text, name);
    must(at != NULL, name);
    return strtoul(at + strlen(name), NULL, 10);
}

static unsigned long knob(const char *name) {
    uint64_t value;
    size_t size = sizeof value;
    must(syscall(SYS_sysctlbyname, name, strlen(name), &value, &size, NULL, 0) == 0, name);
    return value;
}

static struct moved look(void) {
    static char text[16384];
    struct rusage u;
    int fd = open("/proc/vmstat", O_RDONLY);
    size_t n = 0;
    ssize_t got = 0;
    getrusage(RUSAGE_SELF, &u);
    if (fd < 0) return (struct moved){knob("vm.swap.read"), knob("vm.swap.written"), (unsigned long)u.ru_majflt};
    while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += (size_t)got;
    text[n] = 0;
    close(fd);
    return (struct moved){field(text, "pswpin "), field(text, "pswpout "), (unsigned long)u.ru_majflt};
}

/* ---- parts: each page knows what it must hold ---- */

static void fill(void) {
    for (size_t i = 0; i < pages; i++) area[i * 512] = i;
}

static void read_in_order(void) {
    for (size_t i = 0; i < pages; i++) must(area[i * 512] == i, "contents");
}

static void write_in_order(void) {
    for (size_t i = 0; i < pages; i++) area[i * 512 + 1] = i;
}

static void read_at_random(void) {
    for (size_t n = 0; n < faults; n++) {
        size_t i = any() % pages;
        must(area[i * 512] == i, "contents");
    }
}

static void write_at_random(void) {
    for (size_t n = 0; n < faults; n++) {
        size_t i = any() % pages;
        area[i * 512 + 2] = i;
    }
}

#define PART(n, what)                                                                                                  \
    do {                                                                                                               \
        struct moved before = look();                                                                                  \
        MARK(2 * (n));                                                                                                 \
        what();                                                                                                        \
        MARK(2 * (n) + 1);                                                                                             \
        struct moved after = look();                                                                                   \
        printf("part %d %s in %lu out %lu waited %lu\n", n, #what, after.in - before.in, after.out - before.out,       \
               after.waited - before.waited);                                                                          \
    } while (0)

int main(int argc, char **argv) {
    must(argc == 3, "swap MIB FAULTS");
    pages = strtoul(argv[1], NULL, 10) << 20 >> 12;
    faults = strtoul(argv[2], NULL, 10);
    area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(area != MAP_FAILED, "mmap");
    PART(1, fill);
    PART(2, read_in_order);
    PART(3, write_in_order);
    PART(4, read_at_random);
    PART(5, write_at_random);
    PART(6, read_in_order);
    return 0;
}
