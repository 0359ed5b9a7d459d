/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <stdlib.h>: memory, numbers, the end of a program, environment, sorting (C17 7.22, POSIX).
 *
 * Left out because nothing could stand behind them: system() (there is no shell), multibyte
 * characters, temporary files (files are read-only).
 */
#pragma once

#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX     0x7fffffff
#define MB_CUR_MAX   1

typedef struct {
    int quot, rem;
} div_t;
typedef struct {
    long quot, rem;
} ldiv_t;
typedef struct {
    long long quot, rem;
} lldiv_t;

/* Memory. Every answer is aligned to 16 bytes; malloc(0) answers a pointer of its own. Failure:
 * NULL, ENOMEM. */
void *malloc(size_t) __attribute__((malloc));
void *calloc(size_t, size_t) __attribute__((malloc));
void *realloc(void *, size_t);
void *reallocarray(void *, size_t, size_t);
void free(void *); /* keeps errno; NULL does nothing */
void *aligned_alloc(size_t alignment, size_t size) __attribute__((malloc));
int posix_memalign(void **, size_t alignment, size_t size); /* the error, not errno */

/* Numbers from text, correctly rounded; out of range: ERANGE and the nearest value there is. */
int atoi(const char *);
long atol(const char *);
long long atoll(const char *);
double atof(const char *);
long strtol(const char *restrict, char **restrict, int base);
long long strtoll(const char *restrict, char **restrict, int base);
unsigned long strtoul(const char *restrict, char **restrict, int base);
unsigned long long strtoull(const char *restrict, char **restrict, int base);
float strtof(const char *restrict, char **restrict);
double strtod(const char *restrict, char **restrict);
long double strtold(const char *restrict, char **restrict);

int abs(int);
long labs(long);
long long llabs(long long);
div_t div(int, int);
ldiv_t ldiv(long, long);
lldiv_t lldiv(long long, long long);

/* The same sequence for the same seed on every machine; not for secrets. */
int rand(void);
int rand_r(unsigned *);
void srand(unsigned);
long random(void);
void srandom(unsigned);

_Noreturn void abort(void);
_Noreturn void exit(int);
_Noreturn void _Exit(int);
_Noreturn void quick_exit(int);
int atexit(void (*)(void));
int at_quick_exit(void (*)(void));

char *getenv(const char *);
char *secure_getenv(const char *);
int setenv(const char *, const char *, int overwrite);
int unsetenv(const char *);
int putenv(char *); /* the string itself becomes part of the environment */
int clearenv(void);

void *bsearch(const void *key, const void *base, size_t count, size_t size,
              int (*)(const void *, const void *));
void qsort(void *base, size_t count, size_t size, int (*)(const void *, const void *));
void qsort_r(void *base, size_t count, size_t size, int (*)(const void *, const void *, void *),
             void *arg);
