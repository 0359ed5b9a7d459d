/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Names to nodes, and back. See tree.h.
 *
 * A symbolic link is followed by walking its target from the directory it stands in, to a bounded depth;
 * the target is text in the archive, so nothing is copied and nothing allocated.
 *
 * LOCKING  none: the tree is written at boot, by one CPU, and later by one thread at a time that adds a whole node.
 * MISSING  writing: programs cannot change this tree. An index for big directories: names are compared one by one.
 */
#include "kernel/tree.h"

#include <asm/errno.h>
#include <asm/stat.h>
#include <linux/stat.h>

#include "libc/core/string.h"
#include "mm/heap.h"

#define LINK_DEPTH 8

struct node tree_root;
struct proc_view proc_view;
static uint32_t last_ino;

void tree_init(void) {
    last_ino = 1;
    tree_root = (struct node){.name = "", .mode = S_IFDIR | 0755, .ino = 1, .nlink = 2, .parent = &tree_root};
}

struct node *tree_child(const struct node *dir, const char *name, size_t len) {
    struct node *n = dir->children;
    while (n && !(n->name_len == len && memcmp(n->name, name, len) == 0)) n = n->next;
    return n;
}

void tree_link(struct node *dir, struct node *n) {
    n->ino = ++last_ino;
    n->nlink = S_ISDIR(n->mode) ? 2 : 1;
    n->parent = dir;
    struct node **end = &dir->children;
    while (*end) end = &(*end)->next;
    __atomic_store_n(end, n, __ATOMIC_RELEASE);
}

struct node *tree_add(struct node *dir, const char *name, size_t len, uint32_t mode) {
    struct node *n = heap_alloc_zero(sizeof *n);
    if (!n) return NULL;
    *n = (struct node){.name = name, .name_len = (uint32_t)len, .mode = mode};
    if (S_ISDIR(mode)) dir->nlink++;
    tree_link(dir, n);
    return n;
}

struct node *tree_add_dir(struct node *dir, const char *name, uint32_t mode) {
    struct node *n = tree_child(dir, name, strlen(name));
    if (n && S_ISDIR(n->mode)) return n;
    return tree_add(dir, name, strlen(name), S_IFDIR | mode);
}

struct node *tree_next(const struct node *n) {
    if (n->children) return n->children;
    while (!n->next && n != &tree_root) n = n->parent;
    return n->next;
}

int tree_may(const struct node *n, const struct rights *r, unsigned want) {
    if (r->uid == 0) return (want & 1) && !S_ISDIR(n->mode) && !(n->mode & 0111) ? -EACCES : 0;
    unsigned shift = r->uid == n->uid ? 6 : r->gid == n->gid ? 3 : 0;
    return (n->mode >> shift & want) == want ? 0 : -EACCES;
}

/* A decimal number without sign or leading zero that an int holds, or 0. */
static int to_pid(const char *s, size_t len) {
    long pid = 0;
    if (!len || len > 9 || s[0] == '0') return 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') return 0;
        pid = pid * 10 + (s[i] - '0');
    }
    return (int)pid;
}

static struct place proc_child(const char *name, size_t len) {
    bool self = len == 4 && memcmp(name, "self", 4) == 0;
    int pid = self ? proc_view.self() : to_pid(name, len);
    if (pid && proc_view.live(pid)) return (struct place){proc_view.process, pid};
    return (struct place){tree_child(proc_view.root, name, len), 0};
}

static struct place step(struct place at, const char *name, size_t len) {
    if (len == 1 && name[0] == '.') return at;
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        struct node *up = at.node->parent;
        return (struct place){up, up == proc_view.root ? 0 : at.pid};
    }
    if (at.node == proc_view.root) return proc_child(name, len);
    return (struct place){tree_child(at.node, name, len), at.pid};
}

/* May a name be looked up in this directory? */
static int may_search(const struct node *dir, size_t name_len, const struct rights *r) {
    if (!S_ISDIR(dir->mode)) return -ENOTDIR;
    if (name_len > NODE_NAME_MAX) return -ENAMETOOLONG;
    return tree_may(dir, r, 1);
}

static int walk(struct place at, const char *p, size_t len, const struct rights *r, unsigned flags, int depth,
                struct place *out);

/* From a symbolic link in directory `at` to what it means. /proc/PID/exe has no text: it leads to the file itself. */
static int follow(struct place at, struct place *link, const struct rights *r, int depth) {
    const struct node *n = link->node;
    if (depth == LINK_DEPTH) return -ELOOP;
    if (n != proc_view.exe) return walk(at, (const char *)n->data, n->size, r, 0, depth + 1, link);
    *link = (struct place){proc_view.program(link->pid), 0};
    return link->node ? 0 : -ENOENT;
}

static int walk(struct place at, const char *p, size_t len, const struct rights *r, unsigned flags, int depth,
                struct place *out) {
    const char *end = p + len;
    out->node = NULL;
    if (!len) return -ENOENT;
    if (*p == '/') at = (struct place){&tree_root, 0};
    for (;;) {
        while (p < end && *p == '/') p++;
        if (p == end) break;
        const char *name = p;
        while (p < end && *p != '/') p++;
        int err = may_search(at.node, (size_t)(p - name), r);
        if (err) return err;
        struct place next = step(at, name, (size_t)(p - name));
        if (!next.node) {
            while (p < end && *p == '/') p++;
            if (p == end) *out = at;
            return -ENOENT;
        }
        if (S_ISLNK(next.node->mode) && (p < end || !(flags & WALK_NOFOLLOW))) {
            err = follow(at, &next, r, depth);
            if (err) return err;
        }
        at = next;
    }
    if (end[-1] == '/' && !S_ISDIR(at.node->mode)) return -ENOTDIR;
    *out = at;
    return 0;
}

int tree_walk(struct place from, const char *path, const struct rights *r, unsigned flags, struct place *out) {
    return walk(from, path, strlen(path), r, flags, 0, out);
}

/* A place's own name, and its length. number has room for an int. */
static size_t place_name(struct place p, const char **name, char *number) {
    *name = p.node->name;
    if (p.node != proc_view.process || !p.node) return p.node->name_len;
    char *at = number + 11;
    for (unsigned n = (unsigned)p.pid; n; n /= 10) *--at = (char)('0' + n % 10);
    *name = at;
    return (size_t)(number + 11 - at);
}

/* From the end of the buffer to its start, name by name; then moved to where it belongs. */
long tree_path(struct place p, char *buf, size_t size) {
    size_t at = size;
    if (size < 2) return -ERANGE;
    buf[--at] = '\0';
    if (p.node == &tree_root) buf[--at] = '/';
    while (p.node != &tree_root) {
        char number[11];
        const char *name;
        size_t len = place_name(p, &name, number);
        if (len + 1 > at) return -ERANGE;
        at -= len;
        memcpy(buf + at, name, len);
        buf[--at] = '/';
        p.node = p.node->parent;
    }
    memmove(buf, buf + at, size - at);
    return (long)(size - at - 1);
}

void tree_stat(const struct node *n, struct stat *st) {
    *st = (struct stat){
        .st_dev = 1, .st_ino = n->ino, .st_nlink = n->nlink, .st_mode = n->mode, .st_uid = n->uid, .st_gid = n->gid,
        .st_rdev = n->rdev, .st_size = (long)n->size, .st_blksize = 4096, .st_blocks = (long)((n->size + 511) / 512),
        .st_atime = n->mtime, .st_mtime = n->mtime, .st_ctime = n->mtime,
    };
}
