/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <libgen.h>: the two halves of a path (POSIX). Both may write into their argument.
 */
#pragma once

char *basename(char *);
char *dirname(char *);
