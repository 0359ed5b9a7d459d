/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a program finds on its stack when it starts: argc, argv, envp and the auxiliary vector (System V ABI,
 * AMD64 supplement, 3.4.1), and what exec keeps and what it does not. The program runs itself to look.
 */
#include <linux/auxvec.h>
#include <stdint.h>

#include "tests/user/support.h"

extern char **environ;

struct seen {
    uint64_t aux[64];
    unsigned has[64];
    unsigned char random[16];
    char platform[16], execfn[256], last_arg[4096], env[2][64];
    int argc, nenv, aligned, argv_null, fd_closed, fd_kept, pid;
    uint64_t sigpending, bss_sum;
};

#define REPORT 9 /* descriptor of the report */

static char bss[3 * PG];

static void text_at(char *to, size_t size, uint64_t address) {
    for (const char *from = (const char *)address; --size && *from;) *to++ = *from++;
    *to = 0;
}

static void look_aux(struct seen *s, char **envp) {
    while (*envp) envp++;
    for (uint64_t *aux = (uint64_t *)(envp + 1); aux[0] != AT_NULL; aux += 2) {
        if (aux[0] >= 64) continue;
        s->aux[aux[0]] = aux[1];
        s->has[aux[0]]++;
    }
    if (s->has[AT_RANDOM]) memcpy(s->random, (void *)s->aux[AT_RANDOM], 16);
    if (s->has[AT_PLATFORM]) text_at(s->platform, sizeof s->platform, s->aux[AT_PLATFORM]);
    if (s->has[AT_EXECFN]) text_at(s->execfn, sizeof s->execfn, s->aux[AT_EXECFN]);
}

/* The second life: what it finds goes into a file that its parent reads. */
static int second_life(int argc, char **argv) {
    static struct seen s;
    s.argc = argc;
    s.argv_null = argv[argc] == NULL;
    s.aligned = ((uintptr_t)(argv - 1) & 15) == 0;
    snprintf(s.last_arg, sizeof s.last_arg, "%s", argv[argc - 1]);
    for (char **e = environ; *e; e++, s.nenv++)
        if (s.nenv < 2) snprintf(s.env[s.nenv], sizeof s.env[0], "%s", *e);
    look_aux(&s, environ);
    s.pid = getpid();
    s.fd_kept = fcntl(7, F_GETFD) == 0;
    s.fd_closed = fcntl(8, F_GETFD) == -1;
    sigset_t set;
    sigpending(&set);
    s.sigpending = (uint64_t)sigismember(&set, SIGUSR1);
    for (size_t i = 0; i < sizeof bss; i++) s.bss_sum += (unsigned char)bss[i];
    return write(REPORT, &s, sizeof s) == sizeof s ? 0 : 1;
}

static char *self;

static struct seen run(char **argv, char **envp, pid_t *pid) {
    struct seen s;
    int fd = memfd_create("report", 0), status;
    memset(bss, 1, sizeof bss);
    *pid = fork();
    if (*pid == 0) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        kill(getpid(), SIGUSR1);
        dup2(fd, REPORT);
        dup2(fd, 7);
        fcntl(dup2(fd, 8), F_SETFD, FD_CLOEXEC);
        execve(self, argv, envp);
        _exit(90);
    }
    waitpid(*pid, &status, 0);
    if (status != 0) bail_out("the second life ended with %x", (unsigned)status);
    if (pread(fd, &s, sizeof s, 0) != sizeof s) bail_out("no report");
    close(fd);
    return s;
}

static void vectors(void) {
    static char longest[4000];
    memset(longest, 'y', sizeof longest - 1);
    char *argv[] = {self, "second-life", "", longest, NULL}, *envp[] = {"A=1", "SECOND=", NULL};
    pid_t pid;
    struct seen s = run(argv, envp, &pid);
    is_int(s.argc, 4, "argc");
    is_str(s.last_arg, longest, "a long argument arrives whole");
    ok(s.argv_null, "argv ends with NULL");
    is_int(s.nenv, 2, "two strings of environment");
    is_str(s.env[0], "A=1", "the first");
    is_str(s.env[1], "SECOND=", "the second");
    ok(s.aligned, "the stack is aligned to 16 bytes");
    is_int(s.pid, pid, "the process is the same");
    ok(s.fd_kept, "an open file stays open");
    ok(s.fd_closed, "one that is close-on-exec does not");
    is_int(s.sigpending, 1, "a blocked signal stays pending");
    is_int(s.bss_sum, 0, "bss is zero again");
}

static void auxiliary(void) {
    char *argv[] = {self, "second-life", NULL}, *envp[] = {NULL};
    pid_t pid;
    struct seen s = run(argv, envp, &pid), again = run(argv, envp, &pid);
    is_int(s.nenv, 0, "an empty environment");
    is_int(s.aux[AT_PAGESZ], PG, "AT_PAGESZ");
    is_int(s.aux[AT_PHENT], 56, "AT_PHENT");
    ok(s.aux[AT_PHNUM] > 0 && s.aux[AT_PHDR] % 8 == 0 && s.aux[AT_PHDR] != 0, "AT_PHDR and AT_PHNUM");
    ok(s.has[AT_ENTRY] && s.has[AT_BASE] && s.has[AT_HWCAP], "AT_ENTRY, AT_BASE, AT_HWCAP");
    is_int(s.aux[AT_UID], getuid(), "AT_UID");
    is_int(s.aux[AT_EUID], geteuid(), "AT_EUID");
    is_int(s.aux[AT_GID], getgid(), "AT_GID");
    is_int(s.aux[AT_EGID], getegid(), "AT_EGID");
    is_int(s.aux[AT_SECURE], 0, "AT_SECURE");
    is_int(s.aux[AT_CLKTCK], 100, "AT_CLKTCK");
    is_str(s.platform, "x86_64", "AT_PLATFORM");
    is_str(s.execfn, self, "AT_EXECFN");
    ok(s.has[AT_RANDOM] == 1 && memcmp(s.random, again.random, 16) != 0, "AT_RANDOM: sixteen bytes, others each time");
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "second-life") == 0) return second_life(argc, argv);
    self = argv[0];
    plan(12 + 14);
    vectors();
    auxiliary();
    return done_testing();
}
