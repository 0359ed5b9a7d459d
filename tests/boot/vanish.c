/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * For tests/boot/vanish.t: reads /dev/vda until it cannot, says why, and goes on with /dev/vdb.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char buffer[4096] __attribute__((aligned(4096)));

int main(void) {
    int a = open("/dev/vda", O_RDWR), b = open("/dev/vdb", O_RDWR);
    if (a < 0 || b < 0 || pread(a, buffer, sizeof buffer, 0) != sizeof buffer) return 1;
    printf("served\n");
    fflush(stdout);
    while (pread(a, buffer, sizeof buffer, 0) == sizeof buffer) continue;
    printf("vda: %s\n", strerror(errno));
    memset(buffer, 7, sizeof buffer);
    printf("vda, a write: %s\n", pwrite(a, buffer, sizeof buffer, 0) < 0 ? strerror(errno) : "done");
    printf("vda, an open: %s\n", open("/dev/vda", O_RDWR) < 0 ? strerror(errno) : "done");
    if (pwrite(b, buffer, sizeof buffer, 4096) != sizeof buffer) return 2;
    memset(buffer, 0, sizeof buffer);
    if (pread(b, buffer, sizeof buffer, 4096) != sizeof buffer || buffer[4095] != 7) return 3;
    printf("vdb: works\n");
    return 0;
}
