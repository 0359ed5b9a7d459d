/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Timers of programs: what is to be done when one's signal is taken. There are none yet.
 */
#include "kernel/signal.h"

void signal_taken(struct sigdata *d) {
    (void)d;
}
