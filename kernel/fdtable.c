/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The table of a process's descriptors. See file.h.
 *
 *      slot[fd] -> { file, close-on-exec }      grown by doubling; the lowest free one is given out, and
 *                                               `lowest` is never above it, so the search starts there
 *
 * LOCKING  files.lock, a spinlock, over all fields but refs. Files are dropped after it is released,
 *          because closing one may sleep.
 * INVARIANTS  open is the number of slots with a file; no slot below `lowest` is free.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/resource.h>

#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "libc/core/string.h"
#include "mm/heap.h"

#define FIRST_SIZE 32
#define MAX_SIZE   65536 /* descriptors of one process, whatever its limit says */

struct slot {
    struct file *file;
    bool close_on_exec;
};

struct files {
    uint32_t refs;              /* atomic */
    struct spinlock lock;
    struct slot *slot;
    unsigned size, open, lowest;
    struct place cwd;
    uint32_t umask;
};

static struct files *files_alloc(unsigned size) {
    struct files *t = heap_alloc_zero(sizeof *t);
    if (!t) return NULL;
    t->slot = heap_alloc_zero(size * sizeof *t->slot);
    if (!t->slot) {
        heap_free(t);
        return NULL;
    }
    t->refs = 1;
    t->size = size;
    spin_init(&t->lock, "descriptors");
    return t;
}

struct files *files_create(void) {
    struct files *t = files_alloc(FIRST_SIZE);
    if (!t) return NULL;
    t->cwd = (struct place){&tree_root, 0};
    t->umask = 022;
    return t;
}

/* The other table may grow while this one is made: then once more. */
struct files *files_copy(struct files *from) {
    for (;;) {
        unsigned size = __atomic_load_n(&from->size, __ATOMIC_RELAXED);
        struct files *t = files_alloc(size);
        if (!t) return NULL;
        spin_lock(&from->lock);
        if (from->size == size) {
            memcpy(t->slot, from->slot, size * sizeof *t->slot);
            for (unsigned fd = 0; fd < size; fd++)
                if (t->slot[fd].file) file_hold(t->slot[fd].file);
            t->open = from->open, t->lowest = from->lowest, t->cwd = from->cwd, t->umask = from->umask;
            spin_unlock(&from->lock);
            return t;
        }
        spin_unlock(&from->lock);
        heap_free(t->slot);
        heap_free(t);
    }
}

void files_hold(struct files *t) {
    __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
}

void files_drop(struct files *t) {
    if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    for (unsigned fd = 0; fd < t->size; fd++)
        if (t->slot[fd].file) file_drop(t->slot[fd].file);
    heap_free(t->slot);
    heap_free(t);
}

/* Make slots up to fd: 0, -ENOMEM or -EMFILE. */
static int grow_locked(struct files *t, unsigned fd) REQUIRES(&t->lock) {
    unsigned size = t->size;
    while (size <= fd) size *= 2;
    if (size > MAX_SIZE) return -EMFILE;
    if (size == t->size) return 0;
    struct slot *bigger = heap_alloc_zero(size * sizeof *bigger);
    if (!bigger) return -ENOMEM;
    memcpy(bigger, t->slot, t->size * sizeof *bigger);
    heap_free(t->slot);
    t->slot = bigger;
    t->size = size;
    return 0;
}

static int add_locked(struct files *t, struct file *f, int lowest, bool close_on_exec, uint64_t limit) REQUIRES(&t->lock) {
    unsigned fd = (unsigned)lowest > t->lowest ? (unsigned)lowest : t->lowest;
    while (fd < t->size && t->slot[fd].file) fd++;
    if (fd >= limit) return -EMFILE;
    int err = grow_locked(t, fd);
    if (err) return err;
    t->slot[fd] = (struct slot){f, close_on_exec};
    t->open++;
    if ((unsigned)lowest <= t->lowest) t->lowest = fd + 1;
    return (int)fd;
}

