/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Page faults, case by case as mm/fault.c draws them, and what each costs.
 */
#include "tests/host/support.h"

#include <asm/errno.h>
#include <string.h>

#include "arch/mmu.h"
#include "mm/space.h"

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)

static char file_bytes[4 * PAGE_SIZE];

static pfn_t frame_at(struct space *s, vaddr_t va) {
    struct walk w;
    mmu_walk(s->pmap.root, va, &w);
    return w.present ? w.pfn : NO_PFN;
}

static uint64_t faults_of(struct space *s) {
    struct space_stats st;
    space_get_stats(s, &st);
    return st.minor_faults;
}

static uint64_t frames_in(enum frame_state state) {
    struct frame_stats st;
    frame_get_stats(&st);
    return st.count[state];
}

static void test_anonymous(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    vaddr_t a = (vaddr_t)map_anon(s, 8, RW, 0);
    is_int(resident(s, a, 8), 0, "nothing is resident before it is touched");
    is_int(peek(s, a), 0, "case 1: fresh memory reads as zero");
    is_int(frame_at(s, a), zero_pfn, "from the one frame of zeroes");
    is_int(frames_in(FRAME_ANON), 0, "which costs no frame");
    is_int(poke(s, a, 1), 0, "case 7: a write to it");
    ok(frame_at(s, a) != zero_pfn && frames_in(FRAME_ANON) == 1, "brings a frame of its own");
    is_int(peek(s, a), 1, "with what was written");
    is_int(peek(s, a + 1), 0, "and zeroes");
    is_int(faults_of(s), 2, "two faults in all");
    poke(s, a + PAGE_SIZE, 2);
    is_int(faults_of(s), 3, "case 2: a write to fresh memory is one fault");
    poke(s, a, 3), peek(s, a + PAGE_SIZE + 77);
    is_int(faults_of(s), 3, "and then no more");
    is_int(resident(s, a, 8), 2, "L22: two pages are resident");
    audit_ok("after anonymous faults");
    space_end(s);
    baseline_ok(&base, "after anonymous faults");
}

static void test_refused(void) {
    struct space *s = space_new();
    vaddr_t ro = (vaddr_t)map_anon(s, 2, RO, 0), none = (vaddr_t)map_anon(s, 1, PROT_NONE, 0);
    vaddr_t rx = (vaddr_t)map_anon(s, 1, RX, 0);
    is_int(host_touch(s, 0x1000, FAULT_READ), -EFAULT, "nothing is mapped there: SEGV_MAPERR");
    is_int(host_touch(s, 0, FAULT_READ), -EFAULT, "page 0 neither");
    is_int(host_touch(s, USER_MAX, FAULT_READ), -EFAULT, "nor the last page below the hole");
    is_int(space_fault(s, 0xffff800000000000, FAULT_READ), -EFAULT, "a kernel address is no mapping");
    is_int(space_fault(s, UINT64_MAX, FAULT_WRITE), -EFAULT, "nor is the last byte there is");
    is_int(host_touch(s, ro, FAULT_WRITE), -EACCES, "a write to read-only memory: SEGV_ACCERR");
    is_int(host_touch(s, ro, FAULT_EXEC), -EACCES, "a fetch from it");
    is_int(host_touch(s, none, FAULT_READ), -EACCES, "any access to PROT_NONE");
    is_int(host_touch(s, rx, FAULT_EXEC), 0, "code can be fetched");
    is_int(host_touch(s, rx, FAULT_WRITE), -EACCES, "and not written");
    is_int(faults_of(s), 1, "only faults that were resolved are counted");
    is_int(resident(s, none, 1), 0, "a refused access brings nothing in");
    audit_ok("after refused accesses");
    space_end(s);
}

static void test_file(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new(), *t = space_new();
    for (size_t i = 0; i < sizeof(file_bytes); i++) file_bytes[i] = (char)(i * 7 >> 3);
    struct object *o = object_create_file(file_bytes, 3 * PAGE_SIZE + 5);
    vaddr_t a = (vaddr_t)map_object(s, o, 1, 4, RW, MAP_PRIVATE), b = (vaddr_t)map_object(t, o, 0, 4, RX, MAP_PRIVATE);
    is_int(peek(s, a + 5), (uint8_t)file_bytes[PAGE_SIZE + 5], "case 3: a file's bytes");
    peek(t, b + PAGE_SIZE);
    is_int(frame_at(s, a), frame_at(t, b + PAGE_SIZE), "from one frame for all");
    is_int(poke(s, a + 5, 0xee), 0, "a write to it");
    ok(frame_at(s, a) != frame_at(t, b + PAGE_SIZE), "case 7: copies it");
    is_int(peek(s, a + 6), (uint8_t)file_bytes[PAGE_SIZE + 6], "with the bytes around");
    is_int(peek(t, b + PAGE_SIZE + 5), (uint8_t)file_bytes[PAGE_SIZE + 5], "and nobody else sees it");
    is_int(poke(s, a + PAGE_SIZE, 0xdd), 0, "case 4: a write to a page that is not there");
    is_int(peek(s, a + PAGE_SIZE + 1), (uint8_t)file_bytes[2 * PAGE_SIZE + 1], "copies the file's page");
    is_int(host_touch(t, b, FAULT_EXEC), 0, "a file can be executed");
    is_int(peek(s, a + 2 * PAGE_SIZE + 5), 0, "behind the file's last byte is zero");
    is_int(peek(s, a + 3 * PAGE_SIZE), -ENXIO, "behind its last page is SIGBUS");
    is_int(host_touch(s, a + 3 * PAGE_SIZE, FAULT_WRITE), -ENXIO, "for writing too");
    audit_ok("after faults on a file");
    object_drop(o);
    space_end(s), space_end(t);
    baseline_ok(&base, "after faults on a file");
}

