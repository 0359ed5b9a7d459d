/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Exact decimal numbers (libc/internal/decimal.h draws and explains them).
 */
#include "libc/internal/decimal.h"

static const uint32_t power10[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* Which word holds a place, and which of its nine digits: floor division, for places may be
 * negative. */
static int word_of(int place) {
    int up = place >= 0 ? place / 9 : -((-place + 8) / 9);

    return POINT - 1 - up;
}

static int digit_of(int place) {
    return place - 9 * (POINT - 1 - word_of(place));
}

static uint32_t get(const struct decimal *d, int i) {
    return i >= d->first && i < d->last ? d->word[i] : 0;
}

static void trim(struct decimal *d) {
    while (d->first < d->last && d->word[d->first] == 0) d->first++;
    while (d->first < d->last && d->word[d->last - 1] == 0) d->last--;
    if (d->first == d->last) d->first = d->last = POINT;
}

bool decimal_is_zero(const struct decimal *d) {
    return d->first == d->last;
}

void decimal_set(struct decimal *d, uint64_t integer) {
    d->first = d->last = POINT;
    for (; integer; integer /= BILLION) d->word[--d->first] = integer % BILLION;
    trim(d);
}

/* Times 2^bits, bits <= 29; the carry runs from the low end up. */
static void shift_up(struct decimal *d, int bits) {
    uint64_t carry = 0;

    for (int i = d->last - 1; i >= d->first; i--) {
        uint64_t x = ((uint64_t)d->word[i] << bits) + carry;
        d->word[i] = x % BILLION;
        carry = x / BILLION;
    }
    /* A number may lie wholly in the fraction, or end left of the point: the new word is its
     * neighbour. */
    if (carry && d->first > 0) d->word[--d->first] = (uint32_t)carry;
    trim(d);
}

/* Divided by 2^bits, bits <= 9; the remainder runs from the high end down and may add a word. */
static void shift_down(struct decimal *d, int bits) {
    uint32_t mask = (1u << bits) - 1;
    uint32_t scale = BILLION >> bits;
    uint32_t rest = 0;

    for (int i = d->first; i < d->last; i++) {
        uint32_t x = d->word[i];
        d->word[i] = (x >> bits) + rest;
        rest = (x & mask) * scale;
    }
    if (rest && d->last < WORDS) d->word[d->last++] = rest;
    else if (rest) d->word[WORDS - 1] |= 1; /* something more */
    trim(d);
}

void decimal_scale(struct decimal *d, int exponent) {
    for (int left = exponent; left > 0; left -= 29) shift_up(d, left < 29 ? left : 29);
    for (int left = -exponent; left > 0; left -= 9) shift_down(d, left < 9 ? left : 9);
}

void decimal_add_digit(struct decimal *d, int place, unsigned digit) {
    int i = word_of(place);

    if (digit == 0) return;
    if (i >= WORDS) {
        d->word[WORDS - 1] |= 1;
        return;
    }
    if (decimal_is_zero(d)) d->first = d->last = i;
    while (d->last <= i) d->word[d->last++] = 0;
    d->word[i] += digit * power10[digit_of(place)];
}

unsigned decimal_digit(const struct decimal *d, int place) {
    return get(d, word_of(place)) / power10[digit_of(place)] % 10;
}

static int top_digit(uint32_t word) {
    int digit = 0;

    while (digit < 8 && word >= power10[digit + 1]) digit++;
    return digit;
}

int decimal_magnitude(const struct decimal *d) {
    if (decimal_is_zero(d)) return 0;
    return 9 * (POINT - 1 - d->first) + top_digit(d->word[d->first]);
}

int decimal_lowest(const struct decimal *d) {
    int digit = 0;

    if (decimal_is_zero(d)) return 0;
    while (digit < 8 && d->word[d->last - 1] % power10[digit + 1] == 0) digit++;
    return 9 * (POINT - d->last) + digit;
}

/* Compares with a half what stands behind word i, or, with `unit` > 1, from unit's digits of word i
 * on. */
static int compare_half(const struct decimal *d, int i, uint32_t unit) {
    uint32_t rest = unit > 1 ? get(d, i) % unit : get(d, i + 1);
    uint32_t half = unit > 1 ? unit / 2 : BILLION / 2;
    bool more = d->last > (unit > 1 ? i + 1 : i + 2);

    if (rest != half) return rest > half ? 1 : rest || more ? -1 : -2;
    return more ? 1 : 0;
}

/* Adds unit to word i and carries. The word may be one that is not there yet. */
static void add_at(struct decimal *d, int i, uint32_t unit) {
    if (decimal_is_zero(d)) d->first = d->last = i;
    while (d->first > i) d->word[--d->first] = 0;
    while (d->last <= i) d->word[d->last++] = 0;
    d->word[i] += unit;
    for (; d->word[i] >= BILLION; i--) {
        d->word[i] -= BILLION;
        if (i == d->first) d->word[--d->first] = 0;
        d->word[i - 1]++;
    }
}

void decimal_round(struct decimal *d, int place) {
    int i = word_of(place);
    uint32_t unit = power10[digit_of(place)];

    if (i >= d->last || decimal_is_zero(d)) return;
    if (i + 1 < d->first) { /* less than a billionth of the unit's word */
        d->first = d->last = POINT;
        return;
    }
    int order = compare_half(d, i, unit);
    bool odd = get(d, i) / unit % 2;
    if (i < d->first) d->last = d->first; /* all of it was behind the unit */
    else {
        d->last = i + 1;
        d->word[i] -= d->word[i] % unit;
    }
    if (order > 0 || (order == 0 && odd)) add_at(d, i, unit);
    trim(d);
}

uint64_t decimal_integer(const struct decimal *d) {
    uint64_t n = 0;

    for (int i = d->first < POINT ? d->first : POINT; i < POINT; i++) n = n * BILLION + get(d, i);
    return n;
}

int decimal_fraction(const struct decimal *d) {
    return compare_half(d, POINT - 1, 1);
}
