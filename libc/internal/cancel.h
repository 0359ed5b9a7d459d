/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Being cancelled: what a cancellation point that had to clean up calls in the end.
 */
#pragma once

/* Ends this thread with PTHREAD_CANCELED. There only when the program calls pthread_cancel: nobody
 * else makes a thread come here. */
_Noreturn void __cancel_act(void) __attribute__((weak));
