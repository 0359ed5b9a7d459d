/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Open files: made, held, dropped; and opened by name.
 *
 * LOCKING  the count is atomic; see file.h for the rest.
 * MISSING  whatever would write to the tree of names: creating, truncating and writing its files is EROFS.
 *          Flags that open(2) does not know are passed over, as on Linux.
 */
#include "kernel/file.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/stat.h>

#include "arch/mmu.h"
#include "boot/bootinfo.h"
#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/initrd.h"
#include "kernel/port.h"
#include "kernel/process.h"
#include "mm/mm.h"

#define KEPT_FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | O_DIRECTORY | O_NOFOLLOW | O_LARGEFILE)

static struct cache file_cache;
static uint64_t live; /* atomic */

struct file *file_create(const struct file_ops *ops, uint32_t flags) {
    struct file *f = cache_alloc_zero(&file_cache);
    if (!f) return NULL;
    f->refs = 1;
    f->flags = flags & KEPT_FLAGS;
    f->ops = ops;
    mutex_init(&f->pos_lock, "file position");
    __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return f;
}

void file_hold(struct file *f) {
    uint32_t before = __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
    ASSERT(before > 0 && before < UINT32_MAX);
}

void file_drop(struct file *f) {
    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) != 0) return;
    if (f->ops->close) f->ops->close(f);
    cache_free(&file_cache, f);
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
}

uint64_t files_live(void) {
    return __atomic_load_n(&live, __ATOMIC_RELAXED);
}

/* What the flags ask of a name that exists: the checks of POSIX open(), in Linux's order. */
static int check_flags(const struct node *n, const struct rights *r, unsigned flags) {
    bool write = (flags & O_ACCMODE) != O_RDONLY;
    bool read = (flags & O_ACCMODE) != O_WRONLY;
    if ((flags & O_CREAT) && (flags & O_EXCL)) return -EEXIST;
    if (S_ISLNK(n->mode)) return -ELOOP; /* O_NOFOLLOW found one */
    if ((flags & O_DIRECTORY) && !S_ISDIR(n->mode)) return -ENOTDIR;
    if (S_ISDIR(n->mode) && (write || (flags & (O_CREAT | O_TRUNC)))) return -EISDIR;
    if (S_ISREG(n->mode) && !n->ops && (write || (flags & O_TRUNC))) return -EROFS;
    return tree_may(n, r, (read ? 4u : 0) | (write ? 2u : 0));
}

/* The open file of a place whose flags have been checked. */
static int open_place(const struct place *p, unsigned flags, struct file **out) {
    struct node *n = p->node;
    struct file *f = file_create(S_ISDIR(n->mode) ? &directory_ops : &regular_ops, flags | O_LARGEFILE);
    if (!f) return -ENOMEM;
    f->node = n;
    f->pid = p->pid;
    if (n->ops) {
        const struct file_ops *none = f->ops;
        int err = n->ops->open(p, f);
        if (err) {
            f->ops = none; /* nothing to close */
            file_drop(f);
            return err;
        }
    }
    *out = f;
    return 0;
}

int file_open(struct place from, const char *path, const struct rights *r, unsigned flags, struct file **out) {
    struct place p;
    bool nofollow = (flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    if ((flags & O_ACCMODE) == O_ACCMODE || (flags & O_PATH)) return -EINVAL;
    if ((flags & O_TMPFILE) == O_TMPFILE) return -EOPNOTSUPP;
    int err = tree_walk(from, path, r, nofollow ? WALK_NOFOLLOW : 0, &p);
    if (err == -ENOENT && p.node && (flags & O_CREAT)) return -EROFS;
    if (!err) err = check_flags(p.node, r, flags);
    return err ? err : open_place(&p, flags, out);
}

int file_open_kernel(const char *path, struct file **out) {
    return file_open((struct place){&tree_root, 0}, path, &(struct rights){0, 0}, O_RDONLY, out);
}

int file_open_at(int dirfd, const char *path, struct file **out) {
    struct place from;
    struct rights r = rights_effective(&current_process()->cred);
    int err = path_start(dirfd, path, &from);
    return err ? err : file_open(from, path, &r, O_RDONLY, out);
}

struct object *file_object(struct file *f) {
    if (f->ops == &regular_ops) return regular_object(f->node);
    return memfd_object(f);
}

int file_may_exec(struct file *f, const struct cred *who) {
    if (memfd_object(f)) return 0; /* mode 0777, as on Linux */
    if (f->ops != &regular_ops) return -EACCES;
    struct rights r = rights_effective(who);
    return tree_may(f->node, &r, 1);
}

/* The archive stays where the loader left it: the frames were never given out. */
void initrd_init(void) {
    size_t size = boot_info.initrd_end - boot_info.initrd_start, where = 0;
    if (!boot_info.initrd_end || !size) panic("no initrd: the boot loader passed no module (a cpio archive, newc format)");
    const char *wrong = initrd_read(phys_to_virt(boot_info.initrd_start), size, &where);
    if (wrong) panic("the initrd is corrupt at byte %zu of %zu: %s", where, size, wrong);
}

void files_init(void) {
    cache_init(&file_cache, "file", sizeof(struct file));
    poll_init();
    tree_init();
    initrd_init();
    console_init();
    devices_init();
    ports_init();
    pci_init();
    procfs_init();
}
