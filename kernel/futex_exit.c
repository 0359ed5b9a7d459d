/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a thread leaves in its memory when it ends: robust futexes marked, its tid cleared, those woken who wait for
 * either (Linux, robust-futex-ABI).
 *
 *      head in ring 3:  { next, offset of a futex word from its list entry, pending }
 *      entries:         next -> next -> ... -> head; bit 0 of a pointer: the futex is a PI one
 *
 * All of it is the program's to get wrong: the walk ends after LIST_MAX entries, at the first address that cannot be
 * read, and a word that does not name the dying thread is left alone.
 *
 * LOCKING  process_lock for the head, which others may ask for; no lock while user memory is touched.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "arch/uaccess.h"
#include "kernel/futex.h"
#include "kernel/process.h"
#include "gen/syscalls.h"

#define LIST_MAX 2048 /* Linux's ROBUST_LIST_LIMIT */

struct head {
    uint64_t next;
    int64_t offset;
    uint64_t pending;
};
_Static_assert(sizeof(struct head) == sizeof(struct robust_list_head), "Linux's structure");

static void wake_one(uint64_t address) {
    (void)futex_wake(address, false, 1, FUTEX_BITSET_MATCH_ANY);
}

/* One futex that the dying thread may hold. pending: it was just being taken or released, and maybe is free already. */
static void mark(uint64_t address, int tid, bool pi, bool pending) {
    uint32_t word;
    int differs = 1;
    if (address % 4 || copyin(&word, address, sizeof word)) return;
    if (pending && !pi && word == 0) {
        wake_one(address); /* released, but whom it was to wake still sleeps */
        return;
    }
    while (differs > 0) {
        if ((word & FUTEX_TID_MASK) != (uint32_t)tid) return;
        differs = user_swap(address, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
    }
    if (!differs && !pi && (word & FUTEX_WAITERS)) wake_one(address);
}

static void mark_entry(const struct head *h, uint64_t entry, int tid, bool pending) {
    mark((entry & ~1ul) + (uint64_t)h->offset, tid, entry & 1, pending);
}

static void walk(uint64_t at, int tid) {
    struct head h;
    uint64_t entry, next;
    if (copyin(&h, at, sizeof h)) return;
    entry = h.next;
    for (int i = 0; i < LIST_MAX && (entry & ~1ul) != at; i++) {
        bool more = copyin(&next, entry & ~1ul, sizeof next) == 0; /* before somebody has the futex, and reuses it */
        if ((entry & ~1ul) != (h.pending & ~1ul)) mark_entry(&h, entry, tid, false);
        if (!more) break;
        entry = next;
    }
    if (h.pending & ~1ul) mark_entry(&h, h.pending, tid, true);
}

/* Whoever joins a thread waits for its tid to be cleared. A process that goes as a whole leaves nobody who could. */
static void clear_tid(struct thread *t) {
    const struct process *p = t->process;
    const uint32_t zero = 0;
    uint64_t at = t->clear_tid;
    t->clear_tid = 0;
    /* 1 stays so: nobody else is left to add any. More may be out of date, which costs a store that nobody reads. */
    if (!at || (__atomic_load_n(&p->nthreads, __ATOMIC_RELAXED) == 1 && !p->borrows)) return;
    if (copyout(at, &zero, sizeof zero) == 0) wake_one(at);
}

void futex_thread_ends(struct thread *t) {
    uint64_t head = t->robust_list;
    t->robust_list = 0;
    if (head) walk(head, t->tid);
}

void futex_thread_gone(struct thread *t) {
    futex_pi_exit(t);
    clear_tid(t);
}

/* ---- calls ---- */

long sys_set_robust_list(uint64_t head, uint64_t size) {
    if (size != sizeof(struct head)) return -EINVAL;
    spin_lock(&process_lock);
    current()->robust_list = head;
    spin_unlock(&process_lock);
    return 0;
}

/* Linux's rule: who may look into a process may ask. */
static bool may_ask(const struct process *p) {
    const struct cred *me = &current_process()->cred, *it = &p->cred;
    if (p == current_process() || me->euid == 0) return true;
    return me->uid == it->uid && me->uid == it->euid && me->uid == it->suid;
}

static int look_locked(int tid, uint64_t *head) REQUIRES(&process_lock) {
    const struct thread *t = tid ? thread_by_tid_locked(tid) : current();
    if (!t) return -ESRCH;
    if (!may_ask(t->process)) return -EPERM;
    *head = t->robust_list;
    return 0;
}

long sys_get_robust_list(uint64_t tid, uint64_t head, uint64_t size) {
    const uint64_t length = sizeof(struct head);
    uint64_t at;
    spin_lock(&process_lock);
    int error = look_locked((int)tid, &at);
    spin_unlock(&process_lock);
    if (error) return error;
    return copyout(size, &length, sizeof length) || copyout(head, &at, sizeof at) ? -EFAULT : 0;
}
