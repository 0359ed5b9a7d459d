/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads: made, joined, detached, ended; their memory, attributes and own variables.
 *
 * mem: 256M
 */
#include "tests/tap.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 1000

static __thread int own = 42;
static __thread _Alignas(64) char own_large[3000] = "large";
static int counter;

static int status_of(void (*body)(void)) {
    int status = -1;
    pid_t child = fork();

    if (child < 0) bail_out("no child");
    if (child == 0) {
        body();
        _exit(99);
    }
    if (waitpid(child, &status, 0) != child) bail_out("no status");
    return status;
}

static void *count(void *by) {
    __atomic_add_fetch(&counter, (int)(long)by, __ATOMIC_SEQ_CST);
    return by;
}

static void one_after_the_other(void) {
    pthread_t t;
    int good = 0;

    for (long i = 0; i < MANY; i++) {
        void *result = NULL;
        good += pthread_create(&t, NULL, count, (void *)1) == 0 && pthread_join(t, &result) == 0 &&
                result == (void *)1;
    }
    is_int(good, MANY, "a thousand threads one after the other");
    is_int(counter, MANY, "each of them ran");
}

static sem_t go;

static void *wait_and_count(void *by) {
    while (sem_wait(&go)) continue;
    return count(by);
}

static void many_at_once(int how_many) {
    static pthread_t t[MANY];
    pthread_attr_t a;
    int made = 0, joined = 0;

    counter = 0;
    sem_init(&go, 0, 0);
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
    while (made < how_many && pthread_create(&t[made], &a, wait_and_count, (void *)1) == 0) made++;
    for (int i = 0; i < made; i++) sem_post(&go);
    for (int i = 0; i < made; i++) joined += pthread_join(t[i], NULL) == 0;
    is_int(made, how_many, "%d threads at once", how_many);
    is_int(joined, how_many, "all joined");
    is_int(counter, how_many, "all ran");
}

static void *look_at_own(void *arg) {
    int *address = arg;
    bool good = own == 42 && strcmp(own_large, "large") == 0 && &own != address && errno == 0;

    own = 7;
    errno = ENXIO;
    return (void *)(long)(good && ((unsigned long)own_large & 63) == 0);
}

static void own_variables(void) {
    pthread_t t;
    void *good = NULL;

    own = 43;
    errno = E2BIG;
    for (int i = 0; i < 2; i++) {
        pthread_create(&t, NULL, look_at_own, &own);
        pthread_join(t, &good);
        ok(good != NULL, "a thread's variables begin as the program has them");
    }
    is_int(own, 43, "and the first thread's are its own");
    is_int(errno, E2BIG, "errno too");
}

static void *say_self(void *to) {
    *(pthread_t *)to = pthread_self();
    pthread_exit((void *)5);
}

static void *join_it(void *thread) {
    return (void *)(long)pthread_join(*(pthread_t *)thread, NULL);
}

static void identity(void) {
    static pthread_t self; /* the last thread may write to it when this has returned */
    pthread_t t, me = pthread_self();
    void *result;

    pthread_create(&t, NULL, say_self, &self);
    pthread_join(t, &result);
    ok(pthread_equal(t, self), "pthread_self is what pthread_create gave");
    ok(!pthread_equal(t, me), "two threads are not equal");
    is_int((long)result, 5, "pthread_exit's value arrives");
    is_int(pthread_join(pthread_self(), NULL), EDEADLK, "nobody joins itself");
    pthread_create(&t, NULL, say_self, &self);
    is_int(pthread_detach(t), 0, "a thread can be detached, ended or not");
}

static void *post(void *sem) {
    sem_post(sem);
    return NULL;
}

/* Were their stacks not given back, the address space limit would end this. */
static void detached(void) {
    pthread_attr_t a;
    pthread_t t;
    sem_t done;
    int good = 0, state = -1;

    sem_init(&done, 0, 0);
    pthread_attr_init(&a);
    is_int(pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED), 0, "detached by attribute");
    is_int(pthread_attr_getdetachstate(&a, &state), 0, "attribute read");
    is_int(state, PTHREAD_CREATE_DETACHED, "as set");
    is_int(pthread_attr_setdetachstate(&a, 7), EINVAL, "a state that is none");
    pthread_attr_setstacksize(&a, 1 << 20);
    for (int i = 0; i < MANY; i++) {
        if (pthread_create(&t, &a, post, &done)) break;
        while (sem_wait(&done)) continue;
        good++;
    }
    is_int(good, MANY, "a thousand detached threads of 1 MiB each");
}

static void *use_stack(void *arg) {
    volatile char large[20000];
    char **bounds = arg;

    for (size_t i = 0; i < sizeof large; i += 100) large[i] = (char)i;
    return (void *)(long)((char *)large >= bounds[0] && (char *)large < bounds[1]);
}

