/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The named knobs: reading, setting, who may, and every bad argument. And the system-wide cap behind one
 * of them.
 *
 * clauses: B2 B3 L10 L12 Q7 I5
 * needs: holdfast
 */
#include "tests/user/aio_support.h"

#include <sys/syscall.h>

static const char *const all[] = {
    "vfs.aio.max_aio_queue", "vfs.aio.max_aio_queue_per_proc", "vfs.aio.max_aio_per_proc", "vfs.aio.slice",
    "vfs.aio.requests", "vfs.aio.queued", "vfs.aio.parked", "vfs.aio.running", "vfs.aio.active", "vfs.aio.finished",
    "vfs.aio.stalled", "vfs.aio.processes", "vfs.aio.accepted", "vfs.aio.slices", "vfs.aio.cancels", "vm.max_user_wired",
    "vm.stats.total_frames", "vm.stats.free_frames", "vm.stats.promised", "vm.stats.given", "vm.stats.locked",
    "vm.stats.pins", "vm.stats.spaces", "vm.stats.regions", "vm.stats.heap_live", "vm.stats.slabs", "kern.threads",
    "kern.processes", "kern.files", "debug.audit", "debug.inject.frame", "debug.inject.heap", "debug.inject.reserve",
    "debug.inject.stall", "debug.aio.hold",
    "debug.aio.step", "hw.ncpu", "debug.ipi.reach", "debug.ipi.calls", "debug.panic",
};
#define ALL (sizeof all / sizeof all[0])

#define CAP "vm.max_user_wired"

static void all_readable(void) {
    int good = 0;
    for (size_t i = 0; i < ALL; i++) {
        uint64_t value = 0;
        size_t len = 8;
        good += sysctlbyname(all[i], &value, &len, NULL, 0) == 0 && len == 8;
        if (good != (int)i + 1) bail_out("%s: %s", all[i], strerror(errno));
    }
    is_int(good, ALL, "B3: every knob can be read, 8 bytes each");
}

static void texts(void) {
    char text[64];
    size_t len = sizeof text;
    is_int(sysctlbyname("kern.ostype", text, &len, NULL, 0), 0, "B3: a text");
    is_str(text, "Holdfast", "B3: its bytes");
    is_int(len, 9, "B3: its length, NUL included");
    len = sizeof text;
    is_int(sysctlbyname("debug.audit_text", text, &len, NULL, 0), 0, "I5: what the auditor says");
    is_str(text, "ok", "I5: is ok");
    fails(sysctlbyname("kern.ostype", NULL, NULL, "Other", 6), EPERM, "B3: a text cannot be set");
}

static void lengths(void) {
    uint64_t value = 77;
    size_t len = 0;
    is_int(sysctlbyname(CAP, NULL, &len, NULL, 0), 0, "B2: asking for the length alone");
    is_int(len, 8, "B2: is answered");
    len = 7;
    fails(sysctlbyname(CAP, &value, &len, NULL, 0), ENOMEM, "B2: a buffer that is too short: ENOMEM");
    is_int(len, 8, "B2: and the length that is needed");
    is_int(value, 77, "B2: and nothing was copied");
    len = 64;
    uint64_t big[8] = {0};
    is_int(sysctlbyname(CAP, big, &len, NULL, 0), 0, "B2: a buffer that is too long");
    is_int(len, 8, "B2: is told how much it got");
    is_int(sysctlbyname(CAP, NULL, NULL, NULL, 0), 0, "B2: asking for nothing");
}

static void bad_names(void) {
    static char big[5000];
    uint64_t value;
    size_t len = 8;
    memset(big, 'a', sizeof big - 1);
    fails(sysctlbyname("no.such.knob", &value, &len, NULL, 0), ENOENT, "B3: an unknown name");
    fails(sysctlbyname("", &value, &len, NULL, 0), ENOENT, "B3: an empty name");
    fails(sysctlbyname("vm.max_user_wire", &value, &len, NULL, 0), ENOENT, "B3: a beginning of a name");
    fails(sysctlbyname("vm.max_user_wired.", &value, &len, NULL, 0), ENOENT, "B3: a name and more");
    fails(sysctlbyname(big, &value, &len, NULL, 0), ENOENT, "B3: a name of 5000 bytes");
    fails(syscall(SYS_sysctlbyname, KERNEL, 5, &value, &len, NULL, 0), EFAULT, "B3: a name in the kernel");
    fails(syscall(SYS_sysctlbyname, NULL, 5, &value, &len, NULL, 0), EFAULT, "B3: no name");
    fails(syscall(SYS_sysctlbyname, "kern.ostype", SIZE_MAX, &value, &len, NULL, 0), ENOENT, "B3: a name of SIZE_MAX bytes");
    fails(syscall(SYS_sysctlbyname, "kern.ostype\0xyz", 15, &value, &len, NULL, 0), ENOENT, "B3: a name with a NUL in it");
}

