/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The server is killed in mid-flight, again and again, while clients read and write: another takes over, and no request
 * is lost, done to the wrong place, or answered with what it should not be.
 *
 * needs: holdfast
 * disks: 16M
 * timeout: 200
 */
#include "tests/user/disks.h"

#define CLIENTS 4
#define PAGES   16ul /* of each client's: transfers of several requests */
#define KILLS   40

/* What clients and the killer share. */
struct shared {
    unsigned done[CLIENTS];   /* transfers */
    int failed[CLIENTS];      /* 0, or what went wrong */
    bool stop;
};

static struct shared *sh;

static unsigned total(void) {
    unsigned n = 0;
    for (int i = 0; i < CLIENTS; i++) n += __atomic_load_n(&sh->done[i], __ATOMIC_RELAXED);
    return n;
}

/* Writes generation g over its area, reads it back, and so on; each transfer goes straight from or to its frames. */
static _Noreturn void client(int n) {
    size_t bytes = PAGES * PG;
    unsigned long base = (unsigned long)n * (1ul << 20);
    char *out = anon(PAGES), *in = anon(PAGES);
    int fd = open("/dev/vda", O_RDWR), wrong = fd < 0 ? 1 : 0;
    for (unsigned g = 1; !wrong && !__atomic_load_n(&sh->stop, __ATOMIC_RELAXED); g++) {
        pattern(out, bytes, base, g);
        if (pwrite(fd, out, bytes, (off_t)base) != (ssize_t)bytes) wrong = 1000 + errno;
        __atomic_add_fetch(&sh->done[n], 1, __ATOMIC_RELAXED);
        memset(in, 0, bytes);
        if (!wrong && pread(fd, in, bytes, (off_t)base) != (ssize_t)bytes) wrong = 2000 + errno;
        if (!wrong && !is_pattern(in, bytes, base, g)) wrong = 3000;
        if (!wrong && !is_pattern(out, bytes, base, g)) wrong = 4000; /* what is only read by the device stays as it is */
        __atomic_add_fetch(&sh->done[n], 1, __ATOMIC_RELAXED);
    }
    sh->failed[n] = wrong;
    _exit(wrong != 0);
}

/* Until the clients have got on by n transfers, or one has failed. */
static void let_run(unsigned n) {
    for (unsigned from = total(); total() - from < n;) {
        for (int i = 0; i < CLIENTS; i++)
            if (sh->failed[i]) return;
        sched_yield();
    }
}

static pid_t next_server(pid_t supervisor, pid_t old) {
    pid_t now;
    while ((now = server_of(supervisor)) == old || now < 0) sched_yield();
    return now;
}

static void read_one(void *unused) {
    char *b = anon(1);
    int fd = open("/dev/vda", O_RDWR);
    (void)unused;
    _exit(fd >= 0 && pread(fd, b, PG, 0) == (ssize_t)PG ? 0 : 1);
}

/* Processes that have been started so far: pids are given out one after the other. */
static pid_t last_pid(void) {
    pid_t p = fork();
    if (p == 0) _exit(0);
    waitpid(p, NULL, 0);
    return p;
}

/* There is nothing left to be locked when the server dies: others come and go, until there is. */
static pid_t without_memory(pid_t supervisor, pid_t server) {
    uint64_t cap = knob("vm.max_user_wired");
    set_knob("vm.max_user_wired", 1);
    kill(server, SIGKILL);
    pid_t reader = fork();
    if (reader == 0) read_one(NULL);
    for (pid_t first = last_pid(), own = 1; last_pid() - first - own < 3; own++) poll(NULL, 0, 10);
    set_knob("vm.max_user_wired", cap);
    int status = -1;
    waitpid(reader, &status, 0);
    is_int(status, 0, "a server that finds no memory is tried again, and the request waits");
    return server_of(supervisor);
}

int main(void) {
    needs_holdfast();
    pid_t p[CLIENTS], supervisor = blockd_start("00:03.0", "vda"), server = server_of(supervisor);
    sh = shared(sizeof *sh);
    for (int i = 0; i < CLIENTS; i++)
        if ((p[i] = fork()) == 0) client(i);
    unsigned killed = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        let_run(i % 5); /* also before the new one has done anything */
        killed += kill(server, SIGKILL) == 0;
        server = next_server(supervisor, server);
    }
    let_run(20);
    is_int(killed, KILLS, "%d servers killed while %d clients were at work", KILLS, CLIENTS);
    sh->stop = true;
    for (int i = 0; i < CLIENTS; i++) {
        waitpid(p[i], NULL, 0);
        is_int(sh->failed[i], 0, "client %d has always found what it wrote, in %u transfers", i, sh->done[i]);
    }
    server = without_memory(supervisor, server);
    kill(supervisor, SIGKILL);
    waitpid(supervisor, NULL, 0);
    int fd = open("/dev/vda", O_RDWR);
    char *b = anon(1);
    is_int(pread(fd, b, PG, 0), PG, "a server goes on without its supervisor");
    close(fd);
    kill(server, SIGKILL);
    while (errno_of(open("/dev/vda", O_RDWR)) != ENXIO) sched_yield();
    pass("but nobody comes after it");
    return done_testing();
}
