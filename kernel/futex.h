/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Sleeping on words of memory: see kernel/futex.c.
 */
#pragma once

struct thread;

void futex_init(void);
/* The running thread ends, or becomes another program: what it promised to mark and to wake in its memory. May sleep. */
void futex_thread_exit(struct thread *);
