/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * sysctlbyname(3): reading and setting a knob by name (FreeBSD's __sysctlbyname).
 *
 *     name, namelen   the knob; namelen without the NUL
 *     oldp, oldlenp   where the value goes, and how many bytes there are; comes back as how many it has.
 *                     oldp NULL: only the length is told. Both NULL: nothing is read
 *     newp, newlen    what to set; newp NULL: nothing is set
 *
 * Errors, in this order: EFAULT or ENOENT for the name; EPERM not root, or it cannot be set; EINVAL newlen
 * is not 8; EFAULT newp or oldlenp; ENOMEM the buffer is too short (the length needed is told, nothing is
 * copied, nothing set; FreeBSD copies a part); EFAULT oldp; EINVAL the knob does not take this value.
 * The old value is copied before the new one is set.
 *
 * LOCKING  none; a knob's own functions do theirs.
 * MISSING  numeric names (sysctl(3)'s MIB), listing.
 */
#include "kernel/sysctl.h"

#include <asm/errno.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "libc/core/string.h"

#define NAME_MAX_LEN 64

static const struct knob *find(const char *name) {
    static const struct knob *const tables[] = {knobs, knobs_debug};
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct knob *k = tables[i]; k->name; k++)
            if (strcmp(k->name, name) == 0) return k;
    return NULL;
}

static int decode_name(uint64_t user, uint64_t len, const struct knob **knob) {
    char name[NAME_MAX_LEN];
    if (len >= sizeof name) return -ENOENT;
    if (copyin(name, user, len)) return -EFAULT;
    name[len] = 0;
    *knob = strlen(name) == len ? find(name) : NULL;
    return *knob ? 0 : -ENOENT;
}

static int decode_new(const struct knob *knob, uint64_t newp, uint64_t newlen, uint64_t *value) {
    if (!newp) return 0;
    if (!knob->set || !process_privileged(current_process())) return -EPERM;
    if (newlen != sizeof *value) return -EINVAL;
    return copyin(value, newp, sizeof *value);
}

/* The value's bytes, at most KNOB_TEXT of them: how many. */
static size_t value_of(const struct knob *knob, char *buf) {
    if (knob->get) {
        uint64_t n = knob->get();
        memcpy(buf, &n, sizeof n);
        return sizeof n;
    }
    knob->text(buf, KNOB_TEXT);
    return strlen(buf) + 1;
}

static int read_old(const struct knob *knob, uint64_t oldp, uint64_t oldlenp) {
    char buf[KNOB_TEXT];
    uint64_t room;
    if (!oldlenp) return oldp ? -EFAULT : 0;
    if (copyin(&room, oldlenp, sizeof room)) return -EFAULT;
    uint64_t len = value_of(knob, buf);
    if (copyout(oldlenp, &len, sizeof len)) return -EFAULT;
    if (!oldp) return 0;
    if (room < len) return -ENOMEM;
    return copyout(oldp, buf, len);
}

long sys_sysctlbyname(uint64_t name, uint64_t namelen, uint64_t oldp, uint64_t oldlenp, uint64_t newp, uint64_t newlen) {
    const struct knob *knob;
    uint64_t value = 0;
    thread_settle(); /* counts are exact as soon as the caller knows who has ended */
    int err = decode_name(name, namelen, &knob);
    if (!err) err = decode_new(knob, newp, newlen, &value);
    if (!err) err = read_old(knob, oldp, oldlenp);
    if (!err && newp) err = knob->set(value);
    return err;
}
