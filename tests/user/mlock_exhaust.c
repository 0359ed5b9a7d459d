/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * No frames to be had although every limit allows it: EAGAIN, nothing locked, nothing lost. Pages are promised
 * when they are mapped, so it takes MAP_NORESERVE to come here.
 *
 * clauses: L10 A3 L23 I8
 * needs: holdfast
 */
#include "tests/user/support.h"

#define NORESERVE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Promise away frames until `left` can be had: how many. */
static uint64_t hog(uint64_t left) {
    uint64_t size = knob("vm.stats.free_frames") - (knob("vm.stats.promised") - knob("vm.stats.given")) - left;
    for (; size > left; size -= 16) { /* page tables are promised too */
        void *p = mmap(NULL, size * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) return size;
    }
    return 0;
}

/* Another process has them, until it hears from us: its pages are not ours to lock. */
static pid_t start_hog(uint64_t left, int *stop, uint64_t *size) {
    int go[2], ready[2];
    if (pipe(go) != 0 || pipe(ready) != 0) bail_out("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        uint64_t n = hog(left);
        if (write(ready[1], &n, sizeof n) != sizeof n) _exit(1);
        _exit(read(go[0], &n, 1) == 0 ? 0 : 2);
    }
    close(go[0]), close(ready[1]);
    if (read(ready[0], size, sizeof *size) != sizeof *size) bail_out("the other process is gone");
    close(ready[0]);
    *stop = go[1];
    return pid;
}

int main(void) {
    needs_holdfast();
    plan(15);
    uint64_t size = 0, want = 2048, cap = knob("vm.max_user_wired");
    int stop;
    char *p = map_pages(want, PROT_READ | PROT_WRITE, NORESERVE);
    pid_t other = start_hog(512, &stop, &size);
    ok(size > 0, "L10: most frames are promised to another process (%lu pages)", (unsigned long)size);
    ok(cap > 2 * want, "L10: the cap would allow %lu pages", (unsigned long)want);
    uint64_t locked = knob("vm.stats.locked");
    fails(mlock(p, want * PG), EAGAIN, "L10: mlock of pages that nobody promised and no frame is there for");
    is_int(strspn(lock_map(p, MAP_SHOWN), "."), MAP_SHOWN, "L4: locks nothing");
    is_int(knob("vm.stats.locked"), locked, "L4: and charges nothing");
    ok(audit_clean(), "I3: the audit agrees");
    fails(mlockall(MCL_CURRENT), EAGAIN, "A3: mlockall likewise");
    is_int(vmlck(), 0, "A3: locks nothing");
    madvise(p, want * PG, MADV_DONTNEED); /* what the attempts brought in */
    fails(mmap(NULL, want * PG, PROT_READ | PROT_WRITE, NORESERVE | MAP_LOCKED, -1, 0), EAGAIN, "L23: MAP_LOCKED says so too");
    fails(mmap(NULL, want * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM,
          "L10: an ordinary mapping is refused when it is made: no overcommit");
    is_int(mlock(p, 16 * PG), 0, "L10: what frames there are can be locked");
    close(stop);
    is_int(waitpid(other, NULL, 0), other, "L10: the other process goes");
    is_int(mlock(p, want * PG), 0, "L10: when the frames are back, all of it can be");
    is_int(vmlck(), want, "L11: and is charged");
    munmap(p, want * PG);
    ok(audit_clean(), "I4: the audit agrees at the end");
    return done_testing();
}
