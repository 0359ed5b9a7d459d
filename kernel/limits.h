/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Resource limits: Linux's numbers (asm-generic/resource.h), soft and hard, inherited by fork, kept by exec.
 *
 * Enforced: RLIMIT_MEMLOCK, AS, DATA and STACK by mm/ (through process_push_limits), NOFILE and FSIZE by
 * the files part, NPROC by fork. The others are kept and reported only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <linux/resource.h>

struct limit {
    uint64_t soft, hard; /* RLIM64_INFINITY: none */
};

struct limits {
    struct limit of[RLIM_NLIMITS];
};

/* What process 1 starts with: Linux's defaults, RLIMIT_MEMLOCK 8 MiB soft and hard. */
void limits_init(struct limits *);

/* The running process's soft limit. */
uint64_t limit_soft(int resource);
