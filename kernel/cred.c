/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The identities of a process: POSIX's setuid and setreuid, Linux's setresuid, and the same for groups.
 *
 * Privilege is effective uid 0. Leaving it changes at once what the space's lock calls are judged by
 * (contract L12), before the call returns.
 *
 * LOCKING  process_lock to write; a thread reads its own process's without it.
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

static long commit(bool users, const struct triple *t) {
    struct process *p = current_process();
    spin_lock(&process_lock);
    if (users) {
        p->cred.uid = t->real;
        p->cred.euid = t->effective;
        p->cred.suid = t->saved;
    } else {
        p->cred.gid = t->real;
        p->cred.egid = t->effective;
        p->cred.sgid = t->saved;
    }
    spin_unlock(&process_lock);
    if (users) process_push_limits(p);
    return 0;
}

/* May an unprivileged process take this identity, having those? */
static bool one_of(uint32_t id, const struct triple *t) {
    return id == SAME || id == t->real || id == t->effective || id == t->saved;
}

static long set_one(bool users, struct triple t, uint32_t id) {
    if (id == SAME) return -EINVAL;
    if (privileged()) t = (struct triple){id, id, id};
    else if (id == t.real || id == t.saved) t.effective = id;
    else return -EPERM;
    return commit(users, &t);
}

static long set_two(bool users, struct triple t, uint32_t real, uint32_t effective) {
    const struct triple old = t;
    if (!privileged()) {
        if (real != SAME && real != old.real && real != old.effective) return -EPERM;
        if (!one_of(effective, &old)) return -EPERM;
    }
    if (real != SAME) t.real = real;
    if (effective != SAME) t.effective = effective;
    if (real != SAME || (effective != SAME && effective != old.real)) t.saved = t.effective;
    return commit(users, &t);
}

static long set_three(bool users, struct triple t, uint32_t real, uint32_t effective, uint32_t saved) {
    if (!privileged() && !(one_of(real, &t) && one_of(effective, &t) && one_of(saved, &t))) return -EPERM;
    if (real != SAME) t.real = real;
    if (effective != SAME) t.effective = effective;
    if (saved != SAME) t.saved = saved;
    return commit(users, &t);
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
    return set_one(true, uids(), (uint32_t)uid);
}

long sys_setgid(uint64_t gid) {
    return set_one(false, gids(), (uint32_t)gid);
}

long sys_setreuid(uint64_t real, uint64_t effective) {
    return set_two(true, uids(), (uint32_t)real, (uint32_t)effective);
}

long sys_setregid(uint64_t real, uint64_t effective) {
    return set_two(false, gids(), (uint32_t)real, (uint32_t)effective);
}

long sys_setresuid(uint64_t real, uint64_t effective, uint64_t saved) {
    return set_three(true, uids(), (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

long sys_setresgid(uint64_t real, uint64_t effective, uint64_t saved) {
    return set_three(false, gids(), (uint32_t)real, (uint32_t)effective, (uint32_t)saved);
}

long sys_getresuid(uint64_t real, uint64_t effective, uint64_t saved) {
    return get_three(uids(), real, effective, saved);
}

long sys_getresgid(uint64_t real, uint64_t effective, uint64_t saved) {
    return get_three(gids(), real, effective, saved);
}
