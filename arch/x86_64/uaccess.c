/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The checks before user memory is touched, and the table of what may fault while it is.
 *
 * The range check is what keeps a program from naming kernel memory: after it, a fault at a kernel address
 * in these routines is a kernel bug, and trap.c panics.
 */
#include <asm/errno.h>

#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/uaccess.h"
#include "kernel/sync.h"

int uaccess_copy(void *to, const void *from, size_t len); /* uaccess.asm */
int uaccess_clear(void *to, size_t len);
long uaccess_string(char *to, const char *from, size_t max);
int uaccess_swap(uint32_t *at, uint32_t *expected, uint32_t new);

#define USER_END 0x7ffffffff000ul

struct fixup {
    uint64_t at, go_on;
};
extern const struct fixup uaccess_fixups[], uaccess_fixups_end[];

uint64_t uaccess_fixup(uint64_t rip) {
    for (const struct fixup *f = uaccess_fixups; f < uaccess_fixups_end; f++) {
        if (f->at == rip) return f->go_on;
    }
    return 0;
}

/* A page may have to be brought in, whether or not it is this time; but under a spinlock none is. */
static void may_fault(void) {
    if (cpu_may_sleep()) lock_may_wait("space");
}

int copyin(void *to, uint64_t user, size_t len) {
    may_fault();
    return user_range_ok(user, len) ? uaccess_copy(to, (const void *)user, len) : -EFAULT;
}

int copyout(uint64_t user, const void *from, size_t len) {
    may_fault();
    return user_range_ok(user, len) ? uaccess_copy((void *)user, from, len) : -EFAULT;
}

int clear_user(uint64_t user, size_t len) {
    may_fault();
    return user_range_ok(user, len) ? uaccess_clear((void *)user, len) : -EFAULT;
}

int user_swap(uint64_t user, uint32_t *expected, uint32_t new) {
    return user_range_ok(user, 4) && user % 4 == 0 ? uaccess_swap((uint32_t *)user, expected, new) : -EFAULT;
}

long copyin_str(char *to, uint64_t user, size_t size) {
    may_fault();
    if (user >= USER_END) return -EFAULT;
    size_t max = size < USER_END - user ? size : USER_END - user;
    long len = uaccess_string(to, (const char *)user, max);
    if (len == (long)max) return max < size ? -EFAULT : -ENAMETOOLONG; /* ran out of user space, or of room */
    return len;
}
