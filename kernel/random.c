/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A generator with fast key erasure (Bernstein 2017): each request runs ChaCha20 (RFC 8439) over a fresh
 * key, gives out what follows the first 32 bytes, and keeps those as the next key. Who later reads the
 * state learns nothing of what was given out before.
 *
 *      key --ChaCha20--> [ new key, 32 bytes | output ... ]
 *
 * The first key comes from the CPU's generator and clocks, and every request stirs in a little of both.
 *
 * LOCKING  one spinlock over the key.
 * MISSING  other sources of entropy: without RDRAND the key is only as good as the boot's timing.
 */
#include "kernel/random.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/sync.h"
#include "libc/core/string.h"

static struct spinlock lock = {.name = "random"};
static uint32_t key[8] GUARDED_BY(&lock);
static uint64_t requests GUARDED_BY(&lock);

static uint32_t rotate(uint32_t x, int n) {
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    *a += *b, *d = rotate(*d ^ *a, 16);
    *c += *d, *b = rotate(*b ^ *c, 12);
    *a += *b, *d = rotate(*d ^ *a, 8);
    *c += *d, *b = rotate(*b ^ *c, 7);
}

/* One block, RFC 8439 2.3. */
static void chacha20(const uint32_t k[8], uint32_t counter, uint32_t out[16]) {
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(start + 4, k, 32);
    start[12] = counter;
    memcpy(out, start, sizeof start);
    for (int i = 0; i < 10; i++) {
        for (int c = 0; c < 4; c++) quarter(&out[c], &out[4 + c], &out[8 + c], &out[12 + c]);
        for (int c = 0; c < 4; c++) quarter(&out[c], &out[4 + (c + 1) % 4], &out[8 + (c + 2) % 4], &out[12 + (c + 3) % 4]);
    }
    for (int i = 0; i < 16; i++) out[i] += start[i];
}

static void stir(void) REQUIRES(&lock) {
    uint64_t now[3] = {clock_now(), __builtin_ia32_rdtsc(), ++requests};
    for (int i = 0; i < 4; i++) {
        uint64_t fresh;
        if (!cpu_random(&fresh)) fresh = now[i % 3];
        key[2 * i] ^= (uint32_t)fresh;
        key[2 * i + 1] ^= (uint32_t)(fresh >> 32) ^ (uint32_t)now[i % 3];
    }
}

/* The key of one request; the generator's own has moved on. */
static void take_key(uint32_t mine[8]) {
    uint32_t block[16];
    spin_lock(&lock);
    stir();
    chacha20(key, 0, block);
    memcpy(key, block, sizeof key);
    spin_unlock(&lock);
    memcpy(mine, block + 8, 32);
    memset(block, 0, sizeof block);
}

void random_bytes(void *to, size_t len) {
    uint32_t mine[8], block[16];
    take_key(mine);
    for (uint32_t n = 0; len; n++) {
        size_t now = len < sizeof block ? len : sizeof block;
        chacha20(mine, n, block);
        memcpy(to, block, now);
        to = (char *)to + now;
        len -= now;
    }
    memset(mine, 0, sizeof mine);
    memset(block, 0, sizeof block);
}
