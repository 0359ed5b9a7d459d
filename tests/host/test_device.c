/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Device memory: mapped and unmapped like any other, and in all else left alone (contract A4).
 */
#include "tests/host/support.h"

#include <asm/errno.h>
#include <string.h>

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define REGISTERS 0xfe000000ul
#define PAGES 4ul

static struct space *s;
static struct object *o;

static void test_map(void) {
    uint8_t vec[PAGES];
    long at = map_object(s, o, 0, PAGES, RW, MAP_SHARED);
    ok(at > 0, "a device's registers can be mapped");
    is_int(map_object(s, o, 0, PAGES, RW, MAP_PRIVATE), -EACCES, "not privately");
    is_int(map_object(s, o, 0, PAGES, RO | PROT_EXEC, MAP_SHARED), -EACCES, "nor to be executed");
    is_int(map_object(s, o, 0, PAGES, RW, MAP_SHARED | MAP_LOCKED), -EAGAIN, "L23: nor locked");
    is_int(space_fault(s, (vaddr_t)at, FAULT_READ), 0, "touching one maps it");
    is_int(space_fault(s, (vaddr_t)at + PAGE_SIZE, FAULT_WRITE), 0, "for writing too");
    is_int(space_incore(s, (vaddr_t)at, PAGES, vec), 0, "L22: mincore may be asked");
    ok(vec[0] && vec[1] && vec[PAGES - 1], "and says that registers are always there");
    long ro = map_object(s, o, 1, 1, RO, MAP_SHARED);
    is_int(space_fault(s, (vaddr_t)ro, FAULT_WRITE), -EACCES, "a read-only mapping is one");
    is_int(space_fault(s, (vaddr_t)ro, FAULT_READ), 0, "which can be read");
    long past = map_object(s, o, PAGES, 1, RO, MAP_SHARED);
    is_int(space_fault(s, (vaddr_t)past, FAULT_READ), -ENXIO, "past the registers there is nothing");
    audit_ok("registers mapped");
    is_int(space_unmap(s, (vaddr_t)ro, PAGE_SIZE), 0, "they can be unmapped");
    is_int(space_unmap(s, (vaddr_t)past, PAGE_SIZE), 0, "wherever they are");
    is_int(space_unmap(s, (vaddr_t)at + PAGE_SIZE, PAGE_SIZE), 0, "and in part");
    is_int(space_unmap(s, (vaddr_t)at, PAGES * PAGE_SIZE), 0, "and whole");
    audit_ok("registers unmapped");
}

static void test_left_alone(void) {
    struct space_stats st;
    struct space *child;
    struct pinned p;
    char byte = 1;
    long at = map_object(s, o, 0, PAGES, RW, MAP_SHARED), plain = map_anon(s, 2, RW, MAP_PRIVATE);
    is_int(space_fault(s, (vaddr_t)at, FAULT_WRITE), 0, "registers beside plain memory");
    is_int(space_lock(s, (vaddr_t)at, PAGE_SIZE, false), -ENOMEM, "L9: mlock refuses them");
    is_int(space_lock_all(s, MCL_CURRENT | MCL_FUTURE), 0, "A4: mlockall passes over them");
    space_get_stats(s, &st);
    is_int(st.locked, 2, "A4: and does not charge them");
    long later = map_object(s, o, 0, PAGES, RW, MAP_SHARED);
    space_get_stats(s, &st);
    ok(later > 0 && st.locked == 2, "A4: nor those that are mapped under MCL_FUTURE");
    is_int(space_poke(s, (vaddr_t)at, &byte, 1), -EFAULT, "the kernel does not write there");
    is_int(space_peek(s, &byte, (vaddr_t)at, 1), -EFAULT, "nor read");
    is_int(space_pin(s, (vaddr_t)at, 1, false, &p), -EFAULT, "nor pin");
    is_int(space_protect(s, (vaddr_t)at, PAGE_SIZE, RO), -EACCES, "mprotect is refused");
    is_int(space_remap(s, (vaddr_t)at, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0), -EFAULT, "mremap too");
    is_int(space_advise(s, (vaddr_t)at, PAGE_SIZE, MADV_POPULATE_READ), -EINVAL, "there is nothing to bring in");
    is_int(space_advise(s, (vaddr_t)at, PAGE_SIZE, MADV_DONTNEED), 0, "and nothing is lost by MADV_DONTNEED");
    is_int(space_fork(s, &child), 0, "a fork");
    is_int(space_fault(child, (vaddr_t)at, FAULT_READ), -EFAULT, "does not hand them to the child");
    is_int(peek(child, (vaddr_t)plain), 0, "which has the rest");
    space_end(child);
    audit_ok("with device memory in the middle of all");
}

static void test_revoke(void) {
    long at = map_object(s, o, 0, PAGES, RW, MAP_SHARED);
    is_int(space_fault(s, (vaddr_t)at, FAULT_WRITE), 0, "registers in use");
    object_revoke(o);
    is_int(space_fault(s, (vaddr_t)at, FAULT_WRITE), -ENXIO, "are gone from every mapping when they are taken back");
    audit_ok("after they were taken back");
}

int main(void) {
    mm_start(16);
    struct baseline base = baseline_now();
    s = space_new();
    o = object_create_device(REGISTERS, PAGES * PAGE_SIZE);
    ok(o != NULL, "an object for registers");
    test_map();
    test_left_alone();
    test_revoke();
    space_end(s);
    object_drop(o);
    baseline_ok(&base, "after everything");
    return done_testing();
}
