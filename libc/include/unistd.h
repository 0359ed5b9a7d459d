/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <unistd.h>: the calls that have no better place (POSIX), and some of Linux and BSD that go with
 * them.
 *
 * Left out because the kernel has no such call: links, removal, ownership and mode of files, sync,
 * groups of a user, sessions other than one's own.
 */
#pragma once

#include <getopt.h>
#include <sys/types.h>

#define _POSIX_VERSION         200809L
#define _POSIX_MEMLOCK         200809L
#define _POSIX_MEMLOCK_RANGE   200809L
#define _POSIX_MEMORY_PROTECTION 200809L
#define _POSIX_MAPPED_FILES    200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_TIMERS          200809L
#define _POSIX_THREADS         200809L
#define _POSIX_THREAD_ATTR_STACKADDR 200809L
#define _POSIX_THREAD_ATTR_STACKSIZE 200809L
#define _POSIX_THREAD_PRIORITY_SCHEDULING 200809L
#define _POSIX_THREAD_PRIO_INHERIT 200809L
#define _POSIX_THREAD_ROBUST_PRIO_INHERIT 200809L
#define _POSIX_THREAD_PRIO_PROTECT (-1)
#define _POSIX_THREAD_PROCESS_SHARED 200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS (-1) /* not all of the _r calls are there */
#define _POSIX_BARRIERS        200809L
#define _POSIX_CLOCK_SELECTION 200809L
#define _POSIX_PRIORITY_SCHEDULING 200809L
#define _POSIX_READER_WRITER_LOCKS 200809L
#define _POSIX_REALTIME_SIGNALS 200809L
#define _POSIX_SEMAPHORES      (-1) /* unnamed ones are there, named ones not */
#define _POSIX_SPIN_LOCKS      200809L
#define _POSIX_ASYNCHRONOUS_IO (-1) /* the calls on locks are there, those on files are not */

#define STDIN_FILENO  0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
#define R_OK 4
#define W_OK 2
#define X_OK 1
#define F_OK 0
#ifndef SEEK_SET
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#endif

extern char **environ;

/* Files and descriptors */
ssize_t read(int, void *, size_t);
ssize_t write(int, const void *, size_t);
ssize_t pread(int, void *, size_t, off_t);
ssize_t pwrite(int, const void *, size_t, off_t);
off_t lseek(int, off_t, int whence);
int close(int);
int dup(int);
int dup2(int, int);
int dup3(int, int, int flags);
int pipe(int[2]);
int pipe2(int[2], int flags);
int ftruncate(int, off_t);
int access(const char *, int);
int faccessat(int folder, const char *, int, int flags);
int chdir(const char *);
char *getcwd(char *, size_t); /* NULL: allocates */
ssize_t readlink(const char *restrict, char *restrict, size_t);
int isatty(int);

/* Processes */
pid_t fork(void);
pid_t vfork(void) __attribute__((returns_twice)); /* the memory is lent: exec or _exit */
int execve(const char *, char *const argv[], char *const envp[]);
int execv(const char *, char *const argv[]);
int execvp(const char *, char *const argv[]);
int execvpe(const char *, char *const argv[], char *const envp[]);
int execl(const char *, const char *, ...) __attribute__((sentinel));
int execlp(const char *, const char *, ...) __attribute__((sentinel));
int execle(const char *, const char *, ...); /* after the NULL comes envp */
_Noreturn void _exit(int);
pid_t getpid(void);
pid_t getppid(void);
pid_t gettid(void);
pid_t getpgrp(void);
pid_t getpgid(pid_t);
int setpgid(pid_t, pid_t);
pid_t setsid(void);

/* Identity */
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int getresuid(uid_t *, uid_t *, uid_t *);
int getresgid(gid_t *, gid_t *, gid_t *);
int setuid(uid_t);
int seteuid(uid_t);
int setgid(gid_t);
int setegid(gid_t);
int setreuid(uid_t, uid_t);
int setregid(gid_t, gid_t);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);

/* Time */
unsigned sleep(unsigned seconds); /* seconds left when a signal came */
int usleep(useconds_t);
unsigned alarm(unsigned seconds); /* seconds left of the one before */
int pause(void);

/* Memory and the system */
int brk(void *);
void *sbrk(intptr_t);
int getpagesize(void);
int gethostname(char *, size_t);
int getentropy(void *, size_t); /* at most 256 bytes */
long sysconf(int name);
long syscall(long number, ...);

/* sysconf's names, numbered as Linux's C libraries do. What is asked is answered for the running
 * system. */
#define _SC_ARG_MAX                0
#define _SC_CHILD_MAX              1
#define _SC_CLK_TCK                2
#define _SC_NGROUPS_MAX            3
#define _SC_OPEN_MAX               4
#define _SC_JOB_CONTROL            7
#define _SC_SAVED_IDS              8
#define _SC_REALTIME_SIGNALS       9
#define _SC_PRIORITY_SCHEDULING    10
#define _SC_TIMERS                 11
#define _SC_ASYNCHRONOUS_IO        12
#define _SC_PRIORITIZED_IO         13
#define _SC_SYNCHRONIZED_IO        14
#define _SC_FSYNC                  15
#define _SC_MAPPED_FILES           16
#define _SC_MEMLOCK                17
#define _SC_MEMLOCK_RANGE          18
#define _SC_MEMORY_PROTECTION      19
#define _SC_SEMAPHORES             21
#define _SC_SHARED_MEMORY_OBJECTS  22
#define _SC_AIO_LISTIO_MAX         23
#define _SC_AIO_MAX                24
#define _SC_AIO_PRIO_DELTA_MAX     25
#define _SC_DELAYTIMER_MAX         26
#define _SC_VERSION                29
#define _SC_PAGESIZE               30
#define _SC_PAGE_SIZE              _SC_PAGESIZE
#define _SC_RTSIG_MAX              31
#define _SC_SEM_VALUE_MAX          33
#define _SC_SIGQUEUE_MAX           34
#define _SC_IOV_MAX                60
#define _SC_UIO_MAXIOV             _SC_IOV_MAX
#define _SC_THREADS                67
#define _SC_THREAD_DESTRUCTOR_ITERATIONS 73
#define _SC_THREAD_KEYS_MAX        74
#define _SC_THREAD_STACK_MIN       75
#define _SC_THREAD_THREADS_MAX     76
#define _SC_THREAD_ATTR_STACKADDR  77
#define _SC_THREAD_ATTR_STACKSIZE  78
#define _SC_THREAD_PRIORITY_SCHEDULING 79
#define _SC_THREAD_PRIO_INHERIT    80
#define _SC_THREAD_PRIO_PROTECT    81
#define _SC_THREAD_PROCESS_SHARED  82
#define _SC_NPROCESSORS_CONF       83
#define _SC_NPROCESSORS_ONLN       84
#define _SC_PHYS_PAGES             85
#define _SC_AVPHYS_PAGES           86
#define _SC_ATEXIT_MAX             87
#define _SC_BARRIERS               133
#define _SC_CLOCK_SELECTION        137
#define _SC_MONOTONIC_CLOCK        149
#define _SC_READER_WRITER_LOCKS    153
#define _SC_SPIN_LOCKS             154
#define _SC_HOST_NAME_MAX          180
