/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Timers of programs: timer_create's (kernel/ptimer.c) and the three of alarm and setitimer (kernel/itimer.c).
 *
 * A periodic one is started anew when its signal is taken, not when it expires: so it costs the system no more
 * than the program's own taking of signals, however short its period, and what it missed meanwhile is its overrun
 * count (Linux's way).
 *
 *      armed --- expires: signal sent ---> fired --- signal taken: overruns counted ---> armed (or done)
 *                        '- ignored -----> armed, not before 10 ms have passed
 *
 * A signal that waits and is dropped, since somebody begins to ignore it, counts as taken.
 *
 * LOCKING  K: ktimer_lock. It comes before process_lock.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/ktimer.h"
#include "kernel/sync.h"

struct process;
struct sigdata;

/* When a timer is due, by its clock: all of it K. */
struct alarm {
    uint64_t expiry;   /* the next, or while fired the last; NO_DEADLINE: not running */
    uint64_t interval; /* 0: once */
    bool fired;        /* a signal was sent and is not taken yet */
};

/* One of setitimer's. */
struct itimer {
    struct ktimer timer;     /* K */
    struct alarm alarm;      /* K */
    struct process *process; /* constant */
    int which;               /* constant: ITIMER_* */
};

#define ITIMERS 3

/* A process's. */
struct ptimers {
    LIST_HEAD(, ptimer) list;      /* K */
    int last_id;                   /* K */
    struct itimer itimer[ITIMERS]; /* K */
};

void ptimers_init(struct process *);
/* exec deletes timer_create's timers and keeps the others; exit ends them all. No lock held. */
void ptimers_exec(struct process *);
void ptimers_exit(struct process *);

/* ---- between the two files; K held ---- */

#define ALARM_IGNORED_NS 10000000ul

/* Time until it is due next; 0: it does not run. */
uint64_t alarm_left(const struct alarm *, uint64_t now);
/* Its signal was taken: the next expiry, and how many there were besides the one that was signalled. */
uint64_t alarm_go_on(struct alarm *, uint64_t now);
/* Its signal was ignored. */
void alarm_skip(struct alarm *, uint64_t now);
void itimers_init(struct process *);
void itimers_end_locked(struct process *);
/* The running process took (or dropped) SIGALRM. */
void itimer_taken_locked(struct process *);
