/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the fields of thread attributes hold.
 */
#pragma once

/* pthread_attr_t.__flags */
#define ATTR_DETACHED 1
#define ATTR_EXPLICIT 2

#define DEFAULT_STACK (128 * 1024)
#define DEFAULT_GUARD 4096
