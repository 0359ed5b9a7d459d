/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Spin locks. After a while of spinning the processor is given away: its holder may be waiting for
 * just this one.
 */
#include "libc/internal/futex.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

int pthread_spin_init(pthread_spinlock_t *l, int pshared) {
    if (pshared != PTHREAD_PROCESS_PRIVATE && pshared != PTHREAD_PROCESS_SHARED) return EINVAL;
    *l = 0;
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *l) {
    return load(l) ? EBUSY : 0;
}

int pthread_spin_trylock(pthread_spinlock_t *l) {
    int free = 0;

    return swap(l, &free, 1) ? 0 : EBUSY;
}

int pthread_spin_lock(pthread_spinlock_t *l) {
    while (pthread_spin_trylock(l)) {
        for (int i = 0; i < 100 && load(l); i++) __builtin_ia32_pause();
        if (load(l)) sched_yield();
    }
    return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *l) {
    __atomic_store_n(l, 0, __ATOMIC_RELEASE);
    return 0;
}
