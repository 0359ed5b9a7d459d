/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Program headers, checked. See kernel/elf.h.
 *
 *      file    | header | phdrs |  text        | data |
 *      memory           [ text pages ] ... [ data page | zero tail | zero pages ]
 *                                                       ^zero_start  ^file_end    ^end
 *
 * Everything in the file is hostile: no sum is formed before it is known not to wrap.
 *
 * INVARIANTS  of an accepted image: segments ascend and share no page, lie in user space, and are not both
 *             writable and executable (contract I6); the entry lies in an executable one.
 * MISSING     interpreters (dynamic programs): ENOEXEC. PT_GNU_STACK is not looked at: no stack is executable.
 */
#include "kernel/elf.h"

#include <asm/errno.h>
#include <asm/mman.h>

#include "libc/core/string.h"
#include "mm/types.h"

#define DYN_BIAS 0x555555554000ul /* where Linux puts position-independent programs without randomisation */

int elf_check_header(const Elf64_Ehdr *h, uint64_t file_size) {
    const unsigned char ident[] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    if (memcmp(h->e_ident, ident, sizeof ident) != 0) return -ENOEXEC;
    if (h->e_machine != EM_X86_64 || h->e_version != EV_CURRENT) return -ENOEXEC;
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN) return -ENOEXEC;
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > ELF_PHDRS_MAX) return -ENOEXEC;
    uint64_t size = h->e_phnum * sizeof(Elf64_Phdr);
    if (h->e_phoff > file_size || file_size - h->e_phoff < size) return -ENOEXEC;
    return 0;
}

/* Do the sizes, places and rights of one PT_LOAD make sense by themselves? */
static bool load_sane(const Elf64_Phdr *p, uint64_t file_size, uint64_t bias) {
    if (p->p_filesz > p->p_memsz) return false;
    if (p->p_offset > file_size || file_size - p->p_offset < p->p_filesz) return false;
    if (p->p_vaddr > USER_MAX - bias || USER_MAX - bias - p->p_vaddr < p->p_memsz) return false;
    if (p->p_vaddr + bias < USER_MIN) return false;
    if (p->p_align > 1 && (p->p_align & (p->p_align - 1))) return false;
    if ((p->p_vaddr ^ p->p_offset) & PAGE_MASK) return false;
    if ((p->p_flags & PF_W) && (p->p_flags & PF_X)) return false;
    /* A zero tail in a page that the program cannot write would be nobody's to clear. */
    return p->p_filesz == p->p_memsz || (p->p_flags & PF_W) || p->p_filesz == 0;
}

static int segment_prot(uint32_t flags) {
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

static struct elf_segment make_segment(const Elf64_Phdr *p, uint64_t bias) {
    uint64_t start = p->p_vaddr + bias, file_bytes_end = start + p->p_filesz, end = start + p->p_memsz;
    struct elf_segment s = {
        .start = page_floor(start),
        .end = page_ceil(end),
        .offset = page_floor(p->p_offset),
        .prot = segment_prot(p->p_flags),
    };
    s.file_end = p->p_filesz ? page_ceil(file_bytes_end) : s.start;
    if (p->p_filesz && p->p_memsz > p->p_filesz) {
        s.zero_start = file_bytes_end;
        s.zero_end = end < s.file_end ? end : s.file_end;
    }
    return s;
}

static int add_segment(struct elf_image *image, const Elf64_Phdr *p, uint64_t file_size) {
    if (p->p_memsz == 0) return 0;
    if (!load_sane(p, file_size, image->bias) || image->nsegments == ELF_SEGMENTS_MAX) return -ENOEXEC;
    struct elf_segment s = make_segment(p, image->bias);
    if (image->nsegments && s.start < image->segment[image->nsegments - 1].end) return -ENOEXEC;
    image->segment[image->nsegments++] = s;
    image->end = p->p_vaddr + image->bias + p->p_memsz;
    return 0;
}

/* The program headers are in memory if a segment brings that part of the file in. */
static uint64_t find_phdrs(const Elf64_Ehdr *h, const struct elf_image *image) {
    uint64_t size = h->e_phnum * sizeof(Elf64_Phdr);
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *s = &image->segment[i];
        uint64_t bytes = s->file_end - s->start;
        if (h->e_phoff >= s->offset && bytes >= size && h->e_phoff - s->offset <= bytes - size)
            return s->start + (h->e_phoff - s->offset);
    }
    return 0;
}

static bool executable(const struct elf_image *image, uint64_t va) {
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *s = &image->segment[i];
        if (va >= s->start && va < s->end) return s->prot & PROT_EXEC;
    }
    return false;
}

int elf_read_segments(const Elf64_Ehdr *h, const Elf64_Phdr *phdrs, uint64_t file_size, struct elf_image *out) {
    memset(out, 0, sizeof *out);
    out->bias = h->e_type == ET_DYN ? DYN_BIAS : 0;
    for (unsigned i = 0; i < h->e_phnum; i++) {
        if (phdrs[i].p_type == PT_INTERP) return -ENOEXEC;
        if (phdrs[i].p_type != PT_LOAD) continue;
        int error = add_segment(out, &phdrs[i], file_size);
        if (error) return error;
    }
    if (h->e_entry > USER_MAX - out->bias) return -ENOEXEC;
    out->entry = h->e_entry + out->bias;
    if (!executable(out, out->entry)) return -ENOEXEC;
    out->phdrs = find_phdrs(h, out);
    return 0;
}
