/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Programs that cannot be run, and lists that cannot be read: an error, and the caller lives.
 *
 * A good program of two dozen instructions' worth is made in memory; each case spoils one thing in it.
 * Linux takes some of them (it checks less): those are judged on Holdfast alone.
 */
#include <linux/elf.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "tests/user/support.h"

struct image {
    Elf64_Ehdr h;
    Elf64_Phdr p[4];
    unsigned char code[16];
    char rest[0x2000];
};

#define BASE 0x400000ul

static struct image good(void) {
    struct image i = {
        .h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC,
              .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_entry = BASE + offsetof(struct image, code),
              .e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2},
        .p = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = BASE, .p_filesz = 0x200, .p_memsz = 0x200, .p_align = PG},
              {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x1000, .p_vaddr = BASE + 0x1000, .p_filesz = 0x10,
               .p_memsz = 0x3000, .p_align = PG}},
        /* mov eax, 231 (exit_group); mov edi, 42; syscall */
        .code = {0xb8, 231, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05},
    };
    return i;
}

static int file_of(const void *bytes, size_t n) {
    int fd = memfd_create("program", 0);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n) bail_out("memfd: %s", strerror(errno));
    return fd;
}

/* In a child: runs it. 42 is the program's own status, 100 + errno exec's failure. */
static int run(const void *bytes, size_t n) {
    int fd = file_of(bytes, n), status;
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = {"program", NULL}, *envp[] = {NULL};
        syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
        _exit(100 + errno);
    }
    waitpid(pid, &status, 0);
    close(fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int checked;

/* everywhere: Linux refuses it as well. */
#define BAD(everywhere, what, ...)                                                                   \
    do {                                                                                             \
        struct image i = good();                                                                     \
        __VA_ARGS__;                                                                                 \
        checked++;                                                                                   \
        if ((everywhere) || on_holdfast()) is_int(run(&i, sizeof i), 100 + ENOEXEC, "ENOEXEC: %s", what); \
        else skip(1, "Linux does not look");                                                         \
    } while (0)

static void bad_images(void) {
    BAD(1, "no magic number", i.h.e_ident[1] = 'e');
    BAD(0, "32 bits", i.h.e_ident[EI_CLASS] = ELFCLASS32);
    BAD(1, "a machine of another kind", i.h.e_machine = EM_AARCH64);
    BAD(1, "an object file", i.h.e_type = ET_REL);
    BAD(1, "no program headers", i.h.e_phnum = 0);
    BAD(1, "program headers of a strange size", i.h.e_phentsize = 57);
    BAD(0, "program headers beyond the file", i.h.e_phoff = sizeof i - 8);
    BAD(0, "program headers whose place wraps", i.h.e_phoff = -16ul);
    BAD(0, "an interpreter", i.p[1].p_type = PT_INTERP);
    BAD(0, "overlapping segments", i.p[1].p_vaddr = BASE);
    BAD(0, "descending segments", i.p[1].p_vaddr = BASE - 0x10000);
    BAD(0, "a size that wraps", i.p[1].p_memsz = -0x1000ul);
    BAD(0, "an address that wraps", i.p[1].p_vaddr = -0x1000ul);
    BAD(0, "a kernel address", i.p[1].p_vaddr = KERNEL);
    BAD(0, "the last page below the end of user space, and one more", i.p[1].p_vaddr = USER_END - PG);
    BAD(0, "page zero", i.p[1].p_vaddr = 0);
    BAD(0, "more bytes from the file than in memory", i.p[1].p_filesz = i.p[1].p_memsz + 1);
    BAD(0, "bytes beyond the end of the file", i.p[1].p_offset = 0x100000);
    BAD(0, "an offset that disagrees with the address", i.p[1].p_offset = 0x1010);
    BAD(0, "writable and executable", i.p[0].p_flags |= PF_W);
    BAD(0, "an entry that is not mapped", i.h.e_entry = 0x10000);
    BAD(0, "an entry that is not executable", i.h.e_entry = BASE + 0x1000);
}

static void cut_off(void) {
    struct image i = good();
    is_int(run(&i, sizeof i), 42, "the good program runs, and exits with 42");
    is_int(run("", 0), 100 + ENOEXEC, "an empty file");
    is_int(run(&i, 1), 100 + ENOEXEC, "one byte");
    int wrong = 0;
    for (size_t n = 2; n < 0x1010; n += n < 300 ? 7 : 500) wrong += run(&i, n) != 100 + ENOEXEC;
    if (on_holdfast()) is_int(wrong, 0, "and every length up to the last byte that it needs");
    else skip(1, "Linux maps what is not there");
    is_int(run(&i, 0x1010), 42, "the bytes that it needs are enough");
    if (on_holdfast()) is_int(run("#!/bin/sh\n", 10), 100 + ENOEXEC, "a script is no program");
    else skip(1, "Linux runs scripts");
}

/* ---- the arguments of exec ---- */

static void bad_arguments(void) {
    char *none[] = {NULL}, *bad_string[] = {(char *)KERNEL, NULL};
    static char name[5000];
    memset(name, 'x', sizeof name - 1);
    name[0] = '/';
    fails(execve("/no/such/file", none, none), ENOENT, "no such file");
    fails(execve("", none, none), ENOENT, "an empty path");
    fails(execve("/", none, none), EACCES, "a directory");
    fails(execve("/dev/null", none, none), EACCES, "a device");
    fails(execve("/dev/null/x", none, none), ENOTDIR, "a file in place of a directory");
    fails(execve(name, none, none), ENAMETOOLONG, "a path without end");
    fails(execve((char *)KERNEL, none, none), EFAULT, "a path in the kernel");
    fails(execve("/dev/null/x", (char **)KERNEL, none), ENOTDIR, "the path is looked at first");
    struct image i = good();
    int fd = file_of(&i, sizeof i);
    fails(syscall(SYS_execveat, fd, "", KERNEL, none, AT_EMPTY_PATH), EFAULT, "an argument list in the kernel");
    fails(syscall(SYS_execveat, fd, "", none, USER_END - 4, AT_EMPTY_PATH), EFAULT, "an environment across the end of user space");
    fails(syscall(SYS_execveat, fd, "", bad_string, none, AT_EMPTY_PATH), EFAULT, "an argument in the kernel");
    fails(syscall(SYS_execveat, fd, "", none, none, 0x40000000 | AT_EMPTY_PATH), EINVAL, "an unknown flag");
    fails(syscall(SYS_execveat, fd, "", none, none, 0), ENOENT, "an empty path without the flag");
    fails(syscall(SYS_execveat, 4321, "", none, none, AT_EMPTY_PATH), EBADF, "no such descriptor");
    close(fd);
}

static void too_big(void) {
    struct image i = good();
    static char *argv[70000], string[200000];
    int fd = file_of(&i, sizeof i);
    char *none[] = {NULL}, *one[] = {string, NULL};
    memset(string, 'a', sizeof string - 1);
    fails(syscall(SYS_execveat, fd, "", one, none, AT_EMPTY_PATH), E2BIG, "an argument of 200 kB");
    for (int n = 0; n < 69999; n++) argv[n] = "";
    if (on_holdfast()) fails(syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH), E2BIG, "70000 empty ones");
    else skip(1, "Linux's limit is higher");
    close(fd);
}

int main(void) {
    plan(22 + 6 + 14 + 2 + 1);
    bad_images();
    is_int(checked, 22, "every case was looked at");
    cut_off();
    bad_arguments();
    too_big();
    return done_testing();
}
