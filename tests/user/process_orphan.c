/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A process whose parent has ended is process 1's child; a parent that ignores SIGCHLD has no zombies.
 */
#include "tests/user/support.h"

struct seen {
    pid_t before, after, middle;
};

/* The grandchild looks, lets its parent go, and looks again when that has gone. */
static void make_orphan(struct seen *s, int done) {
    int looked[2], parent_lives[2];
    char c;
    if (pipe(looked) != 0 || pipe(parent_lives) != 0) _exit(90);
    s->middle = getpid();
    if (fork() != 0) _exit(read(looked[0], &c, 1) == 1 ? 0 : 91);
    close(parent_lives[1]);
    s->before = getppid();
    (void)!write(looked[1], "x", 1);
    (void)!read(parent_lives[0], &c, 1);
    while (getppid() == s->middle) sched_yield();
    s->after = getppid();
    (void)!write(done, "x", 1);
    _exit(3);
}

static void orphan(void) {
    struct seen *s = shared(4096);
    int done[2];
    char c;
    if (pipe(done) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) make_orphan(s, done[1]);
    waitpid(pid, NULL, 0);
    is_int(read(done[0], &c, 1), 1, "the orphan goes on after its parent");
    is_int(s->before, s->middle, "whose child it was");
    if (on_holdfast()) is_int(s->after, 1, "and is process 1's now");
    else ok(s->after != s->middle, "and is somebody else's now");
    fails(waitpid(-1, NULL, 0), ECHILD, "its grandparent cannot wait for it");
    close(done[0]);
    close(done[1]);
}

static void ignored(void) {
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) _exit(5);
    fails(waitpid(pid, NULL, 0), ECHILD, "SIGCHLD ignored: wait sleeps until the child has gone, and finds none");
    fails(kill(pid, 0), ESRCH, "there is no zombie");
    signal(SIGCHLD, SIG_DFL);
    pid = fork();
    if (pid == 0) _exit(6);
    is_int(waitpid(pid, NULL, 0), pid, "SIGCHLD at its default again: there is");
}

/* Many children that nobody waits for: they all go when their parent goes. */
static void crowd(void *arg) {
    (void)arg;
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) _exit(i);
    }
}

int main(void) {
    plan(9);
    orphan();
    ignored();
    is_int(as_root(crowd, NULL), 0, "a parent may leave zombies behind");
    pid_t a = fork();
    if (a == 0) _exit(1);
    int status;
    is_int(waitpid(a, &status, 0), a, "and the next child is found as ever");
    return done_testing();
}
