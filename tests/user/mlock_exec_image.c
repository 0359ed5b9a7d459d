/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program's file is locked by one process while others execute it and end: no page is lost, none is wired twice,
 * and the lock holds. (A file here cannot be truncated: it is the initial file system's.)
 *
 * clauses: L15 L1 I8
 * pitfalls: B6 B1
 */
#include "tests/user/support.h"

#include <sys/stat.h>

static char *self;

static void run_it(void *arg) {
    char *argv[] = {self, arg, NULL}, *envp[] = {NULL};
    execve(self, argv, envp);
    _exit(20);
}

/* The program run again: locks its own image, or all of itself. */
static int again(const char *what) {
    char *code = (char *)((uintptr_t)run_it & ~(PG - 1));
    if (strcmp(what, "code") == 0 && (mlock(code, PG) != 0 || lock_letter(code) != '#')) return 2;
    if (strcmp(what, "all") == 0 && mlockall(MCL_CURRENT) != 0) return 3;
    return 0;
}

static void run_all(const char *when) {
    static char *how[] = {"plain", "code", "all"};
    for (int i = 0; i < 3; i++) is_int(as_root(run_it, how[i]), 0, "L15: the program runs %s (%s)", when, how[i]);
}

int main(int argc, char **argv) {
    struct stat st;
    if (argc == 2) return again(argv[1]);
    plan(18);
    self = argv[0];
    int fd = open(self, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) bail_out("cannot open %s", self);
    size_t pages = ((size_t)st.st_size + PG - 1) / PG, shown = pages < MAP_SHOWN ? pages : MAP_SHOWN;
    run_all("before any lock");
    uint64_t free_frames = knob("vm.stats.free_frames"), locked = knob("vm.stats.locked");
    char *p = map_fd(fd, pages, PROT_READ, MAP_PRIVATE);
    is_int(mlock(p, pages * PG), 0, "L1: its whole file is locked by somebody");
    run_all("while its file is locked");
    is_int(strspn(lock_map(p, pages), "#"), shown, "L15: those that ran took no lock away");
    is_int(faults_reading(p, pages), 0, "L2: nor a page");
    ok(memcmp(p, "\177ELF", 4) == 0, "L1: the contents are there");
    is_int(munlock(p, pages * PG), 0, "L15: unlocked");
    is_int(munmap(p, pages * PG), 0, "L15: unmapped");
    run_all("after the lock");
    is_int(knob_change("vm.stats.locked", locked), 0, "L15: nothing is locked that was not");
    long change = knob_change("vm.stats.free_frames", free_frames);
    ok(change <= 0 && change >= -(long)pages - 2, "I8: no frame but those of the file's cache went (%ld)", change);
    ok(audit_clean(), "I4: the audit agrees on every reference");
    close(fd);
    return done_testing();
}
