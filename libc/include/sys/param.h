/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/param.h>: small arithmetic that BSD programs expect here.
 */
#pragma once

#include <limits.h>
#include <sys/types.h>

#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#define howmany(n, d)    (((n) + ((d)-1)) / (d))
#define roundup(n, d)    (howmany(n, d) * (d))
#define powerof2(n)      ((((n)-1) & (n)) == 0)
#define MAXPATHLEN       PATH_MAX
