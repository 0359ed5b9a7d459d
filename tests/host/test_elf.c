/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * kernel/elf.c on the host: what it accepts, each thing that it refuses, and that whatever bytes it is
 * given it reads nothing outside of them and accepts nothing that breaks its promises.
 *
 *     test_elf [SEED [ROUNDS]]
 *
 * The program headers lie in an allocation of exactly their size: AddressSanitizer sees every step beyond.
 */
#include "kernel/elf.h"

#include <asm/mman.h>
#include <time.h>

#include "mm/types.h"
#include "tests/tap.h"

#define FILE_SIZE 0x10000ul

/* A small good program: text, then data with a zero tail. */
struct sample {
    Elf64_Ehdr h;
    Elf64_Phdr p[ELF_PHDRS_MAX];
};

static struct sample good(void) {
    struct sample s = {
        .h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC,
              .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = 0x401100, .e_phoff = 64,
              .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3},
        .p = {
            {.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x400000, .p_filesz = 0x200, .p_memsz = 0x200, .p_align = 0x1000},
            {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x1000, .p_vaddr = 0x401000, .p_filesz = 0x234,
             .p_memsz = 0x234, .p_align = 0x1000},
            {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x2e10, .p_vaddr = 0x403e10, .p_filesz = 0x300,
             .p_memsz = 0x5000, .p_align = 0x1000},
        },
    };
    return s;
}

/* As the kernel reads it: header, then exactly the program headers that it declares. */
static int read_sample(const struct sample *s, uint64_t file_size, struct elf_image *image) {
    int error = elf_check_header(&s->h, file_size);
    if (error) return error;
    size_t size = s->h.e_phnum * sizeof(Elf64_Phdr);
    Elf64_Phdr *exact = malloc(size);
    memcpy(exact, s->p, size);
    error = elf_read_segments(&s->h, exact, file_size, image);
    free(exact);
    return error;
}

static void test_good(void) {
    struct sample s = good();
    struct elf_image i;
    is_int(read_sample(&s, FILE_SIZE, &i), 0, "a good program is accepted");
    is_int(i.nsegments, 3, "with its three segments");
    is_int(i.entry, 0x401100, "its entry");
    is_int(i.phdrs, 0x400040, "its program headers in memory");
    is_int(i.end, 0x408e10, "its end");
    is_int(i.segment[1].prot, PROT_READ | PROT_EXEC, "text may be read and executed");
    is_int(i.segment[1].file_end, 0x402000, "text comes from the file to the end of its page");
    ok(i.segment[1].zero_start == i.segment[1].zero_end, "and has no zero tail");
    is_int(i.segment[2].start, 0x403000, "data begins on a page");
    is_int(i.segment[2].offset, 0x2000, "which is the file's page");
    is_int(i.segment[2].zero_start, 0x404110, "what follows the file's bytes is zero");
    is_int(i.segment[2].zero_end, 0x405000, "to the end of their page");
    is_int(i.segment[2].file_end, 0x405000, "the file's pages end");
    is_int(i.segment[2].end, 0x409000, "and anonymous ones follow");
}

static void test_pie(void) {
    struct sample s = good();
    struct elf_image i;
    s.h.e_type = ET_DYN;
    for (int n = 0; n < 3; n++) s.p[n].p_vaddr -= 0x400000;
    s.h.e_entry -= 0x400000;
    is_int(read_sample(&s, FILE_SIZE, &i), 0, "a position-independent program is accepted");
    ok(i.bias && i.entry == i.bias + 0x1100 && i.segment[0].start == i.bias, "and moved by its bias");
    ok(i.phdrs == i.bias + 0x40, "program headers included");
}

/* ---- refusals ---- */

#define REFUSED(what, ...)                                                \
    do {                                                                  \
        struct sample s = good();                                         \
        struct elf_image i;                                               \
        __VA_ARGS__;                                                      \
        is_int(read_sample(&s, FILE_SIZE, &i), -ENOEXEC, "ENOEXEC: %s", what); \
    } while (0)

