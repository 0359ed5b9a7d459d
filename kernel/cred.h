/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Who a process is: real, effective and saved identities (POSIX's setuid family, Linux's setres*).
 */
#pragma once

#include <stdint.h>

struct cred {
    uint32_t uid, euid, suid;
    uint32_t gid, egid, sgid;
};
