/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A ring of the last events of each CPU, to be read after a panic or from a program.
 *
 * An event is a time, a static id and two numbers: cheap enough to leave in every build (some ten
 * instructions). The names and formats of the ids are in kernel/trace.c. Callable anywhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum trace_id {
    TRACE_NONE,
    TRACE_SYSCALL,   /* number, first argument */
    TRACE_SYSRET,    /* number, result */
    TRACE_FAULT,     /* address, error code */
    TRACE_SWITCH,    /* from tid, to tid */
    TRACE_LOCK,      /* start, length */
    TRACE_UNLOCK,    /* start, length */
    TRACE_AIO,       /* request, state */
    TRACE_EXIT,      /* pid, status */
    TRACE_IDS,
};

void trace(enum trace_id, uint64_t a, uint64_t b);
/* A ring for another CPU, before it runs. False: no memory. Once made it stays. */
bool trace_add_cpu(unsigned cpu);
/* Print the newest n events of all CPUs, oldest first, by log_line. */
void trace_dump(unsigned n);
