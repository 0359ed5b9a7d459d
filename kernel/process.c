/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The table of processes and the tree that they form, and the table of threads.
 *
 *      table[pid % 64] -> p -> p         pids go up and around, so that one is not reused soon; kill(-1)
 *                                        and listings walk the buckets
 *      tids[tid % 256] -> t -> t         the threads that may still see ring 3, by a number from the same row
 *
 * LOCKING     process_lock (P) for everything here. No sleeping lock is taken under it.
 * INVARIANTS  every process in the table but process 1 has a parent in the table; a zombie holds nothing but
 *             its entry: no space, files, requests or threads. A thread is in `tids` as long as it is on its
 *             process's list.
 */
#include "kernel/process.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/pager.h"
#include "libc/core/string.h"

#define BUCKETS 64
#define TID_BUCKETS 256

struct spinlock process_lock;
struct mutex limits_mutex;
static LIST_HEAD(bucket, process) table[BUCKETS];
static LIST_HEAD(tid_bucket, thread) tids[TID_BUCKETS];
static int last_pid GUARDED_BY(&process_lock);
static unsigned count GUARDED_BY(&process_lock);

void process_init(void) {
    sigqueue_init();
    spin_init(&process_lock, "processes");
    mutex_init(&limits_mutex, "limits");
    for (unsigned i = 0; i < BUCKETS; i++) LIST_INIT(&table[i]);
    for (unsigned i = 0; i < TID_BUCKETS; i++) LIST_INIT(&tids[i]);
}

unsigned process_count(void) {
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

struct process *process_find_locked(int pid) {
    struct process *p;
    LIST_FOREACH(p, &table[(unsigned)pid % BUCKETS], by_pid) if (p->pid == pid) return p;
    return NULL;
}

struct process *process_next_locked(const struct process *p) {
    struct process *next = p ? LIST_NEXT(p, by_pid) : NULL;
    for (unsigned i = p ? (unsigned)p->pid % BUCKETS + 1 : 0; !next && i < BUCKETS; i++) next = LIST_FIRST(&table[i]);
    return next;
}

struct thread *thread_by_tid_locked(int tid) {
    struct thread *t;
    LIST_FOREACH(t, &tids[(unsigned)tid % TID_BUCKETS], by_tid) if (t->tid == tid) return t;
    return NULL;
}

/* A process group's or session's number may not become a pid while it lives. */
static bool pid_free_locked(int pid) REQUIRES(&process_lock) {
    if (process_find_locked(pid) || thread_by_tid_locked(pid)) return false;
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        if (p->pgrp == pid || p->session == pid) return false;
    return true;
}

static int pid_choose_locked(void) REQUIRES(&process_lock) {
    for (int tries = 0; tries < PROCESS_MAX; tries++) {
        last_pid = last_pid >= PROCESS_MAX ? 1 : last_pid + 1;
        if (pid_free_locked(last_pid)) return last_pid;
    }
    return 0;
}

struct process *process_alloc(void) {
    struct process *p = heap_alloc_zero(sizeof *p);
    if (!p) return NULL;
    LIST_INIT(&p->children);
    LIST_INIT(&p->threads);
    signals_init(&p->signals);
    ptimers_init(p);
    spin_lock(&process_lock);
    p->pid = pid_choose_locked();
    if (p->pid) {
        /* In the table at once, so that nobody else gets the number; found by all, signalled by all, waited for by none. */
        LIST_INSERT_HEAD(&table[(unsigned)p->pid % BUCKETS], p, by_pid);
        p->pgrp = p->session = p->pid;
        count++;
    }
    spin_unlock(&process_lock);
    if (p->pid) return p;
    heap_free(p);
    return NULL;
}

void process_free_locked(struct process *p) {
    ASSERT(!p->space && !p->files && !p->aio && !p->vfork && !p->nthreads);
    ASSERT(LIST_EMPTY(&p->children) && LIST_EMPTY(&p->threads));
    signals_exit_locked(p);
    LIST_REMOVE(p, by_pid);
    if (p->parent) LIST_REMOVE(p, sibling);
    count--;
    heap_free(p);
}

void process_free(struct process *p) {
    spin_lock(&process_lock);
    process_free_locked(p);
    spin_unlock(&process_lock);
}

static void add_locked(struct process *p, struct thread *t, int tid) REQUIRES(&process_lock) {
    t->tid = tid;
    LIST_INSERT_HEAD(&p->threads, t, of_process);
    if (p->pager) pi_join_pagers(t);
    LIST_INSERT_HEAD(&tids[(unsigned)tid % TID_BUCKETS], t, by_tid);
    p->nlisted++;
}

void process_publish_locked(struct process *p, struct process *parent, struct thread *first) {
    p->parent = parent;
    if (parent) LIST_INSERT_HEAD(&parent->children, p, sibling);
    add_locked(p, first, p->pid);
    p->nthreads = 1;
}

bool process_add_thread_locked(struct process *p, struct thread *t) {
    int tid = pid_choose_locked();
    if (!tid) return false;
    add_locked(p, t, tid);
    p->nthreads++;
    return true;
}

/* The number is free: the first thread is gone, and no other may have it. */
void process_take_pid_locked(struct process *p, struct thread *t) {
    ASSERT(p->nthreads == 1 && p->nlisted == 1);
    LIST_REMOVE(t, of_process);
    LIST_REMOVE(t, by_tid);
    p->nlisted = 0;
    add_locked(p, t, p->pid);
}

void process_push_limits(struct process *p) {
    struct space_limits l;
    mutex_lock(&limits_mutex);
    spin_lock(&process_lock);
    struct space *space = p->borrows ? NULL : p->space; /* a borrowed space keeps to its owner's */
    if (space) {
        process_space_limits_locked(p, &l);
        space_hold(space);
    }
    spin_unlock(&process_lock);
    if (space) space_set_limits(space, &l);
    mutex_unlock(&limits_mutex);
    if (space) space_drop(space);
}

void process_space_limits_locked(const struct process *p, struct space_limits *l) {
    *l = (struct space_limits){
        .memlock = p->limits.of[RLIMIT_MEMLOCK].soft,
        .as = p->limits.of[RLIMIT_AS].soft,
        .data = p->limits.of[RLIMIT_DATA].soft,
        .stack = p->limits.of[RLIMIT_STACK].soft,
        .privileged = process_privileged(p),
    };
}

void process_set_name(struct process *p, const char *path) {
    const char *slash = strrchr(path, '/');
    strlcpy(p->name, slash ? slash + 1 : path, sizeof p->name);
}

void memory_owed(void) {
    if (current_process()) __atomic_or_fetch(&current()->attention, ATTENTION_MEMORY, __ATOMIC_RELAXED);
}

void process_set_pager(struct process *p) {
    struct thread *t;
    spin_lock(&process_lock);
    __atomic_store_n(&p->pager, true, __ATOMIC_RELAXED);
    LIST_FOREACH(t, &p->threads, of_process) pi_join_pagers(t);
    spin_unlock(&process_lock);
    space_set_pager(p->space);
}

bool current_is_pager(void) {
    const struct process *p = current_process();
    return p && __atomic_load_n(&p->pager, __ATOMIC_RELAXED);
}
