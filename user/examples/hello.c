/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A first program: keeps a secret where it cannot be paged out.
 *
 *     tools/hf run user/examples/hello.c
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void) {
    static char secret[4096] __attribute__((aligned(4096)));

    if (mlock(secret, sizeof secret) != 0) {
        perror("mlock");
        return 1;
    }
    strcpy(secret, "correct horse battery staple");
    printf("Hello from ring 3! A secret of %zu letters is locked in memory.\n", strlen(secret));
    explicit_bzero(secret, sizeof secret);
    munlock(secret, sizeof secret);
    return 0;
}
