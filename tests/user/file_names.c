/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Names: stat and its kin, access, the current directory, the entries of a directory.
 */
#include "tests/user/support.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void test_stat(const char *self) {
    struct stat a, b;
    is_int(stat("/dev/null", &a), 0, "stat of a device");
    ok(S_ISCHR(a.st_mode) && (a.st_mode & 0777) == 0666 && a.st_rdev == 0x103, "it is character device 1:3, for all");
    is_int(stat("/dev", &a), 0, "stat of a directory");
    ok(S_ISDIR(a.st_mode) && a.st_nlink >= 2, "it is one");
    is_int(stat("/dev/..", &b), 0, "and of its ..");
    is_int(stat("/", &a), 0, "and of the root");
    ok(a.st_ino == b.st_ino && a.st_dev == b.st_dev, "which are the same");
    int dir = open("/dev", O_RDONLY);
    is_int(fstatat(dir, "zero", &a, 0), 0, "fstatat from a directory");
    ok(S_ISCHR(a.st_mode) && a.st_rdev == 0x105, "sees 1:5");
    is_int(syscall(SYS_newfstatat, dir, "", &a, AT_EMPTY_PATH), 0, "with an empty path: the directory itself");
    ok(S_ISDIR(a.st_mode), "so it is");
    fails(syscall(SYS_newfstatat, dir, "", &a, 0), ENOENT, "an empty path without AT_EMPTY_PATH");
    fails(syscall(SYS_newfstatat, dir, "zero", &a, 0x40000000), EINVAL, "a flag that is none");
    fails(fstatat(99, "zero", &a, 0), EBADF, "from nowhere");
    close(dir);
    fails(stat("/dev/none", &a), ENOENT, "a name that is missing");
    fails(fstat(99, &a), EBADF, "a descriptor that is not open");
    is_int(lstat(self, &a), 0, "lstat of this program");
    ok(S_ISREG(a.st_mode), "it is a file");
    is_int(access(self, R_OK | X_OK), 0, "that may be read and executed");
    is_int(access("/dev", F_OK), 0, "a directory is there");
    fails(access("/dev/none", F_OK), ENOENT, "a missing name is not");
    fails(access("/dev/null", 8), EINVAL, "a mode that is none");
    char c;
    fails(readlink("/dev/null", &c, 1), EINVAL, "a device is no link");
    fails(readlink("/dev/none", &c, 1), ENOENT, "a missing name is none either");
}

static void test_cwd(void) {
    char path[64];
    is_int(chdir("/dev"), 0, "chdir");
    is_str(getcwd(path, sizeof path), "/dev", "getcwd");
    is_int(access("null", F_OK), 0, "a relative path starts there");
    is_int(chdir(".."), 0, "up");
    is_str(getcwd(path, sizeof path), "/", "to the root");
    is_int(chdir("../../dev/."), 0, "no higher than that");
    is_str(getcwd(path, sizeof path), "/dev", "and down again");
    fails(syscall(SYS_getcwd, path, 4), ERANGE, "a buffer one byte too small");
    is_int(syscall(SYS_getcwd, path, 5), 5, "one that fits");
    fails(chdir("null"), ENOTDIR, "a device is no directory");
    fails(chdir("none"), ENOENT, "a missing name");
    is_str(getcwd(path, sizeof path), "/dev", "refusals move nothing");
    chdir("/");
}

static int count(DIR *d, const char *name, int *type) {
    struct dirent *e;
    int n = 0;
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, name) == 0) n++, *type = e->d_type;
    }
    return n;
}

static void test_entries(void) {
    int type = -1;
    DIR *d = opendir("/dev");
    ok(d != NULL, "opendir");
    is_int(count(d, "null", &type), 1, "null is there, once");
    is_int(type, DT_CHR, "a character device");
    rewinddir(d);
    is_int(count(d, "..", &type), 1, "so is ..");
    is_int(type, DT_DIR, "a directory");
    closedir(d);
    char name[16], small[8];
    snprintf(name, sizeof name, "%d", getpid());
    d = opendir("/proc");
    is_int(count(d, name, &type), 1, "/proc has this process, once");
    is_int(type, DT_DIR, "as a directory");
    closedir(d);
    int fd = open("/dev", O_RDONLY), null = open("/dev/null", O_RDONLY);
    fails(syscall(SYS_getdents64, fd, small, sizeof small), EINVAL, "a buffer too small for one entry");
    fails(syscall(SYS_getdents64, null, small, sizeof small), ENOTDIR, "a device has no entries");
    fails(syscall(SYS_getdents64, 99, small, sizeof small), EBADF, "nor has nothing");
    close(fd);
    close(null);
}

/* Through a buffer for one entry at a time, as through a big one. */
static void test_small_buffer(void) {
    char small[48];
    static char big[32768];
    int fd = open("/dev", O_RDONLY), entries = 0, all = 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, small, sizeof small)) > 0)
        for (long at = 0; at < n; at += *(unsigned short *)(small + at + 16)) entries++;
    if (n < 0) diag("stopped with errno %d", errno);
    lseek(fd, 0, SEEK_SET);
    while ((n = syscall(SYS_getdents64, fd, big, sizeof big)) > 0)
        for (long at = 0; at < n; at += *(unsigned short *)(big + at + 16)) all++;
    ok(entries == all && all >= 7, "%d entries through a small buffer, %d through a big one", entries, all);
    close(fd);
}

int main(int argc, char **argv) {
    (void)argc;
    plan(24 + 12 + 10 + 2);
    test_stat(argv[0]);
    test_cwd();
    test_entries();
    if (on_holdfast()) test_small_buffer();
    else skip(1, "Linux's /dev has longer names");
    mode_t old = umask(077);
    is_int(umask(old), 077, "umask gives back what it was");
    return done_testing();
}