static void test_headers(void) {
    REFUSED("no magic", s.h.e_ident[0] = 0);
    REFUSED("32 bits", s.h.e_ident[EI_CLASS] = ELFCLASS32);
    REFUSED("big-endian", s.h.e_ident[EI_DATA] = ELFDATA2MSB);
    REFUSED("another version", s.h.e_version = 2);
    REFUSED("another machine", s.h.e_machine = EM_AARCH64);
    REFUSED("an object file", s.h.e_type = ET_REL);
    REFUSED("a core file", s.h.e_type = ET_CORE);
    REFUSED("program headers of another size", s.h.e_phentsize = 32);
    REFUSED("no program headers", s.h.e_phnum = 0);
    REFUSED("too many of them", s.h.e_phnum = ELF_PHDRS_MAX + 1);
    REFUSED("program headers beyond the file", s.h.e_phoff = FILE_SIZE - 100);
    REFUSED("program headers whose place wraps", s.h.e_phoff = UINT64_MAX - 55);
    struct sample s = good();
    is_int(elf_check_header(&s.h, 64), -ENOEXEC, "ENOEXEC: a file cut off after its header");
}

static void test_segments(void) {
    REFUSED("an interpreter", s.p[0].p_type = PT_INTERP);
    REFUSED("more in the file than in memory", s.p[1].p_filesz = s.p[1].p_memsz + 1);
    REFUSED("bytes beyond the file", s.p[1].p_offset = FILE_SIZE);
    REFUSED("bytes whose place wraps", s.p[1].p_offset = UINT64_MAX - 0xfff);
    REFUSED("an address that wraps", s.p[2].p_vaddr = UINT64_MAX - 0xfff + 0xe10);
    REFUSED("a size that wraps", s.p[2].p_memsz = UINT64_MAX - s.p[2].p_vaddr);
    REFUSED("a kernel address", s.p[2].p_vaddr = 0xffffffff80000e10ul);
    REFUSED("the end of user space", s.p[2].p_vaddr = USER_MAX - 0x1000 + 0xe10);
    REFUSED("page zero", s.p[0].p_vaddr = 0);
    REFUSED("offset and address that disagree", s.p[2].p_vaddr += 8);
    REFUSED("an alignment that is no power of two", s.p[1].p_align = 0x1800);
    REFUSED("a segment that may be written and executed", s.p[1].p_flags |= PF_W);
    REFUSED("a zero tail in a segment that may not be written", s.p[1].p_memsz += 8);
    REFUSED("overlapping segments", s.p[2].p_vaddr = 0x401e10);
    REFUSED("two segments on one page", s.p[1].p_memsz = s.p[1].p_filesz = 0x3000, s.p[1].p_offset = 0);
    REFUSED("descending segments", s.p[2].p_vaddr = 0x300e10);
    REFUSED("an entry outside", s.h.e_entry = 0x500000);
    REFUSED("an entry in data", s.h.e_entry = 0x404000);
    REFUSED("an entry that wraps", s.h.e_type = ET_DYN, s.h.e_entry = UINT64_MAX);
    REFUSED("no segment at all", s.p[0].p_type = s.p[1].p_type = s.p[2].p_type = PT_NOTE);
    REFUSED("too many segments", s.h.e_phnum = ELF_SEGMENTS_MAX + 1; for (unsigned n = 0; n <= ELF_SEGMENTS_MAX; n++) {
        s.p[n] = s.p[1];
        s.p[n].p_vaddr += n * 0x1000;
    });
}

/* ---- random ---- */

