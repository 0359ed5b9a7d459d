/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The server of a disk is killed at its n-th request, for every n: the next one is asked what was not answered, and the
 * program that reads and writes sees nothing of it.
 *
 * needs: holdfast
 * disk: 1M
 * timeout: 240
 */
#include "tests/user/servers.h"

#define DEV     "/dev/vda"
#define PIECE   (40 * PG) /* three requests, the last one short */
#define PIECES  4
#define REQUESTS (PIECES * (3 + 3 + 2)) /* written, read; and a few bytes over it, read and written */

static void make_up(unsigned char *p, unsigned seed) {
    for (size_t i = 0; i < PIECE; i++) p[i] = (unsigned char)(seed * 131 + i * 7 + i / 509);
}

/* 0, or where it went wrong. */
static int work(unsigned n) {
    unsigned char *out = (unsigned char *)anon(PIECE / PG), *in = (unsigned char *)anon(PIECE / PG);
    int fd = open(DEV, O_RDWR);
    for (unsigned i = 0; i < PIECES; i++) {
        long at = i * (long)PIECE;
        make_up(out, n * PIECES + i);
        if (pwrite(fd, out, PIECE, at) != (long)PIECE) return 1;
        out[700] ^= 0xff, out[701] ^= 0xff;
        if (pwrite(fd, out + 700, 2, at + 700) != 2) return 2;
        if (pread(fd, in, PIECE, at) != (long)PIECE) return 3;
        if (memcmp(in, out, PIECE) != 0) return 4;
    }
    return 0;
}

int main(void) {
    needs_holdfast();
    plan(REQUESTS + 2);
    bool fewer = false;
    for (unsigned n = 1; n <= REQUESTS; n++) ok(killed_at(n, work, &fewer) == 0 && !fewer, "killed at request %u", n);
    ok(server_is_back(), "the disk goes on");
    is_int((long)knob("debug.port.requests"), 0, "none is left");
    return done_testing();
}
