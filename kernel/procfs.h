/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the writers of /proc's files share.
 */
#pragma once

#include "kernel/process.h"
#include "kernel/tree.h"

struct text;

/* Appends formatted text. Running out of memory is remembered, and then the open fails. */
void text_add(struct text *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct proc_file {
    struct node_ops ops;                     /* first: a node's ops lead back to its proc_file */
    const char *name;
    int (*write)(struct text *, int pid);    /* 0, -ESRCH (it has gone), -EACCES */
};

/* Those that are a file of their own: what they write is what proc(5) says. */
int proc_write_meminfo(struct text *, int pid);
int proc_write_vmstat(struct text *, int pid);
int proc_write_swaps(struct text *, int pid);
int proc_write_maps(struct text *, int pid);
int proc_write_smaps(struct text *, int pid);

/* A process, or one of its threads, at one moment. */
struct snapshot {
    char name[PROCESS_NAME];
    const char *state;          /* of the thread, as Linux calls it; of the first, if the process was asked for */
    int pid, ppid, pgrp, session;
    unsigned threads;
    struct cred cred;
    struct limits limits;
    uint64_t pending, own, ignored, caught, blocked;
    struct usage used, children;
    struct space *space;        /* held; NULL: a zombie */
    bool borrows;               /* another's space */
    struct space_stats memory;
};


/* By the process's number or a thread's: 0 or -ESRCH. What it holds goes with proc_done. */
int proc_look(int pid, struct snapshot *);
void proc_done(struct snapshot *);

int proc_open(const struct place *, struct file *);

/* The file that a process executes, or NULL. */
struct node *proc_program(int pid);

extern const struct proc_file proc_pid_files[]; /* ends with a NULL name */
