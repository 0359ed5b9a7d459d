/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel's answer to conversions beyond core's: there are none, for it has neither floating
 * point nor errno.
 */
#include "libc/core/format.h"

bool core_format_more(struct format_out *out, const struct format_spec *spec,
                      struct format_args *args) {
    (void)out, (void)spec, (void)args;
    return false;
}
