/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc/PID: one process as Linux shows it (proc(5)): status, statm, limits, comm, maps.
 *
 * VmLck is what is charged against RLIMIT_MEMLOCK, VmPin what AIO has pinned (contract B3).
 *
 * LOCKING  process_lock while the process is looked at; its space is held and looked at without it.
 */
#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "kernel/file.h"
#include "kernel/process.h"
#include "kernel/procfs.h"
#include "libc/core/format.h"
#include "libc/core/string.h"
#include "mm/mm.h"

/* A process at one moment. */
struct snapshot {
    char name[PROCESS_NAME];
    const char *state;          /* of its first thread, as Linux calls it */
    int ppid;
    unsigned threads;
    struct cred cred;
    struct limits limits;
    uint64_t pending, own, ignored, caught, blocked;
    struct space *space;        /* held; NULL: a zombie */
    struct space_stats memory;
};

/* Those with a handler, or those set to SIG_IGN (what is ignored by default is not among them), as Linux shows them. */
static uint64_t set_of_handlers(const struct signals *s, bool caught) {
    uint64_t set = 0;
    for (int sig = 1; sig <= SIGNALS; sig++) {
        uint64_t handler = s->action[sig - 1].handler;
        if (caught ? handler > HANDLER_IGNORE : handler == HANDLER_IGNORE) set |= SIGBIT(sig);
    }
    return set;
}

/* A look without its queue's lock: it may have changed by now, as it may have by the time that this is read. */
static const char *state_of(const struct thread *t) {
    if (__atomic_load_n(&t->state, __ATOMIC_RELAXED) != THREAD_SLEEPING) return "R (running)";
    return __atomic_load_n(&t->interruptible, __ATOMIC_RELAXED) ? "S (sleeping)" : "D (disk sleep)";
}

static int look(int pid, struct snapshot *s) {
    struct thread *t;
    *s = (struct snapshot){0};
    spin_lock(&process_lock);
    const struct process *p = process_find_locked(pid);
    if (p) {
        memcpy(s->name, p->name, sizeof s->name);
        s->state = p->space ? "R (running)" : "Z (zombie)", s->ppid = p->parent ? p->parent->pid : 0;
        LIST_FOREACH(t, &p->threads, of_process)
            if (t->tid == pid) s->state = state_of(t), s->blocked = t->sigmask, s->own = t->sigpending->set;
        s->threads = p->nlisted;
        s->cred = p->cred, s->limits = p->limits;
        s->pending = p->signals.pending.set, s->ignored = set_of_handlers(&p->signals, false);
        s->caught = set_of_handlers(&p->signals, true);
        s->space = p->space;
        if (s->space) space_hold(s->space);
    }
    spin_unlock(&process_lock);
    if (!p) return -ESRCH;
    if (s->space) space_get_stats(s->space, &s->memory);
    return 0;
}

static void done(struct snapshot *s) {
    if (s->space) space_drop(s->space);
}

static void kilobytes(struct text *t, const char *name, uint64_t pages) {
    text_add(t, "%s:\t%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

static void write_memory(struct text *t, const struct space_stats *m) {
    kilobytes(t, "VmSize", m->mapped);
    kilobytes(t, "VmLck", m->locked);
    kilobytes(t, "VmPin", m->pinned);
    kilobytes(t, "VmRSS", m->resident);
    kilobytes(t, "VmPTE", m->tables);
}

static int write_status(struct text *t, int pid) {
    struct snapshot s;
    int err = look(pid, &s);
    if (err) return err;
    const struct cred *c = &s.cred;
    text_add(t, "Name:\t%s\nState:\t%s\n", s.name, s.state);
    text_add(t, "Tgid:\t%d\nPid:\t%d\nPPid:\t%d\n", pid, pid, s.ppid);
    text_add(t, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->euid);
    text_add(t, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->egid);
    if (s.space) write_memory(t, &s.memory);
    text_add(t, "Threads:\t%u\n", s.threads);
    text_add(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", s.own, s.pending, s.blocked);
    text_add(t, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", s.ignored, s.caught);
    done(&s);
    return 0;
}

/* In pages: size, resident, shared, text, lib, data, dirty. What is not counted here is 0, as Linux does for some. */
static int write_statm(struct text *t, int pid) {
    struct snapshot s;
    int err = look(pid, &s);
    if (err) return err;
    text_add(t, "%lu %lu 0 0 0 0 0\n", s.memory.mapped, s.memory.resident);
    done(&s);
    return 0;
}

static int write_comm(struct text *t, int pid) {
    struct snapshot s;
    int err = look(pid, &s);
    if (err) return err;
    text_add(t, "%s\n", s.name);
    done(&s);
    return 0;
}

static const struct {
    const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = {"Max cpu time", "seconds"},
    [RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [RLIMIT_DATA] = {"Max data size", "bytes"},
    [RLIMIT_STACK] = {"Max stack size", "bytes"},
    [RLIMIT_CORE] = {"Max core file size", "bytes"},
    [RLIMIT_RSS] = {"Max resident set", "bytes"},
    [RLIMIT_NPROC] = {"Max processes", "processes"},
    [RLIMIT_NOFILE] = {"Max open files", "files"},
    [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
    [RLIMIT_AS] = {"Max address space", "bytes"},
    [RLIMIT_LOCKS] = {"Max file locks", "locks"},
    [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
    [RLIMIT_NICE] = {"Max nice priority", ""},
    [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static const char *limit_text(uint64_t value, char *buf, size_t size) {
    if (value == RLIM64_INFINITY) return "unlimited";
    snprintf(buf, size, "%lu", value);
    return buf;
}

static int write_limits(struct text *t, int pid) {
    struct snapshot s;
    char soft[24], hard[24];
    int err = look(pid, &s);
    if (err) return err;
    text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < RLIM_NLIMITS; i++)
        text_add(t, "%-25s %-20s %-20s %-10s\n", limit_names[i].name, limit_text(s.limits.of[i].soft, soft, sizeof soft),
                 limit_text(s.limits.of[i].hard, hard, sizeof hard), limit_names[i].unit);
    done(&s);
    return 0;
}

/* ---- maps ---- */

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
    if (look(pid, &s) < 0) return NULL;
    for (vaddr_t at = 0; !n && s.space && space_region_at(s.space, at, &r); at = r.end)
        if (r.object && (r.prot & PROT_EXEC)) n = node_of(r.object);
    done(&s);
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

/* One region at a time, so that no lock of the space is held for long; the list is not of one moment, as on Linux. */
static int write_maps(struct text *t, int pid) {
    struct snapshot s;
    struct region_info r;
    int err = look(pid, &s);
    if (err) return err;
    const struct cred *me = &current_process()->cred;
    char *path = heap_alloc(NODE_PATH_MAX);
    if (me->euid != 0 && me->euid != s.cred.uid) err = -EACCES;
    else if (!path) err = -ENOMEM;
    for (vaddr_t at = 0; !err && s.space && space_region_at(s.space, at, &r); at = r.end) write_region(t, &r, path);
    heap_free(path);
    done(&s);
    return err;
}

const struct proc_file proc_pid_files[] = {
    {{proc_open}, "comm", write_comm},     {{proc_open}, "limits", write_limits},
    {{proc_open}, "maps", write_maps},     {{proc_open}, "statm", write_statm},
    {{proc_open}, "status", write_status}, {{NULL}, NULL, NULL},
};
