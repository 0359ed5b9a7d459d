/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Three times as much memory as there is RAM, with something locked in its midst: on 1 CPU.
 *
 * clauses: L1 L2 I1 I2 I4 I7 I8
 * needs: holdfast
 * mem: 24M
 * swap: 96M
 * cpus: 1
 * timeout: 200
 */
#include "tests/user/swap_proof.h"

int main(void) {
    needs_holdfast();
    return proof();
}
