/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The tree of names: the initrd's files and directories, /dev and /proc, all in memory.
 *
 *      root -- children -> node -> next -> node ...        names and data stay in the archive
 *                           |
 *                           children -> ...                 parent points back; the root's is itself
 *
 * It is made at boot, and later grows at most by nodes for devices, each at the end of its list; reading it takes no
 * lock and a node lives for ever. /proc/PID is one directory for all processes: a place is a node and the process it speaks of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct object;
struct place;
struct stat;

struct node_ops {
    /* Called by open(2) with a new file: sets its ops and what they need. 0 or -errno. */
    int (*open)(const struct place *, struct file *);
};

struct node {
    const char *name;             /* name_len bytes, no NUL */
    uint32_t name_len;
    uint32_t mode;                /* type and permissions: S_IF* | 07777 */
    uint32_t ino, nlink, uid, gid, mtime, rdev;
    uint32_t archive_ino;         /* hard links share it; 0: none */
    struct node *parent, *children, *next;
    const uint8_t *data;          /* a file's bytes, or a symbolic link's target */
    uint64_t size;
    struct object *object;        /* atomic: made when the file is first mapped, then it stays */
    const struct node_ops *ops;   /* a device, or of /proc; NULL: a file, directory or link of the archive */
};

struct place {
    struct node *node;
    int pid;                      /* below /proc/PID: which; else 0 */
};

/* Whose rights a look-up is judged by. */
struct rights {
    uint32_t uid, gid;            /* uid 0 may everything that a file's type and x bits allow */
};

#define NODE_NAME_MAX 255
#define NODE_PATH_MAX 4096        /* with the NUL */

extern struct node tree_root;
void tree_init(void);

/* The child of that name, or NULL. */
struct node *tree_child(const struct node *dir, const char *name, size_t len);
/* A new child at the end of dir's children. The name is kept by reference. NULL: no memory. */
struct node *tree_add(struct node *dir, const char *name, size_t len, uint32_t mode);
/* The same for a node that the caller made, all but its number, and that lives for ever. At any time; one at a time. */
void tree_link(struct node *dir, struct node *);
/* tree_add for a name that may exist already as a directory: that one then. */
struct node *tree_add_dir(struct node *dir, const char *name, uint32_t mode);

/* Every node below the root once, a directory before what is in it: the one after n, or NULL. Does not recurse. */
struct node *tree_next(const struct node *n);

/* Which processes /proc shows. Set once at boot; pid is 0 or a live process's. */
struct proc_view {
    struct node *root, *process;              /* /proc, and the directory that stands for every /proc/PID */
    int (*self)(void);                        /* the caller's pid */
    bool (*live)(int pid);
    const struct node *exe;                   /* the link of that name in `process` */
    struct node *(*program)(int pid);         /* what it leads to: the file that the process executes; NULL: unknown */
};
extern struct proc_view proc_view;

#define WALK_NOFOLLOW 1u /* if the last name is a symbolic link, the link itself */

/*
 * From a place along a path: 0 and *out, or -ENOENT (also for an empty path), -ENOTDIR, -EACCES, -ENAMETOOLONG,
 * -ELOOP. When the last name alone is missing, out->node is the directory where it would be; else NULL.
 */
int tree_walk(struct place from, const char *path, const struct rights *, unsigned flags, struct place *out);

/* want is of R_OK W_OK X_OK (4 2 1): 0 or -EACCES. Root needs one x bit to execute a file. */
int tree_may(const struct node *, const struct rights *, unsigned want);

/* The absolute path: its length without the NUL, or -ERANGE when it does not fit. */
long tree_path(struct place, char *buf, size_t size);

void tree_stat(const struct node *, struct stat *);
