/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Small system calls: who am I, on what machine, and what a static program asks for at its start.
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "arch/clock.h"
#include "arch/uaccess.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/sched.h"
#include "libc/core/string.h"
#include "gen/syscalls.h"

long sys_getpid(void) {
    return current_process()->pid;
}

long sys_gettid(void) {
    return current()->tid;
}

long sys_getppid(void) {
    spin_lock(&process_lock);
    const struct process *parent = current_process()->parent;
    int pid = parent ? parent->pid : 0;
    spin_unlock(&process_lock);
    return pid;
}

long sys_sched_yield(void) {
    sched_yield();
    return 0;
}

/* The release is a Linux one because programs read it to learn which system calls they may expect. */
long sys_uname(uint64_t out) {
    const struct new_utsname name = {
        .sysname = "Holdfast",
        .nodename = "holdfast",
        .release = "6.1.0-holdfast",
        .version = "Holdfast, with Linux's numbers",
        .machine = "x86_64",
        .domainname = "(none)",
    };
    return copyout(out, &name, sizeof name);
}

long sys_sysinfo(uint64_t out) {
    struct mm_stats mm;
    mm_get_stats(&mm);
    const struct sysinfo info = {
        .uptime = (long)(clock_now() / 1000000000),
        .totalram = mm.frames.total * PAGE_SIZE,
        .freeram = mm.frames.count[FRAME_FREE] * PAGE_SIZE,
        .sharedram = mm.frames.count[FRAME_SHARED] * PAGE_SIZE,
        .bufferram = mm.frames.count[FRAME_CACHE] * PAGE_SIZE,
        .procs = (uint16_t)process_count(),
        .mem_unit = 1,
    };
    return copyout(out, &info, sizeof info);
}

long sys_arch_prctl(uint64_t code, uint64_t address) {
    struct thread *t = current();
    switch ((int)code) {
    case ARCH_SET_FS:
        if (address >= USER_MAX) return -EPERM;
        context_set_fs(&t->context, address);
        return 0;
    case ARCH_GET_FS: return copyout(address, &t->context.fs_base, 8);
    default: return -EINVAL;
    }
}

/* Cleared, and its waiters woken, when the thread ends: kernel/futex_exit.c. */
long sys_set_tid_address(uint64_t address) {
    current()->clear_tid = address;
    return current()->tid;
}

long sys_getrandom(uint64_t buffer, uint64_t length, uint64_t flags) {
    uint8_t bytes[256];
    uint64_t done = 0;
    if (flags & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE)) return -EINVAL;
    if (length > INT32_MAX) length = INT32_MAX;
    while (done < length && !thread_should_stop()) {
        uint64_t n = length - done < sizeof bytes ? length - done : sizeof bytes;
        random_bytes(bytes, n);
        if (copyout(buffer + done, bytes, n)) break;
        done += n;
    }
    memset(bytes, 0, sizeof bytes);
    return done || !length ? (long)done : -EFAULT;
}

/* ---- process groups and sessions: numbers that kill and wait go by; there is no job control ---- */

static int setpgid_locked(int pid, int group) REQUIRES(&process_lock) {
    struct process *me = current_process(), *p = pid ? process_find_locked(pid) : me;
    if (!p || (p != me && p->parent != me)) return -ESRCH;
    if (p != me && p->did_exec) return -EACCES;
    if (p->session != me->session || p->session == p->pid) return -EPERM;
    if (!group) group = p->pid;
    bool exists = group == p->pid;
    for (struct process *q = process_next_locked(NULL); q && !exists; q = process_next_locked(q))
        exists = q->pgrp == group && q->session == me->session;
    if (!exists) return -EPERM;
    p->pgrp = group;
    return 0;
}

long sys_setpgid(uint64_t pid, uint64_t group) {
    if ((int)group < 0) return -EINVAL;
    spin_lock(&process_lock);
    int error = setpgid_locked((int)pid, (int)group);
    spin_unlock(&process_lock);
    return error;
}

long sys_getpgid(uint64_t pid) {
    spin_lock(&process_lock);
    const struct process *p = pid ? process_find_locked((int)pid) : current_process();
    long group = p ? p->pgrp : -ESRCH;
    spin_unlock(&process_lock);
    return group;
}

long sys_getpgrp(void) {
    return sys_getpgid(0);
}

long sys_setsid(void) {
    struct process *me = current_process();
    long result = me->pid;
    spin_lock(&process_lock);
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        if (p->pgrp == me->pid) result = -EPERM;
    if (result > 0) me->pgrp = me->session = me->pid;
    spin_unlock(&process_lock);
    return result;
}
