/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: who may serve a block device, what the ring shows, what is believed of a server's answers.
 *
 * needs: holdfast
 */
#include "tests/user/ports.h"

#define NAME "vdy"
#define DEV  "/dev/" NAME

static void try_open(void *arg) {
    lock_whole();
    _exit(errno_of(port_open(arg, 64)));
}

static void try_unlocked(void *arg) {
    _exit(errno_of(port_open(arg, 64)));
}

static void try_half_locked(void *arg) {
    mlockall(*(int *)arg);
    _exit(errno_of(port_open(NAME, 64)));
}

static void try_with_a_hole(void *arg) {
    lock_whole();
    char *p = anon(4);
    munlock(p + PG, PG);
    _exit(errno_of(port_open(arg, 64)));
}

static int status_of(void (*fn)(void *), void *arg) {
    return WEXITSTATUS(as_root(fn, arg));
}

static void who_may_serve(void) {
    int current = MCL_CURRENT, future = MCL_FUTURE, on_fault = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    is_int(status_of(try_unlocked, NAME), EPERM, "a server that locked nothing is refused");
    is_int(status_of(try_half_locked, &current), EPERM, "one with MCL_CURRENT alone");
    is_int(status_of(try_half_locked, &future), EPERM, "one with MCL_FUTURE alone");
    is_int(status_of(try_half_locked, &on_fault), EPERM, "one that locks on fault");
    is_int(status_of(try_with_a_hole, NAME), EPERM, "one that unlocked a page since");
    is_int(WEXITSTATUS(in_child(RLIM_INFINITY, NOBODY, try_open, NAME)), EPERM, "one that is not root");
    ok(access(DEV, F_OK) != 0 || errno_of(open(DEV, O_RDONLY)) == ENXIO, "no refusal leaves a device behind");
}

