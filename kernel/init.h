/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The beginning and the end: process 1.
 */
#pragma once

/* Reads the kernel's command line and starts process 1 from it; panics with the reason if it cannot be started. */
void init_start(const char *cmdline);

/* Remember what there is before process 1: what must be again when it is gone (contract I8). */
void shutdown_baseline(void);
/* Process 1 is gone but for its entry: end the others, audit, give the verdict, stop the machine. Its wait status. */
_Noreturn void shutdown(int status);
