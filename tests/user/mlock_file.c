/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Mappings of a file, here the program's own: locked read-only, locked privately writable, and past its end.
 *
 * clauses: L1 L2 L21
 */
#include "tests/user/support.h"

#include <sys/stat.h>

static void read_only(int fd, size_t pages) {
    char *p = map_fd(fd, pages, PROT_READ, MAP_PRIVATE);
    is_int(mlock(p, pages * PG), 0, "L1: a read-only mapping of a file, locked");
    is_int(strspn(core_map(p, pages), "1"), pages < MAP_SHOWN ? pages : MAP_SHOWN, "L1: all of it is resident");
    is_int(faults_reading(p, pages), 0, "L2: reading it takes no fault");
    ok(memcmp(p, "\177ELF", 4) == 0, "L1: it shows the file");
    is_int(vmlck(), pages, "L11: every page is charged");
    munmap(p, pages * PG);
}

static void writable(int fd, size_t pages) {
    char *p = map_fd(fd, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    char *q = map_fd(fd, pages, PROT_READ, MAP_PRIVATE);
    faults_reading(p, pages); /* the file's own pages, for reading */
    is_int(mlock(p, pages * PG), 0, "L1: a private writable mapping of a file, locked");
    is_int(faults_writing(p, pages), 0, "L2: writing to it takes no fault: copied at lock time");
    ok(p[0] == (char)('\177' + 1) && q[0] == '\177', "L2: the copy changes, the file does not");
    is_int(munlock(p, pages * PG), 0, "L3: unlocked");
    is_int(p[0], (char)('\177' + 1), "L16: the copy stays");
    munmap(p, pages * PG), munmap(q, pages * PG);
}

static void past_the_end(int fd, size_t pages) {
    char *p = map_fd(fd, pages + 2, PROT_READ, MAP_PRIVATE);
    fails(mlock(p, (pages + 2) * PG), ENOMEM, "L21: mlock past the end of the file");
    if (on_holdfast()) is_str(lock_map(p, 2), "..", "L4: locks nothing");
    else skip(1, "Linux keeps the lock");
    munlockall();
    is_int(signal_reading(p + pages * PG), SIGBUS, "L21: a touch past the end is SIGBUS");
    is_int(mlock(p, pages * PG), 0, "L21: up to the end it can be locked");
    is_int(p[pages * PG - 1], 0, "L21: the last page is filled with zeroes");
    munmap(p, (pages + 2) * PG);
}

int main(int argc, char **argv) {
    struct stat st;
    plan(17);
    int fd = argc > 0 ? open(argv[0], O_RDONLY) : -1;
    if (fd < 0 || fstat(fd, &st) != 0) bail_out("cannot open %s", argv[0]);
    size_t pages = ((size_t)st.st_size + PG - 1) / PG;
    read_only(fd, pages);
    writable(fd, pages);
    past_the_end(fd, pages);
    is_int(vmlck(), 0, "L1: nothing is charged at the end");
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
