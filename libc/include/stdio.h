/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <stdio.h>: buffered streams and formatted text (C17 7.21, POSIX).
 *
 * stdout is buffered by lines when it is a terminal and fully otherwise; stderr is not buffered,
 * yet one call of fprintf makes one write. %n is not performed, wide characters are not there. Left
 * out because files are read-only: remove, rename, tmpfile, tmpnam; and popen, because there is no
 * shell.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

#define EOF          (-1)
#define BUFSIZ       4096
#define FOPEN_MAX    1000
#define FILENAME_MAX 4096
#define _IOFBF       0
#define _IOLBF       1
#define _IONBF       2
#ifndef SEEK_SET
#define SEEK_SET     0
#define SEEK_CUR     1
#define SEEK_END     2
#endif

typedef struct __file FILE;
typedef off_t fpos_t;

extern FILE *const stdin;
extern FILE *const stdout;
extern FILE *const stderr;
#define stdin  stdin
#define stdout stdout
#define stderr stderr

/* Opening and closing */
FILE *fopen(const char *restrict path, const char *restrict mode);
FILE *fdopen(int fd, const char *mode);
FILE *freopen(const char *restrict path, const char *restrict mode, FILE *restrict);
int fclose(FILE *);
int fflush(FILE *); /* NULL: every stream */
void setbuf(FILE *restrict, char *restrict);
void setlinebuf(FILE *);
int setvbuf(FILE *restrict, char *restrict, int mode, size_t);
int fileno(FILE *);

/* A stream for several calls; a thread may hold it again. Every call holds its stream, the
 * _unlocked ones excepted. */
void flockfile(FILE *);
int ftrylockfile(FILE *); /* not 0: another thread holds it */
void funlockfile(FILE *);

/* Bytes */
size_t fread(void *restrict, size_t size, size_t count, FILE *restrict);
size_t fwrite(const void *restrict, size_t size, size_t count, FILE *restrict);
int fgetc(FILE *);
int getc(FILE *);
int getc_unlocked(FILE *);
int getchar(void);
int getchar_unlocked(void);
int ungetc(int, FILE *); /* up to eight are remembered */
int fputc(int, FILE *);
int putc(int, FILE *);
int putc_unlocked(int, FILE *);
int putchar(int);
int putchar_unlocked(int);
char *fgets(char *restrict, int size, FILE *restrict);
int fputs(const char *restrict, FILE *restrict);
int puts(const char *);
ssize_t getline(char **restrict, size_t *restrict, FILE *restrict);
ssize_t getdelim(char **restrict, size_t *restrict, int delimiter, FILE *restrict);

/* Position and state */
int fseek(FILE *, long, int whence);
int fseeko(FILE *, off_t, int whence);
long ftell(FILE *);
off_t ftello(FILE *);
void rewind(FILE *);
int fgetpos(FILE *restrict, fpos_t *restrict);
int fsetpos(FILE *, const fpos_t *);
void clearerr(FILE *);
int feof(FILE *);
int ferror(FILE *);
void perror(const char *);

/* Text out */
#define __printf(f, a) __attribute__((format(printf, f, a)))
int printf(const char *restrict, ...) __printf(1, 2);
int fprintf(FILE *restrict, const char *restrict, ...) __printf(2, 3);
int dprintf(int fd, const char *restrict, ...) __printf(2, 3);
int sprintf(char *restrict, const char *restrict, ...) __printf(2, 3);
int snprintf(char *restrict, size_t, const char *restrict, ...) __printf(3, 4);
int asprintf(char **restrict, const char *restrict, ...) __printf(2, 3);
int vprintf(const char *restrict, va_list) __printf(1, 0);
int vfprintf(FILE *restrict, const char *restrict, va_list) __printf(2, 0);
int vdprintf(int fd, const char *restrict, va_list) __printf(2, 0);
int vsprintf(char *restrict, const char *restrict, va_list) __printf(2, 0);
int vsnprintf(char *restrict, size_t, const char *restrict, va_list) __printf(3, 0);
int vasprintf(char **restrict, const char *restrict, va_list) __printf(2, 0);
#undef __printf

/* Text in */
#define __scanf(f, a) __attribute__((format(scanf, f, a)))
int scanf(const char *restrict, ...) __scanf(1, 2);
int fscanf(FILE *restrict, const char *restrict, ...) __scanf(2, 3);
int sscanf(const char *restrict, const char *restrict, ...) __scanf(2, 3);
int vscanf(const char *restrict, va_list) __scanf(1, 0);
int vfscanf(FILE *restrict, const char *restrict, va_list) __scanf(2, 0);
int vsscanf(const char *restrict, const char *restrict, va_list) __scanf(2, 0);
#undef __scanf