int files_add(struct files *t, struct file *f, int lowest, bool close_on_exec, uint64_t limit) {
    spin_lock(&t->lock);
    int fd = add_locked(t, f, lowest, close_on_exec, limit);
    spin_unlock(&t->lock);
    return fd;
}

/* Empties a slot: what was there, or NULL. */
static struct file *take_locked(struct files *t, unsigned fd) REQUIRES(&t->lock) {
    if (fd >= t->size || !t->slot[fd].file) return NULL;
    struct file *f = t->slot[fd].file;
    t->slot[fd] = (struct slot){0};
    t->open--;
    if (fd < t->lowest) t->lowest = fd;
    return f;
}

int files_remove(struct files *t, int fd) {
    spin_lock(&t->lock);
    struct file *f = take_locked(t, (unsigned)fd);
    spin_unlock(&t->lock);
    if (!f) return -EBADF;
    file_drop(f);
    return 0;
}

int files_set(struct files *t, struct file *f, int fd, bool close_on_exec, uint64_t limit) {
    if (fd < 0 || (uint64_t)fd >= limit || fd >= MAX_SIZE) return -EBADF;
    spin_lock(&t->lock);
    int err = grow_locked(t, (unsigned)fd);
    if (err) {
        spin_unlock(&t->lock);
        return err;
    }
    struct file *old = take_locked(t, (unsigned)fd);
    t->slot[fd] = (struct slot){f, close_on_exec};
    t->open++;
    if ((unsigned)fd == t->lowest) t->lowest++;
    spin_unlock(&t->lock);
    if (old) file_drop(old);
    return fd;
}

void files_exec(struct files *t) {
    for (unsigned fd = 0; fd < t->size; fd++)
        if (t->slot[fd].close_on_exec) files_remove(t, (int)fd);
}

struct file *files_get(struct files *t, int fd) {
    struct file *f = NULL;
    spin_lock(&t->lock);
    if ((unsigned)fd < t->size) f = t->slot[fd].file;
    if (f) file_hold(f);
    spin_unlock(&t->lock);
    return f;
}

struct file *fd_begin(int fd, bool *held) {
    struct files *t = current_process()->files;
    /* Who is alone stays so for the length of a call: more threads and sharers come from its own calls only. */
    *held = __atomic_load_n(&t->refs, __ATOMIC_RELAXED) > 1 ||
            __atomic_load_n(&current_process()->nthreads, __ATOMIC_RELAXED) > 1;
    if (*held) return files_get(t, fd);
    return (unsigned)fd < t->size ? t->slot[fd].file : NULL;
}

int files_get_cloexec(struct files *t, int fd) {
    spin_lock(&t->lock);
    int on = (unsigned)fd < t->size && t->slot[fd].file ? t->slot[fd].close_on_exec : -EBADF;
    spin_unlock(&t->lock);
    return on;
}

int files_set_cloexec(struct files *t, int fd, bool on) {
    spin_lock(&t->lock);
    bool open = (unsigned)fd < t->size && t->slot[fd].file;
    if (open) t->slot[fd].close_on_exec = on;
    spin_unlock(&t->lock);
    return open ? 0 : -EBADF;
}

unsigned files_count(struct files *t) {
    return __atomic_load_n(&t->open, __ATOMIC_RELAXED);
}

struct place files_cwd(struct files *t) {
    spin_lock(&t->lock);
    struct place p = t->cwd;
    spin_unlock(&t->lock);
    return p;
}

void files_set_cwd(struct files *t, struct place p) {
    spin_lock(&t->lock);
    t->cwd = p;
    spin_unlock(&t->lock);
}

uint32_t files_set_umask(struct files *t, uint32_t mask) {
    spin_lock(&t->lock);
    uint32_t old = t->umask;
    t->umask = mask & 0777;
    spin_unlock(&t->lock);
    return old;
}

int fd_install(struct file *f, unsigned flags) {
    int fd = files_add(current_process()->files, f, 0, flags & O_CLOEXEC, limit_soft(RLIMIT_NOFILE));
    if (fd < 0) file_drop(f);
    return fd;
}
