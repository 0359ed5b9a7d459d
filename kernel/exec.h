/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Turning a file and two lists of strings into a new program.
 *
 *      args_from_user / args_from_kernel      strings into kernel memory
 *      program_load                           a complete new space: segments, heap, stack  (can fail)
 *      program_switch                         the running process becomes it              (cannot)
 *
 * LOCKING  nothing of it is shared until program_switch. May sleep.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/elf.h"

struct cred;
struct file;
struct space;
struct space_limits;
struct thread;

#define EXEC_ARG_MAX (128ul << 10) /* bytes of strings with their NULs, and 8 for each pointer: Linux's smallest ARG_MAX */

/* argv's strings, then envp's, each with its NUL. */
struct args {
    char *text;      /* heap, EXEC_ARG_MAX bytes */
    size_t used;     /* bytes of text */
    size_t argc, envc;
};

int args_from_user(struct args *, uint64_t argv, uint64_t envp); /* 0, -E2BIG, -EFAULT, -ENOMEM; on error nothing to free */
int args_from_kernel(struct args *, char *const argv[], char *const envp[]);
void args_free(struct args *);

/* What is needed to run it; on error nothing remains. */
struct program {
    struct space *space;      /* one reference */
    uint64_t entry, stack;
};
/* 0; -ENOEXEC, -ENOMEM, -E2BIG (too big for the stack limit), or what reading the file gave. */
int program_load(struct program *, struct file *, const char *path, const struct args *, const struct cred *,
                 const struct space_limits *);
/* The first registers of the program, for a thread that is not in ring 3. */
void program_start_frame(const struct program *, struct thread *);

/* kernel/exec_stack.c: strings, auxiliary vector, envp, argv and argc onto the new stack; the stack pointer in *sp. */
int exec_stack(struct space *, const struct elf_image *, const Elf64_Ehdr *, const char *path, const struct args *,
               const struct cred *, uint64_t stack_limit, uint64_t *sp);
