/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Processes and who they are: the kernel's calls by their POSIX names.
 */
#include "libc/internal/syscall.h"

#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

int execve(const char *path, char *const argv[], char *const envp[]) {
    return (int)sys(execve, path, argv, envp);
}

pid_t wait(int *status) {
    return wait4(-1, status, 0, NULL);
}

pid_t waitpid(pid_t pid, int *status, int options) {
    return wait4(pid, status, options, NULL);
}

pid_t wait3(int *status, int options, struct rusage *usage) {
    return wait4(-1, status, options, usage);
}

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) {
    return (pid_t)point(wait4, pid, status, options, usage);
}

int waitid(idtype_t kind, id_t id, siginfo_t *info, int options) {
    return (int)point(waitid, kind, id, info, options, 0);
}

pid_t getpid(void) {
    return (pid_t)raw(getpid);
}

pid_t getppid(void) {
    return (pid_t)raw(getppid);
}

pid_t gettid(void) {
    return (pid_t)raw(gettid);
}

pid_t getpgrp(void) {
    return (pid_t)raw(getpgrp);
}

pid_t getpgid(pid_t pid) {
    return (pid_t)sys(getpgid, pid);
}

int setpgid(pid_t pid, pid_t group) {
    return (int)sys(setpgid, pid, group);
}

pid_t setsid(void) {
    return (pid_t)sys(setsid);
}

uid_t getuid(void) {
    return (uid_t)raw(getuid);
}

uid_t geteuid(void) {
    return (uid_t)raw(geteuid);
}

gid_t getgid(void) {
    return (gid_t)raw(getgid);
}

gid_t getegid(void) {
    return (gid_t)raw(getegid);
}

int getresuid(uid_t *real, uid_t *effective, uid_t *saved) {
    return (int)sys(getresuid, real, effective, saved);
}

int getresgid(gid_t *real, gid_t *effective, gid_t *saved) {
    return (int)sys(getresgid, real, effective, saved);
}

int setuid(uid_t id) {
    return (int)sys(setuid, id);
}

int seteuid(uid_t id) {
    return setresuid((uid_t)-1, id, (uid_t)-1);
}

int setgid(gid_t id) {
    return (int)sys(setgid, id);
}

int setegid(gid_t id) {
    return setresgid((gid_t)-1, id, (gid_t)-1);
}

int setreuid(uid_t real, uid_t effective) {
    return (int)sys(setreuid, real, effective);
}

int setregid(gid_t real, gid_t effective) {
    return (int)sys(setregid, real, effective);
}

int setresuid(uid_t real, uid_t effective, uid_t saved) {
    return (int)sys(setresuid, real, effective, saved);
}

int setresgid(gid_t real, gid_t effective, gid_t saved) {
    return (int)sys(setresgid, real, effective, saved);
}

int getrlimit(int resource, struct rlimit *limit) {
    return (int)sys(getrlimit, resource, limit);
}

int setrlimit(int resource, const struct rlimit *limit) {
    return (int)sys(setrlimit, resource, limit);
}

int prlimit(pid_t pid, int resource, const struct rlimit *set, struct rlimit *old) {
    return (int)sys(prlimit64, pid, resource, set, old);
}

int getrusage(int who, struct rusage *usage) {
    return (int)sys(getrusage, who, usage);
}

clock_t times(struct tms *t) {
    return sys(times, t);
}
