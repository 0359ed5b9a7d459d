/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a new thread takes over from the one that makes it: policy, own priority (never an inherited one),
 * affinity. The child does not run yet.
 */
#pragma once

struct thread;

void sched_inherit(struct thread *child, const struct thread *parent);
