/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Threads and the rest of libc: keys, fork among threads, streams, memory, policies, processors.
 */
#include "tests/tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4

static pthread_t threads[THREADS];

static void start(void *(*f)(void *), void *arg) {
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, f, arg)) bail_out("no thread");
}

static long finish(void) {
    long sum = 0;

    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    return sum;
}

/* --- Keys ------------------------------------------------------------------------------------ */

static pthread_key_t key, second;
static int destroyed, again;
static void *seen;

static void destroy(void *value) {
    seen = value;
    destroyed++;
    if (pthread_getspecific(key)) destroyed = -100; /* it is NULL by now */
}

static void destroy_again(void *value) {
    again++;
    pthread_setspecific(second, value);
}

static void *use_keys(void *value) {
    long good = pthread_getspecific(key) == NULL && pthread_setspecific(key, value) == 0 &&
                pthread_getspecific(key) == value;

    pthread_setspecific(second, value);
    return (void *)good;
}

static void keys(void) {
    pthread_key_t all[PTHREAD_KEYS_MAX + 1];
    int count = 0;

    is_int(pthread_key_create(&key, destroy), 0, "a key");
    is_int(pthread_key_create(&second, destroy_again), 0, "another");
    start(use_keys, (void *)7);
    is_int(finish(), THREADS, "each thread has its own value, at first NULL");
    is_int(destroyed, THREADS, "a destructor for each");
    ok(seen == (void *)7, "with the value");
    is_int(again, THREADS * PTHREAD_DESTRUCTOR_ITERATIONS, "one that stores anew runs so often");
    pthread_setspecific(second, NULL);
    while (count <= PTHREAD_KEYS_MAX && pthread_key_create(&all[count], NULL) == 0) count++;
    is_int(count, PTHREAD_KEYS_MAX - 2, "as many keys as promised");
    for (int i = 0; i < count; i++) pthread_key_delete(all[i]);
    pthread_setspecific(key, &key);
    is_int(pthread_key_delete(key), 0, "deleted");
    is_int(pthread_key_delete(key), EINVAL, "not twice");
    is_int(pthread_setspecific(key, &key), EINVAL, "not used any more");
    pthread_key_create(&all[0], NULL);
    ok(all[0] == key && pthread_getspecific(key) == NULL, "made anew it has no old value");
    pthread_key_delete(all[0]);
    pthread_key_delete(second);
}

/* --- fork ------------------------------------------------------------------------------------ */

static char order[16];

#define HANDLER(name, letter)                     \
    static void name(void) {                      \
        strlcat(order, letter, sizeof order);     \
    }
HANDLER(before_1, "a")
HANDLER(before_2, "b")
HANDLER(parent_1, "c")
HANDLER(parent_2, "d")
HANDLER(child_1, "e")
HANDLER(child_2, "f")

static volatile bool stop;

/* Keeps every lock of libc busy. */
static void *be_busy(void *file) {
    while (!stop) {
        char *p = malloc(100), *q = malloc(40000);
        fprintf(file, "%s\n", "busy");
        setenv("BUSY", "yes", 1);
        rand();
        free(p);
        free(q);
    }
    return NULL;
}

static void *in_child(void *arg) {
    return (void *)((long)arg + 1);
}

/* The child uses all that the threads of its parent were using. */
static int live_as_child(FILE *file) {
    pthread_t t;
    void *result = NULL;

    for (int i = 0; i < 10; i++) free(malloc(100));
    fprintf(file, "child\n");
    fflush(NULL);
    setenv("CHILD", "yes", 1);
    if (pthread_create(&t, NULL, in_child, (void *)1) || pthread_join(t, &result)) return 1;
    return result == (void *)2 && getenv("CHILD") && rand() >= 0 ? 0 : 2;
}

static void fork_among_threads(void) {
    FILE *file = fopen("/dev/null", "w");
    int good = 0, status = -1;

    if (!file) bail_out("no /dev/null");
    start(be_busy, file);
    for (int i = 0; i < 50; i++) {
        pid_t child = fork();
        if (child == 0) _exit(live_as_child(file));
        good += waitpid(child, &status, 0) == child && status == 0;
    }
    stop = true;
    finish();
    is_int(good, 50, "a child of a busy program can do everything");
    fclose(file);
}

static void *fork_in_thread(void *unused) {
    pid_t child = fork();
    int status = -1;

    (void)unused;
    if (child == 0) pthread_exit(NULL); /* the only thread there: ends the process with 0 */
    waitpid(child, &status, 0);
    return (void *)(long)(status == 0);
}

static void at_fork(void) {
    int status = -1;

    pthread_atfork(before_1, parent_1, child_1);
    pthread_atfork(before_2, parent_2, child_2);
    pid_t child = fork();
    if (child == 0) _exit(strcmp(order, "baef") ? 1 : 0);
    waitpid(child, &status, 0);
    is_int(status, 0, "handlers in the child, in order");
    is_str(order, "bacd", "handlers in the parent, in order");
    start(fork_in_thread, NULL);
    is_int(finish(), THREADS, "a thread that forks is the child's first");
}

/* --- Streams and memory ---------------------------------------------------------------------- */

