/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Process 1 from the command line:   uid=1000 quiet init=/bin/test one two
 *
 * Options come first; init=PATH begins the program's argument vector and takes the rest of the line.
 * Words are separated by blanks; there is no quoting. Unknown options are named and ignored, as boot
 * loaders and machines add their own.
 */
#include "kernel/init.h"

#include <asm/errno.h>

#include "kernel/assert.h"
#include "kernel/exec.h"
#include "kernel/file.h"
#include "kernel/plant.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "libc/core/string.h"

#define WORDS 128
#define DEFAULT_INIT "/bin/init"

struct options {
    uint32_t uid;
    char line[1024];         /* cut into words */
    char *argv[WORDS + 1];
};

static char *const environment[] = {"HOME=/", "PATH=/bin", "TERM=linux", NULL};

static char *next_word(char **line) {
    char *p = *line;
    while (*p == ' ') p++;
    if (!*p) return NULL;
    char *word = p;
    while (*p && *p != ' ') p++;
    if (*p) *p++ = 0;
    *line = p;
    return word;
}

static uint32_t parse_uid(const char *s) {
    uint64_t n = 0;
    if (!*s) panic("command line: uid= wants a number");
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || n > UINT32_MAX / 10) panic("command line: uid=%s is no number", s);
        n = n * 10 + (uint64_t)(*s - '0');
    }
    if (n >= UINT32_MAX) panic("command line: uid=%lu is too large", n);
    return (uint32_t)n;
}

static void take_argv(struct options *o, char *first, char **rest) {
    unsigned n = 0;
    for (char *word = first; word; word = next_word(rest)) {
        if (n == WORDS) panic("command line: more than %d words after init=", WORDS);
        o->argv[n++] = word;
    }
}

static void parse(struct options *o, const char *cmdline) {
    strlcpy(o->line, cmdline, sizeof o->line);
    char *rest = o->line, *word;
    while ((word = next_word(&rest))) {
        if (strncmp(word, "init=", 5) == 0) {
            take_argv(o, word + 5, &rest);
            return;
        }
        if (strncmp(word, "uid=", 4) == 0) o->uid = parse_uid(word + 4);
        else if (strcmp(word, "quiet") != 0 && !plant(word)) log_line("command line: %s is no option of mine", word);
    }
    o->argv[0] = DEFAULT_INIT;
}

static int load(struct program *program, struct process *p, const struct options *o) {
    struct space_limits limits;
    struct args args;
    struct file *file;
    int error = file_open_kernel(o->argv[0], &file);
    if (error) return error;
    spin_lock(&process_lock);
    process_space_limits_locked(p, &limits);
    spin_unlock(&process_lock);
    error = args_from_kernel(&args, o->argv, environment);
    if (!error) {
        error = program_load(program, file, o->argv[0], &args, &p->cred, &limits);
        args_free(&args);
    }
    file_drop(file);
    return error;
}

static struct process *make_process(uint32_t uid) {
    struct process *p = process_alloc();
    if (!p) panic("no memory for process 1");
    ASSERT(p->pid == 1);
    p->cred = (struct cred){uid, uid, uid, uid, uid, uid};
    limits_init(&p->limits);
    p->files = files_create();
    if (!p->files) panic("no memory for the files of process 1");
    files_open_console(p->files);
    return p;
}

static const char *reason(int error) {
    switch (-error) {
    case ENOENT: return "no such file in the initrd";
    case ENOEXEC: return "not a static x86-64 ELF program";
    case EACCES: return "not executable";
    case ENOMEM: return "not enough memory";
    case E2BIG: return "its arguments are too long";
    default: return "cannot be read";
    }
}

static void run(struct process *p, const struct program *program) {
    struct thread *t = thread_create_user(p, p->pid);
    if (!t) panic("no memory for the thread of process 1");
    fpu_init_area(t->context.fpu);
    program_start_frame(program, t);
    spin_lock(&process_lock);
    process_publish_locked(p, NULL, t);
    spin_unlock(&process_lock);
    sched_start(t);
}

void init_start(const char *cmdline) {
    static struct options options;
    struct program program;
    parse(&options, cmdline);
    struct process *p = make_process(options.uid);
    int error = load(&program, p, &options);
    if (error) panic("cannot start %s: %s (error %d)", options.argv[0], reason(error), -error);
    p->space = program.space;
    process_set_name(p, options.argv[0]);
    run(p, &program);
}
