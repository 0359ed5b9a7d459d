/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * execve: the new program is built completely, in a space of its own, before the old one is touched. So
 * every error finds its caller alive, and the switch itself cannot fail. Between the two the process's other
 * threads end, and the caller becomes its first, whichever it was.
 *
 * Segments are private mappings of the file's memory, their last page's tail zeroed through a copy of the
 * page; what lies beyond the file's bytes is anonymous.
 *
 * LOCKING  the process's own space and files are changed by its only thread; the pointer to the space,
 *          which others read, under process_lock. While the program is built, other threads run: what is read of
 *          the process meanwhile is read again at the switch.
 */
#include "kernel/exec.h"

#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "arch/context.h"
#include "arch/uaccess.h"
#include "kernel/aio.h"
#include "kernel/file.h"
#include "kernel/futex.h"
#include "kernel/pager.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/usage.h"
#include "libc/core/string.h"
#include "gen/syscalls.h"

#define PATH_SIZE 4096

#define RFLAGS_START 0x202u /* interrupts on; bit 1 is always one */

/* ---- the segments ---- */

static int read_exactly(struct object *object, uint64_t offset, void *to, size_t len) {
    long n = object_read(object, offset, to, len);
    if (n < 0) return (int)n;
    return (size_t)n == len ? 0 : -ENOEXEC;
}

static int read_image(struct object *object, Elf64_Ehdr *h, struct elf_image *image) {
    Elf64_Phdr *phdrs;
    int error = read_exactly(object, 0, h, sizeof *h);
    if (!error) error = elf_check_header(h, object->size);
    if (error) return error;
    size_t size = h->e_phnum * sizeof *phdrs;
    phdrs = heap_alloc(size);
    if (!phdrs) return -ENOMEM;
    error = read_exactly(object, h->e_phoff, phdrs, size);
    if (!error) error = elf_read_segments(h, phdrs, object->size, image);
    heap_free(phdrs);
    return error;
}

static int map_part(struct space *space, uint64_t start, uint64_t end, int prot, struct object *object, uint64_t offset) {
    const struct map_request r = {
        .addr = start,
        .len = end - start,
        .prot = prot,
        .flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | (object ? 0 : MAP_ANONYMOUS),
        .object = object,
        .offset = offset,
        .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
    };
    long at = space_map(space, &r);
    return at < 0 ? (int)at : 0;
}

static int zero_bytes(struct space *space, uint64_t start, uint64_t end) {
    static const uint8_t zeroes[256];
    int error = 0;
    while (!error && start < end) {
        uint64_t n = end - start < sizeof zeroes ? end - start : sizeof zeroes;
        error = space_poke(space, start, zeroes, n);
        start += n;
    }
    return error;
}

static int map_segment(struct space *space, const struct elf_segment *s, struct object *object) {
    int error = 0;
    if (s->file_end > s->start) error = map_part(space, s->start, s->file_end, s->prot, object, s->offset);
    if (!error) error = zero_bytes(space, s->zero_start, s->zero_end);
    if (!error && s->end > s->file_end) error = map_part(space, s->file_end, s->end, s->prot, NULL, 0);
    return error;
}

static int fill_space(struct program *p, struct object *object, const char *path, const struct args *args,
                      const struct cred *cred, uint64_t stack_limit) {
    Elf64_Ehdr h;
    struct elf_image image;
    int error = read_image(object, &h, &image);
    for (unsigned i = 0; !error && i < image.nsegments; i++) error = map_segment(p->space, &image.segment[i], object);
    if (error) return error;
    space_set_break(p->space, page_ceil(image.end));
    p->entry = image.entry;
    return exec_stack(p->space, &image, &h, path, args, cred, stack_limit, &p->stack);
}

int program_load(struct program *p, struct file *file, const char *path, const struct args *args, const struct cred *cred,
                 const struct space_limits *limits) {
    int error = file_may_exec(file, cred);
    if (error) return error;
    struct object *object = file_object(file);
    if (!object) return -ENOMEM;
    *p = (struct program){.space = space_create(limits)};
    if (!p->space) return -ENOMEM;
    error = fill_space(p, object, path, args, cred, limits->stack);
    if (error) space_drop(p->space);
    return error;
}

void program_start_frame(const struct program *p, struct thread *t) {
    struct trapframe *tf = context_frame(&t->context);
    *tf = (struct trapframe){.rip = p->entry, .rsp = p->stack, .cs = USER_CS, .ss = USER_SS, .rflags = RFLAGS_START};
    trapframe_changed(tf);
}

/* ---- the switch ---- */

static void become(struct process *me, const struct program *p, const char *path) {
    struct thread *t = current();
    futex_thread_ends(t);
    futex_thread_gone(t);
    ptimers_exec(me);
    aio_process_exec(me);
    usage_keep_space(me);
    struct space *old = me->space;
    spin_lock(&process_lock);
    me->space = p->space;
    me->borrows = false;
    vfork_done_locked(me);
    me->did_exec = true;
    signals_exec(&me->signals);
    signal_recheck_locked(t);
    if (*path) process_set_name(me, path);
    spin_unlock(&process_lock);
    if (current_is_pager()) space_set_pager(p->space);
    sched_set_space(p->space);
    process_push_limits(me); /* they may have been changed while the new space was being built */
    space_drop(old);
    files_exec(me->files);
    memset(&t->altstack, 0, sizeof t->altstack);
    context_set_fs(&t->context, 0);
    fpu_load_initial();
    program_start_frame(p, t);
}

static int load_file(struct program *program, struct file *file, const char *path, uint64_t argv, uint64_t envp) {
    struct process *me = current_process();
    struct space_limits limits;
    struct args args;
    int error = args_from_user(&args, argv, envp);
    if (error) return error;
    spin_lock(&process_lock);
    process_space_limits_locked(me, &limits);
    spin_unlock(&process_lock);
    error = program_load(program, file, path, &args, &me->cred, &limits);
    args_free(&args);
    return error;
}

/* An empty path with AT_EMPTY_PATH is the descriptor's own file (fexecve). */
static int open_program(int dirfd, const char *path, unsigned flags, struct file **file) {
    if (*path) return file_open_at(dirfd, path, file);
    if (!(flags & AT_EMPTY_PATH)) return -ENOENT;
    *file = files_get(current_process()->files, dirfd);
    return *file ? 0 : -EBADF;
}

static long exec(int dirfd, uint64_t user_path, uint64_t argv, uint64_t envp, unsigned flags) {
    struct program program;
    struct file *file;
    char *path = heap_alloc(PATH_SIZE);
    if (!path) return -ENOMEM;
    long result = copyin_str(path, user_path, PATH_SIZE);
    if (result >= 0) result = open_program(dirfd, path, flags, &file);
    if (result == 0) {
        result = load_file(&program, file, path, argv, envp);
        file_drop(file);
    }
    if (result == 0) {
        result = process_end_other_threads();
        if (result) space_drop(program.space);
    }
    if (result == 0) become(current_process(), &program, path);
    heap_free(path);
    return result;
}

long sys_execve(uint64_t path, uint64_t argv, uint64_t envp) {
    return exec(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(uint64_t dirfd, uint64_t path, uint64_t argv, uint64_t envp, uint64_t flags) {
    if ((unsigned)flags & ~(unsigned)AT_EMPTY_PATH) return -EINVAL; /* AT_SYMLINK_NOFOLLOW is not supported */
    return exec((int)dirfd, path, argv, envp, (unsigned)flags);
}
