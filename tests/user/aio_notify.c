/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Being told of the end of a request: one signal each, with its value, after the result can be seen (W6, X7),
 * however it ended; taken back by whoever takes the result first (R3); none at exit and exec (P1); and none that
 * could be lost for want of memory.
 *
 * clauses: W6 X7 R3 P1
 * needs: holdfast
 */
#include "tests/user/aio_support.h"
#include "tests/user/signals.h"

#define RT 40
#define N  64

static struct aiocb cbs[N];
static char *area;
static volatile int told[N], early, count, code_wrong;

static int submit_signal(struct aiocb *cb, const void *p, size_t len, int sig, long value) {
    fill(cb, p, len);
    cb->aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    cb->aio_sigevent.sigev_signo = sig;
    cb->aio_sigevent.sigev_value.sival_ptr = (void *)value;
    return aio_mlock(cb);
}

static void ended(int sig, siginfo_t *si, void *context) {
    (void)sig, (void)context;
    int i = si->si_value.sival_int;
    count++;
    if (si->si_code != SI_ASYNCIO) code_wrong++;
    if (i < 0 || i >= N) return;
    told[i]++;
    if (aio_error(&cbs[i]) == EINPROGRESS) early++;
}

static void reset(void) {
    memset((void *)told, 0, sizeof told);
    count = early = code_wrong = 0;
}

/* Each of N requests is told of once, by a real-time signal and by a standard one. */
static void all_told(int sig) {
    int once = 0;
    reset();
    handle_info(sig, ended, SA_RESTART);
    block(sig);
    for (int i = 0; i < N; i++)
        if (submit_signal(&cbs[i], area + (size_t)i * PG, PG, sig, i)) bail_out("aio_mlock: %s", strerror(errno));
    for (int i = 0; i < N; i++) await_end(&cbs[i]);
    is_int(count, 0, "signal %d: blocked, nobody is told yet", sig);
    unblock(sig);
    for (int i = 0; i < N; i++) once += told[i] == 1;
    is_int(once, N, "W6, X7: signal %d: each request is told of once", sig);
    is_int(early, 0, "X7: after its result can be seen");
    is_int(code_wrong, 0, "as SI_ASYNCIO");
    for (int i = 0; i < N; i++) is_int(aio_return(&cbs[i]), 0, "and the result is still there");
    munlock(area, N * PG);
}

static void while_running(void) {
    reset();
    handle_info(RT, ended, 0);
    for (int i = 0; i < N; i++) submit_signal(&cbs[i], area + (size_t)i * PG, PG, RT, i);
    await((volatile int *)&count, N);
    is_int(count, N, "handlers run as the requests end");
    is_int(early, 0, "and each sees its result");
    for (int i = 0; i < N; i++) aio_return(&cbs[i]);
    munlock(area, N * PG);
}

static void kinds_of_end(void) {
    reset();
    hold(HOLD);
    submit_signal(&cbs[0], area, PG, RT, 0);
    is_int(aio_cancel(-1, &cbs[0]), AIO_CANCELED, "a queued request is cancelled");
    is_int(told[0], 1, "C1: and told of");
    hold(GO);
    is_int(outcome(&cbs[0]), ECANCELED, "it ended so");
    submit_signal(&cbs[1], (void *)PG, PG, RT, 1);
    is_int(outcome(&cbs[1]), ENOMEM, "a hole");
    ok(told[1] <= 1, "is told of at most once when the result is taken at once");
    block(RT);
    submit_signal(&cbs[2], (void *)PG, PG, RT, 2);
    await_end(&cbs[2]);
    unblock(RT);
    is_int(told[2], 1, "X7: a request that failed is told of");
    aio_return(&cbs[2]);
    is_int(count, told[0] + told[1] + told[2], "nothing else came");
}

static void taken_back(void) {
    sigset_t pending;
    struct aiocb *done;
    reset();
    block(RT);
    submit_signal(&cbs[0], area, PG, RT, 0);
    await_end(&cbs[0]);
    sigpending(&pending);
    ok(sigismember(&pending, RT), "the signal waits");
    is_int(aio_return(&cbs[0]), 0, "the result is taken first");
    sigpending(&pending);
    ok(!sigismember(&pending, RT), "R3: and the signal is withdrawn");
    submit_signal(&cbs[0], area, PG, RT, 0);
    submit_signal(&cbs[1], area + PG, PG, RT, 1);
    await_end(&cbs[0]);
    await_end(&cbs[1]);
    is_int(aio_waitcomplete(&done, NULL), 0, "aio_waitcomplete takes one");
    sigpending(&pending);
    ok(sigismember(&pending, RT), "the other one's signal is still there");
    unblock(RT);
    is_int(count, 1, "R3: and alone");
    is_int(told[done == &cbs[0]], 1, "it is the right one");
    aio_return(&cbs[done == &cbs[0]]);
    munlock(area, 2 * PG);
}

static void by_thread(void) {
    int tid = (int)syscall(SYS_gettid);
    reset();
    fill(&cbs[3], area, PG);
    cbs[3].aio_sigevent.sigev_notify = SIGEV_THREAD_ID;
    cbs[3].aio_sigevent.sigev_signo = RT;
    cbs[3].aio_sigevent.sigev_value.sival_int = 3;
    memcpy((char *)&cbs[3].aio_sigevent + 16, &tid, sizeof tid);
    is_int(aio_mlock(&cbs[3]), 0, "W6: SIGEV_THREAD_ID");
    await((volatile int *)&count, 1);
    is_int(told[3], 1, "the thread is told");
    aio_return(&cbs[3]);
    munlock(area, PG);
}

