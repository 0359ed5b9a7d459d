/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * For tests/boot/vanish.t: the first program, locked, swaps to /dev/vda. When that has vanished, one child touches pages that are
 * there, another goes on to work on more than RAM; and then it looks what it has itself.
 */
#include "tests/user/disks.h"
#include "tests/user/swaps.h"

#define OWNED 500ul
#define OWN   200ul

static volatile int *swapped_; /* children whose pages are in swap */

static _Noreturn void owner(int gone) {
    char byte, *p = anon(OWNED);
    put(p, OWNED, 1);
    out(p, OWNED);
    __atomic_add_fetch(swapped_, 1, __ATOMIC_RELAXED);
    while (read(gone, &byte, 1) < 0) continue;
    _exit(has(p, OWNED, 1) ? 0 : 1);
}

static _Noreturn void load(void) {
    size_t n = ram_pages() * 3 / 2;
    char *p = anon(n);
    put(p, n, 1);
    __atomic_add_fetch(swapped_, 1, __ATOMIC_RELAXED);
    for (unsigned g = 1;; g++) {
        if (!has(p, n, g)) _exit(1);
        put(p, n, g + 1);
    }
}

static void say_end(const char *who, pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    printf("%s: %s\n", who, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "was not ended");
    fflush(stdout);
}

static bool other_disk(void) {
    char *b = anon(1);
    int fd = open("/dev/vdb", O_RDWR);
    put(b, 1, 9);
    bool good = pwrite(fd, b, PG, 8 * PG) == (ssize_t)PG;
    memset(b, 0, PG);
    return good && pread(fd, b, PG, 8 * PG) == (ssize_t)PG && has(b, 1, 9);
}

int main(void) {
    int gone[2], status;
    char byte;
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0 || pipe2(gone, O_CLOEXEC) != 0) return 1;
    char *own = anon(OWN);
    put(own, OWN, 3);
    swapped_ = shared(PG);
    blockd_start("00:03.0", "vda");
    pid_t b = blockd_start("00:04.0", "vdb"), first = fork();
    if (first == 0) close(gone[1]), owner(gone[0]);
    if (swapon("/dev/vda", 0) != 0) return 2;
    pid_t second = fork();
    if (second == 0) close(gone[1]), load();
    while (*swapped_ < 2) usleep(1000);
    printf("swapped\n");
    fflush(stdout);
    int fd = open("/dev/vda", O_RDONLY);
    while (pread(fd, &byte, 1, 0) == 1) continue;
    close(fd);
    close(gone[1]);
    say_end("owner", first);
    say_end("load", second);
    pid_t third = fork();
    if (third == 0) _exit(has(own, OWN, 3) ? 0 : 1);
    bool good = has(own, OWN, 3) && third > 0 && waitpid(third, &status, 0) == third && status == 0;
    printf("locked: %s\n", good ? "works" : "does not work");
    printf("vdb: %s\n", other_disk() ? "works" : "does not work");
    blockd_end(b);
    return swapoff("/dev/vda") != 0 ? 3 : 0;
}
