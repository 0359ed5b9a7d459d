/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the files part shares among its own sources.
 */
#pragma once

#include "kernel/cred.h"
#include "kernel/file.h"
#include "kernel/io.h"
#include "kernel/tree.h"

/* ---- descriptors (fdtable.c) ---- */

/* dup2: `file` (the caller's reference goes with it) under this very descriptor, closing what was there: fd, -EBADF or -ENOMEM. */
int files_set(struct files *, struct file *, int fd, bool close_on_exec, uint64_t limit);
int files_get_cloexec(struct files *, int fd);            /* 0, 1 or -EBADF */
int files_set_cloexec(struct files *, int fd, bool on);   /* 0 or -EBADF */
struct place files_cwd(struct files *);
void files_set_cwd(struct files *, struct place);
uint32_t files_set_umask(struct files *, uint32_t);       /* the old one */

/*
 * The file of one of the running process's descriptors, for the length of a call that changes no descriptor: NULL if it is
 * not open. Where no other thread shares the table nobody can close it meanwhile, and it need not be held: fd_end
 * drops what fd_begin had to hold.
 */
struct file *fd_begin(int fd, bool *held);
static inline void fd_end(struct file *f, bool held) {
    if (held) file_drop(f);
}

/* files_add to the running process, within its RLIMIT_NOFILE; on failure the file is dropped. flags: O_CLOEXEC counts. */
int fd_install(struct file *, unsigned flags);

/* ---- names (path.c) ---- */

/* A path out of ring 3, to be freed by heap_free: 0, -EFAULT, -ENAMETOOLONG, -ENOMEM. */
int path_get(uint64_t user, char **path);
/* Where a path starts: 0, -EBADF, -ENOTDIR. dirfd is not looked at for an absolute path. */
int path_start(int dirfd, const char *path, struct place *);
/* Both, and the walk. flags: WALK_*. */
int path_walk_user(int dirfd, uint64_t user, const struct rights *, unsigned flags, struct place *);
struct rights rights_effective(const struct cred *);
struct rights rights_real(const struct cred *);

/* ---- opening (file.c) ---- */

/* open(2) of a path from a place, with Linux's O_* flags: 0 and a held file. */
int file_open(struct place from, const char *path, const struct rights *, unsigned flags, struct file **);

/* ---- kinds of files ---- */

extern const struct file_ops regular_ops, directory_ops; /* node_file.c */
extern const struct file_ops console_ops;                /* console.c */
struct object *regular_object(const struct node *);      /* NULL: no memory */
struct object *memfd_object(const struct file *);        /* NULL: not a memfd */

void stat_simple(struct stat *, uint32_t mode, uint64_t ino); /* of something without a name: owner root, size 0 */

void initrd_init(void);   /* the boot loader's archive; panics with one line if it is corrupt or missing */
void poll_init(void);
void devices_init(void);  /* /dev */
void pci_init(void);      /* /dev/pci */
void procfs_init(void);   /* /proc */
void console_init(void);
