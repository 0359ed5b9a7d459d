/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <getopt.h>: options of a command line (POSIX getopt, and GNU's long ones). Arguments are not
 * reordered: the options end at the first argument that is none, as POSIX has it.
 */
#pragma once

struct option {
    const char *name;
    int has_arg;
    int *flag; /* NULL: getopt_long answers val; else *flag = val and it answers 0 */
    int val;
};

#define no_argument       0
#define required_argument 1
#define optional_argument 2

extern char *optarg;
extern int optind, opterr, optopt;

int getopt(int argc, char *const argv[], const char *options);
int getopt_long(int argc, char *const argv[], const char *options, const struct option *,
                int *index);
