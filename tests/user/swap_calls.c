/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * swapon and swapoff: who may, what may be swapped to, and what that means for others.
 *
 * needs: holdfast
 */
#include <sys/swap.h>

#include "tests/user/ports.h"

#define NAME "vdv"
#define DEV  "/dev/" NAME

static void try_on(void *arg) {
    (void)arg;
    _exit(errno_of(swapon(DEV, 0)) == EPERM && errno_of(swapoff(DEV)) == EPERM ? 0 : 1);
}

static void errors(void) {
    is_int(WEXITSTATUS(in_child(RLIM_INFINITY, NOBODY, try_on, NULL)), 0, "only root may");
    is_int(errno_of(swapon("/dev/none", 0)), ENOENT, "no such file");
    is_int(errno_of(swapon("/dev/null/x", 0)), ENOTDIR, "no directory");
    is_int(errno_of(swapon((const char *)KERNEL, 0)), EFAULT, "a path that cannot be read");
    is_int(errno_of(swapon("/dev/null", 0)), EINVAL, "a character device");
    is_int(errno_of(swapon("/dev", 0)), EINVAL, "a directory");
    is_int(errno_of(swapon("/tests/init", 0)), EINVAL, "a file");
    is_int(errno_of(swapon(DEV, 0x80000)), EINVAL, "an unknown flag");
    is_int(errno_of(swapoff(DEV)), EINVAL, "swapoff of what is not on");
    is_int(errno_of(swapoff("/dev/none")), ENOENT, "or not there");
}

static void exclusive(void) {
    int fd = open(DEV, O_RDWR);
    is_int(errno_of(swapon(DEV, 0)), EBUSY, "a device that is open for writing is not swapped to");
    close(fd);
    fd = open(DEV, O_RDONLY);
    is_int(errno_of(swapon(DEV, SWAP_FLAG_PREFER | 7)), 0, "one that is open for reading is");
    close(fd);
    is_int(errno_of(swapon(DEV, 0)), EBUSY, "not twice");
    is_int(errno_of(open(DEV, O_WRONLY)), EBUSY, "nobody may write it then");
    fd = open(DEV, O_RDONLY);
    ok(fd >= 0, "reading is allowed");
    close(fd);
    is_int(errno_of(swapoff(DEV)), 0, "swapoff");
    is_int(errno_of(swapoff(DEV)), EINVAL, "not twice");
    fd = open(DEV, O_RDWR);
    ok(fd >= 0, "it may be written again");
    close(fd);
}

static void gone(void) {
    is_int(errno_of(swapon(DEV, 0)), 0, "on again");
    serve_no_more();
    is_int(errno_of(port_open(NAME, 256)), ENODEV, "its server gone, the name is not free while it is swap");
    is_int(errno_of(swapoff(DEV)), 0, "nothing was on it: it can be turned off");
    is_int(errno_of(swapon(DEV, 0)), ENXIO, "but not on");
    serve(NAME, 1);
    is_int(errno_of(swapon(DEV, 0)), EINVAL, "a device of less than a page");
    serve_no_more();
}

int main(void) {
    needs_holdfast();
    plan(23);
    lock_whole();
    serve(NAME, 256);
    errors();
    exclusive();
    gone();
    return done_testing();
}
