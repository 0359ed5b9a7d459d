/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The first thread's block: thread-local variables, errno, the stack protector's guard.
 *
 * The block lies in .bss for programs with few thread-local variables, and in memory of its own for
 * others.
 * LOCKING: none; runs before there is anything to lock. More threads come later, each with a block
 * made by the same two steps.
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

static _Alignas(64) unsigned char first_block[1024];

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

/* Memory for a block with `before` bytes in front of it, aligned so that the block itself is. */
static struct thread_block *place_block(size_t before, size_t align) {
    size_t size = before + align + sizeof(struct thread_block);
    unsigned char *memory = first_block;

    if (size > sizeof first_block) {
        long got = raw(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (got < 0 && got > -4096) _exit(127); /* not even errno is there yet */
        memory = (unsigned char *)got;
    }
    return (struct thread_block *)(((uintptr_t)memory + before + align - 1) & -align);
}

static unsigned long random_guard(void) {
    unsigned long guard = 0;
    const void *bytes = (const void *)__aux(AT_RANDOM, 0);

    if (bytes) memcpy(&guard, bytes, sizeof guard);
    return guard & ~0xffUL; /* a zero byte stops an overrun by a string */
}

void __thread_start(void) {
    const Elf64_Phdr *tls = tls_segment();
    size_t align = tls && tls->p_align > 64 ? tls->p_align : 64;
    /* The linker counts back from the block by the size, rounded up to the segment's alignment. */
    size_t own_align = tls && tls->p_align ? tls->p_align : 1;
    size_t before = tls ? (tls->p_memsz + own_align - 1) & -own_align : 0;
    struct thread_block *t = place_block(before, align);

    if (tls) memcpy((char *)t - before, (const void *)tls->p_vaddr, tls->p_filesz);
    t->self = t;
    t->stack_guard = random_guard();
    if (raw(arch_prctl, ARCH_SET_FS, t)) _exit(127);
}

void __stack_chk_fail(void) {
    static const char text[] = "stack smashing detected\n";

    raw(write, STDERR_FILENO, text, sizeof text - 1);
    abort();
}
