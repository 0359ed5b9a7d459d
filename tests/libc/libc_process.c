/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Processes as libc shows them: start-up, thread-local variables, exit, fork, exec, wait, pipes,
 * sysconf, folders.
 */
#include "tests/tap.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static __thread int initialised = 42;
static __thread int zeroed;
static __thread _Alignas(64) char aligned[100] = "aligned";
static __thread char large[5000]; /* more than libc keeps room for */
static int constructed;

static __attribute__((constructor)) void construct(void) {
    constructed = initialised + 1;
}

/* The wait status of a child that runs `body`. */
static int status_of(void (*body)(void)) {
    int status = -1;
    pid_t child = fork();

    if (child < 0) bail_out("no child");
    if (child == 0) {
        body();
        _exit(99);
    }
    if (waitpid(child, &status, 0) != child) bail_out("no status");
    return status;
}

/* ---- vfork ---- */

static volatile int lent;

static __attribute__((noinline)) int deep(volatile int n) {
    volatile char room[300];
    for (size_t i = 0; i < sizeof room; i++) room[i] = (char)n;
    return n ? deep(n - 1) + room[n] : room[0];
}

/* The child writes all over the stack below, and its memory is the parent's. */
static __attribute__((noinline)) int lends(const char *program) {
    int status = -1;
    lent = 0;
    pid_t child = vfork();
    if (child < 0) return -1;
    if (child == 0) {
        deep(20);
        lent = 5;
        if (program) execl(program, "again", "one", "two words", (char *)NULL);
        lent = errno;
        _exit(7);
    }
    return waitpid(child, &status, 0) == child ? status : -2;
}

static void test_vfork(void) {
    ok(lends(NULL) == 7 << 8, "vfork: the child ends");
    is_int(lends(getenv("HF_SELF")), 42 << 8, "vfork, exec");
    is_int(lent, 5, "what the child wrote before is there");
    is_int(lends("/no/such/program"), 7 << 8, "vfork, an exec that fails");
    is_int(lent, ENOENT, "and the child's errno can be handed on");
}

static void bye_three(void) {
    _exit(3);
}

static void bye_late(void) {
    atexit(bye_three);
}

static void at_exit_runs(void) {
    atexit(bye_late); /* which registers another, which ends with 3 */
    exit(0);
}

static void at_exit_order(void) {
    atexit(abort); /* never reached: handlers run last to first */
    atexit(bye_three);
    exit(0);
}

static void ignores_abort(void) {
    close(STDERR_FILENO);
    signal(SIGABRT, SIG_IGN);
    abort();
}

static void fails_assertion(void) {
    close(STDERR_FILENO);
    assert(constructed == -1);
}

static void returns_byte(void) {
    exit(0x1ff);
}

static void raises_term(void) {
    raise(SIGTERM);
}

static void execs_self(void) {
    execl("/proc/self/exe", "again", "one", "two words", (char *)NULL);
    execl(getenv("HF_SELF"), "again", "one", "two words", (char *)NULL);
}

static void execs_nothing(void) {
    setenv("PATH", "/no/where:/nor/here", 1);
    execlp("no-such-program", "x", (char *)NULL);
    _exit(errno == ENOENT ? 7 : 8);
}

static __attribute__((noinline)) void smash(volatile char *p, int n) {
    for (int i = 0; i < n; i++) p[i] = 'x';
}

static __attribute__((noinline)) void smashes_stack(void) {
    volatile char room[16];

    close(STDERR_FILENO);
    smash(room, 64);
}

static void test_start(char **argv) {
    ok(constructed == 43, "constructors run before main, with thread-local variables in place");
    large[4999] = 1;
    ok(large[0] == 0 && initialised == 42 && zeroed == 0 && strcmp(aligned, "aligned") == 0 &&
           (uintptr_t)aligned % 64 == 0,
       "thread-local variables");
    ok(strcmp(program_invocation_name, argv[0]) == 0 && !strchr(program_invocation_short_name, '/'),
       "the program's name");
    ok(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_ENTRY) != 0, "the auxiliary vector");
    errno = 0;
    ok(getauxval(9999) == 0 && errno == ENOENT, "getauxval of what is not there");
    uintptr_t here;
    __asm__("mov %%rsp, %0" : "=r"(here));
    ok(here % 8 == 0 && environ != NULL, "a stack and an environment");
}

static void test_endings(void) {
    is_int(WEXITSTATUS(status_of(at_exit_runs)), 3, "a handler may register another");
    is_int(WEXITSTATUS(status_of(at_exit_order)), 3, "handlers run last to first");
    is_int(WEXITSTATUS(status_of(returns_byte)), 0xff, "an exit status is a byte");
    is_int(WTERMSIG(status_of(ignores_abort)), SIGABRT, "abort cannot be ignored");
    is_int(WTERMSIG(status_of(fails_assertion)), SIGABRT, "assert aborts");
    is_int(WTERMSIG(status_of(raises_term)), SIGTERM, "raise");
    is_int(WTERMSIG(status_of(smashes_stack)), SIGABRT, "the stack protector's guard works");
    is_int(WEXITSTATUS(status_of(execs_self)), 42, "exec with arguments as a list");
    is_int(WEXITSTATUS(status_of(execs_nothing)), 7, "execlp looks along PATH");
}

