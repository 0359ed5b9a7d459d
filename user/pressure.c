/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Keeps a share of RAM busy, for `hf run --pressure`: holds that many pages, goes through them again and again, and
 * makes sure that each has kept what it was given.
 *
 *     pressure PERCENT          of MemTotal (/proc/meminfo); writes a byte to descriptor 3 once it has all of it
 *
 * A page holds words made of its number and of how often it was written, so that a page which comes back old, zero,
 * or in another's place is found. Every page is read in each pass, and every fourth of them written. Between two
 * stretches it sleeps a moment: it is there to want memory, not the CPU.
 *
 * Ends only when killed, or with status 1 and a line that says what it found.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE    4096ul
#define WORDS   (PAGE / sizeof(uint64_t))
#define STRETCH 128u /* pages between two rests */

static uint64_t *memory;

/* Not zero, and different for any two of (page, generation, word). */
static uint64_t word(unsigned long page, unsigned generation, unsigned i) {
    return ((uint64_t)generation << 42 | (uint64_t)page << 10 | i) * 0x9e3779b97f4a7c15ul | 1;
}

/* A few words of each page, spread over it, are as good as all to tell pages apart. */
static void fill(unsigned long page, unsigned generation) {
    for (unsigned i = 0; i < WORDS; i += 64) memory[page * WORDS + i] = word(page, generation, i);
}

static void verify(unsigned long page, unsigned generation) {
    for (unsigned i = 0; i < WORDS; i += 64) {
        uint64_t got = memory[page * WORDS + i], want = word(page, generation, i);
        if (got == want) continue;
        printf("pressure: page %lu, written %u times, word %u: %#lx is there, not %#lx\n", page, generation, i, got, want);
        exit(1);
    }
}

static unsigned long mem_total_kb(void) {
    char line[128];
    unsigned long kb = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "MemTotal:", 9) == 0) kb = strtoul(line + 9, NULL, 10);
    if (f) fclose(f);
    return kb;
}

static void rest(void) {
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

int main(int argc, char **argv) {
    unsigned long percent = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, pages = mem_total_kb() / 4 * percent / 100;
    if (pages == 0) return 2;
    memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        printf("pressure: %lu pages: %s\n", pages, strerror(errno));
        return 1;
    }
    for (unsigned long page = 0; page < pages; page++) fill(page, 1);
    if (write(3, "", 1) != 1) return 1;
    close(3);
    /* Before pass n, page p has been written once, and then in each pass whose number is p modulo 4. */
    for (unsigned pass = 0;; pass++) {
        for (unsigned long page = 0; page < pages; page++) {
            unsigned turn = page % 4, times = 1 + (pass + 3 - turn) / 4;
            verify(page, times);
            if (pass % 4 == turn) fill(page, times + 1);
            if (page % STRETCH == 0) rest();
        }
    }
}