static void test_shared(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    struct object *o = object_create_shared(2 * PAGE_SIZE);
    vaddr_t a = (vaddr_t)map_object(s, o, 0, 2, RW, MAP_SHARED), b = (vaddr_t)map_object(s, o, 0, 2, RO, MAP_SHARED);
    is_int(peek(s, a), 0, "case 5: shared memory reads as zero");
    uint64_t before = faults_of(s);
    poke(s, a, 5);
    is_int(faults_of(s), before, "and the read brought the right to write with it");
    is_int(peek(s, b), 5, "another mapping shows the same");
    is_int(frame_at(s, a), frame_at(s, b), "by the same frame");
    is_int(host_touch(s, b, FAULT_WRITE), -EACCES, "each with its own rights");
    object_drop(o);
    space_end(s);
    baseline_ok(&base, "after shared memory");
}

static void test_cow(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new(), *child;
    vaddr_t a = (vaddr_t)map_anon(s, 2, RW, 0);
    poke(s, a, 1);
    is_int(space_fork(s, &child), 0, "a space forks");
    pfn_t shared = frame_at(s, a);
    is_int(frame_at(child, a), shared, "parent and child share the page");
    is_int(frame_of(shared)->refs, 2, "I4: two entries reach it");
    poke(child, a, 2);
    is_int(peek(s, a), 1, "case 7: the child's write does not reach the parent");
    is_int(frame_at(s, a), shared, "the parent keeps the frame");
    is_int(frame_of(shared)->refs, 1, "alone");
    uint64_t anon = frames_in(FRAME_ANON);
    poke(s, a, 3);
    ok(frame_at(s, a) == shared && frames_in(FRAME_ANON) == anon, "case 6: whose next write copies nothing");
    audit_ok("after copies on write");
    space_end(child);
    space_end(s);
    baseline_ok(&base, "after copies on write");
}

/* MAP_NORESERVE: the only private pages whose fault may fail. */
static void test_noreserve(void) {
    struct baseline base = baseline_now();
    struct space *s = space_new();
    vaddr_t a = (vaddr_t)map_anon(s, 100000, RW, MAP_NORESERVE);
    ok((long)a > 0, "MAP_NORESERVE: far more than memory can be mapped");
    is_int(poke(s, a, 1), 0, "and used");
    inject_arm(INJECT_RESERVE, 1);
    is_int(poke(s, a + PAGE_SIZE, 1), -ENOMEM, "until there is no frame to promise");
    is_int(poke(s, a + PAGE_SIZE, 1), 0, "which is said once, not remembered");
    uint64_t n = 2;
    while (poke(s, a + n * PAGE_SIZE, 1) == 0) n++;
    ok(n > 1000, "%lu pages until memory is full", n);
    audit_ok("with memory full");
    is_int(poke(s, a, 2), 0, "what is there still works");
    space_end(s);
    baseline_ok(&base, "after memory was full");
}

/* For exec: the same checks, from the kernel. */
static void test_poke_peek(void) {
    struct space *s = space_new();
    char buf[3 * PAGE_SIZE];
    vaddr_t a = (vaddr_t)map_anon(s, 2, RW, 0), ro = (vaddr_t)map_anon(s, 1, RO, 0);
    is_int(space_poke(s, a + PAGE_SIZE - 2, "abcd", 4), 0, "space_poke writes across pages");
    is_int(space_peek(s, buf, a + PAGE_SIZE - 2, 4), 0, "space_peek reads them");
    ok(memcmp(buf, "abcd", 4) == 0 && peek(s, a + PAGE_SIZE) == 'c', "as the program sees them");
    is_int(space_peek(s, buf, UINT64_MAX - 1, 100), -EFAULT, "a range that wraps");
    is_int(space_peek(s, buf, USER_MAX - 1, 2), -EFAULT, "one that leaves user space");
    is_int(space_peek(s, buf, 0, 0), -EFAULT, "an address below user space, even for no bytes");
    is_int(space_poke(s, ro, "x", 1), -EFAULT, "read-only memory is not poked");
    is_int(space_poke(s, a + PAGE_SIZE, buf, 3 * PAGE_SIZE), -EFAULT, "nor what runs into a hole");
    space_end(s);
}

int main(void) {
    mm_start(32);
    test_anonymous();
    test_refused();
    test_file();
    test_shared();
    test_cow();
    test_noreserve();
    test_poke_peek();
    return done_testing();
}
