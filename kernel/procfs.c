/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc: what there is to see, in Linux's words and forms (proc(5)).
 *
 *      open -> the whole text is written into the heap -> reads copy from it -> close frees it
 *
 * So what is read is of one moment, however small the reads. Those that write them are in
 * kernel/proc_memory.c, kernel/proc_pid.c and kernel/proc_maps.c; the least of them here.
 *
 * LOCKING  none of its own; the writers take what they look at.
 * MISSING  everything that nobody here asks for: this is a window, not a file system.
 */
#include <asm/errno.h>
#include <linux/stat.h>

#include "arch/clock.h"
#include "boot/bootinfo.h"
#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "libc/core/format.h"
#include "libc/core/string.h"
#include "mm/mm.h"

#define TEXT_MAX (4ul << 20) /* the heap's largest block */

struct text {
    char *bytes;
    size_t len, size;
    bool failed; /* no memory for all of it */
};

static void append(void *arg, const char *from, size_t n) {
    struct text *t = arg;
    if (t->failed) return;
    if (t->len + n > t->size) {
        size_t size = t->size ? t->size * 2 : 1024;
        while (size < t->len + n) size *= 2;
        char *bigger = size <= TEXT_MAX ? heap_alloc(size) : NULL;
        if (!bigger) {
            t->failed = true;
            return;
        }
        memcpy(bigger, t->bytes, t->len);
        heap_free(t->bytes);
        t->bytes = bigger, t->size = size;
    }
    memcpy(t->bytes + t->len, from, n);
    t->len += n;
}

void text_add(struct text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    core_vformat(append, t, fmt, ap);
    va_end(ap);
}

/* ---- the files of the whole machine ---- */

static int write_cmdline(struct text *t, int pid) {
    (void)pid;
    text_add(t, "%s\n", boot_info.cmdline);
    return 0;
}

static int write_version(struct text *t, int pid) {
    (void)pid;
    text_add(t, "Holdfast version 1 (%s)\n", __VERSION__);
    return 0;
}

static int write_uptime(struct text *t, int pid) {
    uint64_t hundredths = clock_now() / 10000000;
    (void)pid;
    text_add(t, "%lu.%02lu 0.00\n", hundredths / 100, hundredths % 100);
    return 0;
}

static const struct proc_file machine_files[] = {
    {{proc_open}, "cmdline", write_cmdline},      {{proc_open}, "meminfo", proc_write_meminfo},
    {{proc_open}, "swaps", proc_write_swaps},     {{proc_open}, "uptime", write_uptime},
    {{proc_open}, "version", write_version},      {{proc_open}, "vmstat", proc_write_vmstat},
    {{NULL}, NULL, NULL},
};

/* ---- the open file ---- */

static long text_read(struct file *f, struct io *io, uint64_t *pos) {
    const struct text *t = f->text;
    if (*pos >= t->len) return 0;
    size_t n = t->len - *pos < io->left ? t->len - *pos : io->left;
    int err = io_put(io, t->bytes + *pos, n);
    *pos += io_done(io);
    return io_result(io, err);
}

static void text_free(struct text *t) {
    heap_free(t->bytes);
    heap_free(t);
}

static void text_close(struct file *f) {
    text_free(f->text);
}

/* A regular file of no size: nobody knows its length before it is read. */
static void text_stat(struct file *f, struct stat *st) {
    stat_simple(st, S_IFREG | 0444, (uint64_t)f->pid << 8);
}

static const struct file_ops text_ops = {.name = "proc", .read = text_read, .stat = text_stat, .close = text_close};

int proc_open(const struct place *p, struct file *f) {
    const struct proc_file *what = (const struct proc_file *)p->node->ops; /* its first field */
    struct text *t = heap_alloc_zero(sizeof *t);
    if (!t) return -ENOMEM;
    int err = what->write(t, p->pid);
    if (!err && t->failed) err = -ENOMEM;
    if (err) {
        text_free(t);
        return err;
    }
    f->text = t;
    f->ops = &text_ops;
    return 0;
}

/* ---- the tree ---- */

static void add_files(struct node *dir, const struct proc_file *file) {
    for (; file->name; file++) {
        struct node *n = tree_child(dir, file->name, strlen(file->name));
        if (!n) n = tree_add(dir, file->name, strlen(file->name), 0);
        if (!n || S_ISDIR(n->mode)) panic("/proc/%s cannot be made", file->name);
        n->mode = S_IFREG | 0444;
        n->ops = &file->ops;
    }
}

static int self(void) {
    return current_process() ? current_process()->pid : 0;
}

static bool live(int pid) {
    spin_lock(&process_lock);
    bool is = process_find_locked(pid) || thread_by_tid_locked(pid);
    spin_unlock(&process_lock);
    return is;
}

void procfs_init(void) {
    static struct node process_dir; /* in no list: found by number alone */
    struct node *proc = tree_add_dir(&tree_root, "proc", 0555);
    if (!proc || !tree_add_dir(proc, "self", 0555)) panic("no memory for /proc");
    process_dir = (struct node){.name = "PID", .name_len = 3, .mode = S_IFDIR | 0555, .ino = UINT32_MAX, .nlink = 2,
                                .parent = proc};
    add_files(proc, machine_files);
    add_files(&process_dir, proc_pid_files);
    struct node *exe = tree_add(&process_dir, "exe", 3, S_IFLNK | 0777);
    if (!exe) panic("no memory for /proc");
    proc_view = (struct proc_view){
        .root = proc, .process = &process_dir, .self = self, .live = live, .exe = exe, .program = proc_program,
    };
}
