/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/auxv.h>: what the kernel told the program at its start (Linux).
 */
#pragma once

#include <linux/auxvec.h>

unsigned long getauxval(unsigned long type); /* 0 and ENOENT when there is no such entry */
