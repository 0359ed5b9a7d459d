/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Coverage-guided fuzzing of the initrd's reader: every name and every byte that it hands out lies inside
 * the archive, and it comes to an end.
 */
#include "kernel/cpio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct cpio_entry *e, const uint8_t *start, size_t size) {
    const uint8_t *end = start + size, *name = (const uint8_t *)e->name;
    if (name < start || name >= end || e->name_len >= (size_t)(end - name)) abort();
    if (e->name_len == 0 || strlen(e->name) != e->name_len) abort();
    if (e->size && (e->data < start || e->data > end || e->size > (size_t)(end - e->data))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *archive = malloc(size ? size : 1); /* exactly its size */
    struct cpio c;
    struct cpio_entry e;
    const char *why = NULL;
    int result;
    memcpy(archive, data, size);
    cpio_begin(&c, archive, size);
    while ((result = cpio_next(&c, &e, &why)) > 0) check(&e, archive, size);
    if (result < 0 && !why) abort();
    free(archive);
    return 0;
}
