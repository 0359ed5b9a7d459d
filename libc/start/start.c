/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * From the kernel's stack to main, in this order: environment and auxiliary vector, the thread's
 * block (from here on errno may be used), constructors, main, exit.
 */
#include "libc/internal/start.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

char **environ;
const unsigned long *__auxv;
char *program_invocation_name = (char[]){""};
char *program_invocation_short_name = (char[]){""};

typedef void constructor(int, char **, char **);
#define BOUND __attribute__((weak, visibility("hidden")))
extern constructor *__preinit_array_start[] BOUND, *__preinit_array_end[] BOUND;
extern constructor *__init_array_start[] BOUND, *__init_array_end[] BOUND;

_Noreturn void __libc_start(unsigned long *stack, int (*main)(int, char **, char **));

unsigned long __aux(unsigned long type, unsigned long otherwise) {
    for (const unsigned long *a = __auxv; a[0] != AT_NULL; a += 2)
        if (a[0] == type) return a[1];
    return otherwise;
}

unsigned long getauxval(unsigned long type) {
    for (const unsigned long *a = __auxv; a[0] != AT_NULL; a += 2)
        if (a[0] == type) return a[1];
    errno = ENOENT;
    return 0;
}

static void name_program(char *path) {
    char *slash = strrchr(path, '/');

    program_invocation_name = path;
    program_invocation_short_name = slash ? slash + 1 : path;
}

static void run_constructors(int argc, char **argv) {
    for (constructor **f = __preinit_array_start; f < __preinit_array_end; f++)
        (*f)(argc, argv, environ);
    for (constructor **f = __init_array_start; f < __init_array_end; f++) (*f)(argc, argv, environ);
}

_Noreturn void __libc_start(unsigned long *stack, int (*main)(int, char **, char **)) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    char **end = environ = argv + argc + 1;

    while (*end) end++;
    __auxv = (const unsigned long *)(end + 1);
    __thread_start();
    if (argc > 0) name_program(argv[0]);
    run_constructors(argc, argv);
    exit(main(argc, argv, environ));
}
