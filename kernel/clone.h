/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What clone is asked for, once its flags have been sorted; shared by kernel/clone.c and kernel/fork.c.
 */
#pragma once

#include <stdint.h>

#include "kernel/thread.h"

/* linux/sched.h's, which does not compile here. */
#define CLONE_EXIT_SIGNAL    0x000000fful
#define CLONE_VM             0x00000100ul
#define CLONE_FS             0x00000200ul
#define CLONE_FILES          0x00000400ul
#define CLONE_SIGHAND        0x00000800ul
#define CLONE_PIDFD          0x00001000ul
#define CLONE_PTRACE         0x00002000ul
#define CLONE_VFORK          0x00004000ul
#define CLONE_PARENT         0x00008000ul
#define CLONE_THREAD         0x00010000ul
#define CLONE_NEWNS          0x00020000ul
#define CLONE_SYSVSEM        0x00040000ul
#define CLONE_SETTLS         0x00080000ul
#define CLONE_PARENT_SETTID  0x00100000ul
#define CLONE_CHILD_CLEARTID 0x00200000ul
#define CLONE_DETACHED       0x00400000ul
#define CLONE_UNTRACED       0x00800000ul
#define CLONE_CHILD_SETTID   0x01000000ul
#define CLONE_NEWSPACES      0x7e000000ul /* NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
#define CLONE_IO             0x80000000ul

struct clone_request {
    uint64_t flags;
    uint64_t stack;                 /* 0: where the caller's is */
    uint64_t parent_tid, child_tid; /* ring-3 addresses; unusable ones are ignored, as by Linux */
    uint64_t tls;
};

/* Is one more process or thread of this user within RLIMIT_NPROC? uid 0 is free of it. */
bool clone_permitted(const struct process *);
/* No descriptor or stack for a thread: because there are too many (-EAGAIN), or no memory (-ENOMEM)? */
int clone_refused(void);
/* The new thread's registers and what it inherits: it returns from the same call with 0. Not yet known to anybody. */
void clone_thread(struct thread *child, const struct clone_request *);
/* kernel/fork.c: a new process: its pid or -errno. */
long clone_process(const struct clone_request *);
