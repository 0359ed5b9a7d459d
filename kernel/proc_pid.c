/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc/PID: one process as Linux shows it (proc(5)): status, stat, statm, limits, comm. maps and smaps
 * are in kernel/proc_maps.c. The number may be a thread's, too, which no listing shows: then the state and
 * the signals are its own.
 *
 * VmLck is what is charged against RLIMIT_MEMLOCK, VmPin what AIO has pinned (contract B3).
 *
 * LOCKING  process_lock while the process is looked at; its space is held and looked at without it.
 */
#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "kernel/file.h"
#include "kernel/procfs.h"
#include "kernel/usage.h"
#include "libc/core/format.h"
#include "libc/core/string.h"
#include "mm/mm.h"

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

int proc_look(int pid, struct snapshot *s) {
    *s = (struct snapshot){0};
    spin_lock(&process_lock);
    const struct thread *t = thread_by_tid_locked(pid);
    const struct process *p = t ? t->process : process_find_locked(pid);
    if (p) {
        s->pid = p->pid;
        memcpy(s->name, p->name, sizeof s->name);
        s->state = p->space ? "R (running)" : "Z (zombie)", s->ppid = p->parent ? p->parent->pid : 0;
        s->pgrp = p->pgrp, s->session = p->session;
        if (t) s->state = state_of(t), s->blocked = t->sigmask, s->own = t->sigpending->set;
        s->threads = p->nlisted;
        s->cred = p->cred, s->limits = p->limits;
        s->pending = p->signals.pending.set, s->ignored = set_of_handlers(&p->signals, false);
        s->caught = set_of_handlers(&p->signals, true);
        usage_look_locked(p, &s->used);
        s->children = p->children_usage;
        s->space = p->space, s->borrows = p->borrows;
        if (s->space) space_hold(s->space);
    }
    spin_unlock(&process_lock);
    if (!p) return -ESRCH;
    if (s->space) space_get_stats(s->space, &s->memory);
    return 0;
}

void proc_done(struct snapshot *s) {
    if (s->space) space_drop(s->space);
}

static void kilobytes(struct text *t, const char *name, uint64_t pages) {
    text_add(t, "%s:\t%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

/* Resident pages are counted by kind, one by one. RssFile is the rest: pages of files, the frame of zeroes, registers. */
static void write_memory(struct text *t, const struct snapshot *s) {
    const struct space_stats *m = &s->memory;
    struct census c;
    space_census(s->space, &c);
    kilobytes(t, "VmSize", m->mapped);
    kilobytes(t, "VmLck", m->locked);
    kilobytes(t, "VmPin", m->pinned);
    kilobytes(t, "VmRSS", c.resident);
    kilobytes(t, "RssAnon", c.anonymous);
    kilobytes(t, "RssFile", c.resident - c.anonymous - c.shmem);
    kilobytes(t, "RssShmem", c.shmem);
    kilobytes(t, "VmPTE", m->tables);
    kilobytes(t, "VmSwap", c.swapped);
}

static int write_status(struct text *t, int pid) {
    struct snapshot s;
    int err = proc_look(pid, &s);
    if (err) return err;
    const struct cred *c = &s.cred;
    text_add(t, "Name:\t%s\nState:\t%s\n", s.name, s.state);
    text_add(t, "Tgid:\t%d\nPid:\t%d\nPPid:\t%d\n", s.pid, pid, s.ppid);
    text_add(t, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->euid);
    text_add(t, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->egid);
    if (s.space) write_memory(t, &s);
    text_add(t, "Threads:\t%u\n", s.threads);
    text_add(t, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", s.own, s.pending, s.blocked);
    text_add(t, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", s.ignored, s.caught);
    proc_done(&s);
    return 0;
}

/* Fields 10 to 13: faults, of its own and of its children; 14 and 16: CPU time, all of it as the program's. */
static void write_faults(struct text *t, const struct snapshot *s) {
    uint64_t minor = s->used.minor_faults, major = s->used.major_faults;
    if (!s->borrows) minor += s->memory.minor_faults, major += s->memory.major_faults;
    text_add(t, " %lu %lu %lu %lu %lu 0 %lu 0", minor, s->children.minor_faults, major, s->children.major_faults,
             s->used.runtime / NS_PER_TICK, s->children.runtime / NS_PER_TICK);
}

/* Linux's 52 fields in a line. What is not known here (no start, no terminal, no addresses) is 0, as Linux shows it to
 * those who may not see it. */
static int write_stat(struct text *t, int pid) {
    struct snapshot s;
    int err = proc_look(pid, &s);
    if (err) return err;
    text_add(t, "%d (%s) %c %d %d %d 0 -1 0", pid, s.name, s.state[0], s.ppid, s.pgrp, s.session);
    write_faults(t, &s);
    text_add(t, " 20 0 %u 0 0 %lu %lu %lu 0 0 0 0 0", s.threads, s.memory.mapped << PAGE_SHIFT, s.memory.resident,
             s.limits.of[RLIMIT_RSS].soft);
    text_add(t, " %lu %lu %lu %lu 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", s.own | s.pending, s.blocked, s.ignored, s.caught);
    proc_done(&s);
    return 0;
}

/* In pages: size, resident, shared, text, lib, data, dirty. What is not counted here is 0, as Linux does for some. */
static int write_statm(struct text *t, int pid) {
    struct snapshot s;
    int err = proc_look(pid, &s);
    if (err) return err;
    text_add(t, "%lu %lu 0 0 0 0 0\n", s.memory.mapped, s.memory.resident);
    proc_done(&s);
    return 0;
}

static int write_comm(struct text *t, int pid) {
    struct snapshot s;
    int err = proc_look(pid, &s);
    if (err) return err;
    text_add(t, "%s\n", s.name);
    proc_done(&s);
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
    int err = proc_look(pid, &s);
    if (err) return err;
    text_add(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < RLIM_NLIMITS; i++)
        text_add(t, "%-25s %-20s %-20s %-10s\n", limit_names[i].name, limit_text(s.limits.of[i].soft, soft, sizeof soft),
                 limit_text(s.limits.of[i].hard, hard, sizeof hard), limit_names[i].unit);
    proc_done(&s);
    return 0;
}

const struct proc_file proc_pid_files[] = {
    {{proc_open}, "comm", write_comm},         {{proc_open}, "limits", write_limits},
    {{proc_open}, "maps", proc_write_maps},    {{proc_open}, "smaps", proc_write_smaps},
    {{proc_open}, "stat", write_stat},         {{proc_open}, "statm", write_statm},
    {{proc_open}, "status", write_status},     {{NULL}, NULL, NULL},
};
