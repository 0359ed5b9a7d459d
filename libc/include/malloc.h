/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <malloc.h>: what is asked of the allocator beyond <stdlib.h>.
 */
#pragma once

#include <stdlib.h>

size_t malloc_usable_size(void *); /* at least what was asked for; 0 for NULL */
void *memalign(size_t alignment, size_t size) __attribute__((malloc));