static int ends[2];

static void *write_lines(void *file) {
    for (int i = 0; i < 200; i++) {
        fprintf(file, "%s-%d\n", "abcdefghijklmnopqrstuvwxyz", 12345);
        flockfile(file);
        for (const char *p = "ABCDEFGHIJ\n"; *p; p++) putc_unlocked(*p, file);
        funlockfile(file);
    }
    return NULL;
}

static void *read_lines(void *file) {
    char line[100];
    long good = 0;

    while (fgets(line, sizeof line, file))
        good += !strcmp(line, "abcdefghijklmnopqrstuvwxyz-12345\n") || !strcmp(line, "ABCDEFGHIJ\n");
    return (void *)good;
}

static void streams(void) {
    if (pipe(ends)) bail_out("no pipe");
    FILE *to = fdopen(ends[1], "w"), *from = fdopen(ends[0], "r");
    pthread_t reader;
    void *good = NULL;

    pthread_create(&reader, NULL, read_lines, from);
    start(write_lines, to);
    finish();
    fclose(to);
    pthread_join(reader, &good);
    is_int((long)good, THREADS * 400, "lines of four threads do not mix");
    fclose(from);
}

static void *hold_and_try(void *file) {
    return (void *)(long)(ftrylockfile(file) != 0);
}

static void locked_stream(void) {
    pthread_t t;
    void *refused = NULL;

    flockfile(stderr);
    is_int(ftrylockfile(stderr), 0, "a thread holds a stream twice");
    funlockfile(stderr);
    pthread_create(&t, NULL, hold_and_try, stderr);
    pthread_join(t, &refused);
    ok(refused != NULL, "another does not");
    funlockfile(stderr);
}

static void *allocate(void *seed) {
    unsigned char *held[64] = {0};
    unsigned state = (unsigned)(unsigned long)seed;
    long bad = 0;

    for (int i = 0; i < 20000; i++) {
        unsigned at = (unsigned)rand_r(&state) % 64, n = (unsigned)rand_r(&state) % 2000 + 1;
        if (held[at]) {
            bad += held[at][0] != (unsigned char)at;
            free(held[at]);
        }
        held[at] = malloc(n);
        held[at][0] = held[at][n - 1] = (unsigned char)at;
    }
    for (int i = 0; i < 64; i++) free(held[i]);
    return (void *)bad;
}

/* --- Policies, processors -------------------------------------------------------------------- */

static sem_t leave;

static void *wait_here(void *unused) {
    while (sem_wait(&leave)) continue;
    return unused;
}

static void policies(void) {
    struct sched_param p = {.sched_priority = 77};
    int policy = -1;
    cpu_set_t set, got;
    pthread_attr_t a;
    pthread_t t;

    is_int(sched_get_priority_min(SCHED_FIFO), 1, "priorities begin at 1");
    is_int(sched_get_priority_max(SCHED_RR), 99, "and end at 99");
    fails(sched_get_priority_max(12345), EINVAL, "of a policy that is none");
    is_int(sched_getscheduler(0), SCHED_OTHER, "an ordinary process");
    sem_init(&leave, 0, 0);
    pthread_create(&t, NULL, wait_here, NULL);
    is_int(pthread_getschedparam(t, &policy, &p), 0, "a thread's policy");
    ok(policy == SCHED_OTHER && p.sched_priority == 0, "is its maker's");
    is_int(pthread_getaffinity_np(t, sizeof set, &set), 0, "a thread's processors");
    ok(CPU_COUNT(&set) >= 1, "are %d", CPU_COUNT(&set));
    is_int(pthread_setaffinity_np(t, sizeof set, &set), 0, "set to the same");
    pthread_getaffinity_np(t, sizeof got, &got);
    ok(CPU_EQUAL(&set, &got), "and unchanged");
    CPU_ZERO(&got);
    is_int(pthread_setaffinity_np(t, sizeof got, &got), EINVAL, "not to none");
    ok(CPU_ISSET(sched_getcpu(), &set), "this runs on one of them");
    is_int(pthread_kill(t, 0), 0, "signal 0 asks whether it is there");
    is_int(pthread_kill(t, 32), EINVAL, "libc's own signals are not sent");
    sem_post(&leave);
    pthread_join(t, NULL);
    pthread_attr_init(&a);
    pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
    p.sched_priority = 10;
    pthread_attr_setschedpolicy(&a, SCHED_FIFO);
    pthread_attr_setschedparam(&a, &p);
    sem_post(&leave);
    int error = pthread_create(&t, &a, wait_here, NULL);
    ok(error == 0 || error == EPERM, "a FIFO thread, for those who may (%s)", strerror(error));
    if (error == 0) pthread_join(t, NULL);
    p.sched_priority = 0;
    pthread_attr_setschedparam(&a, &p);
    error = pthread_create(&t, &a, wait_here, NULL);
    is_int(error, EINVAL, "not with priority 0");
}

int main(void) {
    plan(0);
    keys();
    fork_among_threads();
    at_fork();
    streams();
    locked_stream();
    start(allocate, (void *)99);
    is_int(finish(), 0, "memory of four threads does not mix");
    policies();
    return done_testing();
}