static void names(void) {
    static const char *const bad[] = {"", "Vd", "vd/a", "1vd", "vd.a", "abcdefghijklmnop"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        is_int(errno_of(port_open(bad[i], 64)), EINVAL, "'%s' is no name", bad[i]);
    is_int(errno_of(port_open((const char *)KERNEL, 64)), EFAULT, "a name that cannot be read");
    is_int(errno_of(port_open("null", 64)), EEXIST, "a name that something else has");
    is_int(errno_of(port_open(NAME, ~0ul)), EINVAL, "too many sectors");
    is_int(errno_of(syscall(SYS_port_open, NAME, 64, 99)), EBADF, "a device that is not open");
    is_int(errno_of(syscall(SYS_port_open, NAME, 64, 1)), EINVAL, "what is no device");
}

static void the_ring(void) {
    struct pollfd p = {.fd = server_.fd, .events = POLLIN};
    is_int(errno_of(mmap(NULL, PORT_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, server_.fd, 0)), EACCES,
           "the ring cannot be mapped to write");
    is_int(errno_of(mprotect((void *)server_.ring, PORT_RING_SIZE, PROT_READ | PROT_WRITE)), EACCES, "nor made writable");
    is_int(errno_of(port_open(NAME, 64)), EBUSY, "a second server is refused");
    is_int(poll(&p, 1, 0), 0, "nothing to poll for before a request");
    is_int(port_serve(server_.fd, NULL, 0, 0), 0, "none has come");
    is_int(port_serve(server_.fd, NULL, 0, 20), 0, "nor after a while");
    is_int(answer(0, 0), EINVAL, "an answer to nothing");

    struct client *c = client_start(DEV, false, 1024, 512, 0);
    is_int(poll(&p, 1, -1), 1, "a request wakes poll");
    struct port_request r = next_request();
    is_int(poll(&p, 1, 0), 1, "and poll says so until the server has been told");
    is_int(port_serve(server_.fd, NULL, 0, -1), 1, "it is told how many there were");
    is_int(poll(&p, 1, 0), 0, "then poll waits for the next");
    ok(r.write == 0 && r.sector == 1 && r.segments == 1 && r.segment[0].len == 1024, "the request is what was asked for");
    ok(r.segment[0].addr != 0 && r.segment[0].addr % PG == 0, "its address is that of a frame");
    is_int(answer(r.id, 0), 0, "it can be answered");
    is_int(client_result(c), 1024, "and the reader has its bytes");
    is_int(answer(r.id, 0), EINVAL, "not twice");
}

static void bad_answers(void) {
    struct client *c = client_start(DEV, false, 512, 0, 0);
    struct port_request r = next_request();
    struct port_answer twice[2] = {{r.id, 0}, {r.id, 0}}, one_bad[2] = {{r.id, 0}, {r.id + 77, 0}};
    struct port_answer many[PORT_SLOTS + 1] = {{r.id, 0}};
    is_int(errno_of(port_serve(server_.fd, twice, 2, 0)), EINVAL, "one request answered twice in one call");
    is_int(errno_of(port_serve(server_.fd, one_bad, 2, 0)), EINVAL, "an id that is not out among good ones");
    is_int(errno_of(port_serve(server_.fd, many, PORT_SLOTS + 1, 0)), EINVAL, "more than can be out");
    is_int(errno_of(port_serve(server_.fd, many, ~0ul, 0)), EINVAL, "as many as there are numbers");
    is_int(errno_of(port_serve(server_.fd, (void *)KERNEL, 1, 0)), EFAULT, "from where nothing is");
    is_int(errno_of(port_serve(99, many, 1, 0)), EBADF, "to what is not open");
    is_int(errno_of(port_serve(1, many, 1, 0)), EINVAL, "to what is no port");
    is_int(waitpid(c->pid, NULL, WNOHANG), 0, "nothing of all that counted");
    is_int(answer(r.id, EPERM), 0, "an answer may be any error");
    is_int(client_result(c), -EIO, "which is EIO to who asked");
    c = client_start(DEV, true, 512, 0, 0);
    r = next_request();
    is_int(r.write, 1, "a write is one");
    answer(r.id, -5);
    is_int(client_result(c), -EIO, "a negative error is one too");
}

static void handler(int sig) {
    (void)sig;
}

/* Answers, waits, and is given the next request; or a signal comes. */
static void one_call(void) {
    struct client *a = client_start(DEV, false, 512, 0, 0);
    struct port_answer first = {next_request().id, 0};
    unsigned taken = server_.taken;
    is_int(port_serve(server_.fd, NULL, 0, 0), taken, "nothing new after a request");
    pid_t next = fork();
    if (next == 0) {
        while (a->result != 512) sched_yield();
        char sector[512];
        _exit(pread(open(DEV, O_RDONLY), sector, sizeof sector, 512) != (long)sizeof sector);
    }
    is_int(port_serve(server_.fd, &first, 1, -1), taken + 1, "one call answers and waits for the next request");
    is_int(client_result(a), 512, "the reader had its answer meanwhile");
    answer(next_request().id, 0);
    int status;
    is_int(waitpid(next, &status, 0) == next ? status : -1, 0, "and so had the next");

    signal(SIGALRM, handler);
    alarm(1);
    is_int(port_serve(server_.fd, NULL, 0, -1), taken + 1, "a signal ends the waiting");
}

static void many_at_once(void) {
    enum { CLIENTS = 40 };
    static struct client *c[CLIENTS];
    static struct port_request r[CLIENTS];
    int wrong = 0, bytes = 0;
    for (int i = 0; i < CLIENTS; i++) c[i] = client_start(DEV, false, 512, i * 512L, 0);
    while (knob("debug.port.requests") != CLIENTS) sched_yield();
    is_int(unseen_requests(), PORT_SLOTS, "the ring holds what it has slots for, the rest waits");
    for (unsigned i = 0; i < PORT_SLOTS; i++) r[i] = next_request();
    for (int i = PORT_SLOTS - 1; i >= 0; i -= 2) wrong += answer(r[i].id, 0) != 0;
    for (int i = 0; i < (int)PORT_SLOTS; i += 2) wrong += answer(r[i].id, 0) != 0;
    for (int i = PORT_SLOTS; i < CLIENTS; i++) wrong += answer(next_request().id, 0) != 0;
    is_int(wrong, 0, "answers in another order are as good");
    for (int i = 0; i < CLIENTS; i++) bytes += client_result(c[i]) == 512;
    is_int(bytes, CLIENTS, "every reader has its bytes");
    is_int((long)knob("debug.port.requests"), 0, "none is left");
}

/* Children: one waits for requests as a second server thread would, one keeps the device and waits for its end. */
static pid_t second_thread(void) {
    pid_t pid = fork();
    while (pid == 0 && port_serve(server_.fd, NULL, 0, -1) >= 0) continue;
    if (pid == 0) _exit(errno);
    return pid;
}

static pid_t keeper(void) {
    pid_t pid = fork();
    if (pid > 0) return pid;
    struct pollfd p = {.fd = (lock_whole(), (int)port_open(NAME, 0)), .events = 0};
    _exit(p.fd >= 0 && poll(&p, 1, -1) == 1 ? p.revents : 1);
}

static int status_after(pid_t pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void device_gone(void) {
    pid_t reader = second_thread(), keeps = keeper();
    await_state(reader, "S");
    await_state(keeps, "S");
    struct client *a = client_start(DEV, false, 512, 0, 0), *b = client_start(DEV, false, 512, 512, 0);
    while (unseen_requests() < 2) sched_yield(); /* the other thread may have been told */
    unsigned id = next_request().id;
    next_request();
    is_int(answer(id, ENODEV), ENODEV, "a server may say that its device is gone, and hears it");
    is_int(client_result(a), -ENODEV, "who asked is told");
    is_int(client_result(b), -ENODEV, "and whoever else waits");
    is_int(status_after(reader), ENODEV, "another thread that serves the port is");
    is_int(status_after(keeps), POLLHUP, "and who polls it to hear of that");
    is_int(errno_of(port_serve(server_.fd, NULL, 0, -1)), ENODEV, "the server has nothing more to do");
    is_int(errno_of(open(DEV, O_RDONLY)), ENXIO, "the name leads nowhere");
    serve_no_more();
    serve(NAME, 128);
    int fd = open(DEV, O_RDONLY);
    is_int(lseek(fd, 0, SEEK_END), 128 * 512, "another device may have it then");
    serve_no_more();
    char byte;
    is_int(errno_of(read(fd, &byte, 1)), 0, "at its end");
    is_int(errno_of(pread(fd, &byte, 1, 0)), ENODEV, "without a server it is gone too");
    is_int(errno_of(port_open(NAME, 128)), ENODEV, "for good, as long as somebody has it open");
    close(fd);
}

int main(void) {
    needs_holdfast();
    plan(0);
    who_may_serve();
    lock_whole();
    names();
    serve(NAME, 64);
    the_ring();
    bad_answers();
    one_call();
    many_at_once();
    device_gone();
    return done_testing();
}
