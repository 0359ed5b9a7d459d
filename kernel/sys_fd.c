/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The calls about descriptors: open, close, dup, fcntl, ioctl, fstat, umask.
 *
 * LOCKING  none of its own: each works on a held file.
 * MISSING  advisory locks and seals (EINVAL), signal-driven I/O.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/resource.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "mm/heap.h"

static struct files *own(void) {
    return current_process()->files;
}

long sys_openat(uint64_t dirfd, uint64_t user, uint64_t flags, uint64_t mode) {
    char *path = NULL;
    struct place from;
    struct file *f;
    (void)mode; /* nothing is ever created */
    int err = path_get(user, &path);
    if (err) return err;
    struct rights r = rights_effective(&current_process()->cred);
    err = path_start((int)dirfd, path, &from);
    if (!err) err = file_open(from, path, &r, (unsigned)flags, &f);
    heap_free(path);
    return err ? err : fd_install(f, (unsigned)flags);
}

long sys_open(uint64_t user, uint64_t flags, uint64_t mode) {
    return sys_openat((uint64_t)AT_FDCWD, user, flags, mode);
}

long sys_close(uint64_t fd) {
    return files_remove(own(), (int)fd);
}

long sys_fstat(uint64_t fd, uint64_t user) {
    struct stat st;
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    f->ops->stat(f, &st);
    fd_end(f, held);
    return copyout(user, &st, sizeof st);
}

long sys_umask(uint64_t mask) {
    return files_set_umask(own(), (uint32_t)mask);
}

static long duplicate(int fd, int lowest, bool close_on_exec) {
    struct file *f = files_get(own(), fd);
    if (!f) return -EBADF;
    int got = files_add(own(), f, lowest, close_on_exec, limit_soft(RLIMIT_NOFILE));
    if (got < 0) file_drop(f);
    return got;
}

static long duplicate_to(int fd, int to, bool close_on_exec) {
    struct file *f = files_get(own(), fd);
    if (!f) return -EBADF;
    int got = files_set(own(), f, to, close_on_exec, limit_soft(RLIMIT_NOFILE));
    if (got < 0) file_drop(f);
    return got;
}

long sys_dup(uint64_t fd) {
    return duplicate((int)fd, 0, false);
}

long sys_dup2(uint64_t fd, uint64_t to) {
    if ((int)fd == (int)to) { /* POSIX: nothing happens, but fd must be open */
        int on = files_get_cloexec(own(), (int)fd);
        return on < 0 ? on : (int)fd;
    }
    return duplicate_to((int)fd, (int)to, false);
}

long sys_dup3(uint64_t fd, uint64_t to, uint64_t flags) {
    if ((flags & ~(uint64_t)O_CLOEXEC) || (int)fd == (int)to) return -EINVAL;
    return duplicate_to((int)fd, (int)to, flags & O_CLOEXEC);
}

/* Status flags that may change while the file is open; all others are passed over (POSIX fcntl). */
#define CHANGEABLE (O_APPEND | O_NONBLOCK)

static void change_flags(struct file *f, unsigned clear, unsigned set) {
    unsigned old = __atomic_load_n(&f->flags, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&f->flags, &old, (old & ~clear) | set, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
}

static long fcntl_file(struct file *f, unsigned cmd, uint64_t arg) {
    switch (cmd) {
    case F_GETFL: return f->flags;
    case F_SETFL: change_flags(f, CHANGEABLE, (unsigned)arg & CHANGEABLE); return 0;
    default: return -EINVAL;
    }
}

long sys_fcntl(uint64_t fd, uint64_t cmd, uint64_t arg) {
    int on = files_get_cloexec(own(), (int)fd);
    if (on < 0) return on;
    switch ((unsigned)cmd) {
    case F_GETFD: return on ? FD_CLOEXEC : 0;
    case F_SETFD: return files_set_cloexec(own(), (int)fd, arg & FD_CLOEXEC);
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if ((int)arg < 0 || (uint64_t)(int)arg >= limit_soft(RLIMIT_NOFILE)) return -EINVAL;
        return duplicate((int)fd, (int)arg, cmd == F_DUPFD_CLOEXEC);
    default: break;
    }
    struct file *f = files_get(own(), (int)fd);
    if (!f) return -EBADF;
    long n = fcntl_file(f, (unsigned)cmd, arg);
    file_drop(f);
    return n;
}

static long set_nonblock(struct file *f, uint64_t arg) {
    int on;
    if (copyin(&on, arg, sizeof on) < 0) return -EFAULT;
    change_flags(f, O_NONBLOCK, on ? O_NONBLOCK : 0);
    return 0;
}

long sys_ioctl(uint64_t fd, uint64_t cmd, uint64_t arg) {
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long n = -ENOTTY;
    if ((unsigned)cmd == FIONBIO) n = set_nonblock(f, arg);
    else if ((unsigned)cmd == FIOCLEX || (unsigned)cmd == FIONCLEX) n = files_set_cloexec(own(), (int)fd, (unsigned)cmd == FIOCLEX);
    else if (f->ops->ioctl) n = f->ops->ioctl(f, (unsigned)cmd, arg);
    fd_end(f, held);
    return n;
}
