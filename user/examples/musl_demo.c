/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A program that knows nothing of Holdfast. Build it with another toolchain, for Linux, and run the file
 * as it is:
 *
 *     musl-gcc -static -O2 -o musl_demo user/examples/musl_demo.c
 *     ./musl_demo                    on Linux
 *     tools/hf run musl_demo         on Holdfast
 *
 * Same system call numbers, structures and start-up stack: so stdio, malloc, mmap, mlock and fork of a
 * foreign C library find what they expect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 64
#define BYTES (PAGES * 4096ul)

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* malloc, qsort, stdio: a few words, sorted. */
static void sort_words(void) {
    char *words[] = {strdup("mlock"), strdup("fork"), strdup("stdio"), strdup("malloc"), strdup("mmap")};
    qsort(words, 5, sizeof *words, compare);
    printf("sorted on the heap: ");
    for (int i = 0; i < 5; i++) {
        printf("%s%s", words[i], i < 4 ? ", " : "\n");
        free(words[i]);
    }
}

static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt + r.ru_majflt;
}

static long faults_of_writing(char *p) {
    faults();
    long before = faults();
    for (size_t i = 0; i < BYTES; i += 4096) ((volatile char *)p)[i] = 'x';
    return faults() - before;
}

static int child_of(char *p) {
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        p[0] = 'c'; /* its own copy */
        _exit(msync(p, 4096, MS_INVALIDATE) == 0 ? 0 : 1); /* EBUSY would say: locked */
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void) {
    struct utsname u;
    uname(&u);
    printf("%s %s on %s: a program that was built for Linux\n", u.sysname, u.release, u.machine);
    sort_words();

    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *q = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || q == MAP_FAILED || mlock(p, BYTES) != 0) {
        printf("no locked memory: %s\n", strerror(errno));
        return 1;
    }
    long locked = faults_of_writing(p), plain = faults_of_writing(q);
    printf("writing to %d pages: %ld faults unlocked, %ld locked\n", PAGES, plain, locked);

    p[0] = 'p';
    int child = child_of(p);
    printf("a child got a copy of the memory %s the locks, and its writes %s\n", child == 0 ? "without" : "with",
           p[0] == 'p' ? "stayed its own" : "showed here");
    return locked == 0 && child == 0 && p[0] == 'p' ? 0 : 1;
}