static void bad_pointers(void) {
    uint64_t value = 5;
    size_t len = 8;
    fails(sysctlbyname(CAP, (void *)KERNEL, &len, NULL, 0), EFAULT, "B2: a buffer in the kernel");
    fails(sysctlbyname(CAP, &value, (size_t *)KERNEL, NULL, 0), EFAULT, "B2: its length in the kernel");
    fails(sysctlbyname(CAP, &value, NULL, NULL, 0), EFAULT, "B2: a buffer without a length");
    fails(sysctlbyname(CAP, NULL, NULL, (void *)KERNEL, 8), EFAULT, "B2: a new value in the kernel");
    fails(sysctlbyname(CAP, NULL, NULL, &value, 4), EINVAL, "B2: a new value of four bytes");
    fails(sysctlbyname(CAP, NULL, NULL, &value, 0), EINVAL, "B2: of none");
    fails(sysctlbyname(CAP, NULL, NULL, &value, SIZE_MAX), EINVAL, "B2: of SIZE_MAX");
    fails(sysctlbyname("vm.stats.locked", NULL, NULL, &value, 8), EPERM, "B3: what cannot be set");
}

static void as_nobody(void *result) {
    uint64_t value = 1;
    size_t len = 8;
    int *r = result;
    r[0] = errno_of(sysctlbyname(CAP, NULL, NULL, &value, 8));
    r[1] = errno_of(sysctlbyname(CAP, &value, &len, NULL, 0));
    r[2] = errno_of(sysctlbyname("debug.aio.hold", NULL, NULL, &value, 8));
}

static void privilege(void) {
    int *r = shared(3 * sizeof *r);
    uint64_t cap = knob(CAP);
    as_user(1, as_nobody, r);
    is_int(r[0], EPERM, "B2: only root may set a knob");
    is_int(r[1], 0, "B2: anyone may read one");
    is_int(r[2], EPERM, "B2: that holds for those of tests too");
    is_int(knob(CAP), cap, "B2: and nothing has changed");
    munmap(r, PG);
}

/* The cap binds root as well, through every door, and lowering it unlocks nothing. */
static void the_cap(void) {
    uint64_t cap = knob(CAP), total = knob("vm.stats.total_frames"), locked = knob("vm.stats.locked");
    char *p = anon(16);
    ok(cap < total, "B2: the default leaves frames for others: %lu of %lu", (unsigned long)cap, (unsigned long)total);
    fails(set_knob(CAP, total + 1), EINVAL, "B2: more than there are");
    fails(set_knob(CAP, UINT64_MAX), EINVAL, "B2: UINT64_MAX");
    is_int(knob(CAP), cap, "B2: nothing has changed");
    must_set(CAP, locked + 4);
    is_int(knob(CAP), locked + 4, "B2: a cap of four pages more than are locked");
    fails(mlock(p, 5 * PG), ENOMEM, "L12: five pages are too many, for root too");
    is_int(lock_by_request(p, 5 * PG), ENOMEM, "B2: by a request as well");
    is_int(lock_by_request(p, 4 * PG), 0, "B2: four are not");
    fails(mlock(p + 4 * PG, PG), ENOMEM, "B2: now the cap is reached");
    fails(mlockall(MCL_CURRENT), ENOMEM, "B2: for mlockall too");
    is_int(mlock(p, 4 * PG), 0, "L11: locking the same again costs nothing");
    must_set(CAP, 0);
    is_str(lock_map(p, 5), "####.", "B1: lowering the cap below what is locked unlocks nothing");
    is_int(munlock(p, 2 * PG), 0, "B1: unlocking goes on");
    fails(mlock(p, PG), ENOMEM, "B1: and nothing more can be locked");
    must_set(CAP, cap);
    is_int(mlock(p, 16 * PG), 0, "B2: until the cap is as before");
    munmap(p, 16 * PG);
    is_int(knob("vm.stats.locked"), locked, "I3: all is unlocked again");
}

static void old_and_new(void) {
    uint64_t old = 0, new = 100;
    size_t len = 8;
    is_int(sysctlbyname("vfs.aio.slice", &old, &len, &new, sizeof new), 0, "Q7: reading and setting in one call");
    is_int(old, SLICE, "Q7: gives the old value");
    is_int(knob("vfs.aio.slice"), 100, "Q7: and sets the new one");
    len = 2;
    fails(sysctlbyname("vfs.aio.slice", &old, &len, &old, sizeof old), ENOMEM, "Q7: if the old one does not fit");
    is_int(knob("vfs.aio.slice"), 100, "Q7: the new one is not set");
}

int main(void) {
    aio_test();
    all_readable();
    texts();
    lengths();
    bad_names();
    bad_pointers();
    privilege();
    the_cap();
    old_and_new();
    ok(audit_clean(), "I5: the audit is clean");
    return done_testing();
}
