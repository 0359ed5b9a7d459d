/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the memory tests of ring 3 share: looking at locks and residency page by page, counting faults,
 * and doing things in a child, as another uid, under a limit.
 *
 * Everything is observed through calls that Linux has too, so that the same file judges both:
 *
 *     lock_map(p, 6)  "..##._"   '#' locked, '.' mapped but not locked, '_' hole  (msync(MS_INVALIDATE): L20)
 *     core_map(p, 6)  "0011._"   '1' resident, '0' not, '_' hole                  (mincore: L22)
 *     vmlck()         2          pages charged                                    (VmLck in /proc/self/status: B3)
 *
 * A child never prints TAP: it writes what it saw into shared memory (shared()), and the parent judges.
 * Where Linux differs by contract, ask on_holdfast() and enter the difference in tests/user/differences.txt.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tap.h"

#if __has_include(<sys/sysctl.h>)
#include <sys/sysctl.h>
#else /* Linux: the knobs do not exist */
__attribute__((unused)) static int sysctlbyname(const char *name, void *old, size_t *oldlen, const void *new,
                                                size_t newlen) {
    (void)name, (void)old, (void)oldlen, (void)new, (void)newlen;
    errno = ENOSYS;
    return -1;
}
#endif

#define UNUSED   __attribute__((unused))
#define PG       4096ul
#define USER_END 0x7ffffffff000ul     /* first address beyond user space */
#define KERNEL   0xffffffff80000000ul /* an address of the kernel's */
#define NOBODY   65534

/* 0, or the errno with which the call failed. */
#define errno_of(call) (errno = 0, (long)(call) == -1 ? errno : 0)

UNUSED static bool on_holdfast(void) {
    struct utsname u;
    return uname(&u) == 0 && strcmp(u.sysname, "Holdfast") == 0;
}

/* A file that has no meaning on Linux ends here there. */
UNUSED static void needs_holdfast(void) {
    if (!on_holdfast()) plan_skip_all("needs what only Holdfast has");
}

/* ---- memory ---- */

UNUSED static char *map_pages(size_t pages, int prot, int flags) {
    void *p = mmap(NULL, pages * PG, prot, flags, -1, 0);
    if (p == MAP_FAILED) bail_out("no %zu pages for the test: %s", pages, strerror(errno));
    return p;
}

UNUSED static char *anon(size_t pages) {
    return map_pages(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* Zeroed memory that parent and children see alike. */
UNUSED static void *shared(size_t bytes) {
    return map_pages((bytes + PG - 1) / PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
}

/* A hole cut out: pages [from, from+n) of p are unmapped. */
UNUSED static void cut(char *p, size_t from, size_t n) {
    if (munmap(p + from * PG, n * PG) != 0) bail_out("munmap: %s", strerror(errno));
}

UNUSED static int memfd(size_t pages) {
    int fd = memfd_create("test", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(pages * PG)) != 0) bail_out("memfd: %s", strerror(errno));
    return fd;
}

UNUSED static char *map_fd(int fd, size_t pages, int prot, int flags) {
    void *p = mmap(NULL, pages * PG, prot, flags, fd, 0);
    if (p == MAP_FAILED) bail_out("no mapping of the file: %s", strerror(errno));
    return p;
}

/* ---- looking ---- */

#define MAP_SHOWN 512

/* One letter a page. Results of the last eight calls stay valid. */
UNUSED static char *map_buffer_(void) {
    static char text[8][MAP_SHOWN + 1];
    static unsigned turn;
    return text[turn++ % 8];
}

UNUSED static char lock_letter(const void *page) {
    if (msync((void *)page, PG, MS_INVALIDATE) == 0) return '.';
    return errno == EBUSY ? '#' : errno == ENOMEM ? '_' : '?';
}

UNUSED static char core_letter(const void *page) {
    unsigned char in = 0;
    if (mincore((void *)page, PG, &in) == 0) return in & 1 ? '1' : '0';
    return errno == ENOMEM ? '_' : '?';
}

UNUSED static const char *lock_map(const void *p, size_t pages) {
    char *text = map_buffer_();
    size_t n = pages < MAP_SHOWN ? pages : MAP_SHOWN;
    for (size_t i = 0; i < n; i++) text[i] = lock_letter((const char *)p + i * PG);
    text[n] = 0;
    return text;
}

UNUSED static const char *core_map(const void *p, size_t pages) {
    char *text = map_buffer_();
    size_t n = pages < MAP_SHOWN ? pages : MAP_SHOWN;
    for (size_t i = 0; i < n; i++) text[i] = core_letter((const char *)p + i * PG);
    text[n] = 0;
    return text;
}

/* The number in a line of /proc/self/status or /proc/meminfo, "Name:  N"; -1 if it is not there. */
UNUSED static long proc_number(const char *file, const char *name) {
    char text[8192];
    int fd = open(file, O_RDONLY);
    if (fd < 0) return -1;
    ssize_t n = 0, got;
    while ((got = read(fd, text + n, sizeof text - 1 - (size_t)n)) > 0) n += got;
    close(fd);
    text[n] = 0;
    size_t len = strlen(name);
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, len) == 0 && line[len] == ':') return strtol(line + len + 1, NULL, 10);
    }
    return -1;
}

