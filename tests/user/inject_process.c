/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every allocation inside fork and execve made to fail, one after the other: fork ENOMEM or EAGAIN with nothing
 * changed in the parent and no child; execve ENOMEM or EAGAIN and the caller lives on.
 *
 * clauses: A7 A8 I8 L4
 * pitfalls: B18
 * needs: holdfast
 */
#include "tests/user/inject.h"

#define N 8

static char *self;

static void locked_and_not(void) {
    int fd = memfd(N);
    area = anon(4 * N), area_pages = 4 * N;
    memset(area, 1, 4 * N * PG);
    mlock(area, N * PG);
    mprotect(area + 2 * PG, PG, PROT_READ);
    mmap(area + 2 * N * PG, N * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    close(fd);
}

static void unmap(void) {
    munlockall();
    munmap(area, area_pages * PG);
    area = NULL;
}

static int fork_and_wait(void) {
    int status = 0;
    errno = 0;
    pid_t pid = fork();
    if (pid < 0) return errno;
    if (pid == 0) _exit(lock_map(area, N)[0] == '.' && area[0] == 1 ? 0 : 1);
    if (waitpid(pid, &status, 0) != pid || status != 0) return EILSEQ; /* never documented: a child that was wrong */
    return 0;
}

static const struct operation forks[] = {{"fork", locked_and_not, fork_and_wait, unmap, {ENOMEM, EAGAIN}}};

/* In a child: arm, exec; answers by exit status. 77: the program ran. Else the errno. */
static void exec_armed(void *arg) {
    const char *site = ((const char **)arg)[0];
    char *argv[] = {self, "ran", NULL}, *envp[] = {NULL};
    char *p = anon(N);
    p[0] = 5;
    mlock(p, N * PG);
    set_knob(site, (uint64_t)(uintptr_t)((const char **)arg)[1]);
    execve(self, argv, envp);
    int e = errno;
    set_knob(site, 0);
    bool intact = p[0] == 5 && lock_map(p, N)[0] == '#' && vmlck() == N;
    _exit(intact ? e : 78);
}

static void exec_with(const char *site) {
    int wrong = 0, errors = 0, killed = 0, status = 0;
    uint64_t n = 1;
    const char *arg[2] = {site, NULL};
    as_root(exec_armed, arg);
    uint64_t before = knob("vm.stats.free_frames"), heap = knob("vm.stats.heap_live");
    for (; n < MOST; n++) {
        arg[1] = (const char *)(uintptr_t)n;
        status = as_root(exec_armed, arg);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) break;
        int e = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) killed++; /* after the point of no return */
        else if (e == ENOMEM || e == EAGAIN) errors++;
        else if (wrong++ < 3) diag("execve, failing %s %lu: status %x", site, (unsigned long)n, (unsigned)status);
        if (!audit_clean()) wrong++;
    }
    is_int(wrong, 0, "I8: execve: each failing %s (%lu looked at, %d errors)", site, (unsigned long)n - 1, errors);
    ok(n < MOST, "I8: and at last it runs");
    is_int(killed, 0, "I8: and no caller was lost on the way");
    is_int(knob_change("vm.stats.free_frames", before), 0, "I8: no frame was lost");
    is_int(knob_change("vm.stats.heap_live", heap), 0, "I8: nor kernel memory");
}

int main(int argc, char **argv) {
    if (argc == 2) return 77;
    needs_holdfast();
    plan(3 + 15);
    self = argv[0];
    inject_all(forks, 1);
    exec_with("debug.inject.frame");
    exec_with("debug.inject.heap");
    exec_with("debug.inject.reserve");
    return done_testing();
}
