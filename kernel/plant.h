/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Planted mistakes, for the tests of the proof tools: kernels that have such tools make one when the command
 * line says plant=NAME. Others do not know the word.
 */
#pragma once

#include <stdbool.h>

#ifdef PLANTS
/* A word of the command line: make that mistake, if it names one. In the boot thread, before process 1. */
bool plant(const char *word);
#else
static inline bool plant(const char *word) {
    (void)word;
    return false;
}
#endif
