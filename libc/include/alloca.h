/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <alloca.h>: memory on the stack until the function returns. Nothing checks that it fits.
 */
#pragma once

#include <stddef.h>

#define alloca(size) __builtin_alloca(size)
