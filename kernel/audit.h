/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The audit of all there is: the contract's invariants I1 to I6.
 */
#pragma once

/* NULL, or a line that says what is broken. Whatever others are doing, unless they never come to rest. Sleeps, for some seconds
 * if something is broken; no lock held. */
const char *audit(void);
