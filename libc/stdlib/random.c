/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Pseudo-random numbers: xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's
 * xorshift generators, scrambled", 2016), its top 31 bits. Not for secrets: those come from
 * getrandom. LOCKING: `guard` for both states.
 */
#include "libc/internal/fork.h"

#include <stdint.h>
#include <stdlib.h>

/* Neighbouring seeds must not give neighbouring states, and 0 is the one state that never leaves
 * itself. */
static uint64_t spread(uint64_t seed) {
    uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u;

    return state ? state : 1;
}

static int step(uint64_t *state) {
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (int)(x * 0x2545f4914f6cdd1du >> 33);
}

static uint64_t rand_state = 0x9e3779b97f4a7c15u * 2; /* as after srand(1) */
static uint64_t random_state = 0x9e3779b97f4a7c15u * 2;

static struct lock guard;

void __random_fork(enum fork_step at) {
    fork_lock(&guard, at);
}

static int step_alone(uint64_t *state) {
    lock(&guard);
    int result = step(state);
    unlock(&guard);
    return result;
}

static void set_alone(uint64_t *state, unsigned seed) {
    lock(&guard);
    *state = spread(seed);
    unlock(&guard);
}

int rand(void) {
    return step_alone(&rand_state);
}

void srand(unsigned seed) {
    set_alone(&rand_state, seed);
}

long random(void) {
    return step_alone(&random_state);
}

void srandom(unsigned seed) {
    set_alone(&random_state, seed);
}

/* With 32 bits of state to keep: a linear congruential step, its better bits mixed down. */
int rand_r(unsigned *seed) {
    uint32_t x = *seed = *seed * 1664525u + 1013904223u;

    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    return (int)(x >> 1);
}
