/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What Holdfast is for, shown: `make run` runs this.
 *
 * Locks memory in each way there is, with the fault counters that prove it; asks for 64 MiB and goes on
 * working; changes its mind about the next 64 MiB; forks; and as another user runs into each limit. It
 * knows what should happen, says so where something else does, and ends with a status that tells.
 *
 *     [#### . ]   one letter for a part of the range: '#' resident, '.' not, 'o' partly
 */
#include <aio.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096ul
#define MIB    (1ul << 20)
#define MOST   (64 * MIB)
#define NOBODY 65534
#define BAR    48 /* letters in a bar */

static int surprises;
static size_t big = MOST; /* what is asked for asynchronously: less where less can be locked */

/* ---- saying ---- */

static void heading(const char *text) {
    static int number;
    printf("\n%d. %s\n", ++number, text);
}

/* "    what happened ............ result", and a remark if the result is not as it should be. */
__attribute__((format(printf, 3, 4))) static void line(bool as_expected, const char *what, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = printf("   %s ", what);
    while (n++ < 58) putchar('.');
    putchar(' ');
    vprintf(fmt, ap);
    printf("%s\n", as_expected ? "" : "   <-- SURPRISE");
    va_end(ap);
    if (!as_expected) surprises++;
}

static const char *error_name(int error) {
    switch (error) {
    case 0: return "done";
    case EPERM: return "EPERM";
    case ENOMEM: return "ENOMEM";
    case EAGAIN: return "EAGAIN";
    case EINVAL: return "EINVAL";
    case ECANCELED: return "ECANCELED";
    case EINPROGRESS: return "EINPROGRESS";
    default: return strerror(error);
    }
}

/* A call that ends in this error, or in none (0). */
static void ends_in(int expected, long result, const char *what) {
    int error = result == -1 ? errno : 0;
    line(error == expected, what, "%s%s%s", error_name(error), error ? ": " : "", error ? strerror(error) : "");
}

/* ---- looking ---- */

static uint64_t knob(const char *name) {
    uint64_t value = 0;
    size_t size = sizeof value;
    sysctlbyname(name, &value, &size, NULL, 0);
    return value;
}

static long faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_minflt + r.ru_majflt;
}

/* Writes to each page: how many faults that took. */
static long faults_writing(char *p, size_t bytes) {
    faults(); /* so that its own first time does not count */
    long before = faults();
    for (size_t i = 0; i < bytes; i += PAGE) ((volatile char *)p)[i] = 'x';
    return faults() - before;
}

/* Resident pages of a range, drawn as a bar. */
static size_t draw_range(const char *p, size_t bytes, char bar[BAR + 1]) {
    static unsigned char in[MOST / PAGE];
    size_t pages = bytes / PAGE, resident = 0;
    mincore((void *)p, bytes, in);
    for (size_t part = 0; part < BAR; part++) {
        size_t from = part * pages / BAR, to = (part + 1) * pages / BAR, here = 0;
        for (size_t i = from; i < to; i++) here += in[i] & 1;
        bar[part] = here == to - from ? '#' : here ? 'o' : '.';
        resident += here;
    }
    bar[BAR] = 0;
    return resident;
}

static void show(const char *p, size_t bytes) {
    char bar[BAR + 1];
    size_t resident = draw_range(p, bytes, bar);
    printf("   [%s] %zu of %zu pages resident\n", bar, resident, bytes / PAGE);
}

static char *map(size_t bytes) {
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED) return p;
    printf("This machine is too small for %lu MiB: give it more (make run, or hf run --mem 256M).\n", (unsigned long)(bytes / MIB));
    exit(1);
}

static double microseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Pages that are locked, but for those of whoever serves this machine's disks. */
static uint64_t others;

static unsigned long locked_now(void) {
    return (unsigned long)(knob("vm.stats.locked") - others);
}

/* ---- the scenes ---- */

static void unlocked(void) {
    char *p = map(MIB);
    heading("A megabyte that nobody locked");
    show(p, MIB);
    long n = faults_writing(p, MIB);
    line(n > 0, "writing to each page for the first time", "%ld faults", n);
    munmap(p, MIB);
}

static void by_mlock(void) {
    char *p = map(MIB);
    heading("The same by mlock: resident when it returns, and no fault ever after");
    ends_in(0, mlock(p, MIB), "mlock");
    show(p, MIB);
    long n = faults_writing(p, MIB);
    line(n == 0, "writing to each page for the first time", "%ld faults", n);
    ends_in(0, mlock(p, MIB), "mlock again");
    ends_in(0, munlock(p, MIB), "one munlock undoes both, and moves nothing");
    show(p, MIB);
    munmap(p, MIB);
}

