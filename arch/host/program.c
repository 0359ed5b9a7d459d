/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Programs on the emulated CPUs: loads, stores and fetches that fault as ring 3 would, the fault handled
 * by space_fault and the instruction run again.
 *
 * A fault that is resolved three times and still refused does not converge: mm/ and the MMU disagree.
 */
#include "arch/host/host.h"

#include <string.h>

#include "mm/mm.h"

#define MAX_RETRIES 3

uint64_t host_faults;

static struct space *running[HOST_CPUS];

void host_run(struct space *s) {
    struct space **now = &running[host_cpu()];
    if (*now == s) return;
    space_load(s);
    *now = s;
    host_note_program(s != NULL);
}

void host_leave(struct space *s) {
    unsigned self = host_cpu();
    for (unsigned i = 0; i < HOST_CPUS; i++) {
        host_turn(i);
        if (running[i] == s) host_run(NULL);
    }
    host_turn(self);
}

/* Where the byte at va is in fake RAM, after as many faults as it takes. */
static int resolve(struct space *s, vaddr_t va, int access, void **byte) {
    host_run(s);
    for (int tries = 0;; tries++) {
        unsigned error = mmu_access(va, access, byte);
        if (!error) return 0;
        if (tries == MAX_RETRIES) host_die("va %#lx, access %d: fault %#x is resolved and comes again", va, access, error);
        host_faults++;
        int result = space_fault(s, va, access);
        if (result) return result;
    }
}

int host_touch(struct space *s, vaddr_t va, int access) {
    void *byte;
    return resolve(s, va, access, &byte);
}

/* Both directions, page by page. */
static int transfer(struct space *s, vaddr_t va, void *buffer, size_t len, int access) {
    uint8_t *buf = buffer;
    while (len) {
        void *byte;
        size_t part = PAGE_SIZE - (va & PAGE_MASK);
        if (part > len) part = len;
        int result = resolve(s, va, access, &byte);
        if (result) return result;
        if (access == FAULT_WRITE) memcpy(byte, buf, part);
        else memcpy(buf, byte, part);
        va += part;
        buf += part;
        len -= part;
    }
    return 0;
}

int host_read(struct space *s, vaddr_t va, void *to, size_t len) {
    return transfer(s, va, to, len, FAULT_READ);
}

int host_write(struct space *s, vaddr_t va, const void *from, size_t len) {
    return transfer(s, va, (void *)(uintptr_t)from, len, FAULT_WRITE);
}