static uint64_t state;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t nasty(uint64_t old) {
    static const uint64_t edge[] = {0, 1, 0xfff, 0x1000, 0x1001, FILE_SIZE - 1, FILE_SIZE, FILE_SIZE + 1, USER_MAX - 1, USER_MAX,
                                    1ul << 63, UINT64_MAX - 0x1000, UINT64_MAX - 1, UINT64_MAX};
    switch (next() % 4) {
    case 0: return edge[next() % (sizeof edge / sizeof edge[0])];
    case 1: return old ^ 1ul << next() % 64;
    case 2: return old + (next() % 3 - 1) * 0x1000;
    default: return next() >> next() % 64;
    }
}

static void mutate(struct sample *s) {
    if (next() % 8 == 0) s->h.e_phnum = (uint16_t)(next() % (ELF_PHDRS_MAX + 2));
    if (next() % 8 == 0) s->h.e_type = next() % 2 ? ET_DYN : (uint16_t)next();
    if (next() % 8 == 0) s->h.e_phoff = nasty(s->h.e_phoff);
    if (next() % 4 == 0) s->h.e_entry = nasty(s->h.e_entry);
    if (next() % 16 == 0) ((uint8_t *)&s->h)[next() % sizeof s->h] = (uint8_t)next();
    for (unsigned n = 0; n < 1 + next() % 4; n++) {
        Elf64_Phdr *p = &s->p[next() % 4];
        unsigned long long *field[] = {&p->p_offset, &p->p_vaddr, &p->p_filesz, &p->p_memsz, &p->p_align};
        unsigned long long *f = field[next() % 5];
        if (next() % 6 == 0) p->p_flags = (uint32_t)(next() % 8);
        else if (next() % 6 == 0) p->p_type = (uint32_t)(next() % 8);
        else *f = nasty(*f);
    }
}

/* What kernel/elf.c promises of an image that it accepted; NULL or the promise that is broken. */
static const char *broken(const struct elf_image *i) {
    uint64_t last = USER_MIN;
    bool entry = false;
    for (unsigned n = 0; n < i->nsegments; n++) {
        const struct elf_segment *s = &i->segment[n];
        if ((s->start | s->end | s->file_end | s->offset) & PAGE_MASK) return "whole pages";
        if (s->start < last || s->end <= s->start || s->end > USER_MAX) return "ascending, apart, in user space";
        if (s->file_end < s->start || s->file_end > s->end) return "file pages inside the segment";
        if (s->file_end - s->start > page_ceil(FILE_SIZE) || s->offset > FILE_SIZE) return "file pages inside the file";
        if (s->zero_start > s->zero_end) return "zero tails have a length";
        if (s->zero_end > s->zero_start && !(s->prot & PROT_WRITE)) return "zero tails can be written";
        if (s->zero_end > s->file_end) return "zero tails end with the file's pages";
        if ((s->prot & PROT_WRITE) && (s->prot & PROT_EXEC)) return "W^X";
        if (i->entry >= s->start && i->entry < s->end && (s->prot & PROT_EXEC)) entry = true;
        last = s->end;
    }
    return entry ? NULL : "the entry is in text";
}

static void test_random(uint64_t seed, long rounds) {
    const char *wrong = NULL;
    long accepted = 0, round;
    state = seed * 2 + 1;
    for (round = 0; round < rounds && !wrong; round++) {
        struct sample s = good();
        struct elf_image i;
        mutate(&s);
        if (read_sample(&s, FILE_SIZE, &i) != 0) continue;
        accepted++;
        wrong = broken(&i);
    }
    ok(!wrong, "SEED=%lu: whatever is accepted keeps every promise", seed);
    if (wrong) diag("round %ld: %s", round, wrong);
    ok(accepted > rounds / 1000 && accepted < rounds, "and the loop saw both outcomes (%ld of %ld accepted)", accepted, rounds);
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : getenv("SEED") ? strtoul(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL);
    plan(14 + 3 + 13 + 21 + 2);
    test_good();
    test_pie();
    test_headers();
    test_segments();
    test_random(seed, argc > 2 ? atol(argv[2]) : 300000);
    return done_testing();
}
