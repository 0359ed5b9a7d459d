/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Named knobs: what sysctlbyname(3) reads and sets. The tables of them are kernel/knobs.c and kernel/knobs_debug.c.
 *
 * A knob is a number of 8 bytes, or a text. Anyone may read; setting needs uid 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KNOB_TEXT 256 /* bytes of the longest text, NUL included */

struct knob {
    const char *name;
    uint64_t (*get)(void);       /* a number; NULL: a text */
    int (*set)(uint64_t);        /* 0 or -errno, changing nothing; NULL: cannot be set */
    void (*text)(char *, size_t);/* the text, NUL-terminated, in so many bytes */
};

/* All may sleep; called with no lock held. */
extern const struct knob knobs[], knobs_debug[]; /* end with a NULL name */

/* A line of them: what there is to get, of either kind, and to set. */
#define N(get)    get, NULL, NULL
#define T(text)   NULL, NULL, text
#define NW(x, y)  x, y, NULL
