/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Options of a command line (POSIX getopt; GNU's getopt_long without reordering).
 *
 * `next` points into a word of several options, -abc, at the one to be looked at; NULL or an end:
 * take the next word. Setting optind to 0 or 1 begins anew.
 */
#include <getopt.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt;

static char *next;
static int next_of; /* the optind that `next` belongs to */

static int complain(const char *options, const char *what, const char *name) {
    if (opterr && *options != ':')
        fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, name);
    return '?';
}

/* The option's argument: the rest of this word, else the next word. */
static bool take_argument(int argc, char *const argv[], char *rest) {
    optarg = *rest ? rest : optind < argc ? argv[optind++] : NULL;
    return optarg != NULL;
}

static int short_option(int argc, char *const argv[], const char *options) {
    char c = *next++;
    const char *known = c == ':' ? NULL : strchr(options + (*options == ':'), c);

    optopt = (unsigned char)c;
    if (!*next) optind++;
    if (!known) return complain(options, "unknown option", (char[]){c, 0});
    if (known[1] != ':') return c;

    char *rest = next;
    if (*rest) optind++;
    next = NULL;
    optarg = NULL;
    if (known[2] == ':') {
        if (*rest) optarg = rest;
        return c;
    }
    if (take_argument(argc, argv, rest)) return c;
    complain(options, "option needs an argument", (char[]){c, 0});
    return *options == ':' ? ':' : '?';
}

/* True when argv[optind] is a word with options; consumes "--". */
static bool at_options(int argc, char *const argv[]) {
    if (optind == 0) optind = 1;
    if (next_of != optind) next = NULL;
    if (next && *next) return true;
    if (optind >= argc || !argv[optind] || argv[optind][0] != '-' || !argv[optind][1]) return false;
    if (strcmp(argv[optind], "--") == 0) {
        optind++;
        return false;
    }
    next = argv[optind] + 1;
    return true;
}

int getopt(int argc, char *const argv[], const char *options) {
    if (!at_options(argc, argv)) return -1;
    int c = short_option(argc, argv, options);
    next_of = optind;
    return c;
}

/* The long option whose name this is, or the only one that it begins. */
static const struct option *find_long(const struct option *list, const char *name, size_t n) {
    const struct option *found = NULL;

    for (const struct option *o = list; o->name; o++) {
        if (strncmp(o->name, name, n)) continue;
        if (!o->name[n]) return o;
        if (found) return NULL;
        found = o;
    }
    return found;
}

static int long_option(int argc, char *const argv[], const char *options, const struct option *list,
                       int *index) {
    char *name = argv[optind++] + 2;
    char *equals = strchrnul(name, '=');
    const struct option *o = find_long(list, name, (size_t)(equals - name));

    next = NULL;
    optarg = NULL;
    optopt = o ? o->val : 0;
    if (!o) return complain(options, "unknown option", name);
    if (*equals && o->has_arg == no_argument)
        return complain(options, "option takes no argument", name);
    if (*equals) optarg = equals + 1;
    else if (o->has_arg == required_argument && !take_argument(argc, argv, equals)) {
        complain(options, "option needs an argument", name);
        return *options == ':' ? ':' : '?';
    }
    if (index) *index = (int)(o - list);
    if (!o->flag) return o->val;
    *o->flag = o->val;
    return 0;
}

int getopt_long(int argc, char *const argv[], const char *options, const struct option *list,
                int *index) {
    if (!at_options(argc, argv)) return -1;
    bool is_long = next == argv[optind] + 1 && *next == '-';
    int c =
        is_long ? long_option(argc, argv, options, list, index) : short_option(argc, argv, options);
    next_of = optind;
    return c;
}