/* Yields until a thread, or the first one of a process, is in one of these states: S asleep where a signal may break in, D
 * elsewhere. */
UNUSED static void await_state(pid_t pid, const char *states) {
    char file[32], text[256];
    snprintf(file, sizeof file, "/proc/%d/status", (int)pid);
    for (char state = '?'; !strchr(states, state); sched_yield()) {
        int fd = open(file, O_RDONLY);
        ssize_t n = read(fd, text, sizeof text - 1);
        if (fd < 0 || n <= 0) bail_out("no %s", file);
        close(fd);
        text[n] = 0;
        const char *line = strstr(text, "State:\t");
        if (line) state = line[7];
    }
}

/* The same of "Name:  N kB", in pages. */
UNUSED static long proc_pages(const char *file, const char *name) {
    long kb = proc_number(file, name);
    return kb < 0 ? kb : kb / 4;
}

UNUSED static long vmlck(void) {
    return proc_pages("/proc/self/status", "VmLck");
}

/* ---- faults ---- */

UNUSED static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt + r.ru_majflt;
}

/* How many faults the process takes while it reads (writes) one byte of each page. */
UNUSED static long faults_reading(const void *p, size_t pages) {
    faults(); /* its own first-time faults do not count */
    long before = faults();
    for (size_t i = 0; i < pages; i++) (void)*((const volatile char *)p + i * PG);
    return faults() - before;
}

UNUSED static long faults_writing(void *p, size_t pages) {
    faults();
    long before = faults();
    for (size_t i = 0; i < pages; i++) ++*((volatile char *)p + i * PG);
    return faults() - before;
}

/* ---- children ---- */

#define MEMLOCK_AS_IS ((rlim_t)-2)

UNUSED static void set_memlock(rlim_t bytes) {
    struct rlimit r = {bytes, bytes};
    if (bytes != MEMLOCK_AS_IS && setrlimit(RLIMIT_MEMLOCK, &r) != 0) _exit(99);
}

/* Runs fn(arg) in a child, under a limit in bytes (MEMLOCK_AS_IS: as it stands) and a uid (0: stays root): the wait status. */
UNUSED static int in_child(rlim_t memlock, uid_t uid, void (*fn)(void *), void *arg) {
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) bail_out("fork: %s", strerror(errno));
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        set_memlock(memlock);
        if (uid != 0 && setuid(uid) != 0) _exit(98);
        fn(arg);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid) bail_out("waitpid: %s", strerror(errno));
    return status;
}

/* As root; as somebody else with a limit in pages. */
UNUSED static int as_root(void (*fn)(void *), void *arg) {
    return in_child(MEMLOCK_AS_IS, 0, fn, arg);
}

UNUSED static int as_user(size_t limit_pages, void (*fn)(void *), void *arg) {
    return in_child(limit_pages * PG, NOBODY, fn, arg);
}

UNUSED static void touch_to_read_(void *p) {
    (void)*(volatile char *)p;
}

UNUSED static void touch_to_write_(void *p) {
    *(volatile char *)p = 1;
}

/* The signal of which a child dies that touches p so; 0 if it lives. */
UNUSED static int signal_reading(const void *p) {
    int status = as_root(touch_to_read_, (void *)p);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

UNUSED static int signal_writing(void *p) {
    int status = as_root(touch_to_write_, p);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* ---- Holdfast's knobs ---- */

UNUSED static uint64_t knob(const char *name) {
    uint64_t value = ~0ull;
    size_t size = sizeof value;
    if (sysctlbyname(name, &value, &size, NULL, 0) != 0) value = ~0ull;
    __asm__("" : "+r"(value)); /* on Linux the compiler would know it, and warn of what follows */
    return value;
}

/* Exact as soon as whoever changed it was waited for, joined, or seen to be gone in another way: no need to try again. */
UNUSED static long knob_change(const char *name, uint64_t before) {
    return (long)(knob(name) - before);
}

UNUSED static int set_knob(const char *name, uint64_t value) {
    return sysctlbyname(name, NULL, NULL, &value, sizeof value);
}

/* All invariants hold (I1-I4, I6). On Linux there is nobody to ask. */
UNUSED static bool audit_clean(void) {
    char text[200] = "cannot be asked";
    size_t size = sizeof text;
    if (!on_holdfast()) return true;
    bool clean = sysctlbyname("debug.audit_text", text, &size, NULL, 0) == 0 && strcmp(text, "ok") == 0;
    if (!clean) diag("the audit: %s", text);
    return clean;
}
