/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Mutexes of all kinds over one word (libc/internal/mutex.h).
 *
 *     word: 0 free -> tid -> tid | WAITERS -> 0 and one is woken, which takes it as tid | WAITERS,
 *           because it cannot know whether others sleep
 *
 * A robust word may also be OWNER_DIED without a tid: whoever takes it is told EOWNERDEAD and the
 * mutex is INCONSISTENT until pthread_mutex_consistent; given away before that it is LOST for good.
 * A priority-inheriting word is changed by us only while nobody waits; the rest is the kernel's
 * (FUTEX_LOCK_PI), whose deadline is CLOCK_REALTIME's, so one of CLOCK_MONOTONIC is converted when
 * the wait begins.
 *
 * Robust mutexes wait as if they were shared between processes, because that is how the kernel
 * wakes them.
 */
#include "libc/internal/mutex.h"
#include "libc/internal/syscall.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>

static unsigned owner_of(int word) {
    return (unsigned)word & FUTEX_TID_MASK;
}

static bool is_mine(pthread_mutex_t *m) {
    return owner_of(load(&m->__word)) == (unsigned)this_thread()->tid;
}

static int kind(const pthread_mutex_t *m, int flag) {
    return m->__kind & flag;
}

static void owner_died(pthread_mutex_t *m) {
    if (m->__health != LOST) m->__health = INCONSISTENT;
}

/* Take it if nobody owns it; `extra` is WAITERS if this thread has slept. */
static bool take(pthread_mutex_t *m, unsigned extra) {
    int word = load(&m->__word);

    while (owner_of(word) == 0) {
        unsigned mine = (unsigned)this_thread()->tid | ((unsigned)word & FUTEX_WAITERS) | extra;
        if (swap(&m->__word, &word, (int)mine)) {
            if ((unsigned)word & FUTEX_OWNER_DIED) owner_died(m);
            return true;
        }
    }
    return false;
}

/* Announce that this thread will sleep; false: it has become free. */
static bool announce(pthread_mutex_t *m, int *word) {
    *word = load(&m->__word);
    while (owner_of(*word)) {
        int wanted = (int)((unsigned)*word | FUTEX_WAITERS);
        if (*word == wanted || swap(&m->__word, word, wanted)) {
            *word = wanted;
            return true;
        }
    }
    return false;
}

static int wait_for(pthread_mutex_t *m, unsigned clock, const struct timespec *deadline) {
    unsigned extra = 0;

    while (!take(m, extra)) {
        int word;
        if (!announce(m, &word)) continue;
        int error = __futex_wait(&m->__word, word, mutex_how(m) | clock, deadline);
        if (error == ETIMEDOUT || error == EINVAL) return error;
        extra = FUTEX_WAITERS;
    }
    return 0;
}

/* --- Priority inheritance -------------------------------------------------------------------- */

