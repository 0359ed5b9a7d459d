/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <assert.h>: state what must be true (C17 7.2). May be included again with another NDEBUG.
 */
#undef assert

#ifdef NDEBUG
#define assert(e) ((void)0)
#else
#define assert(e) ((e) ? (void)0 : __assert_fail(#e, __FILE__, __LINE__, __func__))
#endif

#undef static_assert
#define static_assert _Static_assert

/* Says on stderr what failed and where, and aborts. */
_Noreturn void __assert_fail(const char *expression, const char *file, unsigned line,
                             const char *function);