/* ---- waiting with a handler about ---- */

static void nothing(int sig) {
    (void)sig;
    count++;
}

static volatile int *waiting;

/* Signals whom until it has ended the wait that it is about to begin: it may not be asleep yet. */
static pid_t poke(pid_t whom, int sig) {
    *waiting = 1;
    pid_t pid = fork();
    if (pid) return pid;
    do {
        yields(300);
        kill(whom, sig);
    } while (*waiting);
    _exit(0);
}

static void poked(pid_t pid) {
    *waiting = 0;
    wait_for(pid);
}

static void interrupted(void) {
    const struct aiocb *list[1] = {&cbs[0]};
    struct aiocb *done;
    waiting = shared(PG);
    handle(SIGUSR1, nothing, SA_RESTART);
    hold(HOLD);
    must_submit(&cbs[0], area, PG);
    count = 0;
    pid_t pid = poke(getpid(), SIGUSR1);
    fails(aio_suspend(list, 1, NULL), EINTR, "W1: aio_suspend ends for a handler, SA_RESTART or not");
    poked(pid);
    ok(count > 0, "which has run");
    pid = poke(getpid(), SIGUSR1);
    fails(aio_waitcomplete(&done, NULL), EINTR, "W2: aio_waitcomplete likewise");
    poked(pid);
    pid = poke(getpid(), SIGURG);
    pid_t second = let_go_later();
    is_int(aio_suspend(list, 1, NULL), 0, "a signal without a handler does not end it");
    poked(pid);
    wait_for(second);
    is_int(aio_return(&cbs[0]), 0, "the request was not disturbed");
    /* The very notification of what it waits for. */
    hold(HOLD);
    reset();
    handle_info(RT, ended, 0);
    submit_signal(&cbs[0], area, PG, RT, 0);
    pid = let_go_later();
    int result = aio_suspend(list, 1, NULL), err = errno;
    ok(result == 0 || err == EINTR, "aio_suspend and its own request's handler");
    await((volatile int *)&count, 1);
    is_int(told[0], 1, "told of once");
    wait_for(pid);
    aio_return(&cbs[0]);
    munlock(area, PG);
}

/* ---- the end of the process ---- */

static void leaves(void *arg) {
    struct aiocb cb;
    (void)arg;
    hold(HOLD);
    for (int i = 0; i < 8; i++) submit_signal(&cbs[i], area + (size_t)i * PG, PG, RT, i);
    submit_signal(&cb, area, PG, SIGKILL, 0);
}

static void killed(void *arg) {
    (void)arg;
    hold(HOLD);
    submit_signal(&cbs[0], area, PG, SIGKILL, 0);
    aio_cancel(-1, &cbs[0]);
    _exit(3);
}

/* exec: nobody is told. SIGUSR1 would end the new program. */
static void execs(void *arg) {
    (void)arg;
    hold(HOLD);
    block(SIGUSR1);
    for (int i = 0; i < 8; i++) submit_signal(&cbs[i], area + (size_t)i * PG, PG, SIGUSR1, i);
    aio_cancel(-1, &cbs[0]);
    execl("/proc/self/exe", "aio_notify", "child", (char *)NULL);
    execl("/tests/aio_notify", "aio_notify", "child", (char *)NULL);
    _exit(77);
}

static void ends(void) {
    uint64_t before = knob("vfs.aio.requests");
    is_int(fate_of(leaves, NULL), 0, "P1: exit tells nobody");
    is_int(fate_of(killed, NULL), 1000 + SIGKILL, "SIGKILL may be the notification");
    int fate = fate_of(execs, NULL);
    ok(fate == 0 || fate == 77, "P1: exec tells nobody (%d)", fate);
    hold(GO);
    is_int((long)knob("vfs.aio.requests"), (long)before, "nothing is left");
}

/* A submission that finds no memory tells nobody; one that is accepted always does. */
static void injected(void) {
    int refusals = 0, sent = 0;
    reset();
    handle_info(RT, ended, SA_RESTART);
    for (uint64_t n = 1; n < 50; n++) {
        set_knob("debug.inject.heap", n);
        int result = submit_signal(&cbs[0], area, PG, RT, 0), err = errno;
        if (result == 0) {
            sent++;
            bool armed = knob("debug.inject.heap") != 0;
            set_knob("debug.inject.heap", 0);
            await((volatile int *)&count, sent);
            aio_return(&cbs[0]);
            if (armed) break;
        } else {
            refusals += err == EAGAIN;
        }
        set_knob("debug.inject.heap", 0);
    }
    ok(refusals > 0, "with no memory a submission is EAGAIN (%d)", refusals);
    is_int(count, sent, "told of are those that were accepted (%d)", sent);
    is_int((long)knob("debug.audit"), 0, "I5 holds");
    munlock(area, PG);
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) { /* exec's child */
        sigset_t pending;
        sigpending(&pending);
        return sigismember(&pending, SIGUSR1);
    }
    aio_test();
    area = anon(N);
    all_told(RT);
    all_told(SIGUSR1);
    while_running();
    kinds_of_end();
    taken_back();
    by_thread();
    interrupted();
    ends();
    injected();
    return done_testing();
}
