/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The identities of a process: POSIX's setuid and setreuid, Linux's setresuid, and the same for groups.
 *
 * Privilege is effective uid 0. Leaving it changes at once what the space's lock calls are judged by
 * (contract L12), before the call returns.
 *
 * Linux keeps them by thread and leaves it to libc to make all threads agree; here they are the process's, as POSIX
 * has it, and a libc that repeats the call in each thread finds it done.
 *
 * LOCKING  process_lock; a thread reads one of its own process's without it.
 * MISSING  supplementary groups, capabilities, set-uid files.
 */
#include "kernel/cred.h"

#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/process.h"
#include "gen/syscalls.h"

#define SAME ((uint32_t)-1) /* "leave this one as it is" */

/* Three identities of one kind, as setresuid names them. */
struct triple {
    uint32_t real, effective, saved;
};

/* Both with process_lock held. */
static struct triple uids(void) {
    const struct cred *c = &current_process()->cred;
    return (struct triple){c->uid, c->euid, c->suid};
}

static struct triple gids(void) {
    const struct cred *c = &current_process()->cred;
    return (struct triple){c->gid, c->egid, c->sgid};
}

static bool privileged(void) {
    return process_privileged(current_process());
}

static void store_locked(bool users, const struct triple *t) REQUIRES(&process_lock) {
    struct cred *c = &current_process()->cred;
    if (users) {
        c->uid = t->real;
        c->euid = t->effective;
        c->suid = t->saved;
    } else {
        c->gid = t->real;
        c->egid = t->effective;
        c->sgid = t->saved;
    }
}

/* May an unprivileged process take this identity, having those? */
static bool one_of(uint32_t id, const struct triple *t) {
    return id == SAME || id == t->real || id == t->effective || id == t->saved;
}

/* The rules: what becomes of *t by what is asked. 0 or -errno; process_lock held. */

static int rule_one(struct triple *t, const struct triple *ask) {
    uint32_t id = ask->real;
    if (id == SAME) return -EINVAL;
    if (privileged()) *t = (struct triple){id, id, id};
    else if (id == t->real || id == t->saved) t->effective = id;
    else return -EPERM;
    return 0;
}

static int rule_two(struct triple *t, const struct triple *ask) {
    const struct triple old = *t;
    if (!privileged()) {
        if (ask->real != SAME && ask->real != old.real && ask->real != old.effective) return -EPERM;
        if (!one_of(ask->effective, &old)) return -EPERM;
    }
    if (ask->real != SAME) t->real = ask->real;
    if (ask->effective != SAME) t->effective = ask->effective;
    if (ask->real != SAME || (ask->effective != SAME && ask->effective != old.real)) t->saved = t->effective;
    return 0;
}

static int rule_three(struct triple *t, const struct triple *ask) {
    if (!privileged() && !(one_of(ask->real, t) && one_of(ask->effective, t) && one_of(ask->saved, t))) return -EPERM;
    if (ask->real != SAME) t->real = ask->real;
    if (ask->effective != SAME) t->effective = ask->effective;
    if (ask->saved != SAME) t->saved = ask->saved;
    return 0;
}

/* Judged and done in one step: what another thread gives up at the same time cannot come back by this. */
static long change(bool users, int (*rule)(struct triple *, const struct triple *), struct triple ask) {
    spin_lock(&process_lock);
    struct triple t = users ? uids() : gids();
    int error = rule(&t, &ask);
    if (!error) store_locked(users, &t);
    spin_unlock(&process_lock);
    if (!error && users) process_push_limits(current_process());
    return error;
}

static struct triple look(bool users) {
    spin_lock(&process_lock);
    struct triple t = users ? uids() : gids();
    spin_unlock(&process_lock);
    return t;
}

static long get_three(struct triple t, uint64_t real, uint64_t effective, uint64_t saved) {
    if (copyout(real, &t.real, 4) || copyout(effective, &t.effective, 4) || copyout(saved, &t.saved, 4)) return -EFAULT;
    return 0;
}

long sys_getuid(void) {
    return current_process()->cred.uid;
}

long sys_geteuid(void) {
    return current_process()->cred.euid;
}

long sys_getgid(void) {
    return current_process()->cred.gid;
}

long sys_getegid(void) {
    return current_process()->cred.egid;
}

long sys_setuid(uint64_t uid) {
    return change(true, rule_one, (struct triple){(uint32_t)uid, SAME, SAME});
}

long sys_setgid(uint64_t gid) {
    return change(false, rule_one, (struct triple){(uint32_t)gid, SAME, SAME});
}

long sys_setreuid(uint64_t real, uint64_t effective) {
    return change(true, rule_two, (struct triple){(uint32_t)real, (uint32_t)effective, SAME});
}

long sys_setregid(uint64_t real, uint64_t effective) {
    return change(false, rule_two, (struct triple){(uint32_t)real, (uint32_t)effective, SAME});
}

long sys_setresuid(uint64_t real, uint64_t effective, uint64_t saved) {
    return change(true, rule_three, (struct triple){(uint32_t)real, (uint32_t)effective, (uint32_t)saved});
}

long sys_setresgid(uint64_t real, uint64_t effective, uint64_t saved) {
    return change(false, rule_three, (struct triple){(uint32_t)real, (uint32_t)effective, (uint32_t)saved});
}

long sys_getresuid(uint64_t real, uint64_t effective, uint64_t saved) {
    return get_three(look(true), real, effective, saved);
}

long sys_getresgid(uint64_t real, uint64_t effective, uint64_t saved) {
    return get_three(look(false), real, effective, saved);
}
