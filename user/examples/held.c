/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Does a lock hold? Two pieces of 4 MiB, one of them locked, while this program writes to more memory than there is:
 *
 *     tools/hf run --mem 48M --swap 256M --pressure 50% user/examples/held.c
 *
 * Prints what stayed, and what touching each page again cost. Runs on Linux, too.
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SIZE (4ul << 20)
#define MORE (64ul << 20)

static char *map(size_t size) {
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) err(1, "%zu bytes", size);
    memset(p, 1, size);
    return p;
}

static long major_faults(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_majflt;
}

static void look(const char *name, volatile char *p) {
    static unsigned char in[SIZE / 4096];
    unsigned resident = 0;
    if (mincore((char *)p, SIZE, in) != 0) err(1, "mincore");
    for (size_t i = 0; i < sizeof in; i++) resident += in[i] & 1;
    long before = major_faults();
    for (size_t i = 0; i < SIZE; i += 4096) p[i]++;
    printf("%-10s %4u of 1024 pages stayed, %ld major faults\n", name, resident, major_faults() - before);
}

int main(void) {
    if (mlockall(MCL_CURRENT) != 0) err(1, "mlockall"); /* code and stack */
    char *locked = map(SIZE), *other = map(SIZE);
    if (mlock(locked, SIZE) != 0) err(1, "mlock");
    map(MORE);
    look("locked", locked);
    look("not locked", other);
    return 0;
}
