/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * When memory runs short the kernel drops clean file pages; those that are locked are not among them. Everything
 * that can be promised is promised away and touched, beside a locked and an unlocked mapping of a file.
 *
 * clauses: L1 L2 L16
 * pitfalls: B16
 * needs: holdfast
 */
#include "tests/user/support.h"

#include <sys/stat.h>

static uint64_t available(void) {
    return knob("vm.stats.free_frames") - (knob("vm.stats.promised") - knob("vm.stats.given"));
}

/* In a child: takes all that there is, page by page, until nothing can be had. Returns how many pages. */
static uint64_t take_everything(void) {
    uint64_t taken = 0;
    for (uint64_t size = available(); size > 0;) {
        volatile char *p = mmap(NULL, size * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            size -= size > 64 ? size / 16 : 1;
            continue;
        }
        for (uint64_t i = 0; i < size; i++) p[i * PG] = 1;
        taken += size;
    }
    return taken;
}

struct seen {
    uint64_t taken;
    long faults;
    bool contents;
};

static char *locked, *copy;
static size_t pages;

static void squeeze(void *arg) {
    struct seen *s = arg;
    s->taken = take_everything();
}

int main(int argc, char **argv) {
    struct stat st;
    needs_holdfast();
    plan(12);
    int fd = argc > 0 ? open(argv[0], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &st) != 0) bail_out("cannot open the program");
    pages = (size_t)st.st_size / PG;
    size_t shown = pages < MAP_SHOWN ? pages : MAP_SHOWN;
    struct seen *s = shared(sizeof *s);
    copy = anon(pages);
    if (pread(fd, copy, pages * PG, 0) != (ssize_t)(pages * PG)) bail_out("cannot read the program");
    locked = map_fd(fd, pages, PROT_READ, MAP_PRIVATE);
    is_int(mlock(locked, pages * PG), 0, "L1: a file of %zu pages locked", pages);
    uint64_t before = available();
    is_int(as_root(squeeze, s), 0, "L1: a process takes all the memory that there is");
    ok(s->taken > before / 10 * 9, "L1: really (%lu of %lu pages)", (unsigned long)s->taken, (unsigned long)before);
    is_int(strspn(core_map(locked, pages), "1"), shown, "L1: every locked page is resident");
    is_int(faults_reading(locked, pages), 0, "L2: and takes no fault");
    ok(memcmp(locked, copy, pages * PG) == 0, "L1: and has its contents");
    is_int(vmlck(), pages, "L1: and is charged");
    is_int(munlock(locked, pages * PG), 0, "L16: unlocked");
    is_int(as_root(squeeze, s), 0, "L16: and again");
    ok(memcmp(locked, copy, pages * PG) == 0, "L16: what may go comes back with its contents");
    ok(available() + 16 >= before, "I8: what was taken is back, but for what the program has touched since (%lu, %lu before)",
       (unsigned long)available(), (unsigned long)before);
    ok(audit_clean(), "I1: the audit agrees");
    return done_testing();
}
