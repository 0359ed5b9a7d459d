/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Open files, and the table of them that a process has.
 *
 *     process -> struct files -> struct file -> ops, and a node / pipe / object of its own
 *                fd: file + close-on-exec
 *
 * A file is what open(2), pipe(2) and memfd_create(2) make: POSIX's open file description, with one
 * position and one set of status flags however many descriptors lead to it. Fork and dup share it.
 *
 * All calls may sleep and want no spinlock and no space lock held, but for file_hold and the fields read
 * without a lock. Errors are negative errno.
 *
 * LOCKING  files.lock (spinlock) guards the table; file.pos_lock (mutex) the position, and is taken
 *          before any lock of what the file leads to. Both come before a space's locks, because the
 *          data is copied while pos_lock is held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/sync.h"

struct cred;
struct file;
struct files;
struct io;
struct map_request;
struct object;
struct stat;
struct place;

/*
 * What a kind of file can do; NULL where it cannot (the error is in brackets).
 *
 * read and write move bytes between the file at *pos and the program's memory and advance *pos and the
 * io; they return how many bytes went, which is fewer when something stopped them after the first, and
 * an error only when none went. A stream (pipe, console) does not look at pos.
 */
struct file_ops {
    const char *name;
    bool stream;                                                     /* no position: lseek, pread, pwrite are ESPIPE */
    bool offsets;                                                    /* a stream which pread and pwrite do something else with */
    long (*read)(struct file *, struct io *, uint64_t *pos);         /* [EINVAL; EISDIR for a directory] */
    long (*write)(struct file *, struct io *, uint64_t *pos);        /* [EINVAL] */
    long (*ioctl)(struct file *, unsigned cmd, uint64_t arg);        /* [ENOTTY] */
    int (*poll)(struct file *);                                      /* POLL* that hold now [POLLIN|POLLOUT] */
    int (*truncate)(struct file *, uint64_t size);                   /* [EINVAL] */
    long (*entries)(struct file *, uint64_t user, size_t len);       /* getdents64 at file.pos [ENOTDIR] */
    uint64_t (*size)(struct file *);                                 /* for SEEK_END [0] */
    int (*map)(struct file *, struct map_request *);                 /* fills in the object, borrowed [ENODEV] */
    void (*stat)(struct file *, struct stat *);                      /* never NULL */
    void (*close)(struct file *);                                    /* the last reference has gone [nothing] */
};

struct file {
    uint32_t refs;               /* atomic */
    uint32_t flags;              /* atomic; O_ACCMODE for ever, O_APPEND and O_NONBLOCK by fcntl */
    const struct file_ops *ops;
    struct mutex pos_lock;
    uint64_t pos;                /* pos_lock */
    union {                      /* whose: known by ops. Constant after open, but for text */
        const struct node *node; /* a file or directory of the tree (kernel/tree.h) */
        struct pipe *pipe;
        struct memfd *memfd;
        struct server *server;   /* who serves a port, or keeps one (kernel/port.c) */
        struct pci_function *pci;
        struct text *text;       /* /proc: what was written at open */
    };
    int pid;                     /* /proc/PID: which */
};

/* One reference. NULL: no memory. */
struct file *file_create(const struct file_ops *, uint32_t flags);
void file_hold(struct file *);
void file_drop(struct file *); /* the last one closes */

static inline bool file_readable(const struct file *f) {
    return (f->flags & 3) != 1; /* O_WRONLY */
}

static inline bool file_writable(const struct file *f) {
    return (f->flags & 3) != 0; /* O_RDONLY */
}

/* ---- for exec and boot ---- */

/* Opens an absolute path for reading, on the kernel's own behalf: 0 and a held file, or -errno as open(2). */
int file_open_kernel(const char *path, struct file **);
/* The same as the running process and from its directory, or from a descriptor's (AT_FDCWD: fcntl.h's). */
int file_open_at(int dirfd, const char *path, struct file **);
/* The memory behind a file that can be mapped (initrd files, memfds): borrowed, lives as long as the file. NULL:
 * there is none. -ENOMEM shows as NULL too. */
struct object *file_object(struct file *);
/* May this file be executed by `who`? 0, or -EACCES: not a regular file, or no x bit. */
int file_may_exec(struct file *, const struct cred *who);

/* ---- the table of a process ---- */

/* Once at boot, after mm_init: reads the initrd (panics with one line if it is corrupt or missing), makes /dev and /proc. */
void files_init(void);
/* An empty table, current directory "/", umask 022, one reference. NULL: no memory. */
struct files *files_create(void);
/* Opens /dev/console as 0, 1 and 2: for the first process. Panics if it cannot. */
void files_open_console(struct files *);
struct files *files_copy(struct files *); /* for fork. NULL: no memory */
void files_hold(struct files *);          /* for a thread that shares it */
void files_drop(struct files *);          /* the last one closes everything */
void files_exec(struct files *);          /* closes what is close-on-exec; the caller is its only user */

/* The file of a descriptor, held; NULL: not open. */
struct file *files_get(struct files *, int fd);
/* Take over the caller's reference under the lowest free descriptor >= lowest: it, or -EMFILE (at limit) or -ENOMEM, and then
 * the reference stays the caller's. limit is RLIMIT_NOFILE. */
int files_add(struct files *, struct file *, int lowest, bool close_on_exec, uint64_t limit);
int files_remove(struct files *, int fd); /* close(2): 0 or -EBADF */
unsigned files_count(struct files *);     /* open descriptors */

/* ---- sleeping until something can be read or written ---- */

/* Something that poll(2) may wait for has changed. Callable anywhere; next to nothing when nobody polls. */
void poll_notify(void);

/* Every open file, for the baseline (I8). */
uint64_t files_live(void);
/* At shutdown, when nothing is open or mapped any more: lets go of the objects behind the initrd's files. */
void files_drop_objects(void);
