/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Reading a program file: static ELF64 for x86-64, checked before anything is done with it.
 *
 * Pure functions over bytes: the kernel's exec uses them, and so do the host's tests and fuzzer. Source:
 * System V ABI, gABI chapters 4 and 5, and its AMD64 supplement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/elf.h>

#define ELF_PHDRS_MAX    64u /* program headers that a file may have */
#define ELF_SEGMENTS_MAX 16u /* of them, PT_LOAD */

struct elf_segment {
    uint64_t start, end;       /* its pages: [start, end) */
    uint64_t file_end;         /* [start, file_end): pages that come from the file; the rest is zero */
    uint64_t offset;           /* of `start` in the file, page-aligned */
    uint64_t zero_start, zero_end; /* bytes of the last file page that do not come from the file; equal: none */
    int prot;                  /* PROT_* */
};

/* Addresses are final: a position-independent program's bias is in them already. */
struct elf_image {
    uint64_t entry;
    uint64_t phdrs;            /* where the program finds its program headers; 0: they are not mapped */
    uint64_t bias;
    uint64_t end;              /* first byte after the highest segment */
    unsigned nsegments;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* Is this a header that we can run? 0 or -ENOEXEC. Then [e_phoff, e_phoff + e_phnum * sizeof(Elf64_Phdr)) lies in
 * the file and e_phnum is 1 to ELF_PHDRS_MAX. file_size: of the whole file. */
int elf_check_header(const Elf64_Ehdr *, uint64_t file_size);
/* What its program headers ask for. 0 or -ENOEXEC, and then *out means nothing. */
int elf_read_segments(const Elf64_Ehdr *, const Elf64_Phdr *, uint64_t file_size, struct elf_image *out);
