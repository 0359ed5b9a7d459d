/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Signals as a program sees them: handlers and their flags, masks of each thread, queues, waiting,
 * stacks, jumps, contexts.
 */
#include "tests/user/support.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int calls, nested, depth, last_signal;
static siginfo_t last_info;
static char *volatile frame;

static void count(int signal) {
    calls++;
    last_signal = signal;
}

static void note_info(int signal, siginfo_t *info, void *context) {
    last_info = *info;
    calls += context != NULL;
    last_signal = signal;
}

static void handle(int signal, void (*f)(int), int flags) {
    struct sigaction a = {.sa_handler = f, .sa_flags = flags};

    if (sigaction(signal, &a, NULL)) bail_out("sigaction");
    calls = 0;
}

static void again(int signal) {
    calls++;
    if (++depth > nested) nested = depth;
    if (calls < 3) raise(signal);
    depth--;
}

static void flags(void) {
    struct sigaction a = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO}, old;

    sigaction(SIGUSR1, &a, NULL);
    calls = 0;
    raise(SIGUSR1);
    is_int(calls, 1, "a handler runs before raise returns");
    ok(last_info.si_signo == SIGUSR1 && last_info.si_code == SI_TKILL && last_info.si_pid == getpid(),
       "SA_SIGINFO: who sent it");
    sigaction(SIGUSR1, NULL, &old);
    ok(old.sa_sigaction == note_info && old.sa_flags == SA_SIGINFO, "sigaction says what is set");
    handle(SIGUSR1, again, 0);
    raise(SIGUSR1);
    is_int(calls, 3, "a signal raised in its handler comes behind it");
    is_int(nested, 1, "not in it");
    handle(SIGUSR1, again, SA_NODEFER);
    nested = 0;
    raise(SIGUSR1);
    is_int(nested, 3, "with SA_NODEFER it does");
    handle(SIGUSR1, count, (int)SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    ok(calls == 1 && old.sa_handler == SIG_DFL, "SA_RESETHAND: once and no more");
    fails(sigaction(SIGKILL, &a, NULL), EINVAL, "SIGKILL is not handled");
    fails(sigaction(33, &a, NULL), EINVAL, "nor libc's own");
    fails(sigaction(65, &a, NULL), EINVAL, "nor one that is none");
    ok(signal(SIGUSR1, count) == SIG_DFL && signal(SIGUSR1, SIG_IGN) == count, "signal()");
    raise(SIGUSR1);
    is_int(calls, 1, "an ignored signal is gone");
}

static void masks_in_handler(int signal) {
    sigset_t now;

    (void)signal;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    calls = sigismember(&now, SIGUSR1) && sigismember(&now, SIGUSR2) && !sigismember(&now, SIGHUP);
}

static void masks(void) {
    struct sigaction a = {.sa_handler = masks_in_handler};
    sigset_t set, old;

    sigaddset(&a.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
    is_int(calls, 1, "sa_mask and the signal itself are blocked in the handler");
    sigprocmask(SIG_BLOCK, NULL, &old);
    ok(!sigismember(&old, SIGUSR1) && !sigismember(&old, SIGUSR2), "not behind it");
    handle(SIGUSR1, count, 0);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, &old);
    raise(SIGUSR1);
    raise(SIGUSR1);
    is_int(calls, 0, "a blocked signal waits");
    sigpending(&set);
    ok(sigismember(&set, SIGUSR1) && !sigismember(&set, SIGUSR2), "and is pending");
    sigprocmask(SIG_SETMASK, &old, NULL);
    is_int(calls, 1, "it comes once, when it is unblocked");
    fails(sigprocmask(77, &set, NULL), EINVAL, "a way that is none");
    is_int(pthread_sigmask(77, &set, NULL), EINVAL, "which pthread_sigmask answers");
    sigfillset(&set);
    ok(sigismember(&set, 32) != 1 && sigismember(&set, SIGRTMIN) && sigismember(&set, SIGRTMAX),
       "a full set is full of what programs may use");
    fails(sigaddset(&set, 0), EINVAL, "signal 0 is in no set");
    fails(sigaddset(&set, 32), EINVAL, "nor are libc's own");
}

static void queues(void) {
    sigset_t set;
    siginfo_t info;
    char order[16] = "";

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 'd'});
    for (int i = 'a'; i <= 'c'; i++) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i});
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 'u'});
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 'v'});
    while (sigtimedwait(&set, &info, &(struct timespec){0}) > 0)
        strlcat(order, (char[]){(char)info.si_value.sival_int, 0}, sizeof order);
    is_int(errno, EAGAIN, "sigtimedwait ends");
    is_str(order, "uabcd", "real-time signals in order, each with its value; others once");
    ok(info.si_code == SI_QUEUE && info.si_pid == getpid() && info.si_uid == getuid(),
       "si_code, si_pid and si_uid of the sender");
    fails(sigqueue(getpid(), 99, (union sigval){0}), EINVAL, "a signal that is none");
    kill(getpid(), SIGUSR1);
    int got = 0;
    is_int(sigwait(&set, &got), 0, "sigwait");
    is_int(got, SIGUSR1, "takes one that is pending");
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* --- Threads --------------------------------------------------------------------------------- */

