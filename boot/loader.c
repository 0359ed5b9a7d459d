/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the readers of both loaders' tables do alike.
 */
#include "boot/loader.h"

#include "libc/core/string.h"

bool early_copy_string(char to[BOOT_CMDLINE], paddr_t pa) {
    for (size_t i = 0; i < BOOT_CMDLINE; i++) {
        const char *c = early_phys(pa + i, 1);
        if (!c) return false;
        to[i] = *c;
        if (*c == 0) return true;
    }
    to[BOOT_CMDLINE - 1] = 0;
    return true;
}

void early_copy_rsdp(struct boot_info *bi, const void *from, uint64_t len) {
    if (!from) return;
    memcpy(bi->rsdp, from, len < sizeof bi->rsdp ? len : sizeof bi->rsdp);
}
