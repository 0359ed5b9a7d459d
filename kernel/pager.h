/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who serves page-out, and so must never wait for it.
 *
 * A process that serves a port is a pager, and so are its children: the supervisor that starts the servers may
 * be marked by the same call. A pager's allocations may use the frames that are kept back for it.
 */
#pragma once

#include <stdbool.h>

/* Is the running process a pager? False in a kernel thread. Callable anywhere, with any lock held. */
bool current_is_pager(void);

/*
 * The running thread has taken frames that are kept for the kernel's own, and that page-out has to replace. On its way to
 * ring 3, where it holds nothing, it sees to that (memory_repay): who makes kernel objects in a loop, and touches no page,
 * does not outrun page-out. Callable anywhere, with any lock held; nothing in a kernel thread.
 */
void memory_owed(void);