static volatile pthread_t handled_by;
static int pipe_ends[2];

static void who(int signal) {
    last_signal = signal;
    handled_by = pthread_self();
    calls++; /* last: it is what others wait for */
}

static volatile pid_t reads; /* the reader's id */

static void await_read(void) {
    while (!reads) sched_yield();
    await_state(reads, "S");
}

/* Reads until told to stop; answers how often a signal broke off a read. */
static void *reader(void *unused) {
    long interrupted = 0;
    ssize_t n;
    char c = 0;

    (void)unused;
    reads = gettid();
    while ((n = read(pipe_ends[0], &c, 1)) != 1 || c != 'q') interrupted += n < 0 && errno == EINTR;
    return (void *)interrupted;
}

static void *wait_for_usr2(void *unused) {
    sigset_t set;
    int got = 0;

    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigwait(&set, &got);
    return (void *)(long)got;
}

/* While this thread and the reader block or not, the process's signal finds who takes it. */
static void threads(void) {
    pthread_t t;
    sigset_t set, old;
    void *result = NULL;

    pipe(pipe_ends);
    handle(SIGUSR1, who, SA_RESTART);
    pthread_create(&t, NULL, reader, NULL);
    await_read();
    pthread_kill(t, SIGUSR1);
    while (calls < 1) sched_yield();
    ok(pthread_equal(handled_by, t), "pthread_kill: that thread handles it");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    await_read();
    kill(getpid(), SIGUSR1);
    while (calls < 2) sched_yield();
    ok(pthread_equal(handled_by, t), "kill: a thread that does not block it");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    write(pipe_ends[1], "q", 1);
    pthread_join(t, &result);
    is_int((long)result, 0, "SA_RESTART: the read went on");
    handle(SIGUSR1, who, 0);
    reads = 0;
    pthread_create(&t, NULL, reader, NULL);
    for (int i = 1; i <= 50; i++) {
        await_read();
        pthread_kill(t, SIGUSR1);
        while (calls < i) sched_yield();
    }
    write(pipe_ends[1], "q", 1);
    pthread_join(t, &result);
    is_int((long)result, 50, "without it, EINTR each time");
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    pthread_create(&t, NULL, wait_for_usr2, NULL);
    kill(getpid(), SIGUSR2);
    pthread_join(t, &result);
    is_int((long)result, SIGUSR2, "a thread in sigwait gets what the process is sent");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* siginterrupt: the same handler, and what it interrupts goes on or not. */
static long interruptions(int interrupt) {
    struct sigaction now;
    pthread_t t;
    void *result = NULL;

    reads = calls = 0;
    if (siginterrupt(SIGUSR1, interrupt)) return -1;
    sigaction(SIGUSR1, NULL, &now);
    if (now.sa_handler != who || !!(now.sa_flags & SA_RESTART) == !!interrupt) return -2;
    pthread_create(&t, NULL, reader, NULL);
    await_read();
    pthread_kill(t, SIGUSR1);
    while (calls < 1) sched_yield();
    await_read();
    write(pipe_ends[1], "q", 1);
    pthread_join(t, &result);
    return (long)result;
}

static void interrupts(void) {
    handle(SIGUSR1, who, SA_RESTART);
    is_int(interruptions(1), 1, "siginterrupt: a read ends by the handler");
    is_int(interruptions(0), 0, "or goes on");
    fails(siginterrupt(NSIG, 1), EINVAL, "a signal that is none");
    fails(siginterrupt(SIGKILL, 0), EINVAL, "one that no handler can have");
}

/* What psignal and psiginfo write to standard error. */
static const char *said(void (*say)(const char *), const char *prefix) {
    static char text[200];
    int to[2], before = dup(2);

    (void)!pipe(to);
    dup2(to[1], 2);
    say(prefix);
    dup2(before, 2);
    close(before);
    close(to[1]);
    ssize_t n = read(to[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(to[0]);
    return text;
}

static void say_signal(const char *prefix) {
    psignal(SIGTERM, prefix);
}

static void say_info(const char *prefix) {
    psiginfo(&(siginfo_t){.si_signo = SIGTERM}, prefix);
}

static void say_none(const char *prefix) {
    psignal(12345, prefix);
}

static void names(void) {
    char want[100];

    snprintf(want, sizeof want, "it ended: %s\n", strsignal(SIGTERM));
    is_str(said(say_signal, "it ended"), want, "psignal");
    is_str(said(say_info, "it ended"), want, "psiginfo");
    is_str(said(say_signal, NULL), want + 10, "without a prefix");
    is_str(said(say_signal, ""), want + 10, "or with an empty one");
    ok(strstr(said(say_none, "x"), "x: ") && strchr(said(say_none, "x"), '\n'), "a number that is no signal's");
}

static void suspend(void) {
    sigset_t set, old, none;

    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    handle(SIGUSR1, count, 0);
    raise(SIGUSR1);
    is_int(calls, 0, "blocked");
    fails(sigsuspend(&none), EINTR, "sigsuspend ends by it");
    is_int(calls, 1, "after the handler");
    sigprocmask(SIG_BLOCK, NULL, &none);
    ok(sigismember(&none, SIGUSR1), "with the mask as before");
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* --- Stacks, jumps, contexts ----------------------------------------------------------------- */

static sigjmp_buf back;

static void jump(int signal) {
    siglongjmp(back, signal);
}

static void jumps(void) {
    sigset_t now;
    volatile int times = 0;

    handle(SIGUSR1, jump, 0);
    if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    ok(!sigismember(&now, SIGUSR1), "siglongjmp brings the mask back");
    while (times < 10)
        if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
        else times++;
    is_int(times, 10, "so it can be left that way again and again");
    if (sigsetjmp(back, 0) == 0) raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, NULL, &now);
    ok(sigismember(&now, SIGUSR1), "unless it was not kept");
    sigdelset(&now, SIGUSR1);
    sigprocmask(SIG_SETMASK, &now, NULL);
}

static void where(int signal) {
    calls++;
    last_signal = signal;
    frame = __builtin_frame_address(0);
}

static void other_stack(void) {
    static char stack[65536];
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack}, old;

    fails(sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = 100}, NULL), ENOMEM, "too small a stack");
    is_int(sigaltstack(&s, NULL), 0, "another stack");
    handle(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    ok(frame >= stack && frame < stack + sizeof stack, "SA_ONSTACK: the handler is on it");
    handle(SIGUSR1, where, 0);
    raise(SIGUSR1);
    ok(frame < stack || frame >= stack + sizeof stack, "without it, not");
    s.ss_flags = SS_DISABLE;
    is_int(sigaltstack(&s, &old), 0, "given up");
    ok(old.ss_sp == stack && old.ss_flags == 0, "what there was");
}

static char *page;

static void repair(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;

    calls += signal == SIGSEGV && info->si_addr == page + 5 && info->si_code == SEGV_ACCERR &&
             uc->uc_mcontext.gregs[REG_CR2] == (long)(page + 5);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void skip_over(int signal, siginfo_t *info, void *context) {
    ucontext_t *uc = context;

    calls += signal == SIGILL && info->si_addr == (void *)uc->uc_mcontext.gregs[REG_RIP];
    uc->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
    uc->uc_mcontext.gregs[REG_RAX] = 77;
}

static void contexts(void) {
    struct sigaction a = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
    long value = 0;
    double x = 1.5, y = 2.25;

    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &a, NULL);
    calls = 0;
    ((volatile char *)page)[5] = 9;
    ok(calls == 1 && page[5] == 9, "SIGSEGV says where and why, and the store goes on");
    a.sa_sigaction = skip_over;
    sigaction(SIGILL, &a, NULL);
    calls = 0;
    __asm__ volatile("ud2" : "=a"(value));
    ok(calls == 1 && value == 77, "a handler may change registers");
    ok(x * y == 3.375, "floating point is as before");
    signal(SIGSEGV, SIG_DFL);
    signal(SIGILL, SIG_DFL);
}

static void children(void) {
    struct sigaction a = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status = -1;

    sigaction(SIGCHLD, &a, NULL);
    calls = 0;
    pid_t child = fork();
    if (child == 0) _exit(3);
    waitpid(child, &status, 0);
    while (!calls) sched_yield();
    ok(last_info.si_pid == child && last_info.si_code == CLD_EXITED && last_info.si_status == 3,
       "SIGCHLD says who ended and how");
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, count);
    calls = 0;
    close(pipe_ends[0]);
    fails(write(pipe_ends[1], "x", 1), EPIPE, "a pipe that nobody reads");
    is_int(calls, 1, "SIGPIPE");
}

int main(void) {
    plan(0);
    flags();
    masks();
    queues();
    threads();
    interrupts();
    names();
    suspend();
    jumps();
    other_stack();
    contexts();
    children();
    return done_testing();
}
