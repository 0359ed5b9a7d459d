/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc in Linux's words: a process's status, limits and maps; other processes by number; what was read is
 * of one moment, however small the reads.
 *
 * clauses: B3
 */
#include "tests/user/support.h"

static char text[65536];

/* The whole file, or NULL; read `step` bytes at a time. */
static const char *slurp(const char *path, size_t step) {
    size_t n = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY);
    if (fd < 0) return NULL;
    while (got > 0 && n + step < sizeof text) {
        got = read(fd, text + n, step);
        if (got > 0) n += (size_t)got;
    }
    close(fd);
    text[n] = 0;
    return text;
}

/* What a line "NAME:\tVALUE" begins with, as a number. */
static long field(const char *path, const char *name) {
    const char *line = slurp(path, 4096);
    size_t len = strlen(name);
    for (; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ':') return strtol(line + len + 1, NULL, 10);
    return -1;
}

static void test_status(void) {
    char path[64];
    is_int(field("/proc/self/status", "Pid"), getpid(), "status: Pid");
    is_int(field("/proc/self/status", "PPid"), getppid(), "PPid");
    is_int(field("/proc/self/status", "Uid"), (long)getuid(), "Uid");
    is_int(field("/proc/self/status", "Gid"), (long)getgid(), "Gid");
    is_int(field("/proc/self/status", "Threads"), 1, "Threads");
    ok(field("/proc/self/status", "VmSize") >= field("/proc/self/status", "VmRSS"), "VmSize is no less than VmRSS");
    snprintf(path, sizeof path, "/proc/%d/status", getpid());
    is_int(field(path, "Pid"), getpid(), "/proc/PID is the same");
    is_int(field("/proc/1/status", "Pid"), 1, "and the first process has one");
    fails(open("/proc/999999999/status", O_RDONLY), ENOENT, "who does not live has none");
    fails(open("/proc/01/status", O_RDONLY), ENOENT, "nor has a number with a zero before it");
    fails(open("/proc/self/none", O_RDONLY), ENOENT, "nor is there a file of any name");
}

static void test_size_follows(void) {
    long before = field("/proc/self/status", "VmSize"), rss = field("/proc/self/status", "VmRSS");
    char *p = anon(64);
    is_int(field("/proc/self/status", "VmSize") - before, 64 * 4, "VmSize grows by what is mapped");
    for (int i = 0; i < 64; i++) p[(size_t)i * PG] = 1;
    ok(field("/proc/self/status", "VmRSS") - rss >= 60 * 4, "VmRSS by what is touched");
    munmap(p, 64 * PG);
    is_int(field("/proc/self/status", "VmSize"), before, "and VmSize is back");
}

static void test_exe(const char *self) {
    char path[256] = {0}, a[64], b[64];
    long n = readlink("/proc/self/exe", path, sizeof path - 1);
    ok(n > 0 && strcmp(strrchr(path, '/'), strrchr(self, '/')) == 0, "exe is this program: %s", path);
    is_int(readlink("/proc/self/exe", path, 3), 3, "cut to the buffer");
    int fd = open("/proc/self/exe", O_RDONLY), same = open(self, O_RDONLY);
    ok(fd >= 0 && read(fd, a, 64) == 64 && read(same, b, 64) == 64 && memcmp(a, b, 64) == 0, "and opens as it");
    fails(open("/proc/self/exe", O_RDONLY | O_NOFOLLOW), ELOOP, "though it is a link");
    close(fd);
    close(same);
}

static bool has(const char *line) {
    return text[0] && strstr(text, line);
}

static void test_limits(void) {
    struct rlimit r = {8 * PG, 16 * PG}, old;
    getrlimit(RLIMIT_MEMLOCK, &old);
    setrlimit(RLIMIT_MEMLOCK, &r);
    slurp("/proc/self/limits", 4096);
    ok(has("Limit                     Soft Limit           Hard Limit           Units     \n"), "limits: the heading");
    ok(has("Max locked memory         32768                65536                bytes     \n"), "B3: RLIMIT_MEMLOCK as it stands");
    setrlimit(RLIMIT_MEMLOCK, &old);
}