static void by_mlockall(void) {
    heading("All there is and all to come, by mlockall");
    ends_in(0, mlockall(MCL_CURRENT | MCL_FUTURE), "mlockall(MCL_CURRENT | MCL_FUTURE)");
    char *p = map(MIB);
    long n = faults_writing(p, MIB);
    line(n == 0, "writing to a megabyte that was mapped afterwards", "%ld faults", n);
    line(true, "pages locked now, code and stack included", "%lu", locked_now());
    ends_in(0, munlockall(), "munlockall");
    line(locked_now() == 0, "pages locked now", "%lu", locked_now());
    munmap(p, MIB);
}

static int ask(struct aiocb *cb, char *p, size_t bytes) {
    memset(cb, 0, sizeof *cb);
    cb->aio_buf = p;
    cb->aio_nbytes = bytes;
    cb->aio_sigevent.sigev_notify = SIGEV_NONE;
    return aio_mlock(cb);
}

/* Works until the request has come as far as `until` pages or has ended; draws a bar at each eighth. */
static unsigned long work_meanwhile(struct aiocb *cb, const char *p, size_t until) {
    unsigned long work = 0;
    size_t next = 0;
    char bar[BAR + 1];
    while (aio_error(cb) == EINPROGRESS) {
        for (int i = 0; i < 20000; i++) work += (work ^ (unsigned long)i) & 1; /* the program's own business */
        size_t resident = draw_range(p, big, bar);
        if (resident >= until) break;
        if (resident < next) continue;
        printf("   [%s] %3zu %%\n", bar, resident * 100 / (big / PAGE));
        next = resident + big / PAGE / 8;
    }
    return work;
}

static void by_request(void) {
    struct aiocb cb;
    char *p = map(big), text[64];
    snprintf(text, sizeof text, "%zu MiB by aio_mlock: ask, and go on", big / MIB);
    heading(text);
    double start = microseconds();
    int result = ask(&cb, p, big);
    double asked = microseconds() - start;
    ends_in(0, result, "aio_mlock");
    line(aio_error(&cb) == EINPROGRESS, "it returned at once: the request's state", "%s", error_name(aio_error(&cb)));
    unsigned long work = work_meanwhile(&cb, p, SIZE_MAX);
    double took = microseconds() - start;
    show(p, big);
    line(work > 0, "work that this program did meanwhile", "%lu steps", work);
    line(true, "time to ask; until all was locked", "%.0f us; %.0f us", asked, took);
    ends_in(0, aio_return(&cb), "aio_return");
    long n = faults_writing(p, big);
    snprintf(text, sizeof text, "writing to each of %zu pages", big / PAGE);
    line(n == 0, text, "%ld faults", n);
    munmap(p, big);
}

static void by_request_cancelled(void) {
    struct aiocb cb;
    char *p = map(big);
    heading("As much again, and a change of mind");
    ends_in(0, ask(&cb, p, big), "aio_mlock");
    work_meanwhile(&cb, p, big < MOST ? 0 : big / PAGE / 3); /* on a small machine it is soon over */
    int answer = aio_cancel(-1, &cb);
    line(answer == AIO_CANCELED, "aio_cancel, amid the work", "%s",
         answer == AIO_CANCELED ? "AIO_CANCELED" : answer == AIO_ALLDONE ? "AIO_ALLDONE" : "AIO_NOTCANCELED");
    ends_in(ECANCELED, aio_return(&cb), "aio_return");
    show(p, big);
    unsigned long locked = locked_now();
    line(locked == 0, "pages of it that are locked: all or nothing", "%lu", locked);
    munmap(p, big);
}

static int status_of(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void forking(void) {
    char *p = map(MIB);
    heading("fork: the child inherits the memory, not the locks; the parent does not pay");
    mlock(p, MIB);
    strcpy(p, "written by the parent");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        bool locked = msync(p, PAGE, MS_INVALIDATE) == -1 && errno == EBUSY;
        line(strcmp(p, "written by the parent") == 0, "the child reads", "\"%s\"", p);
        line(!locked, "the child's pages are", "%s", locked ? "locked" : "not locked");
        strcpy(p, "changed by the child");
        exit(surprises);
    }
    surprises += status_of(pid);
    line(strcmp(p, "written by the parent") == 0, "afterwards the parent reads", "\"%s\"", p);
    long n = faults_writing(p, MIB);
    line(n == 0, "the parent writes to each page", "%ld faults", n);
    munmap(p, MIB);
}

