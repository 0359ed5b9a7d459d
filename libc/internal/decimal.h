/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Numbers as long as need be, in base 10^9: exact conversion between binary and decimal.
 *
 *             integer part                fraction
 *     word:  ... | POINT-2 | POINT-1 | POINT | POINT+1 | ...
 *     worth:       10^9      1         10^-9   10^-18
 *
 * Words from first to last-1 are there; all others count as 0 (and hold anything). Scaling by
 * powers of two is exact both ways, because 10^9 is divisible by 2^9: dividing only makes the
 * fraction longer. So every floating-point number has its exact decimal form here, and every
 * decimal number can be brought into the range where its leading bits are read off: rounding
 * happens once, where the caller asks for it.
 *
 * Sized for x87's long double: integer parts to 10^4950, fractions of 16,700 digits (its smallest
 * number has 16,445). Longer ones keep a last word that says "and something more", which is all
 * that rounding asks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BILLION 1000000000u
#define POINT   552
#define WORDS   (POINT + 1860)

struct decimal {
    int first, last;
    uint32_t word[WORDS];
};

void decimal_set(struct decimal *, uint64_t integer);
void decimal_scale(struct decimal *, int exponent); /* times 2^exponent */

/* Adds digit * 10^place. Digits must come in the order of falling places. */
void decimal_add_digit(struct decimal *, int place, unsigned digit);

/* To the nearest multiple of 10^place, ties to even. */
void decimal_round(struct decimal *, int place);

unsigned decimal_digit(const struct decimal *, int place);
bool decimal_is_zero(const struct decimal *);

/* Places of the first and the last digit that is not 0; 0 for zero. */
int decimal_magnitude(const struct decimal *);
int decimal_lowest(const struct decimal *);

/* The integer part, which must be below 2^64; and how the fraction compares with a half: -2 none at
 * all, -1 less, 0 just that, 1 more. */
uint64_t decimal_integer(const struct decimal *);
int decimal_fraction(const struct decimal *);
