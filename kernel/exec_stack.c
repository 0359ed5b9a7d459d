/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The stack that a program starts with (System V ABI, AMD64 supplement, figure 3.9):
 *
 *      STACK_TOP  16 bytes of nothing
 *                 path, "x86_64", 16 random bytes
 *                 argv and envp strings
 *                 ... alignment ...
 *                 auxiliary vector, ended by AT_NULL
 *                 envp pointers, NULL
 *                 argv pointers, NULL
 *      sp ->      argc                                 (16-aligned)
 *
 * It is written into a space that nobody runs yet, a few words at a time.
 */
#include <asm/errno.h>
#include <linux/auxvec.h>

#include "arch/cpu.h"
#include "arch/sigframe.h"
#include "kernel/cred.h"
#include "kernel/exec.h"
#include "kernel/random.h"
#include "libc/core/string.h"
#include "mm/mm.h"

#define STACK_TOP  (USER_MAX - PAGE_SIZE)
#define STACK_MORE (64ul << 10) /* mapped at once below what is written; the rest grows */

#define AUX_WORDS 48
static const char platform[] = "x86_64";

/* Where the parts that the auxiliary vector points at have been put. */
struct places {
    uint64_t path, platform, random, strings, sp;
};

/* Words on their way to the new stack. */
struct writer {
    struct space *space;
    uint64_t at;         /* where the next flushed word goes */
    unsigned n;
    int error;
    uint64_t word[64];
};

static void writer_flush(struct writer *w) {
    if (!w->error) w->error = space_poke(w->space, w->at, w->word, w->n * 8);
    w->at += w->n * 8;
    w->n = 0;
}

static void put(struct writer *w, uint64_t word) {
    w->word[w->n++] = word;
    if (w->n == sizeof w->word / sizeof w->word[0]) writer_flush(w);
}

static void put_pair(struct writer *w, uint64_t type, uint64_t value) {
    put(w, type);
    put(w, value);
}

static struct places lay_out(const char *path, const struct args *args) {
    struct places at;
    uint64_t top = STACK_TOP - 16;
    at.path = top -= strlen(path) + 1;
    at.platform = top -= sizeof platform;
    at.random = top -= 16;
    at.strings = top -= args->used;
    uint64_t words = 1 + args->argc + 1 + args->envc + 1 + AUX_WORDS;
    at.sp = (top - words * 8) & ~15ul;
    return at;
}

static void put_aux(struct writer *w, const struct places *at, const struct elf_image *image, const Elf64_Ehdr *h,
                    const struct cred *cred) {
    const uint64_t aux[][2] = {
        {AT_HWCAP, cpu_features()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, image->phdrs},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, h->e_phnum},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, image->entry},
        {AT_UID, cred->uid},
        {AT_EUID, cred->euid},
        {AT_GID, cred->gid},
        {AT_EGID, cred->egid},
        {AT_SECURE, 0},
        {AT_RANDOM, at->random},
        {AT_HWCAP2, 0},
        {AT_EXECFN, at->path},
        {AT_PLATFORM, at->platform},
        {AT_MINSIGSTKSZ, sigframe_size()},
    };
    _Static_assert(sizeof aux / 8 + 2 <= AUX_WORDS, "AUX_WORDS is what lay_out sets aside");
    for (unsigned i = 0; i < sizeof aux / sizeof aux[0]; i++) put_pair(w, aux[i][0], aux[i][1]);
    put_pair(w, AT_NULL, 0);
}

/* Pointers to n consecutive strings, and a NULL. Answers the string after them. */
static const char *put_pointers(struct writer *w, const struct args *args, const struct places *at, const char *s, size_t n) {
    while (n--) {
        put(w, at->strings + (uint64_t)(s - args->text));
        s += strlen(s) + 1;
    }
    put(w, 0);
    return s;
}

static int put_strings(struct space *space, const struct places *at, const char *path, const struct args *args) {
    uint8_t random[16];
    random_bytes(random, sizeof random);
    int error = space_poke(space, at->path, path, strlen(path) + 1);
    if (!error) error = space_poke(space, at->platform, platform, sizeof platform);
    if (!error) error = space_poke(space, at->random, random, sizeof random);
    if (!error && args->used) error = space_poke(space, at->strings, args->text, args->used);
    return error;
}

int exec_stack(struct space *space, const struct elf_image *image, const Elf64_Ehdr *h, const char *path,
               const struct args *args, const struct cred *cred, uint64_t stack_limit, uint64_t *sp) {
    struct places at = lay_out(path, args);
    uint64_t need = page_ceil(STACK_TOP - at.sp), initial = need + STACK_MORE;
    if (need > stack_limit) return -E2BIG;
    if (initial > stack_limit) initial = page_ceil(stack_limit);
    int error = space_map_stack(space, STACK_TOP, initial);
    if (!error) error = put_strings(space, &at, path, args);
    if (error) return error;
    struct writer w = {.space = space, .at = at.sp};
    put(&w, args->argc);
    const char *env = put_pointers(&w, args, &at, args->text, args->argc);
    put_pointers(&w, args, &at, env, args->envc);
    put_aux(&w, &at, image, h, cred);
    writer_flush(&w);
    *sp = at.sp;
    return w.error;
}