/* The line of maps in which an address lies, without what follows the protection. */
static const char *region_of(const void *p) {
    static char found[64];
    unsigned long start, end;
    for (const char *line = slurp("/proc/self/maps", 4096); line && *line;) {
        char *at;
        start = strtoul(line, &at, 16);
        end = strtoul(at + 1, &at, 16);
        if ((unsigned long)p >= start && (unsigned long)p < end) {
            snprintf(found, sizeof found, "%lu pages %.4s", (end - start) / PG, at + 1);
            return found;
        }
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    }
    return "none";
}

static void test_maps(void) {
    char *p = map_pages(5, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS), *q;
    mprotect(p + PG, 3 * PG, PROT_READ);
    mprotect(p + 2 * PG, PG, PROT_READ | PROT_WRITE);
    is_str(region_of(p + PG), "1 pages r--p", "maps: a readable page");
    is_str(region_of(p + 2 * PG), "1 pages rw-p", "a writable one");
    munmap(p + 2 * PG, PG);
    is_str(region_of(p + 2 * PG), "none", "and a hole");
    munmap(p, 5 * PG);
    q = shared(3 * PG);
    is_str(region_of(q), "3 pages rw-s", "shared memory");
    munmap(q, 3 * PG);
    slurp("/proc/self/maps", 4096);
    ok(has("[stack]\n"), "the stack has its name");
    ok(has("proc_files\n"), "and the program");
}

static void test_reading(void) {
    static char whole[65536];
    slurp("/proc/self/limits", 4096);
    memcpy(whole, text, sizeof whole);
    is_str(slurp("/proc/self/limits", 1), whole, "byte by byte it reads the same");
    ok(strlen(whole) > 500, "%zu bytes of it", strlen(whole));
    int fd = open("/proc/self/status", O_RDONLY);
    char a[32], b[32];
    is_int(read(fd, a, 32), 32, "a position");
    is_int(lseek(fd, 0, SEEK_SET), 0, "can be set");
    is_int(read(fd, b, 32), 32, "and read again");
    ok(memcmp(a, b, 32) == 0, "with the same bytes");
    close(fd);
    fd = open("/proc/self/status", O_RDWR);
    if (geteuid() == 0) fails(write(fd, "x", 1), EINVAL, "it cannot be written");
    else is_int(fd, -1, "it cannot be opened for writing");
    close(fd);
    is_int(chdir("/proc/self"), 0, "a process's directory can be the current one");
    is_int(field("status", "Pid"), getpid(), "and read from");
    char path[64], want[64];
    snprintf(want, sizeof want, "/proc/%d", getpid());
    is_str(getcwd(path, sizeof path), want, "its name has the number");
    chdir("/");
}

static void nobody_looks(void *arg) {
    int *seen = arg;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", getppid());
    int fd = open(path, O_RDONLY);
    seen[0] = fd < 0 ? errno : 0;
    if (fd >= 0) seen[0] = read(fd, path, 1) < 0 ? errno : 0;
    seen[1] = slurp("/proc/self/maps", 4096) && text[0] ? 1 : 0;
}

static void test_machine(void) {
    ok(field("/proc/meminfo", "MemTotal") > field("/proc/meminfo", "MemFree"), "meminfo");
    ok(field("/proc/meminfo", "CommitLimit") >= 0 && field("/proc/meminfo", "Committed_AS") > 0,
       "what is promised, and what could be");
    ok(slurp("/proc/version", 4096) && strstr(text, "version"), "version");
    ok(slurp("/proc/cmdline", 4096) && text[strlen(text) - 1] == '\n', "cmdline");
    ok(slurp("/proc/uptime", 4096) && strchr(text, '.'), "uptime");
    if (geteuid() != 0) {
        skip(2, "not root");
        return;
    }
    int *seen = shared(2 * sizeof *seen);
    as_user(1, nobody_looks, seen);
    is_int(seen[0], EACCES, "another uid does not see where our memory lies");
    is_int(seen[1], 1, "but where its own does");
}

int main(int argc, char **argv) {
    (void)argc;
    plan(11 + 4 + 3 + 2 + 6 + 10 + 7);
    test_status();
    test_exe(argv[0]);
    test_size_follows();
    test_limits();
    test_maps();
    test_reading();
    test_machine();
    return done_testing();
}
