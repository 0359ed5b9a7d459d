/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the compiler calls when it meets undefined behaviour, in kernels made with UBSAN=1: panic, with the place.
 *
 * The names and the layout of the data are the compilers' (gcc and clang agree: libubsan's interface). All
 * begin with the place in the source; what follows is not looked at, but for the value, which is an argument.
 * With -fno-sanitize-recover the calls are the ones that end in _abort.
 *
 * MISSING  signed overflow, which -fwrapv defines.
 */
#ifdef UBSAN
#include <stdint.h>

#include "kernel/assert.h"

struct place {
    const char *file;
    uint32_t line, column;
};

static _Noreturn void undefined(const struct place *p, const char *what, uint64_t value) {
    panic("%s:%u:%u: undefined behaviour: %s (%#lx)", p->file, p->line, p->column, what, value);
}

#define HANDLER(name, what)                                                            \
    _Noreturn void __ubsan_handle_##name##_abort(const struct place *, uint64_t);      \
    _Noreturn void __ubsan_handle_##name##_abort(const struct place *p, uint64_t at) { \
        undefined(p, what, at);                                                        \
    }
#define HANDLER2(name, what)                                                                              \
    _Noreturn void __ubsan_handle_##name##_abort(const struct place *, uint64_t, uint64_t);               \
    _Noreturn void __ubsan_handle_##name##_abort(const struct place *p, uint64_t left, uint64_t right) {  \
        (void)left;                                                                                       \
        undefined(p, what, right);                                                                        \
    }
/* Never recoverable, so without the suffix. */
#define HANDLER0(name, what)                                        \
    _Noreturn void __ubsan_handle_##name(const struct place *);     \
    _Noreturn void __ubsan_handle_##name(const struct place *p) {   \
        undefined(p, what, 0);                                      \
    }

HANDLER(type_mismatch_v1, "an object that is not there, misaligned or too small is accessed")
HANDLER(out_of_bounds, "an index out of bounds")
HANDLER(load_invalid_value, "a value that its type has not")
HANDLER(vla_bound_not_positive, "an array of no size")
HANDLER(nonnull_arg, "NULL passed where none may be")
HANDLER(invalid_builtin, "zero passed to a count of bits")
HANDLER2(shift_out_of_bounds, "a shift by more than the width, or of what cannot be")
HANDLER2(pointer_overflow, "an address that wraps")
HANDLER2(divrem_overflow, "a division by zero, or one that overflows")
HANDLER0(builtin_unreachable, "what cannot be reached was")
HANDLER0(missing_return, "a function without a value")
#else
typedef int ubsan_is_not_in_this_kernel;
#endif
