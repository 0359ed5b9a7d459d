/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Thread-specific values. A key has a serial number; a thread's value counts only with the same
 * number beside it, so a key that is deleted and made anew begins with NULL everywhere.
 * LOCKING: `guard` for the table. Its readers need none: a program must not use a key that another
 * thread deletes at the same time.
 */
#include "libc/internal/fork.h"
#include "libc/internal/thread.h"

#include <errno.h>
#include <pthread.h>

static struct {
    unsigned long serial; /* 0: free */
    void (*destructor)(void *);
} table[PTHREAD_KEYS_MAX];
static unsigned long last_serial;
static struct lock guard;

void __keys_fork(enum fork_step step) {
    fork_lock(&guard, step);
}

int pthread_key_create(pthread_key_t *to, void (*destructor)(void *)) {
    int error = EAGAIN;

    lock(&guard);
    for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX && error; key++) {
        if (table[key].serial) continue;
        table[key].serial = ++last_serial;
        table[key].destructor = destructor;
        *to = key;
        error = 0;
    }
    unlock(&guard);
    return error;
}

static bool exists(pthread_key_t key) {
    return key < PTHREAD_KEYS_MAX && table[key].serial;
}

int pthread_key_delete(pthread_key_t key) {
    int error = EINVAL;

    lock(&guard);
    if (exists(key)) {
        table[key].serial = 0;
        error = 0;
    }
    unlock(&guard);
    return error;
}

int pthread_setspecific(pthread_key_t key, const void *value) {
    if (!exists(key)) return EINVAL;
    this_thread()->keys[key] = (struct key_value){table[key].serial, (void *)(unsigned long)value};
    return 0;
}

void *pthread_getspecific(pthread_key_t key) {
    if (!exists(key)) return NULL;
    struct key_value *v = &this_thread()->keys[key];
    return v->serial == table[key].serial ? v->value : NULL;
}

/* One value's destructor, with the value NULL already; false if there is nothing to do. */
static bool end_one(struct thread_block *t, pthread_key_t key) {
    struct key_value v = t->keys[key];

    t->keys[key].value = NULL;
    if (!v.value) return false;
    lock(&guard);
    void (*destructor)(void *) = v.serial == table[key].serial ? table[key].destructor : NULL;
    unlock(&guard);
    if (!destructor) return false;
    destructor(v.value);
    return true;
}

/* Destructors may store values again: so often and no more. */
void __keys_end(struct thread_block *t) {
    bool again = true;

    for (int i = 0; again && i < PTHREAD_DESTRUCTOR_ITERATIONS; i++) {
        again = false;
        for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) again |= end_one(t, key);
    }
}
