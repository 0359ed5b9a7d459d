/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a program asks of the machine at its start and now and then: uname, sysinfo, getrandom, the thread
 * pointer, the number of CPUs; and a call that does not exist.
 */
#include <asm/prctl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "tests/user/support.h"

static void machine(void) {
    struct utsname u;
    is_int(uname(&u), 0, "uname");
    is_str(u.machine, "x86_64", "a machine of this kind");
    fails(syscall(SYS_uname, KERNEL), EFAULT, "uname: nowhere to put it");
    unsigned long info[14] = {0}; /* struct sysinfo: uptime, loads[3], totalram, freeram ... */
    is_int(syscall(SYS_sysinfo, info), 0, "sysinfo");
    ok(info[4] > 0 && info[5] < info[4], "some RAM, and some of it taken");
    fails(syscall(SYS_sysinfo, KERNEL), EFAULT, "sysinfo: nowhere to put it");
    unsigned long mask[16] = {0};
    ok(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) >= 8 && (mask[0] | mask[1]), "there is a CPU");
    fails(syscall(SYS_sched_getaffinity, 0, 3, mask), EINVAL, "a mask of three bytes is none");
    fails(syscall(SYS_sched_getaffinity, 0x7ffffff0, sizeof mask, mask), ESRCH, "nobody of that number");
    is_int(syscall(SYS_gettid), getpid(), "the first thread has the process's number");
    fails(syscall(999), ENOSYS, "no such call");
    fails(syscall(-1), ENOSYS, "nor such a number");
    fails(syscall(0x7fffffffffl), ENOSYS, "nor such a one");
}

static void randomness(void) {
    unsigned char a[1000], b[1000];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    is_int(syscall(SYS_getrandom, a, sizeof a, 0), sizeof a, "getrandom fills");
    is_int(syscall(SYS_getrandom, b, sizeof b, 1), sizeof b, "without waiting");
    ok(memcmp(a, b, sizeof a) != 0, "differently each time");
    int bits = 0;
    for (size_t i = 0; i < sizeof a; i++) bits += __builtin_popcount(a[i]);
    ok(bits > 3500 && bits < 4500, "about half the bits are set (%d of 8000)", bits);
    is_int(syscall(SYS_getrandom, a, 0, 0), 0, "no bytes");
    fails(syscall(SYS_getrandom, a, 10, 0x80), EINVAL, "an unknown flag");
    fails(syscall(SYS_getrandom, KERNEL, 10, 0), EFAULT, "a kernel address");
    char *p = anon(2);
    cut(p, 1, 1);
    long n = syscall(SYS_getrandom, p + PG - 300, 600, 0);
    ok(n > 0 && n <= 300, "as far as there is memory (%ld of 300)", n);
}

static void thread_pointer(void) {
    unsigned long fs = 0, again = 0;
    is_int(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), 0, "the thread pointer can be read");
    ok(fs != 0, "and libc has set one");
    is_int(syscall(SYS_arch_prctl, ARCH_SET_FS, fs), 0, "and set");
    fails(syscall(SYS_arch_prctl, ARCH_SET_FS, KERNEL), EPERM, "but not into the kernel");
    fails(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000ul), EPERM, "nor to what is no address");
    fails(syscall(SYS_arch_prctl, 0x7777, 0), EINVAL, "no such code");
    syscall(SYS_arch_prctl, ARCH_GET_FS, &again);
    is_int(again, fs, "what fails changes nothing");
}

int main(void) {
    plan(13 + 8 + 7);
    machine();
    randomness();
    thread_pointer();
    return done_testing();
}
