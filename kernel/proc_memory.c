/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /proc's files on the machine's memory: meminfo, vmstat, swaps.
 *
 * Commitments (mm/account.c) are against RAM and swap together, so:
 *
 *      CommitLimit   = RAM less what the kernel uses and keeps, and swap; copies of files that are mapped, and so cannot
 *                      be dropped there and then, take from it
 *      Committed_AS  = pages that programs may write, and tables that it may take to reach them
 *      MemAvailable  = what could be had without swapping anything out: the smaller of free frames (or droppable
 *                      ones) that no table is promised, and of what may still be committed
 *
 * LOCKING  none of its own; ports_lock for a device's name.
 */
#include "kernel/kstack.h"
#include "kernel/port.h"
#include "kernel/procfs.h"
#include "kernel/thread.h"
#include "libc/core/string.h"
#include "mm/mm.h"

static void kilobytes(struct text *t, const char *name, uint64_t pages) {
    text_add(t, "%s:%*lu kB\n", name, 23 - (int)strlen(name), pages * (PAGE_SIZE / 1024));
}

static void look(struct mm_stats *s) {
    thread_settle();
    kstack_trim_all(); /* what nobody uses is free */
    mm_get_stats(s);
}

static uint64_t less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t commit_limit(const struct frame_stats *f) {
    return less(f->total + f->backing, f->count[FRAME_KERNEL] + f->share);
}

static uint64_t available(const struct frame_stats *f) {
    uint64_t tables = f->promised_tables - f->count[FRAME_TABLE];
    uint64_t there = less(f->count[FRAME_FREE] + f->count[FRAME_CACHE], tables), room = less(commit_limit(f), f->promised);
    return there < room ? there : room;
}

int proc_write_meminfo(struct text *t, int pid) {
    struct mm_stats s;
    struct swap_stats swap;
    const uint64_t *count = s.frames.count;
    (void)pid;
    look(&s);
    swap_get_stats(&swap);
    kilobytes(t, "MemTotal", s.frames.total);
    kilobytes(t, "MemFree", count[FRAME_FREE]);
    kilobytes(t, "MemAvailable", available(&s.frames));
    kilobytes(t, "Cached", count[FRAME_CACHE]);
    kilobytes(t, "SwapCached", swap.cached);
    kilobytes(t, "Unevictable", s.locked);
    kilobytes(t, "Mlocked", s.locked);
    kilobytes(t, "LockLimit", s.lock_cap);
    kilobytes(t, "Pinned", s.frames.pins);
    kilobytes(t, "SwapTotal", swap.total);
    kilobytes(t, "SwapFree", swap.free);
    kilobytes(t, "AnonPages", count[FRAME_ANON]);
    kilobytes(t, "Shmem", count[FRAME_SHARED]);
    kilobytes(t, "PageTables", count[FRAME_TABLE]);
    kilobytes(t, "Kernel", count[FRAME_KERNEL]);
    kilobytes(t, "CommitLimit", commit_limit(&s.frames));
    kilobytes(t, "Committed_AS", s.frames.promised);
    return 0;
}

/* Linux's names, where one fits. Every fault is in pgfault, the major ones in pgmajfault as well. */
int proc_write_vmstat(struct text *t, int pid) {
    struct mm_stats s;
    struct swap_stats swap;
    struct pageout_stats out;
    (void)pid;
    look(&s);
    swap_get_stats(&swap);
    pageout_get_stats(&out);
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {
        {"nr_free_pages", s.frames.count[FRAME_FREE]},
        {"nr_mlock", s.locked},
        {"nr_unevictable", s.locked},
        {"nr_anon_pages", s.frames.count[FRAME_ANON]},
        {"nr_file_pages", s.frames.count[FRAME_CACHE] + s.frames.count[FRAME_SHARED]},
        {"nr_shmem", s.frames.count[FRAME_SHARED]},
        {"nr_page_table_pages", s.frames.count[FRAME_TABLE]},
        {"nr_swapcached", swap.cached},
        {"pswpin", swap.read},
        {"pswpout", swap.written},
        {"swap_ra", swap.ahead},
        {"pgfault", s.minor_faults + s.major_faults},
        {"pgmajfault", s.major_faults},
        {"pgscan_kswapd", out.scanned},
        {"pgsteal_kswapd", out.stolen},
        {"allocstall_normal", out.stalls},
    };
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) text_add(t, "%s %lu\n", lines[i].name, lines[i].value);
    return 0;
}

/* Every device that pages are on is a port (kernel/swap_calls.c). */
int proc_write_swaps(struct text *t, int pid) {
    struct swap_device_stats d;
    (void)pid;
    text_add(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    mutex_lock(&ports_lock);
    for (unsigned i = 0; swap_device_at(i, &d); i++) {
        const struct port *p = (const struct port *)d.backing; /* its first field */
        uint64_t size = d.total * (PAGE_SIZE / 1024), used = d.used * (PAGE_SIZE / 1024);
        text_add(t, "/dev/%-35spartition\t%lu%s\t%lu%s\t%d\n", p->name, size, size < 10000000 ? "\t" : "", used,
                 used < 10000000 ? "\t" : "", d.priority);
    }
    mutex_unlock(&ports_lock);
    return 0;
}
