/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Coverage-guided fuzzing of the ELF reader: what it accepts must keep the promises of kernel/elf.h.
 * Input: a header, then its program headers; the file they describe is as long as the input and 64 KiB.
 */
#include "kernel/elf.h"

#include <stdlib.h>
#include <string.h>

#include "mm/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct elf_image *i, uint64_t file_size) {
    uint64_t last = 0;
    if (i->nsegments > ELF_SEGMENTS_MAX) abort();
    for (unsigned n = 0; n < i->nsegments; n++) {
        const struct elf_segment *s = &i->segment[n];
        if (s->start < last || s->start >= s->end || ((s->start | s->end) & PAGE_MASK)) abort();
        if (s->start < USER_MIN || s->end > USER_MAX) abort();
        if (s->file_end < s->start || s->file_end > s->end) abort();
        if (s->file_end > s->start && s->offset >= file_size) abort();
        if ((s->prot & 2) && (s->prot & 4)) abort(); /* W^X: I6 */
        last = s->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Elf64_Ehdr header;
    struct elf_image image;
    uint64_t file_size = size + 0x10000;
    if (size < sizeof(header)) return 0;
    memcpy(&header, data, sizeof(header));
    header.e_phoff = sizeof(header);
    if (elf_check_header(&header, file_size) != 0) return 0;
    size_t wanted = header.e_phnum * sizeof(Elf64_Phdr), given = size - sizeof(header);
    Elf64_Phdr *phdrs = calloc(1, wanted); /* exactly its size: the sanitizer sees a step beyond */
    memcpy(phdrs, data + sizeof(header), given < wanted ? given : wanted);
    if (elf_read_segments(&header, phdrs, file_size, &image) == 0) check(&image, file_size);
    free(phdrs);
    return 0;
}