static struct timespec to_realtime(const struct timespec *when) {
    struct timespec real, monotonic;

    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    long nanoseconds = when->tv_nsec + real.tv_nsec - monotonic.tv_nsec;
    long seconds = when->tv_sec + real.tv_sec - monotonic.tv_sec;
    for (; nanoseconds < 0; nanoseconds += 1000000000) seconds--;
    for (; nanoseconds > 999999999; nanoseconds -= 1000000000) seconds++;
    return (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
}

static int sleep_pi(pthread_mutex_t *m, const struct timespec *deadline) {
    int op = FUTEX_LOCK_PI | (mutex_how(m) & SHARED ? 0 : FUTEX_PRIVATE_FLAG);
    long error;

    do error = -raw(futex, &m->__word, op, 0, deadline, 0, 0);
    while (error == EINTR || error == EAGAIN);
    return (int)error;
}

static int wait_pi(pthread_mutex_t *m, unsigned clock, const struct timespec *deadline) {
    int word = 0;
    struct timespec real;

    if (swap(&m->__word, &word, this_thread()->tid)) return 0;
    if (deadline && (deadline->tv_nsec < 0 || deadline->tv_nsec > 999999999)) return EINVAL;
    if (deadline && !(clock & REALTIME)) real = to_realtime(deadline);
    int error = sleep_pi(m, !deadline || clock & REALTIME ? deadline : &real);
    if (error == EDEADLK) for (;;) __futex_wait(&m->__word, load(&m->__word), SHARED, NULL);
    if (error) return error;
    if ((unsigned)load(&m->__word) & FUTEX_OWNER_DIED) {
        __atomic_and_fetch(&m->__word, (int)~FUTEX_OWNER_DIED, __ATOMIC_SEQ_CST);
        owner_died(m);
    }
    return 0;
}

static bool take_pi(pthread_mutex_t *m) {
    int word = 0;
    int op = FUTEX_TRYLOCK_PI | (mutex_how(m) & SHARED ? 0 : FUTEX_PRIVATE_FLAG);

    if (swap(&m->__word, &word, this_thread()->tid)) return true;
    if (!((unsigned)word & FUTEX_OWNER_DIED) || raw(futex, &m->__word, op, 0, 0, 0, 0)) return false;
    __atomic_and_fetch(&m->__word, (int)~FUTEX_OWNER_DIED, __ATOMIC_SEQ_CST);
    owner_died(m);
    return true;
}

/* --- Giving it away -------------------------------------------------------------------------- */

static void release(pthread_mutex_t *m, int how_many) {
    unsigned how = mutex_how(m);
    int word = this_thread()->tid;

    if (kind(m, MUTEX_PI)) {
        int op = FUTEX_UNLOCK_PI | (how & SHARED ? 0 : FUTEX_PRIVATE_FLAG);
        if (!swap(&m->__word, &word, 0)) raw(futex, &m->__word, op, 0, 0, 0, 0);
        return;
    }
    word = __atomic_exchange_n(&m->__word, 0, __ATOMIC_SEQ_CST);
    if ((unsigned)word & FUTEX_WAITERS) __futex_wake(&m->__word, how_many, how);
}

static void release_robust(pthread_mutex_t *m) {
    __robust_begin(m);
    __robust_remove(m);
    release(m, m->__health == LOST ? INT_MAX : 1);
    __robust_finish();
}

/* Who takes it next is told by its health; OWNER_DIED in the word is the kernel's way. */
void __mutex_die(pthread_mutex_t *m) {
    if (m->__health != LOST) m->__health = INCONSISTENT;
    release_robust(m);
}

int pthread_mutex_unlock(pthread_mutex_t *m) {
    if (m->__kind == MUTEX_DEAD) return EINVAL;
    if (m->__kind && !is_mine(m)) return EPERM;
    if (m->__count) {
        m->__count--;
        return 0;
    }
    if (!kind(m, MUTEX_ROBUST)) {
        release(m, 1);
        return 0;
    }
    if (m->__health == INCONSISTENT) m->__health = LOST;
    release_robust(m);
    return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *m) {
    if (!kind(m, MUTEX_ROBUST) || !is_mine(m) || m->__health != INCONSISTENT) return EINVAL;
    m->__health = WELL;
    return 0;
}

/* --- Taking it ------------------------------------------------------------------------------- */

/* What a robust mutex has to say to its new owner. */
static int taken(pthread_mutex_t *m) {
    if (!kind(m, MUTEX_ROBUST)) return 0;
    __robust_add(m);
    __robust_finish();
    if (m->__health == WELL) return 0;
    if (m->__health == INCONSISTENT) {
        m->__count = 0;
        return EOWNERDEAD;
    }
    release_robust(m);
    return ENOTRECOVERABLE;
}

static int own_again(pthread_mutex_t *m, int otherwise) {
    if ((m->__kind & MUTEX_TYPE) != PTHREAD_MUTEX_RECURSIVE) return otherwise;
    if (m->__count == INT_MAX) return EAGAIN;
    m->__count++;
    return 0;
}

int pthread_mutex_trylock(pthread_mutex_t *m) {
    if (m->__kind == MUTEX_DEAD) return EINVAL;
    if (m->__kind && is_mine(m)) return own_again(m, EBUSY);
    if (kind(m, MUTEX_ROBUST)) __robust_begin(m);
    if (kind(m, MUTEX_PI) ? take_pi(m) : take(m, 0)) return taken(m);
    if (kind(m, MUTEX_ROBUST)) __robust_finish();
    return EBUSY;
}

/* A normal mutex that its owner takes again waits for ever, as POSIX has it, or for its deadline. */
static int lock_until(pthread_mutex_t *m, unsigned clock, const struct timespec *deadline) {
    int error, word = 0;

    if (m->__kind == 0 && swap(&m->__word, &word, this_thread()->tid)) return 0;
    if (m->__kind == MUTEX_DEAD) return EINVAL;
    if ((m->__kind & MUTEX_TYPE) != PTHREAD_MUTEX_NORMAL && is_mine(m)) return own_again(m, EDEADLK);
    if (kind(m, MUTEX_ROBUST)) __robust_begin(m);
    if (kind(m, MUTEX_PI)) error = wait_pi(m, clock, deadline);
    else error = wait_for(m, clock, deadline);
    if (error == 0) return taken(m);
    if (kind(m, MUTEX_ROBUST)) __robust_finish();
    return error;
}

int pthread_mutex_lock(pthread_mutex_t *m) {
    return lock_until(m, 0, NULL);
}

int pthread_mutex_clocklock(pthread_mutex_t *restrict m, clockid_t clock,
                            const struct timespec *restrict deadline) {
    int flag = __clock_flag(clock);

    return flag < 0 ? EINVAL : lock_until(m, (unsigned)flag, deadline);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict deadline) {
    return lock_until(m, REALTIME, deadline);
}

int pthread_mutex_init(pthread_mutex_t *restrict m, const pthread_mutexattr_t *restrict a) {
    *m = (pthread_mutex_t){.__kind = a ? a->__kind : 0};
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m) {
    if (m->__kind == MUTEX_DEAD) return EINVAL;
    if (owner_of(load(&m->__word))) return EBUSY;
    m->__kind = MUTEX_DEAD;
    return 0;
}
