/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Calls picked at random with arguments from a pool of hostile values: whatever happens to the program, the kernel
 * lives, the audit is clean, and when the program has ended everything is back. Now and then an allocation inside
 * the next calls is made to fail.
 *
 *     fuzz_calls [SEED [CALLS [LAST SEED]]]     without: 24 seeds, 400 calls each
 *
 * Left out are calls that would end the walk, wait for ever, or harm others: exit, fork, kill, pipes, sleeping.
 *
 * clauses: I1 I3 I4 I8
 * pitfalls: B18 B20 B29
 * needs: holdfast
 */
#include "tests/user/support.h"

static const short calls[] = {
    /* memory, most of the time */
    9, 10, 11, 12, 25, 26, 27, 28, 149, 150, 151, 152, 325, 9, 10, 11, 25, 28, 149, 150, 325, 9, 10, 149, 150, 1543, 1543,
    /* files */
    0, 1, 2, 3, 4, 5, 6, 8, 16, 17, 18, 19, 20, 21, 32, 33, 72, 77, 79, 80, 89, 95, 217, 257, 262, 269, 292, 319, 319, 77,
    /* processes and identity */
    24, 39, 59, 61, 97, 98, 100, 102, 104, 107, 108, 109, 110, 111, 118, 120, 121, 160, 186, 13, 14, 127, 131, 247,
    /* the machine, requests, and numbers that no call has */
    63, 96, 99, 201, 204, 218, 228, 229, 273, 318, 1314, 1316, 1317, 1570, 400, 999, 1000, 1999, -1};
#define CALLS (sizeof calls / sizeof *calls)

static uint64_t state;
static char *arena, *only_read;

static uint64_t next(void) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return state >> 20;
}

static uint64_t below(uint64_t n) {
    return next() % n;
}

static long raw(long n, const uint64_t *a) {
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static uint64_t address(void) {
    static const uint64_t hostile[] = {0,      1,                  USER_END - 1, USER_END,      USER_END - PG, 0x800000000000,
                                       KERNEL, 0xffff800000000000, ~0ull,        ~0ull - PG + 1};
    switch (below(8)) {
    case 0: return hostile[below(10)];
    case 1: return (uint64_t)only_read + below(PG);
    case 2: return (uint64_t)arena + below(64 * PG);
    default: return (uint64_t)arena + below(64) * PG;
    }
}

static uint64_t number(void) {
    static const uint64_t edges[] = {0,          1,          PG - 1,     PG,    PG + 1,     1ull << 31,
                                     1ull << 32, 1ull << 47, 1ull << 63, ~0ull, ~0ull - PG, ~0ull - 1};
    switch (below(8)) {
    case 0: return edges[below(12)];
    case 1: return 1ull << below(64);
    case 2: return next() << 20 ^ next();
    case 3: return below(16);
    default: return below(32) * PG;
    }
}

static uint64_t argument(int position, long call) {
    if (call == 9 && position == 3) return below(4) ? (0x22 | (below(4) ? 0 : 1ull << below(20))) : number(); /* mmap's flags */
    if (call == 9 && position == 5) return below(4) ? 0 : number();
    if (position == 2 && below(2)) return below(8); /* protections, flags */
    if (position == 0 && below(2)) return call < 9 || call == 77 ? 3 + below(6) : address();
    return below(2) ? address() : number();
}

static void fail_soon(void) {
    static const char *const sites[] = {"debug.inject.frame", "debug.inject.heap", "debug.inject.reserve"};
    uint64_t n = below(8);
    const char *site = sites[below(3)];
    raw(1570, (uint64_t[]){(uint64_t)site, strlen(site), 0, 0, (uint64_t)&n, sizeof n});
}

/* Nothing here prints: descriptors 0 to 2 are closed, so that no call can write to the console. */
static void one_walk(void *arg) {
    unsigned count = *(unsigned *)arg;
    arena = anon(64);
    only_read = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    for (int fd = 0; fd < 3; fd++) close(fd);
    open("/proc/self/status", O_RDONLY);
    memfd(4);
    memfd(8);
    for (unsigned i = 0; i < count; i++) {
        uint64_t a[6];
        long call = calls[below(CALLS)];
        for (int p = 0; p < 6; p++) a[p] = argument(p, call);
        if (below(8) == 0) fail_soon();
        raw(call, a);
    }
    uint64_t zero[6] = {0};
    raw(231, zero); /* exit_group: libc may be unmapped by now */
}

/* Did all come back? Both kinds of end are good: 0, or a signal for what the program did to itself. */
static bool walk(uint64_t seed, unsigned count) {
    static const char *const counts[] = {"vm.stats.locked", "vm.stats.pins", "vm.stats.spaces", "kern.files", "vfs.aio.requests"};
    uint64_t before[5];
    unsigned *shared_count = shared(sizeof *shared_count);
    *shared_count = count;
    state = seed;
    for (int i = 0; i < 5; i++) before[i] = knob(counts[i]);
    int status = as_root(one_walk, shared_count);
    munmap(shared_count, PG);
    bool good = WIFSIGNALED(status) || WIFEXITED(status);
    for (int i = 0; i < 5; i++) {
        long change = knob_change(counts[i], before[i]);
        if (change) good = false, diag("seed %lu: %s changed by %ld", (unsigned long)seed, counts[i], change);
    }
    if (!audit_clean()) good = false, diag("seed %lu: the audit found something", (unsigned long)seed);
    return good;
}

int main(int argc, char **argv) {
    needs_holdfast();
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1, last = argc > 3 ? strtoul(argv[3], NULL, 0) : argc > 1 ? seed : 24;
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 400;
    plan((int)(last - seed) + 2);
    walk(seed, 1); /* first-time costs */
    uint64_t frames = knob("vm.stats.free_frames");
    for (; seed <= last; seed++)
        ok(walk(seed, count), "I4: %u calls at random (repeat: fuzz_calls %lu %u)", count, (unsigned long)seed, count);
    long change = knob_change("vm.stats.free_frames", frames);
    ok(change >= -8, "I8: no frames were lost (%ld)", change);
    return done_testing();
}
