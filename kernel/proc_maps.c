/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc/PID/maps and smaps (proc(5)): what is mapped, and of smaps how each region's pages stand (mm/census.c).
 *
 *      Rss         in memory: the frame of zeroes and registers too, which Linux leaves out here and so shows locked
 *                  pages that nobody wrote as absent
 *      Swap        swapped out; of shared memory, whoever swapped it
 *      Locked      Pss, if the region is locked
 *      VmFlags     lo: locked; lf with it: as pages are touched (MLOCK_ONFAULT)
 *
 * One region at a time, so that no lock of the space is held for long; the list is not of one moment, as on Linux.
 *
 * LOCKING  mm/'s; the tree of names needs none.
 * MISSING  SwapPss, and whatever is 0 for want of huge pages.
 */
#include <asm/errno.h>
#include <linux/mman.h>

#include "kernel/procfs.h"
#include "libc/core/string.h"
#include "mm/mm.h"

/* The file that a mapping shows, found by its object; NULL: none that has a name. */
static struct node *node_of(const struct object *o) {
    struct node *n = &tree_root;
    while (n && n->object != o) n = tree_next(n);
    return n;
}

/* Nobody keeps the name: it is the file of the first region that may be executed. */
struct node *proc_program(int pid) {
    struct snapshot s;
    struct region_info r;
    struct node *n = NULL;
    if (proc_look(pid, &s) < 0) return NULL;
    for (vaddr_t at = 0; !n && s.space && space_region_at(s.space, at, &r); at = r.end)
        if (r.object && (r.prot & PROT_EXEC)) n = node_of(r.object);
    proc_done(&s);
    return n;
}

static const char *object_name(const struct object *o, char *buf, size_t size) {
    struct node *n = node_of(o);
    if (!n) return "[shared]";
    return tree_path((struct place){n, 0}, buf, size) < 0 ? "" : buf;
}

static void write_region(struct text *t, const struct region_info *r, char *path) {
    const char *name = r->object ? object_name(r->object, path, NODE_PATH_MAX) : r->stack ? "[stack]" : "";
    text_add(t, "%08lx-%08lx %c%c%c%c %08lx 00:00 0 %*s%s\n", r->start, r->end, r->prot & PROT_READ ? 'r' : '-',
             r->prot & PROT_WRITE ? 'w' : '-', r->prot & PROT_EXEC ? 'x' : '-', r->shared ? 's' : 'p', r->offset,
             *name ? 25 : 0, "", name);
}

/* ---- smaps ---- */

static void amount(struct text *t, const char *name, uint64_t bytes) {
    text_add(t, "%s:%*lu kB\n", name, 23 - (int)strlen(name), bytes / 1024);
}

/* Linux's order. ac: committed as a whole; io: a device's registers. */
static void write_flags(struct text *t, const struct region_info *r) {
    const struct {
        bool is;
        char name[3];
    } flags[] = {
        {r->prot & PROT_READ, "rd"},     {r->prot & PROT_WRITE, "wr"},     {r->prot & PROT_EXEC, "ex"},
        {r->shared, "sh"},               {r->max_prot & PROT_READ, "mr"},  {r->max_prot & PROT_WRITE, "mw"},
        {r->max_prot & PROT_EXEC, "me"}, {r->shared, "ms"},                {r->stack, "gd"},
        {r->locked, "lo"},               {r->device, "io"},                {r->dont_fork, "dc"},
        {r->on_fault, "lf"},             {r->committed, "ac"},             {r->no_reserve, "nr"},
        {r->wipe_on_fork, "wf"},
    };
    text_add(t, "VmFlags: ");
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].is) text_add(t, "%s ", flags[i].name);
    text_add(t, "\n");
}

static void write_census(struct text *t, const struct region_info *r, const struct census *c) {
    amount(t, "Size", r->end - r->start);
    amount(t, "KernelPageSize", PAGE_SIZE);
    amount(t, "MMUPageSize", PAGE_SIZE);
    amount(t, "Rss", c->resident << PAGE_SHIFT);
    amount(t, "Pss", c->part);
    amount(t, "Shared_Clean", c->shared_clean << PAGE_SHIFT);
    amount(t, "Shared_Dirty", c->shared_dirty << PAGE_SHIFT);
    amount(t, "Private_Clean", c->private_clean << PAGE_SHIFT);
    amount(t, "Private_Dirty", c->private_dirty << PAGE_SHIFT);
    amount(t, "Referenced", c->referenced << PAGE_SHIFT);
    amount(t, "Anonymous", c->anonymous << PAGE_SHIFT);
    amount(t, "Swap", c->swapped << PAGE_SHIFT);
    amount(t, "Locked", r->locked ? c->part : 0);
    write_flags(t, r);
}

/* ---- both ---- */

static bool next_region(struct space *s, vaddr_t at, struct region_info *r, struct census *c) {
    return c ? space_census_at(s, at, r, c) : space_region_at(s, at, r);
}

static int write_regions(struct text *t, int pid, struct census *c) {
    struct snapshot s;
    struct region_info r;
    int err = proc_look(pid, &s);
    if (err) return err;
    const struct cred *me = &current_process()->cred;
    char *path = heap_alloc(NODE_PATH_MAX);
    if (me->euid != 0 && me->euid != s.cred.uid) err = -EACCES;
    else if (!path) err = -ENOMEM;
    for (vaddr_t at = 0; !err && s.space && next_region(s.space, at, &r, c); at = r.end) {
        write_region(t, &r, path);
        if (c) write_census(t, &r, c);
    }
    heap_free(path);
    proc_done(&s);
    return err;
}

int proc_write_maps(struct text *t, int pid) {
    return write_regions(t, pid, NULL);
}

int proc_write_smaps(struct text *t, int pid) {
    struct census c;
    return write_regions(t, pid, &c);
}
