/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/wait.h>: how a child ended (POSIX).
 */
#pragma once

#include <linux/wait.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

typedef int idtype_t; /* P_ALL, P_PID, P_PGID */

#define WEXITSTATUS(s)  (((s) >> 8) & 0xff)
#define WTERMSIG(s)     ((s) & 0x7f)
#define WSTOPSIG(s)     WEXITSTATUS(s)
#define WCOREDUMP(s)    ((s) & 0x80)
#define WIFEXITED(s)    (WTERMSIG(s) == 0)
#define WIFSIGNALED(s)  (((s) & 0xffff) - 1U < 0xffU)
#define WIFSTOPPED(s)   (((s) & 0xff) == 0x7f)
#define WIFCONTINUED(s) ((s) == 0xffff)

pid_t wait(int *);
pid_t waitpid(pid_t, int *, int options);
pid_t wait3(int *, int options, struct rusage *);
pid_t wait4(pid_t, int *, int options, struct rusage *);
int waitid(idtype_t, id_t, siginfo_t *, int options);
