/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The rest of the kernel for mm/'s host tests: panic, log, trace, injection; and the checks that every
 * test makes.
 */
#include "tests/host/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot/bootinfo.h"
#include "kernel/pager.h"
#include "kernel/race.h"
#include "kernel/trace.h"

/* ---- the ways out ---- */

static int report_fd = -1; /* in a child: where its words go */

static _Noreturn void end_test(const char *what, const char *fmt, va_list ap) {
    char line[512];
    int n = snprintf(line, sizeof(line), "%s: ", what);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    if (report_fd >= 0) {
        say("%s", line);
        _exit(0);
    }
    printf("# %s\nBail out! %s\n", line, line);
    fflush(stdout);
    abort();
}

void panic(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    end_test("panic", fmt, ap);
}

void host_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    end_test("machine", fmt, ap);
}

void log_line(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (report_fd < 0) {
        printf("# ");
        vprintf(fmt, ap);
        printf("\n");
    }
    va_end(ap);
}

void trace(enum trace_id id, uint64_t a, uint64_t b) {
    (void)id, (void)a, (void)b;
}

void trace_dump(unsigned n) {
    (void)n;
}

/* ---- injection ---- */

static unsigned armed[INJECT_SITES];

bool inject(enum inject_site site) {
    return armed[site] && --armed[site] == 0;
}

void inject_arm(enum inject_site site, unsigned nth) {
    armed[site] = nth;
}

unsigned inject_left(enum inject_site site) {
    return armed[site];
}

/* ---- who serves page-out ---- */

void memory_owed(void) {}

bool current_is_pager(void) {
    return false;
}

/* ---- yields on order ---- */

uint32_t race_armed;
static void (*race_other)(enum race_id);

void race_meet(void (*other)(enum race_id)) {
    race_other = other;
    race_armed = other ? UINT32_MAX : 0;
}

void race_yield(enum race_id id) {
    sync_as_other();
    race_other(id);
    sync_as_self();
}

/* ---- a machine, spaces, mappings ---- */

void mm_start(uint64_t mib) {
    host_power(mib * MIB);
    mm_init(&boot_info);
}

static struct space *new_space(const struct space_limits *limits) {
    struct space *s = space_create(limits);
    if (!s) host_die("space_create failed");
    return s;
}

#define NO_LIMIT UINT64_MAX

uint64_t free_frames(void) {
    struct frame_stats st;
    frame_get_stats(&st);
    return st.count[FRAME_FREE];
}

struct space *space_new(void) {
    return new_space(&(struct space_limits){NO_LIMIT, NO_LIMIT, NO_LIMIT, 8 * MIB, true});
}

struct space *space_new_limited(uint64_t pages) {
    return new_space(&(struct space_limits){pages * PAGE_SIZE, NO_LIMIT, NO_LIMIT, 8 * MIB, false});
}

void space_end(struct space *s) {
    host_leave(s);
    space_drop(s);
}

long map_anon(struct space *s, uint64_t pages, int prot, int flags) {
    struct map_request r = {.len = pages * PAGE_SIZE, .prot = prot, .max_prot = 7};
    r.flags = flags | MAP_ANONYMOUS | (flags & MAP_SHARED ? 0 : MAP_PRIVATE);
    return space_map(s, &r);
}

int map_anon_at(struct space *s, vaddr_t va, uint64_t pages, int prot, int flags) {
    struct map_request r = {.addr = va, .len = pages * PAGE_SIZE, .prot = prot, .max_prot = 7};
    r.flags = flags | MAP_ANONYMOUS | MAP_FIXED | (flags & MAP_SHARED ? 0 : MAP_PRIVATE);
    long at = space_map(s, &r);
    return at == (long)va ? 0 : (int)at;
}

long map_object(struct space *s, struct object *o, uint64_t first, uint64_t pages, int prot, int flags) {
    struct map_request r = {.len = pages * PAGE_SIZE, .prot = prot, .max_prot = 7, .object = o};
    r.flags = flags;
    r.offset = first * PAGE_SIZE;
    return space_map(s, &r);
}

int poke(struct space *s, vaddr_t va, uint8_t byte) {
    return host_write(s, va, &byte, 1);
}