/* Another user with so much RLIMIT_MEMLOCK; what it finds surprising is its exit status. */
static void as_nobody(size_t limit, void (*scene)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit r = {limit, limit};
        surprises = setrlimit(RLIMIT_MEMLOCK, &r) != 0 || setuid(NOBODY) != 0;
        scene();
        exit(surprises);
    }
    surprises += status_of(pid);
}

static void without_a_limit(void) {
    char *p = map(PAGE);
    ends_in(EPERM, mlock(p, PAGE), "RLIMIT_MEMLOCK 0: mlock of a page");
}

static void with_four_pages(void) {
    char *p = map(8 * PAGE);
    struct aiocb cb;
    ends_in(0, mlock(p, 4 * PAGE), "RLIMIT_MEMLOCK 16 KiB: mlock of 4 pages");
    ends_in(ENOMEM, mlock(p + 4 * PAGE, PAGE), "mlock of a fifth");
    ends_in(0, mlock(p + PAGE, 2 * PAGE), "mlock of two that are locked already");
    ends_in(0, ask(&cb, p, 8 * PAGE), "aio_mlock of 8 pages is accepted");
    const struct aiocb *list[] = {&cb};
    aio_suspend(list, 1, NULL);
    ends_in(ENOMEM, aio_return(&cb), "and ends as mlock would");
    ends_in(ENOMEM, mlockall(MCL_CURRENT), "mlockall(MCL_CURRENT)");
    munlockall();
    ends_in(0, mlockall(MCL_FUTURE), "mlockall(MCL_FUTURE)");
    void *q = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ends_in(EAGAIN, q == MAP_FAILED ? -1 : 0, "then mmap of 8 pages");
    ends_in(0, munlockall(), "munlockall needs no permission");
}

static void with_too_many_requests(void) {
    static struct aiocb cbs[300];
    char *p = map(PAGE);
    int accepted = 0;
    while (accepted < 300 && ask(&cbs[accepted], p, PAGE) == 0) accepted++;
    int error = errno;
    bool exact = accepted == (int)knob("vfs.aio.max_aio_queue_per_proc");
    line(exact && error == EAGAIN, "requests until the queue is full", "%d, then %s", accepted, error_name(error));
    /* exits with all of them outstanding */
}

static void limits(void) {
    heading("Limits, met as another user");
    as_nobody(0, without_a_limit);
    as_nobody(4 * PAGE, with_four_pages);
    as_nobody(4 * PAGE, with_too_many_requests);
    line(knob("vfs.aio.requests") == 0, "requests left behind by an exit", "%lu", (unsigned long)knob("vfs.aio.requests"));
}

static void the_cap(void) {
    uint64_t cap = knob("vm.max_user_wired"), three = knob("vm.stats.locked") + 3;
    char *p = map(4 * PAGE);
    heading("And one that binds root as well");
    line(true, "pages that all programs may lock, of those there are", "%lu of %lu", (unsigned long)cap,
         (unsigned long)knob("vm.stats.total_frames"));
    ends_in(0, sysctlbyname("vm.max_user_wired", NULL, NULL, &three, sizeof three), "vm.max_user_wired = 3");
    ends_in(ENOMEM, mlock(p, 4 * PAGE), "mlock of 4 pages, as root");
    ends_in(0, mlock(p, 3 * PAGE), "mlock of 3");
    sysctlbyname("vm.max_user_wired", NULL, NULL, &cap, sizeof cap);
    munmap(p, 4 * PAGE);
}

static void the_books(void) {
    char text[128] = "";
    size_t len = sizeof text;
    heading("The books at the end");
    line(locked_now() == 0, "pages locked", "%lu", locked_now());
    if (knob("vm.swap.total"))
        line(knob("vm.swap.written") > 0, "pages that left memory meanwhile", "%lu", (unsigned long)knob("vm.swap.written"));
    line(knob("vfs.aio.requests") == 0, "requests outstanding", "%lu", (unsigned long)knob("vfs.aio.requests"));
    sysctlbyname("debug.audit_text", text, &len, NULL, 0);
    line(strcmp(text, "ok") == 0, "the auditor, over every frame, page table and charge", "%s", text);
}

int main(void) {
    others = knob("vm.stats.locked");
    while (big > MIB && 3 * big > knob("vm.max_user_wired") * PAGE) big /= 2;
    printf("Holdfast: memory that a program locks stays in memory.\n");
    unlocked();
    by_mlock();
    by_mlockall();
    by_request();
    by_request_cancelled();
    forking();
    limits();
    the_cap();
    the_books();
    if (surprises) printf("\n%d surprises: this is not as it should be.\n", surprises);
    else printf("\nEverything was as promised. Each promise, with its tests: docs/CONTRACT.md\n");
    return surprises ? 1 : 0;
}
