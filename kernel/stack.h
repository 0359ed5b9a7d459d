/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who called: return addresses by frame pointers, kept to be printed later. For the proof tools.
 */
#pragma once

#include <stdint.h>

#define STACK_DEPTH 12

struct stack {
    uint64_t pc[STACK_DEPTH]; /* innermost first; 0 ends it early */
};

/* The callers of whoever calls this, `skip` of them left out. Takes no lock, reads only what is mapped. */
void stack_save(struct stack *, unsigned skip);
void stack_print(const struct stack *);
