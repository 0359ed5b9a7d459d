/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Open files and directories of the tree.
 *
 * A file's bytes lie in the archive, in RAM, so a read is one copy and cannot fail for want of anything.
 * Mapping goes through an object, made when a file is first mapped and kept: exec maps the same programs
 * again and again, and a node lives for ever. The pages themselves come and go with mm/.
 *
 * LOCKING  file.pos_lock around read and entries, taken by the caller. node.object is set once, atomically.
 */
#include <asm/errno.h>
#include <linux/mman.h>
#include <asm/poll.h>
#include <asm/stat.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "libc/core/string.h"
#include "mm/mm.h"

static long regular_read(struct file *f, struct io *io, uint64_t *pos) {
    uint64_t size = f->node->size;
    if (*pos >= size) return 0;
    size_t n = size - *pos < io->left ? size - *pos : io->left;
    int err = io_put(io, f->node->data + *pos, n);
    *pos += io_done(io);
    return io_result(io, err);
}

static uint64_t regular_size(struct file *f) {
    return f->node->size;
}

static void node_stat(struct file *f, struct stat *st) {
    tree_stat(f->node, st);
}

struct object *regular_object(const struct node *n) {
    struct node *node = (struct node *)n; /* the one field that changes after boot */
    struct object *o = __atomic_load_n(&node->object, __ATOMIC_ACQUIRE);
    if (o) return o;
    struct object *mine = object_create_file(n->data, n->size);
    if (!mine) return NULL;
    if (__atomic_compare_exchange_n(&node->object, &o, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return mine;
    object_drop(mine);
    return o;
}

/* Depth first, without recursion: an archive may nest deeply. */
static struct node *node_after(struct node *n) {
    if (n->children) return n->children;
    while (n != &tree_root && !n->next) n = n->parent;
    return n == &tree_root ? NULL : n->next;
}

void files_drop_objects(void) {
    for (struct node *n = &tree_root; n; n = node_after(n)) {
        if (n->object) object_drop(n->object);
        n->object = NULL;
    }
}

static int regular_map(struct file *f, struct map_request *m) {
    m->object = regular_object(f->node);
    if (!m->object) return -ENOMEM;
    if ((m->flags & MAP_TYPE) != MAP_PRIVATE) m->max_prot &= ~PROT_WRITE;
    return 0;
}

const struct file_ops regular_ops = {
    .name = "file", .read = regular_read, .size = regular_size, .map = regular_map, .stat = node_stat,
};

/* ---- directories: getdents64 ---- */

/* Linux's struct linux_dirent64: the name follows at once. */
struct entry {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[NODE_NAME_MAX + 1];
} __attribute__((packed));

struct listing {
    uint64_t user;
    size_t left;
    uint64_t pos;   /* of the entry that comes next */
    long done;      /* bytes given, or the error that stopped it */
};

/* False: it did not fit, or the program's memory is bad. */
static bool give(struct listing *l, uint64_t ino, uint32_t mode, const char *name, size_t len) {
    struct entry e = {.ino = ino, .next = (int64_t)l->pos + 1, .type = (uint8_t)(mode >> 12 & 15)};
    size_t size = (offsetof(struct entry, name) + len + 1 + 7) & ~7ul;
    if (size > l->left) {
        if (!l->done) l->done = -EINVAL; /* not even one */
        return false;
    }
    e.length = (uint16_t)size;
    memcpy(e.name, name, len);
    if (copyout(l->user, &e, size) < 0) {
        if (!l->done) l->done = -EFAULT;
        return false;
    }
    l->user += size, l->left -= size, l->done += (long)size, l->pos++;
    return true;
}

/* The lowest live pid above this one, or 0: /proc's directories, in an order that survives births and deaths. */
static int next_pid(int after) {
    int best = 0;
    spin_lock(&process_lock);
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        if (p->pid > after && (!best || p->pid < best)) best = p->pid;
    spin_unlock(&process_lock);
    return best;
}

/* Positions from PIDS on are /proc's processes: PIDS + pid is the one after that pid. */
#define PIDS (1ul << 32)

static void list_processes(struct listing *l) {
    int pid;
    if (l->pos < PIDS) l->pos = PIDS;
    while ((pid = next_pid((int)(l->pos - PIDS)))) {
        struct place p = {proc_view.process, pid};
        char path[32];
        long len = tree_path(p, path, sizeof path);
        const char *name = strrchr(path, '/') + 1;
        uint64_t before = l->pos;
        l->pos = PIDS + (uint64_t)pid - 1; /* give() goes one on */
        if (!give(l, PIDS + (uint64_t)pid, S_IFDIR, name, (size_t)(path + len - name))) {
            l->pos = before;
            return;
        }
    }
}

static long directory_entries(struct file *f, uint64_t user, size_t len) {
    struct listing l = {.user = user, .left = len, .pos = f->pos};
    const struct node *dir = f->node;
    bool more = true;
    if (l.pos == 0) more = give(&l, dir->ino, S_IFDIR, ".", 1);
    if (more && l.pos == 1) more = give(&l, dir->parent->ino, S_IFDIR, "..", 2);
    uint64_t i = 2;
    for (const struct node *n = dir->children; more && n; n = n->next, i++)
        if (i == l.pos) more = give(&l, n->ino, n->mode, n->name, n->name_len);
    if (more && dir == proc_view.root) list_processes(&l);
    f->pos = l.pos;
    return l.done;
}

const struct file_ops directory_ops = {.name = "directory", .entries = directory_entries, .stat = node_stat};

void stat_simple(struct stat *st, uint32_t mode, uint64_t ino) {
    *st = (struct stat){.st_dev = 2, .st_ino = ino, .st_mode = mode, .st_nlink = 1, .st_blksize = 4096};
}
