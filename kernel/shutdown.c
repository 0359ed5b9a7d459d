/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end of the machine: when process 1 has ended, everything that programs ever had must be back.
 *
 * The other processes are ended first, and waited for. Then the auditors check the invariants, and the
 * counts are compared with those from before process 1 (contract I8): whatever differs has leaked. Verdict
 * and audit go out on the channel of their own, which nothing a program prints can forge.
 */
#include <stddef.h>

#include "arch/clock.h"
#include "arch/serial.h"
#include "kernel/assert.h"
#include "kernel/audit.h"
#include "kernel/file.h"
#include "kernel/init.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "libc/core/format.h"

/* One count that has to come back. */
struct count {
    const char *name;
    uint64_t before;
};

enum { THREADS, FILES, SPACES, REGIONS, LOCKED, PROMISED, GIVEN, PINS, ANON, TABLES, SHARED, HEAP, COUNTS };

static struct count baseline[COUNTS] = {
    [THREADS] = {"threads", 0},   [FILES] = {"open files", 0},         [SPACES] = {"spaces", 0},
    [REGIONS] = {"regions", 0},   [LOCKED] = {"locked pages", 0},      [PROMISED] = {"promised frames", 0},
    [GIVEN] = {"given frames", 0}, [PINS] = {"pins", 0},               [ANON] = {"private frames", 0},
    [TABLES] = {"page tables", 0}, [SHARED] = {"shared frames", 0},    [HEAP] = {"heap blocks", 0},
};

static void count_all(uint64_t now[COUNTS]) {
    struct mm_stats mm;
    mm_get_stats(&mm);
    now[THREADS] = thread_count();
    now[FILES] = files_live();
    now[SPACES] = mm.spaces;
    now[REGIONS] = mm.regions;
    now[LOCKED] = mm.locked;
    now[PROMISED] = mm.frames.promised;
    now[GIVEN] = mm.frames.given;
    now[PINS] = mm.frames.pins;
    now[ANON] = mm.frames.count[FRAME_ANON];
    now[TABLES] = mm.frames.count[FRAME_TABLE];
    now[SHARED] = mm.frames.count[FRAME_SHARED];
    now[HEAP] = heap_live();
}

/* The boot thread that calls this will be gone, and process 1's thread and descriptor will be there. */
void shutdown_baseline(void) {
    uint64_t now[COUNTS];
    count_all(now);
    for (unsigned i = 0; i < COUNTS; i++) baseline[i].before = now[i];
    baseline[HEAP].before++;
}

static const char *leaked(char *text, size_t size) {
    uint64_t now[COUNTS];
    count_all(now);
    for (unsigned i = 0; i < COUNTS; i++) {
        if (now[i] == baseline[i].before) continue;
        snprintf(text, size, "I8: %s: %lu at the end, %lu before", baseline[i].name, now[i], baseline[i].before);
        return text;
    }
    return NULL;
}

static void kill_others_locked(const struct process *me) REQUIRES(&process_lock) {
    for (struct process *p = process_next_locked(NULL); p; p = process_next_locked(p))
        if (p != me) signal_send_locked(p, NULL, SIGKILL);
}

static void reap_locked(struct process *me) REQUIRES(&process_lock) {
    struct process *child, *next;
    for (child = LIST_FIRST(&me->children); child; child = next) {
        next = LIST_NEXT(child, sibling);
        if (child->state == PROCESS_ZOMBIE) process_free_locked(child);
    }
}

/* All of them become children of process 1 as their parents end, and each end wakes its waiters. */
static void end_others(struct process *me) {
    spin_lock(&process_lock);
    for (;;) {
        kill_others_locked(me);
        reap_locked(me);
        if (process_count() == 1) break;
        sched_sleep(&me->child_event, &process_lock, NO_DEADLINE, false);
    }
    spin_unlock(&process_lock);
}

/* A thread that ended on another CPU is freed by whoever runs there next, a moment after its process is gone. */
static void let_the_dead_go(void) {
    for (int tries = 0; tries < 1000 && thread_count() > baseline[THREADS].before; tries++)
        sched_sleep_until(clock_now() + 1000000);
}

static void verdict(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void verdict(const char *fmt, ...) {
    char line[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    machine_verdict(line);
}

_Noreturn void shutdown(int status) {
    char text[160];
    int sig = status & 0x7f, code = status >> 8 & 0xff;
    end_others(current_process());
    let_the_dead_go();
    files_drop_objects();
    const char *wrong = audit();
    if (!wrong) wrong = leaked(text, sizeof text);
    if (wrong) log_line("Holdfast: audit: %s", wrong);
    log_line("Holdfast: process 1 ended %s %d; audit %s", sig ? "by signal" : "with status", sig ? sig : code,
             wrong ? "FAILED" : "ok");
    serial_flush();
    verdict("audit %s", wrong ? wrong : "ok");
    if (sig) verdict("signal %d", sig);
    else verdict("exit %d", code);
    machine_exit((uint8_t)(sig ? 128 + sig : code));
}
