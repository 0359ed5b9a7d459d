/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * execve's two lists of strings, brought into kernel memory before anything of the old program goes.
 *
 * The strings stand one after the other; their number and order is all that is kept of the pointers. A
 * NULL list is an empty one, as on Linux.
 */
#include <asm/errno.h>

#include "arch/uaccess.h"
#include "kernel/exec.h"
#include "libc/core/string.h"
#include "mm/mm.h"

static size_t room(const struct args *a) {
    size_t taken = a->used + (a->argc + a->envc) * 8;
    return taken < EXEC_ARG_MAX ? EXEC_ARG_MAX - taken : 0;
}

static int add_from_user(struct args *a, uint64_t string) {
    if (room(a) <= 8) return -E2BIG;
    long len = copyin_str(a->text + a->used, string, room(a) - 8);
    if (len == -ENAMETOOLONG) return -E2BIG;
    if (len < 0) return (int)len;
    a->used += (size_t)len + 1;
    return 0;
}

static int list_from_user(struct args *a, uint64_t list, size_t *count) {
    for (; list; list += 8) {
        uint64_t string;
        if (copyin(&string, list, sizeof string)) return -EFAULT;
        if (!string) break;
        int error = add_from_user(a, string);
        if (error) return error;
        ++*count;
    }
    return 0;
}

static int args_alloc(struct args *a) {
    *a = (struct args){.text = heap_alloc(EXEC_ARG_MAX)};
    return a->text ? 0 : -ENOMEM;
}

int args_from_user(struct args *a, uint64_t argv, uint64_t envp) {
    int error = args_alloc(a);
    if (error) return error;
    error = list_from_user(a, argv, &a->argc);
    if (!error) error = list_from_user(a, envp, &a->envc);
    if (error) args_free(a);
    return error;
}

static int list_from_kernel(struct args *a, char *const list[], size_t *count) {
    for (; *list; list++, ++*count) {
        size_t len = strlen(*list) + 1;
        if (room(a) < len + 8) return -E2BIG;
        memcpy(a->text + a->used, *list, len);
        a->used += len;
    }
    return 0;
}

int args_from_kernel(struct args *a, char *const argv[], char *const envp[]) {
    int error = args_alloc(a);
    if (error) return error;
    error = list_from_kernel(a, argv, &a->argc);
    if (!error) error = list_from_kernel(a, envp, &a->envc);
    if (error) args_free(a);
    return error;
}

void args_free(struct args *a) {
    heap_free(a->text);
    a->text = NULL;
}
