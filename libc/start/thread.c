/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A thread's block: thread-local variables, errno, the stack protector's guard. And the first one.
 *
 * The first thread's block lies in .bss for programs with few thread-local variables, and in memory
 * of its own for others; the others' lie at the top of their stacks (libc/thread/create.c).
 * LOCKING: none; the template is read-only and the first block is made before there is anything to
 * lock.
 */
#include "libc/internal/thread.h"

#include "libc/internal/start.h"
#include "libc/internal/syscall.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

void __stack_chk_fail(void);

static _Alignas(64) unsigned char first_block[4096];
int __thread_count = 1;

int *__errno_location(void) {
    return &this_thread()->error;
}

long __syscall_result(long result) {
    if ((unsigned long)result < (unsigned long)-4095L) return result;
    errno = (int)-result;
    return -1;
}

static const Elf64_Phdr *tls_segment(void) {
    const Elf64_Phdr *p = (const Elf64_Phdr *)__aux(AT_PHDR, 0);
    unsigned long count = p ? __aux(AT_PHNUM, 0) : 0;

    for (; count; count--, p++)
        if (p->p_type == PT_TLS) return p;
    return NULL;
}

/* What the linker asks: the segment, its size rounded up to its alignment (it counts back from the
 * block by that), and the block's own alignment. */
struct layout {
    const Elf64_Phdr *tls;
    size_t before, align;
};

static struct layout find_layout(void) {
    const Elf64_Phdr *tls = tls_segment();
    size_t own = tls && tls->p_align ? tls->p_align : 1;

    return (struct layout){.tls = tls,
                           .before = tls ? (tls->p_memsz + own - 1) & -own : 0,
                           .align = own > 64 ? own : 64};
}

size_t __block_size(void) {
    struct layout l = find_layout();

    return l.before + l.align + sizeof(struct thread_block);
}

struct thread_block *__block_make(void *end) {
    struct layout l = find_layout();
    uintptr_t at = ((uintptr_t)end - sizeof(struct thread_block)) & -l.align;
    struct thread_block *t = (struct thread_block *)at;

    if (l.tls) memcpy((char *)t - l.before, (const void *)l.tls->p_vaddr, l.tls->p_filesz);
    t->self = t;
    return t;
}

static void *first_memory(size_t size) {
    if (size <= sizeof first_block) return first_block;
    long got = raw(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got < 0 && got > -4096) _exit(127); /* not even errno is there yet */
    return (void *)got;
}

static unsigned long random_guard(void) {
    unsigned long guard = 0;
    const void *bytes = (const void *)__aux(AT_RANDOM, 0);

    if (bytes) memcpy(&guard, bytes, sizeof guard);
    return guard & ~0xffUL; /* a zero byte stops an overrun by a string */
}

void __thread_start(void) {
    size_t size = __block_size();
    struct thread_block *t = __block_make((char *)first_memory(size) + size);

    t->stack_guard = random_guard();
    if (raw(arch_prctl, ARCH_SET_FS, t)) _exit(127);
    t->tid = (int)raw(set_tid_address, &t->tid);
}

void __stack_chk_fail(void) {
    static const char text[] = "stack smashing detected\n";

    raw(write, STDERR_FILENO, text, sizeof text - 1);
    abort();
}
