/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the writers of /proc's files share.
 */
#pragma once

#include "kernel/tree.h"

struct text;

/* Appends formatted text. Running out of memory is remembered, and then the open fails. */
void text_add(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct proc_file {
    struct node_ops ops;                     /* first: a node's ops lead back to its proc_file */
    const char *name;
    int (*write)(struct text *, int pid);    /* 0, -ESRCH (it has gone), -EACCES */
};

int proc_open(const struct place *, struct file *);

/* The file that a process executes, or NULL. */
struct node *proc_program(int pid);

extern const struct proc_file proc_pid_files[]; /* ends with a NULL name */