int peek(struct space *s, vaddr_t va) {
    uint8_t byte;
    int result = host_read(s, va, &byte, 1);
    return result ? result : byte;
}

long resident(struct space *s, vaddr_t va, uint64_t pages) {
    uint8_t *vec = calloc(pages, 1);
    long n = space_incore(s, va, pages, vec);
    for (uint64_t i = 0; n >= 0 && i < pages; i++) n += vec[i] & 1;
    free(vec);
    return n;
}

/* ---- audits ---- */

const char *audit_error(void) {
    static const uint8_t zeroes[PAGE_SIZE];
    sync_check_idle();
    mmu_check();
    if (memcmp(frame_addr(zero_pfn), zeroes, PAGE_SIZE) != 0) return "the frame of zeroes was written";
    return mm_audit();
}

bool audit_clean(void) {
    const char *error = audit_error();
    if (error) diag("%s", error);
    return !error;
}

struct baseline baseline_now(void) {
    struct mm_stats st;
    mm_get_stats(&st);
    return (struct baseline){
        .free = st.frames.count[FRAME_FREE], .promised = st.frames.promised, .given = st.frames.given,
        .pins = st.frames.pins, .locked = st.locked, .spaces = st.spaces, .regions = st.regions, .heap = heap_live(),
    };
}

bool baseline_same(const struct baseline *want) {
    static const char *const names[] = {"free", "promised", "given", "pins", "locked", "spaces", "regions", "heap"};
    struct baseline got = baseline_now();
    const uint64_t *a = (const uint64_t *)want, *b = (const uint64_t *)&got;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (a[i] != b[i]) diag("%s: was %lu, is %lu", names[i], a[i], b[i]);
    return memcmp(want, &got, sizeof(got)) == 0;
}

/* ---- children ---- */

void say(const char *fmt, ...) {
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(line)) n = sizeof(line) - 1;
    if (report_fd < 0) diag("%s", line);
    else if (write(report_fd, line, (size_t)n) != n) _exit(2);
}

static void read_all(int fd, char *to, size_t size) {
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = read(fd, to + n, size - 1 - n)) > 0) n += (size_t)got;
    to[n] = 0;
    char rest[256];
    while (read(fd, rest, sizeof(rest)) > 0) continue; /* or the writer would wait */
}

const char *child_says(void (*fn)(void *), void *arg) {
    static char words[1024];
    int fds[2], status;
    fflush(stdout);
    if (pipe(fds) != 0) host_die("no pipe");
    pid_t pid = fork();
    if (pid < 0) host_die("no child");
    if (pid == 0) {
        close(fds[0]);
        report_fd = fds[1];
        dup2(fds[1], STDERR_FILENO); /* what a sanitizer has to say */
        fn(arg);
        _exit(0);
    }
    close(fds[1]);
    read_all(fds[0], words, sizeof(words));
    close(fds[0]);
    waitpid(pid, &status, 0);
    size_t n = strlen(words);
    if (WIFSIGNALED(status)) snprintf(words + n, sizeof(words) - n, "signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status)) snprintf(words + n, sizeof(words) - n, "exit %d", WEXITSTATUS(status));
    return words;
}

bool child_panics(void (*fn)(void *), void *arg, const char *text) {
    const char *words = child_says(fn, arg);
    bool good = strstr(words, text) != NULL;
    if (!good) diag("the child said \"%s\", not \"%s\"", words, text);
    return good;
}

/* ---- random numbers: xorshift64* (Vigna 2016) ---- */

uint64_t rng_next(struct rng *r) {
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1dul;
}

uint64_t rng_below(struct rng *r, uint64_t n) {
    return (rng_next(r) >> 11) % n;
}

uint64_t option(int argc, char **argv, const char *name, uint64_t fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return strtoul(argv[i + 1], NULL, 0);
    return fallback;
}

uint64_t seed_of(int argc, char **argv) {
    const char *env = getenv("SEED");
    uint64_t seed = option(argc, argv, "--seed", env && *env ? strtoul(env, NULL, 0) : 1);
    diag("seed %lu", seed);
    return seed ? seed : 1;
}
