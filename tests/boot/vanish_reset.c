/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * For tests/boot/vanish.t: the disk is slow, and eight read from it, more urgent than its server. Once all of their requests are
 * out they say so. When they are told that it has gone, the memory they read into is theirs again: each fills it, waits until the
 * disk's function is free to be opened, which it is once it has been stilled, and looks whether anything was written over.
 */
#include "tests/user/disks.h"

#define READERS 8
#define PAGES   64ul /* four requests */
#define MARK    0x5a

static volatile struct {
    unsigned gone, overwritten;
} *sh;

static void await_stilled(void) {
    int fd;
    while ((fd = open("/dev/pci/00:03.0", O_RDWR)) < 0)
        if (errno != EBUSY) _exit(1);
        else usleep(1000);
    close(fd);
}

static _Noreturn void reader(void) {
    char *p = anon(PAGES);
    int fd = open("/dev/vda", O_RDONLY);
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50});
    while (pread(fd, p, PAGES * PG, 0) > 0) continue;
    memset(p, MARK, PAGES * PG);
    if (errno == ENODEV) __atomic_add_fetch(&sh->gone, 1, __ATOMIC_RELAXED);
    await_stilled();
    for (size_t i = 0; i < PAGES * PG; i++) {
        if (p[i] == MARK) continue;
        __atomic_add_fetch(&sh->overwritten, 1, __ATOMIC_RELAXED);
        break;
    }
    _exit(0);
}

int main(void) {
    sh = shared(sizeof *sh);
    blockd_start("00:03.0", "vda");
    for (int i = 0; i < READERS; i++)
        if (fork() == 0) reader();
    while (knob("debug.port.requests") < READERS * 3) usleep(200);
    set_knob("debug.yield.port_gone", 10); /* readers hear of it before the server is out of its call */
    printf("reading\n");
    fflush(stdout);
    while (wait(NULL) > 0) continue;
    printf("%u readers: %s\n%u overwritten\n", sh->gone, strerror(ENODEV), sh->overwritten);
    return 0;
}
