/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Robust mutexes: the list of those that a thread holds (Linux: get_robust_list(2)).
 *
 *     thread's head -> mutex.__node -> mutex.__node -> head       linked both ways
 *
 * When a process dies the kernel walks the list of each of its threads and marks the mutexes that
 * name the thread as their owner. When a thread ends, libc does the same, because the head goes
 * with the thread's memory. `pending` names the mutex that is being taken or given away, so that a
 * death in between is noticed too. The lowest bit of a link says: priority-inheriting.
 */
#include "libc/internal/mutex.h"
#include "libc/internal/syscall.h"

#include <stdint.h>

static struct robust_node *node_of(pthread_mutex_t *m) {
    return (struct robust_node *)(void *)m->__node;
}

static struct robust_node *marked(pthread_mutex_t *m) {
    return (struct robust_node *)((uintptr_t)node_of(m) | !!(m->__kind & MUTEX_PI));
}

static struct robust_node *plain(struct robust_node *n) {
    return (struct robust_node *)((uintptr_t)n & ~1ul);
}

static struct robust_node *head_of(struct thread_block *t) {
    return (struct robust_node *)(void *)&t->robust;
}

static void tell_kernel(struct thread_block *t) {
    t->robust.first = head_of(t);
    t->robust.word_offset =
        (long)offsetof(pthread_mutex_t, __word) - (long)offsetof(pthread_mutex_t, __node);
    t->robust.pending = NULL;
    raw(set_robust_list, &t->robust, sizeof t->robust);
    t->robust_known = true;
}

/* The compiler must keep the order: the kernel may look at any moment. */
#define ORDER() __asm__ volatile("" ::: "memory")

void __robust_begin(pthread_mutex_t *m) {
    struct thread_block *t = this_thread();

    if (!t->robust_known) tell_kernel(t);
    t->robust.pending = marked(m);
    ORDER();
}

void __robust_add(pthread_mutex_t *m) {
    struct thread_block *t = this_thread();
    struct robust_node *n = node_of(m), *next = t->robust.first;

    n->next = next;
    n->prev = head_of(t);
    ORDER();
    t->robust.first = marked(m);
    if (plain(next) != head_of(t)) plain(next)->prev = n;
    ORDER();
}

/* The head is no mutex, but its first field is a `next` as well. */
void __robust_remove(pthread_mutex_t *m) {
    struct thread_block *t = this_thread();
    struct robust_node *n = node_of(m), *next = n->next;

    n->prev->next = next;
    if (plain(next) != head_of(t)) plain(next)->prev = n->prev;
    ORDER();
}

void __robust_finish(void) {
    ORDER();
    this_thread()->robust.pending = NULL;
}

void __robust_end(struct thread_block *t) {
    if (!t->robust_known) return;
    for (struct robust_node *n; (n = plain(t->robust.first)) != head_of(t);)
        __mutex_die((void *)((char *)n - offsetof(pthread_mutex_t, __node)));
}
