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
