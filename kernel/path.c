/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Paths out of ring 3, where they start, and the calls that only look at names: stat, access, getcwd,
 * chdir, readlink.
 *
 * LOCKING  none: the tree never changes.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "libc/core/string.h"
#include "mm/heap.h"

struct rights rights_effective(const struct cred *c) {
    return (struct rights){c->euid, c->egid};
}

struct rights rights_real(const struct cred *c) {
    return (struct rights){c->uid, c->gid};
}

int path_get(uint64_t user, char **path) {
    char *text = heap_alloc(NODE_PATH_MAX);
    if (!text) return -ENOMEM;
    long len = copyin_str(text, user, NODE_PATH_MAX);
    if (len < 0) {
        heap_free(text);
        return (int)len;
    }
    *path = text;
    return 0;
}

int path_start(int dirfd, const char *path, struct place *p) {
    struct files *files = current_process()->files;
    if (dirfd == AT_FDCWD || path[0] == '/') {
        *p = files_cwd(files);
        return 0;
    }
    struct file *f = files_get(files, dirfd);
    if (!f) return -EBADF;
    bool dir = f->ops == &directory_ops;
    if (dir) *p = (struct place){(struct node *)f->node, f->pid};
    file_drop(f);
    return dir ? 0 : -ENOTDIR;
}

int path_walk_user(int dirfd, uint64_t user, const struct rights *r, unsigned flags, struct place *p) {
    char *path = NULL;
    int err = path_get(user, &path);
    if (err) return err;
    err = path_start(dirfd, path, p);
    if (!err) err = tree_walk(*p, path, r, flags, p);
    heap_free(path);
    return err;
}

static long stat_path(int dirfd, uint64_t path, unsigned flags, uint64_t user) {
    struct place p;
    struct stat st;
    struct rights r = rights_effective(&current_process()->cred);
    int err = path_walk_user(dirfd, path, &r, flags, &p);
    if (err) return err;
    tree_stat(p.node, &st);
    return copyout(user, &st, sizeof st);
}

long sys_stat(uint64_t path, uint64_t user) {
    return stat_path(AT_FDCWD, path, 0, user);
}

long sys_lstat(uint64_t path, uint64_t user) {
    return stat_path(AT_FDCWD, path, WALK_NOFOLLOW, user);
}

long sys_newfstatat(uint64_t dirfd, uint64_t path, uint64_t user, uint64_t flags) {
    char first;
    if (flags & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) return -EINVAL;
    if (flags & AT_EMPTY_PATH) {
        if (copyin(&first, path, 1) < 0) return -EFAULT;
        if (first == '\0' && (int)dirfd != AT_FDCWD) return sys_fstat(dirfd, user);
        if (first == '\0') {
            struct stat st;
            tree_stat(files_cwd(current_process()->files).node, &st);
            return copyout(user, &st, sizeof st);
        }
    }
    return stat_path((int)dirfd, path, flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0, user);
}

/* POSIX access(): by the real identity. Nothing in this tree can be written, but for devices. */
static long access_path(int dirfd, uint64_t path, unsigned mode) {
    struct place p;
    if (mode & ~7u) return -EINVAL;
    struct rights r = rights_real(&current_process()->cred);
    int err = path_walk_user(dirfd, path, &r, 0, &p);
    if (err) return err;
    if ((mode & 2) && !p.node->ops) return -EROFS;
    return tree_may(p.node, &r, mode);
}

long sys_access(uint64_t path, uint64_t mode) {
    return access_path(AT_FDCWD, path, (unsigned)mode);
}

long sys_faccessat(uint64_t dirfd, uint64_t path, uint64_t mode) {
    return access_path((int)dirfd, path, (unsigned)mode);
}

long sys_getcwd(uint64_t user, uint64_t size) {
    char *path = heap_alloc(NODE_PATH_MAX);
    if (!path) return -ENOMEM;
    long len = tree_path(files_cwd(current_process()->files), path, NODE_PATH_MAX);
    if (len >= 0) len++; /* Linux counts the NUL */
    if (len > 0 && (uint64_t)len > size) len = -ERANGE;
    if (len > 0 && copyout(user, path, (size_t)len) < 0) len = -EFAULT;
    heap_free(path);
    return len;
}

long sys_chdir(uint64_t path) {
    struct place p;
    struct rights r = rights_effective(&current_process()->cred);
    int err = path_walk_user(AT_FDCWD, path, &r, 0, &p);
    if (err) return err;
    if (!S_ISDIR(p.node->mode)) return -ENOTDIR;
    err = tree_may(p.node, &r, 1);
    if (!err) files_set_cwd(current_process()->files, p);
    return err;
}

/* The text of /proc/PID/exe is the path of what it leads to. */
static long read_exe(int pid, uint64_t user, size_t size) {
    struct place p = {proc_view.program(pid), 0};
    if (!p.node) return -ENOENT;
    char *path = heap_alloc(NODE_PATH_MAX);
    if (!path) return -ENOMEM;
    long len = tree_path(p, path, NODE_PATH_MAX);
    if (len > (long)size) len = (long)size;
    if (len > 0 && copyout(user, path, (size_t)len) < 0) len = -EFAULT;
    heap_free(path);
    return len;
}

/* The text of a symbolic link, cut to the buffer and without a NUL (POSIX readlink). */
long sys_readlink(uint64_t path, uint64_t user, uint64_t size) {
    struct place p;
    if ((int)size <= 0) return -EINVAL;
    struct rights r = rights_effective(&current_process()->cred);
    int err = path_walk_user(AT_FDCWD, path, &r, WALK_NOFOLLOW, &p);
    if (err) return err;
    if (!S_ISLNK(p.node->mode)) return -EINVAL;
    if (p.node == proc_view.exe) return read_exe(p.pid, user, (size_t)(int)size);
    size_t n = p.node->size < (size_t)(int)size ? p.node->size : (size_t)(int)size;
    return copyout(user, p.node->data, n) < 0 ? -EFAULT : (long)n;
}