static void test_descriptors(void) {
    int ends[2];
    char s[8] = "";

    ok(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_GETFD) == FD_CLOEXEC, "pipe2");
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    is_int(poll(&p, 1, 0), 0, "poll of an empty pipe");
    struct iovec out[] = {{(char[]){'a', 'b'}, 2}, {(char[]){'c'}, 1}};
    is_int(writev(ends[1], out, 2), 3, "writev");
    ok(poll(&p, 1, -1) == 1 && p.revents == POLLIN, "poll of a full one");
    ok(read(ends[0], s, sizeof s) == 3 && strcmp(s, "abc") == 0, "read");
    int copy = fcntl(ends[1], F_DUPFD, 100);
    ok(copy >= 100 && close(ends[1]) == 0 && write(copy, "x", 1) == 1 && close(copy) == 0,
       "a copy lives on its own");
    ok(read(ends[0], s, sizeof s) == 1 && read(ends[0], s, sizeof s) == 0 && close(ends[0]) == 0,
       "the end of a pipe");
    fails(close(ends[0]), EBADF, "close twice");
    fails(open("/no/such/file", O_RDONLY), ENOENT, "open");
    struct stat st;
    ok(stat("/", &st) == 0 && S_ISDIR(st.st_mode), "stat");
    fails(ioctl(-1, TIOCGWINSZ, &st), EBADF, "ioctl");
}

static bool lists_folder(const char *path) {
    DIR *d = opendir(path);
    int count = 0;
    bool own = false;

    if (!d) return false;
    for (struct dirent *e; (e = readdir(d));) {
        count++;
        own |= strcmp(e->d_name, ".") == 0;
    }
    rewinddir(d);
    for (; readdir(d); count--) continue;
    return closedir(d) == 0 && own && count == 0;
}

/* Where there is no such knob (Linux), there is no such limit. */
static bool requests_are_bounded_as_the_knob_says(void) {
    long value = -1;
    size_t size = sizeof value;

    if (sysctlbyname("vfs.aio.max_aio_queue", &value, &size, NULL, 0)) value = -1;
    return sysconf(_SC_AIO_MAX) == value;
}

static void test_system(void) {
    struct rlimit files;
    struct sysinfo info;
    struct utsname name;

    getrlimit(RLIMIT_NOFILE, &files);
    is_int(sysconf(_SC_OPEN_MAX), (long)files.rlim_cur, "sysconf: files are what the limit says");
    is_int(sysconf(_SC_PAGESIZE), 4096, "sysconf: pages");
    ok(sysinfo(&info) == 0 &&
           sysconf(_SC_PHYS_PAGES) == (long)(info.totalram * info.mem_unit / 4096),
       "sysconf: memory");
    ok(sysconf(_SC_AVPHYS_PAGES) > 0 && sysconf(_SC_AVPHYS_PAGES) < sysconf(_SC_PHYS_PAGES),
       "sysconf: free memory");
    cpu_set_t set;
    ok(sched_getaffinity(0, sizeof set, &set) == 0 &&
           CPU_COUNT(&set) == sysconf(_SC_NPROCESSORS_ONLN),
       "sysconf: processors");
    ok(requests_are_bounded_as_the_knob_says(), "sysconf: asynchronous requests");
    errno = 0;
    ok(sysconf(99999) == -1 && errno == EINVAL, "sysconf: an unknown name");
    errno = 0;
    ok(sysconf(_SC_SHARED_MEMORY_OBJECTS) == -1 && errno == 0,
       "sysconf: what is not there, without an error");
    ok(uname(&name) == 0 && strcmp(name.machine, "x86_64") == 0, "uname");
    is_int(syscall(SYS_getpid), getpid(), "syscall");
    fails(syscall(100000), ENOSYS, "a number that no call has");
    ok(getppid() > 0 || getpid() == 1, "getppid");
    void *before = sbrk(0);
    ok(sbrk(5000) == before && (char *)sbrk(0) == (char *)before + 5000 && brk(before) == 0 &&
           sbrk(0) == before,
       "brk, sbrk");
    char folder[PATH_MAX];
    ok(getcwd(folder, sizeof folder) == folder && *folder == '/', "getcwd");
    fails(getcwd(folder, 1) ? 0 : -1, ERANGE, "getcwd: too small");
    ok(lists_folder("/"), "a folder is listed, and again after rewinddir");
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[0], "again") == 0)
        return strcmp(argv[2], "two words") == 0 ? 42 : 1;
    setenv("HF_SELF", argv[0], 1);
    plan(42 + 5);
    test_start(argv);
    test_endings();
    test_vfork();
    test_descriptors();
    test_system();
    return done_testing();
}
