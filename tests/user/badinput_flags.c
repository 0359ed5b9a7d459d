/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Every unknown bit of every flag word of the memory calls: refused as documented, before any effect. And vectors
 * that the kernel writes to, at every hostile place.
 *
 * clauses: A2 L14 L18 L19 L20 L22 I6
 * pitfalls: B29
 */
#include "tests/user/support.h"

#define N  4
#define RW (PROT_READ | PROT_WRITE)

static char *p;

static bool unchanged(void) {
    return strcmp(lock_map(p, N), ".#..") == 0;
}

/* For each bit not in known: does call(bit) fail with want and change nothing? */
static int wrong_bits(unsigned known, int want, int (*call)(int)) {
    int wrong = 0;
    for (int bit = 0; bit < 32; bit++) {
        if (known >> bit & 1) continue;
        int e = call((int)(1u << bit));
        if (e == want && unchanged() && vmlck() == 1) continue;
        if (wrong++ < 3) diag("bit %d: errno %d, wanted %d", bit, e, want);
    }
    return wrong;
}

static int call_mlock2(int flags) {
    return errno_of(mlock2(p, N * PG, (unsigned)flags));
}

static int call_mlockall(int flags) {
    return errno_of(mlockall(flags | MCL_CURRENT));
}

static int call_mprotect(int prot) {
    return errno_of(mprotect(p, N * PG, prot | PROT_READ));
}

static int call_msync(int flags) {
    return errno_of(msync(p, N * PG, flags | MS_SYNC));
}

static int call_mremap(int flags) {
    return errno_of(mremap(p, N * PG, 2 * N * PG, flags));
}

static int call_shared_validate(int flags) {
    return errno_of(mmap(NULL, PG, RW, flags | 3, 0, 0)); /* MAP_SHARED_VALIDATE of a descriptor: below */
}

static int call_memfd(int flags) {
    int e = errno_of(memfd_create("flags", (unsigned)flags));
    return e;
}

static int call_madvise(int advice) {
    return errno_of(madvise(p, N * PG, advice));
}

static void vectors(void) {
    char *hole = anon(3), *ro = map_pages(1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    char *big = map_pages(64, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    cut(hole, 1, 1);
    fails(mincore(big, 64 * PG, (void *)(hole + PG - 8)), EFAULT, "L22: a vector that crosses into a hole");
    fails(mincore(big, 64 * PG, (void *)(hole + PG)), EFAULT, "L22: a vector in a hole");
    fails(mincore(big, 64 * PG, (void *)ro), EFAULT, "L22: a read-only vector");
    fails(mincore(big, 64 * PG, (void *)(USER_END - 1)), EFAULT, "L22: a vector across the end of user space");
    fails(mincore(big, 64 * PG, (void *)UINTPTR_MAX), EFAULT, "L22: a vector at the last byte of all");
    fails(mincore(big, 64 * PG, (void *)0x0000800000000000ul), EFAULT, "L22: a non-canonical vector");
    is_int(mincore(big, 64 * PG, (unsigned char *)hole + 2 * PG + 1), 0, "L22: a misaligned vector is good");
    is_int(mincore(big, 64 * PG, (unsigned char *)hole + PG - 64), 0, "L22: and one that ends where the hole begins");
    munmap(hole, 3 * PG), munmap(ro, PG), munmap(big, 64 * PG);
}

int main(void) {
    plan(20);
    p = anon(N);
    mlock(p + PG, PG);
    is_int(wrong_bits(1, EINVAL, call_mlock2), 0, "L14: each unknown flag of mlock2");
    is_int(wrong_bits(7, EINVAL, call_mlockall), 0, "A2: each unknown flag of mlockall");
    /* Bits 24 and 25 are PROT_GROWSDOWN and PROT_GROWSUP: EINVAL on what is no stack. Bit 3 is PROT_SEM. */
    is_int(wrong_bits(7 | 8, EINVAL, call_mprotect), 0, "I6: each unknown protection of mprotect");
    is_int(wrong_bits(7, EINVAL, call_msync), 0, "L20: each unknown flag of msync");
    is_int(wrong_bits(7, EINVAL, call_mremap), 0, "L18: each unknown flag of mremap");
    int fd = memfd(1);
    if (dup2(fd, 0) != 0) bail_out("dup2");
    /* The known: the four types' bits, FIXED, ANONYMOUS, GROWSDOWN ... STACK, HUGETLB, FIXED_NOREPLACE, 32BIT, and sizes. */
    is_int(wrong_bits(0xfc1fffffu, EOPNOTSUPP, call_shared_validate), 0, "I6: MAP_SHARED_VALIDATE with each unknown flag");
    is_int(wrong_bits(0xfc00001fu, EINVAL, call_memfd), 0, "I6: each unknown flag of memfd_create");
    is_int(wrong_bits((1u << 5) - 1, EINVAL, call_madvise), 0, "L19: each unknown advice");
    fails(madvise(p, N * PG, 7), EINVAL, "L19: advice in a gap of the numbers");
    is_str(lock_map(p, N), ".#..", "L4: the locks are what they were");
    is_str(core_map(p, N), "0100", "L4: and nothing was brought in");
    vectors();
    munlockall();
    ok(audit_clean(), "I4: the audit agrees");
    return done_testing();
}
