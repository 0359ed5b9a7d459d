/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * open(2) and its kin on a tree that cannot change: what opens, what does not and why, and that a refused
 * open takes no descriptor.
 */
#include "tests/user/support.h"

#include <limits.h>
#include <sys/stat.h>

static const char *self; /* a regular file that is there: this program */
static int lowest;       /* the lowest free descriptor */

/* It failed with want, and no descriptor went. */
static void refused(const char *path, int flags, int want, const char *name) {
    errno = 0;
    int fd = open(path, flags, 0644), err = errno;
    int next = dup(0);
    if (!ok(fd == -1 && err == want && next == lowest, "%s", name))
        diag("open gave %d with errno %d (%s), the next descriptor is %d, not %d", fd, err, strerror(err), next, lowest);
    close(next);
    if (fd >= 0) close(fd);
}

static void as_nobody(void *arg) {
    int *seen = arg;
    seen[0] = open("/dev/console", O_RDWR) == -1 ? errno : 0;
    seen[1] = open("/dev/null", O_RDWR) == -1 ? errno : 0;
    seen[2] = access("/dev/console", R_OK) == -1 ? errno : 0;
}

static void test_refusals(void) {
    static char long_name[NAME_MAX + 2], long_path[PATH_MAX + 1], path[600];
    memset(long_name, 'n', NAME_MAX + 1);
    memset(long_path, '/', PATH_MAX);
    refused("", O_RDONLY, ENOENT, "an empty path");
    refused("/no/such", O_RDONLY, ENOENT, "a directory that is missing");
    refused("/dev/nosuch", O_RDONLY, ENOENT, "a name that is missing");
    refused(long_name, O_RDONLY, ENAMETOOLONG, "a name of 256 bytes");
    refused(long_path, O_RDONLY, ENAMETOOLONG, "a path of 4096 bytes");
    long_name[NAME_MAX] = 0;
    refused(long_name, O_RDONLY, ENOENT, "a name of 255 bytes is only missing");
    long_path[PATH_MAX - 1] = 0;
    int fd = open(long_path, O_RDONLY);
    is_int(fd, lowest, "a path of 4095 bytes opens");
    close(fd);
    refused("/dev/null/x", O_RDONLY, ENOTDIR, "below a file");
    refused("/dev/null/", O_RDONLY, ENOTDIR, "a file with a slash");
    snprintf(path, sizeof path, "%s/..", self);
    refused(path, O_RDONLY, ENOTDIR, "a file's ..");
    refused("/dev/null", O_RDONLY | O_DIRECTORY, ENOTDIR, "a file that must be a directory");
    refused("/dev", O_WRONLY, EISDIR, "a directory for writing");
    refused("/dev", O_RDWR, EISDIR, "a directory for both");
    refused("/dev", O_RDONLY | O_CREAT, EISDIR, "a directory to be made");
    refused("/dev/null", O_RDWR | O_CREAT | O_EXCL, EEXIST, "a name that must be new");
    fails(openat(99, "x", O_RDONLY), EBADF, "from a descriptor that is not open");
    fails(openat(0, "x", O_RDONLY), ENOTDIR, "from one that is no directory");
}

static void test_read_only_tree(void) {
    if (!on_holdfast()) {
        skip(4, "Linux's tree can be written");
        return;
    }
    refused(self, O_WRONLY, EROFS, "a file for writing");
    refused(self, O_RDONLY | O_TRUNC, EROFS, "a file to be cut");
    refused("/new", O_RDWR | O_CREAT, EROFS, "a file to be made");
    fails(access(self, W_OK), EROFS, "access says so as well");
}

static void test_openings(void) {
    struct stat a, b;
    int fd = open(self, O_RDONLY);
    is_int(fd, lowest, "the lowest descriptor");
    is_int(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY, "F_GETFL tells the access mode");
    is_int(fcntl(fd, F_GETFD), 0, "not close-on-exec");
    is_int(fstat(fd, &a), 0, "fstat");
    is_int(stat(self, &b), 0, "stat");
    ok(S_ISREG(a.st_mode) && a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size && a.st_size > 1000,
       "both see the same file, of %ld bytes", (long)a.st_size);
    int other = open(self, O_RDONLY | O_CLOEXEC);
    is_int(other, lowest + 1, "and the next lowest");
    is_int(fcntl(other, F_GETFD), FD_CLOEXEC, "O_CLOEXEC");
    close(fd);
    is_int(dup(0), lowest, "a hole is filled first");
    close(lowest);
    close(other);
    int dir = open("/dev", O_RDONLY | O_DIRECTORY);
    ok(dir >= 0, "a directory opens for reading");
    fd = openat(dir, "null", O_RDWR);
    ok(fd >= 0, "openat from it");
    close(fd);
    fd = openat(dir, "/dev/../dev/./null", O_RDWR);
    ok(fd >= 0, "an absolute path does not look at it");
    char c;
    fails(read(dir, &c, 1), EISDIR, "it cannot be read");
    close(fd);
    close(dir);
    fails(close(dir), EBADF, "closing twice");
    fails(close(-1), EBADF, "closing -1");
    fails(close(1 << 20), EBADF, "closing what never was");
}

static void test_limit(void) {
    struct rlimit old, r;
    getrlimit(RLIMIT_NOFILE, &old);
    r = (struct rlimit){(rlim_t)lowest + 2, old.rlim_max};
    is_int(setrlimit(RLIMIT_NOFILE, &r), 0, "RLIMIT_NOFILE two above");
    ok(open(self, O_RDONLY) == lowest && open(self, O_RDONLY) == lowest + 1, "two open");
    fails(open(self, O_RDONLY), EMFILE, "no third");
    fails(dup(0), EMFILE, "nor by dup");
    fails(fcntl(0, F_DUPFD, lowest + 2), EINVAL, "F_DUPFD from the limit on");
    fails(dup2(0, lowest + 2), EBADF, "dup2 to the limit");
    setrlimit(RLIMIT_NOFILE, &old);
    close(lowest);
    close(lowest + 1);
}

static void test_many(void) {
    int fd[600], n = 0;
    bool in_order = true;
    while (n < 600 && (fd[n] = dup(0)) >= 0) {
        in_order = in_order && fd[n] == lowest + n;
        n++;
    }
    ok(n == 600 && in_order, "600 descriptors, in order");
    for (int i = 0; i < n; i += 2) close(fd[i]);
    is_int(dup(0), lowest, "every other one closed: the lowest is free");
    is_int(dup(0), lowest + 2, "then the next");
    for (int i = 0; i < n; i++) close(fd[i]);
    is_int(dup(0), lowest, "and when all are closed, the lowest");
    close(lowest);
}

int main(int argc, char **argv) {
    (void)argc;
    self = argv[0];
    plan(17 + 4 + 16 + 6 + 4 + 3);
    for (int fd = 3; fd < 1024; fd++) close(fd); /* whatever we were started with */
    lowest = dup(0);
    if (lowest < 0) bail_out("dup: %s", strerror(errno));
    close(lowest);
    test_refusals();
    test_read_only_tree();
    test_openings();
    test_limit();
    test_many();
    int *seen = shared(3 * sizeof *seen);
    if (geteuid() == 0) as_user(1, as_nobody, seen);
    else as_nobody(seen);
    is_int(seen[0], EACCES, "another uid may not open the console");
    is_int(seen[1], 0, "but may open /dev/null");
    is_int(seen[2], EACCES, "access says the same");
    return done_testing();
}
