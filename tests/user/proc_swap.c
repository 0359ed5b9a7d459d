/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a Linux user looks at to see memory leave and come back: smaps, status, stat, meminfo, vmstat, swaps, getrusage. Each
 * number is moved by what it counts, and by as much. What needs no swap runs on Linux, too.
 *
 * swap: 32M
 * clauses: B3 L1 L22 I7
 */
#include "tests/user/support.h"

#define N  64
#define KB (PG / 1024)
#define RW (PROT_READ | PROT_WRITE)

static char text[1 << 17];

static const char *slurp(const char *path) {
    size_t n = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY);
    if (fd < 0) bail_out("%s: %s", path, strerror(errno));
    while ((got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += (size_t)got;
    close(fd);
    text[n] = 0;
    return text;
}

/* What follows "NAME:" among the lines of the region of p in /proc/self/smaps; "" if it is not there. */
static const char *smaps_text(const void *p, const char *name) {
    bool inside = false;
    size_t len = strlen(name);
    for (char *line = (char *)slurp("/proc/self/smaps"); line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *dash;
        unsigned long start = strtoul(line, &dash, 16);
        if (*dash == '-') inside = start <= (unsigned long)p && (unsigned long)p < strtoul(dash + 1, NULL, 16);
        if (inside && strncmp(line, name, len) == 0 && line[len] == ':') {
            line[strcspn(line, "\n")] = 0;
            return line + len + 1;
        }
    }
    return "";
}

/* The same in pages; -1: not there. */
static long smaps(const void *p, const char *name) {
    const char *value = smaps_text(p, name);
    return *value ? strtol(value, NULL, 10) / (long)KB : -1;
}

static bool has_flag(const void *p, const char *flag) {
    char want[8];
    snprintf(want, sizeof want, " %s ", flag);
    return strstr(smaps_text(p, "VmFlags"), want) != NULL;
}

static long status(const char *name) {
    return proc_pages("/proc/self/status", name);
}

static long meminfo(const char *name) {
    return proc_pages("/proc/meminfo", name);
}

/* A line "NAME N"; -1: not there. */
static long vmstat(const char *name) {
    size_t len = strlen(name);
    for (const char *line = slurp("/proc/vmstat"); line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ' ') return strtol(line + len, NULL, 10);
    return -1;
}

/* The n-th field of /proc/self/stat, counted from 1; not the second. */
static long stat_field(int n) {
    const char *at = strrchr(slurp("/proc/self/stat"), ')');
    if (n == 1) return strtol(text, NULL, 10);
    for (int i = 2; at && i < n; i++) at = strchr(at + 1, ' ');
    return at ? strtol(at + 1, NULL, 10) : -1;
}

static long major_faults(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_majflt;
}

static void fill(char *p, size_t n) {
    for (size_t i = 0; i < n * PG; i += 8) *(uint64_t *)(p + i) = i * 0x9e3779b97f4a7c15ul + 1;
}

static size_t wrong_words(const char *p, size_t n) {
    size_t wrong = 0;
    for (size_t i = 0; i < n * PG; i += 8) wrong += *(const uint64_t *)(p + i) != i * 0x9e3779b97f4a7c15ul + 1;
    return wrong;
}

/* A mapping that its neighbours do not continue. */
static char *apart(size_t n, int flags) {
    char *p = map_pages(n + 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
    if (mmap(p + PG, n * PG, RW, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) bail_out("mmap: %s", strerror(errno));
    madvise(p + PG, n * PG, MADV_NOHUGEPAGE);
    return p + PG;
}

static void test_smaps(void) {
    char *p = apart(N, MAP_PRIVATE);
    is_int(smaps(p, "Size"), N, "smaps: Size");
    is_int(smaps(p, "Rss"), 0, "nothing is in memory yet");
    fill(p, 10);
    is_int(smaps(p, "Rss"), 10, "ten pages written are ten resident");
    is_int(smaps(p, "Pss"), 10, "nobody shares them");
    is_int(smaps(p, "Private_Dirty"), 10, "they are private and dirty");
    is_int(smaps(p, "Shared_Clean") + smaps(p, "Shared_Dirty") + smaps(p, "Private_Clean"), 0, "and nothing else");
    is_int(smaps(p, "Anonymous"), 10, "anonymous");
    is_int(smaps(p, "Referenced"), 10, "and referenced");
    is_int(smaps(p, "Locked"), 0, "not locked");
    is_int(smaps(p, "Swap"), 0, "nor swapped");
    is_int(smaps(p, "KernelPageSize"), 1, "in pages of 4 KiB");
    ok(has_flag(p, "rd") && has_flag(p, "wr") && !has_flag(p, "ex") && !has_flag(p, "sh"), "VmFlags: readable, writable, no more");
    mlock(p, N * PG);
    is_int(smaps(p, "Rss"), N, "B3: locked, all of it is resident");
    is_int(smaps(p, "Locked"), N, "B3: and Locked says so");
    ok(has_flag(p, "lo") && !has_flag(p, "lf"), "B3: with the flag lo");
    munlock(p, N * PG);
    is_int(smaps(p, "Locked"), 0, "B3: no more, unlocked");
    ok(!has_flag(p, "lo"), "B3: without the flag");
    mlock2(p, N * PG, MLOCK_ONFAULT);
    ok(has_flag(p, "lo") && has_flag(p, "lf"), "B3: MLOCK_ONFAULT has lo and lf");
    munlock(p, N * PG);
    munmap(p - PG, (N + 2) * PG);
}

static void test_sharing(void) {
    char *p = apart(N, MAP_PRIVATE), *s = apart(N, MAP_SHARED);
    int go[2];
    char c;
    fill(p, N);
    fill(s, N);
    is_int(smaps(s, "Anonymous"), 0, "shared memory is not anonymous");
    ok(has_flag(s, "sh"), "and has the flag sh");
    if (pipe(go) != 0) bail_out("pipe: %s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        _exit(read(go[0], &c, 1) == 0 ? 0 : 1);
    }
    is_int(smaps(p, "Shared_Dirty") + smaps(p, "Shared_Clean"), N, "after fork the pages are shared");
    is_int(smaps(p, "Pss"), N / 2, "and half of them is ours");
    close(go[0]), close(go[1]);
    waitpid(child, NULL, 0);
    is_int(smaps(p, "Private_Dirty") + smaps(p, "Private_Clean"), N, "when the child has gone they are private again");
    munmap(p - PG, (N + 2) * PG), munmap(s - PG, (N + 2) * PG);
}

static void test_status(void) {
    long anon_before = status("RssAnon"), shmem = status("RssShmem"), lck = status("VmLck");
    char *p = apart(N, MAP_PRIVATE), *s = apart(N, MAP_SHARED);
    fill(p, N);
    fill(s, N);
    ok(status("RssAnon") - anon_before >= N, "RssAnon grows by what is private");
    if (on_holdfast()) {
        is_int(status("RssShmem") - shmem, N, "RssShmem by what is shared");
        is_int(status("RssAnon") + status("RssFile") + status("RssShmem"), status("VmRSS"), "VmRSS is the sum");
    } else {
        skip(2, "Linux counts by CPU, and not exactly");
    }
    mlock(p, N * PG);
    is_int(status("VmLck") - lck, N, "B3: VmLck");
    munmap(p - PG, (N + 2) * PG), munmap(s - PG, (N + 2) * PG);
}

static void test_stat(void) {
    is_int(stat_field(1), getpid(), "stat: pid");
    is_int(stat_field(4), getppid(), "ppid");
    is_int(stat_field(5), getpgrp(), "pgrp");
    is_int(stat_field(20), 1, "threads");
    long before = stat_field(10);
    char *p = anon(N);
    madvise(p, N * PG, MADV_NOHUGEPAGE);
    fill(p, N);
    ok(stat_field(10) - before >= N, "I7: minflt counts the first touch of each page");
    munmap(p, N * PG);
    slurp("/proc/self/stat");
    int fields = 1;
    for (const char *c = strrchr(text, ')'); (c = strchr(c + 1, ' ')) != NULL;) fields++;
    is_int(fields, 51, "52 fields, the name with them");
}

/* ---- with swap ---- */

static void test_out_and_in(void) {
    char *p = apart(N, MAP_PRIVATE);
    fill(p, N);
    long outs = vmstat("pswpout"), ins = vmstat("pswpin"), pgmaj = vmstat("pgmajfault"), swapped = status("VmSwap");
    set_knob("debug.evict", 1);
    is_int(smaps(p, "Swap"), N, "smaps: all of it is in swap");
    is_int(smaps(p, "Rss"), 0, "and none in memory");
    is_int(smaps(p, "Size"), N, "of the same size");
    ok(status("VmSwap") - swapped >= N, "VmSwap has it");
    ok(vmstat("pswpout") - outs >= N, "pswpout counted it");
    ok(meminfo("SwapTotal") - meminfo("SwapFree") >= N, "and it is gone from SwapFree");
    is_int(strspn(core_map(p, N), "0"), N, "L22: mincore agrees");
    long maj = major_faults(), stat_maj = stat_field(12);
    is_int(wrong_words(p, N), 0, "the contents come back");
    long took = major_faults() - maj;
    ok(took >= 1 && took <= N, "I7: by major faults: %ld", took);
    ok(stat_field(12) - stat_maj >= took, "I7: which stat has as majflt");
    ok(vmstat("pgmajfault") - pgmaj >= took, "I7: and vmstat as pgmajfault");
    ok(vmstat("pswpin") - ins >= N, "pswpin counted the pages");
    is_int(smaps(p, "Swap"), 0, "smaps: none is in swap");
    is_int(smaps(p, "Rss"), N, "all is in memory");
    is_int(smaps(p, "Private_Clean"), N, "clean: swap has a copy");
    ok(meminfo("SwapCached") >= N, "which SwapCached counts");
    munmap(p - PG, (N + 2) * PG);
}

static void test_locked_stays(void) {
    char *p = apart(N, MAP_PRIVATE);
    fill(p, N);
    mlock(p, N * PG);
    set_knob("debug.evict", 1);
    is_int(smaps(p, "Rss"), N, "L1: what is locked is resident when everything else was evicted");
    is_int(smaps(p, "Swap"), 0, "L1: none of it in swap");
    is_int(faults_writing(p, N), 0, "L2: and it takes no fault");
    is_int(meminfo("Mlocked"), vmstat("nr_mlock"), "B3: Mlocked and nr_mlock agree");
    munlock(p, N * PG);
    set_knob("debug.evict", 1);
    is_int(smaps(p, "Swap"), N, "L1: unlocked, it goes");
    munmap(p - PG, (N + 2) * PG);
}

static void test_shared(void) {
    char *s = apart(N, MAP_SHARED);
    fill(s, N);
    long swapped = status("VmSwap");
    set_knob("debug.evict", 1);
    is_int(smaps(s, "Swap"), N, "smaps: shared memory in swap");
    is_int(smaps(s, "Rss"), 0, "has left memory");
    ok(status("VmSwap") - swapped < N, "VmSwap does not count it, as on Linux");
    is_int(wrong_words(s, N), 0, "its contents come back");
    is_int(smaps(s, "Swap"), 0, "and are out of swap");
    munmap(s - PG, (N + 2) * PG);
}

static void test_swaps(void) {
    char name[32], type[32];
    long size = 0, used = -1, priority = 0;
    const char *line = strchr(slurp("/proc/swaps"), '\n');
    ok(strncmp(text, "Filename\t\t\t\tType\t\tSize\t", 23) == 0, "swaps: the heading");
    int n = line ? sscanf(line + 1, "%31s %31s %ld %ld %ld", name, type, &size, &used, &priority) : 0;
    is_int(n, 5, "one line has five words");
    is_str(n == 5 ? name : "", "/dev/vda", "the device");
    is_str(n == 5 ? type : "", "partition", "its type");
    is_int(size / (long)KB, meminfo("SwapTotal"), "its size is SwapTotal");
    ok(used >= 0 && used <= size, "some of it is used");
}

/* Commitments are against RAM and swap; what is left of them can be had, and no more. */
static void test_commit(void) {
    long limit = meminfo("CommitLimit"), total = meminfo("MemTotal"), swap = meminfo("SwapTotal");
    ok(limit > total && limit < total + swap, "CommitLimit is more than RAM, less than RAM and swap");
    long room = limit - meminfo("Committed_AS"), slack = room / 512 + meminfo("Cached") + 24; /* tables; files' pages in use */
    void *p = mmap(NULL, (size_t)(room + 1) * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(p == MAP_FAILED && errno == ENOMEM, "more than the difference to Committed_AS is ENOMEM");
    p = mmap(NULL, (size_t)(room - slack) * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(p != MAP_FAILED, "the difference, less its tables and files' pages in use, is to be had");
    ok(meminfo("CommitLimit") - meminfo("Committed_AS") <= slack, "and then little is left");
    ok(meminfo("MemAvailable") <= slack, "which is all that is available");
    if (p != MAP_FAILED) munmap(p, (size_t)(room - slack) * PG);
    ok(meminfo("MemAvailable") > N, "as long as it is there");
}

int main(void) {
    plan(18 + 5 + 4 + 6 + 16 + 5 + 5 + 6 + 6 + 1);
    test_smaps();
    test_sharing();
    test_status();
    test_stat();
    if (on_holdfast()) {
        test_out_and_in();
        test_locked_stays();
        test_shared();
        test_swaps();
        test_commit();
    } else {
        skip(38, "needs a swap device of one's own");
    }
    ok(audit_clean(), "I1: the audit agrees");
    return done_testing();
}
