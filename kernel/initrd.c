/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * From a cpio archive to the tree. See initrd.h; the format is kernel/cpio.c's business.
 *
 * Pure but for the heap, so that host tests run it under sanitizers on archives damaged in every way.
 *
 * MISSING  device nodes and sockets of the archive: /dev is the kernel's own, so they are passed over.
 */
#include "kernel/initrd.h"

#include <linux/stat.h>

#include "kernel/cpio.h"
#include "kernel/tree.h"
#include "libc/core/string.h"

static const char no_memory[] = "no memory for its names";

static bool is(const char *name, size_t len, const char *what) {
    return len == strlen(what) && memcmp(name, what, len) == 0;
}

/* The next name of a path: where it starts, its length (0: no more), and *path moved past it and its slashes. */
static const char *next_name(const char **path, size_t *len) {
    const char *name = *path;
    while (*name == '/') name++;
    const char *end = name;
    while (*end && *end != '/') end++;
    *len = (size_t)(end - name);
    while (*end == '/') end++;
    *path = end;
    return name;
}

/* Goes down to the directory that the path's last name is in, making what is missing. */
static const char *descend(const char *path, struct node **dir, const char **last, size_t *last_len) {
    *dir = &tree_root;
    *last_len = 0;
    for (;;) {
        size_t len;
        const char *name = next_name(&path, &len);
        if (!len) return NULL;
        if (is(name, len, ".")) continue;
        if (is(name, len, "..")) return "an entry's name has a .. in it";
        if (len > NODE_NAME_MAX) return "an entry's name is longer than 255 bytes";
        *last = name;
        *last_len = len;
        if (!*path) return NULL; /* the last name: that directory's entry */
        struct node *next = tree_child(*dir, name, len);
        if (!next) next = tree_add(*dir, name, len, S_IFDIR | 0755);
        if (!next) return no_memory;
        if (!S_ISDIR(next->mode)) return "an entry lies below something that is not a directory";
        *dir = next;
        *last_len = 0;
    }
}

/*
 * A file with several names. The archive has its bytes with the last of them only, and those before it
 * show none; archive_ino is what they have in common.
 */
static void share(const struct node *last) {
    unsigned names = 0;
    for (int pass = 0; pass < 2; pass++)
        for (struct node *n = &tree_root; n; n = tree_next(n)) {
            if (n->archive_ino != last->archive_ino) continue;
            if (pass == 0) {
                names++;
                continue;
            }
            if (last->size) n->data = last->data, n->size = last->size;
            n->ino = last->ino;
            n->nlink = names;
        }
}

static void fill(struct node *n, const struct cpio_entry *e) {
    n->mode = e->mode & (S_IFMT | 07777);
    n->uid = e->uid, n->gid = e->gid, n->mtime = e->mtime;
    if (S_ISDIR(e->mode)) return;
    n->data = e->data, n->size = e->size;
    n->archive_ino = e->nlink > 1 ? e->ino : 0;
    if (n->archive_ino) share(n);
}

static const char *add(const struct cpio_entry *e) {
    struct node *dir;
    const char *name = NULL;
    size_t len;
    if (!S_ISDIR(e->mode) && !S_ISREG(e->mode) && !S_ISLNK(e->mode)) return NULL;
    if (S_ISLNK(e->mode) && (e->size == 0 || e->size >= NODE_PATH_MAX)) return "a symbolic link's target is empty or too long";

    const char *wrong = descend(e->name, &dir, &name, &len);
    if (wrong) return wrong;
    struct node *n = len ? tree_child(dir, name, len) : dir;
    if (!n) n = tree_add(dir, name, len, e->mode & (S_IFMT | 07777));
    if (!n) return no_memory;
    if (S_ISDIR(n->mode) != S_ISDIR(e->mode)) return "a name is both a directory and something else";
    fill(n, e);
    return NULL;
}

const char *initrd_read(const void *start, size_t size, size_t *where) {
    struct cpio c;
    struct cpio_entry e;
    const char *why = NULL;
    int more;
    cpio_begin(&c, start, size);
    do {
        *where = c.at;
        more = cpio_next(&c, &e, &why);
        if (more > 0) why = add(&e);
    } while (more > 0 && !why);
    return why;
}