static void *attr_of_self(void *to) {
    return (void *)(long)pthread_getattr_np(pthread_self(), to);
}

static void stacks(void) {
    static _Alignas(16) char memory[65536];
    char *bounds[2] = {memory, memory + sizeof memory};
    pthread_attr_t a, seen;
    pthread_t t;
    void *result = NULL, *where;
    size_t size;

    pthread_attr_init(&a);
    is_int(pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN - 1), EINVAL, "too small a stack");
    is_int(pthread_attr_setstack(&a, memory, 100), EINVAL, "too small a stack of one's own");
    is_int(pthread_attr_setstack(&a, memory, sizeof memory), 0, "a stack of one's own");
    pthread_attr_getstack(&a, &where, &size);
    ok(where == memory && size == sizeof memory, "is remembered");
    is_int(pthread_create(&t, &a, use_stack, bounds), 0, "a thread on it");
    pthread_join(t, &result);
    ok(result != NULL, "runs there");
    is_int(pthread_attr_setstacksize(&a, 1000000), 0, "a large stack");
    is_int(pthread_attr_setguardsize(&a, 10000), 0, "a large guard");
    is_int(pthread_create(&t, &a, attr_of_self, &seen), 0, "made");
    pthread_join(t, &result);
    is_int((long)result, 0, "pthread_getattr_np");
    pthread_attr_getstack(&seen, &where, &size);
    ok(size >= 1000000, "the stack is as large as asked for (%zu)", size);
    pthread_attr_getguardsize(&seen, &size);
    is_int(size, 12288, "the guard is whole pages");
    pthread_attr_setstacksize(&a, PTRDIFF_MAX);
    is_int(pthread_create(&t, &a, use_stack, bounds), EAGAIN, "a stack that nobody has");
}

static void *overrun(void *arg) {
    pthread_attr_t a;
    void *stack;
    size_t size;

    pthread_getattr_np(pthread_self(), &a);
    pthread_attr_getstack(&a, &stack, &size);
    *((volatile char *)stack) = 1;
    *((volatile char *)stack - 1) = 1;
    return arg;
}

static void hit_guard(void) {
    pthread_t t;

    pthread_create(&t, NULL, overrun, NULL);
    pthread_join(t, NULL);
}

static void *exit_late(void *main_thread) {
    pthread_join(*(pthread_t *)main_thread, NULL);
    return NULL;
}

static void at_end(void) {
    _exit(11);
}

static void main_leaves_first(void) {
    static pthread_t me;
    pthread_t t;

    me = pthread_self();
    atexit(at_end);
    pthread_create(&t, NULL, exit_late, &me);
    pthread_exit(NULL);
}

static void *exit_all(void *unused) {
    exit(9);
    return unused;
}

static void thread_calls_exit(void) {
    pthread_t t;

    pthread_create(&t, NULL, exit_all, NULL);
    for (;;) pause();
}

static void *divide(void *unused) {
    raise(SIGTERM);
    return unused;
}

static void thread_dies(void) {
    pthread_t t;

    pthread_create(&t, NULL, divide, NULL);
    for (;;) pause();
}

static void *exec_in_thread(void *name) {
    char *argv[] = {name, (char[]){"done"}, NULL};

    execv(name, argv);
    return NULL;
}

static char *program;

static void thread_execs(void) {
    pthread_t t, other;

    sem_init(&go, 0, 0);
    pthread_create(&other, NULL, wait_and_count, (void *)1);
    pthread_create(&t, NULL, exec_in_thread, program);
    for (;;) pause();
}

static void endings(void) {
    int status = status_of(hit_guard);

    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "below the stack is the guard");
    is_int(WEXITSTATUS(status_of(main_leaves_first)), 11, "the last thread ends the process by exit");
    is_int(WEXITSTATUS(status_of(thread_calls_exit)), 9, "exit in any thread ends all");
    status = status_of(thread_dies);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "a deadly signal to one ends all");
    is_int(WEXITSTATUS(status_of(thread_execs)), 21, "exec in a thread ends the others");
}

static void *wait_for_joiner(void *unused) {
    while (sem_wait(&go)) continue;
    return unused;
}

static void joined_by_another(void) {
    pthread_t t, joiner;
    void *result = (void *)1;

    sem_init(&go, 0, 0);
    pthread_create(&t, NULL, wait_for_joiner, NULL);
    pthread_create(&joiner, NULL, join_it, &t);
    sem_post(&go);
    pthread_join(joiner, &result);
    is_int((long)result, 0, "any thread may join any other");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "done") == 0) return 21;
    program = argv[0];
    plan(0);
    one_after_the_other();
    many_at_once(100);
    many_at_once(MANY);
    own_variables();
    identity();
    joined_by_another();
    detached();
    stacks();
    endings();
    return done_testing();
}
