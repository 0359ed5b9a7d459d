/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The table of knobs, but for debug.* (kernel/knobs_debug.c). N: a number; T: a text; w: uid 0 may set it.
 *
 *   vfs.aio.max_aio_queue           N w  requests that the system takes, until reaped (1024; Q7)
 *   vfs.aio.max_aio_queue_per_proc  N w  requests that a process may have, until reaped (256; Q7)
 *   vfs.aio.max_aio_per_proc        N w  requests of a process that run at once (32; at least 1; Q7)
 *   vfs.aio.slice                   N w  pages that a worker brings in before it looks up (256; 1 to 65536)
 *   vfs.aio.requests                N    accepted and not yet reaped: the sum of the next four
 *   vfs.aio.queued .parked .running .finished
 *                                   N    in each state; parked: somebody else holds part of the range
 *   vfs.aio.active                  N    of the running, in a worker's hand at this moment
 *   vfs.aio.stalled                 N    of the running, those that wait for a page from swap, or for a frame
 *   vfs.aio.processes               N    processes that have made requests and live
 *   vfs.aio.accepted .slices        N    submissions accepted, slices done, since boot
 *   vfs.aio.cancels                 N    cancels of running requests asked for, since boot
 *
 *   vm.max_user_wired               N w  pages that all processes together may have locked (B2)
 *   vm.stats.total_frames           N    frames that can be given out at all
 *   vm.stats.free_frames            N    of them free, or holding a clean copy of a file's page; spare stacks go first
 *   vm.stats.cache_frames           N    the latter: dropped when nobody maps them and frames are short
 *   vm.stats.promised .given        N    frames and page tables promised to programs; drawn of them
 *   vm.stats.locked                 N    pages charged to locks, all processes
 *   vm.stats.pins                   N    pins on frames
 *   vm.stats.spaces .regions        N    address spaces; mapped ranges in them
 *   vm.stats.heap_live              N    kernel heap blocks in use
 *   vm.stats.slabs                  N    frames in which the kernel's small objects lie: how many depends on how they are strewn
 *   vm.stats.tlb_batches            N    since boot: batches of changes that other CPUs' TLBs may have to know (arch/tlb.h)
 *   vm.stats.tlb_shootdowns .tlb_interrupted
 *                                   N    of them, those that interrupted other CPUs; how many CPUs in all
 *   vm.stats.tlb_lazy               N    CPUs that were left alone because they ran no program
 *   vm.stats.tlb_covered            N    interrupts that found the work done by a later batch
 *   vm.stats.tlb_kept .tlb_outdated N    returns to a space that a CPU remembers, with every translation kept; flushed
 *
 *   vm.swap.total .free .bad        N    slots of swap, those that are free, those that could not be written
 *   vm.swap.cached                  N    frames that a slot has a copy of, or that are on their way
 *   vm.swap.read .written           N    pages, since boot
 *   vm.swap.ahead .kept .errors     N    pages read ahead; that went without being written again; that failed
 *   vm.swap.rounds .barren          N    rounds of page-out; those after which nothing was free and nobody could help it
 *   vm.swap.stalls                  N    times that a thread waited for page-out to make room, since boot
 *
 *   hw.ncpu                         N    CPUs that run
 *
 *   kern.ostype                     T    "Holdfast"
 *   kern.lock_waits                 N    times that a thread had to sleep for a lock of the kernel, since boot
 *   kern.lock_spins                 N    turns of the loops in which a CPU waited for one awake, since boot
 *   kern.clock_interrupts           N    times that a CPU's clock ended a sleep or a slice, since boot: none on an idle machine
 *   kern.threads .processes .files  N    that exist (idle threads, zombies included)
 *
 * Reading waits until threads that have ended (joined, waited for) are gone entirely, so what is counted stands still.
 */
#include <asm/errno.h>

#include "arch/cpu.h"
#include "arch/tlb.h"
#include "kernel/aio.h"
#include "kernel/file.h"
#include "kernel/kstack.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/sysctl.h"
#include "kernel/thread.h"
#include "libc/core/string.h"
#include "mm/mm.h"

/* ---- asynchronous requests ---- */

#define AIO_LIMIT(field, least, most)                                        \
    static uint64_t get_##field(void) {                                      \
        return __atomic_load_n(&aio_limits.field, __ATOMIC_RELAXED);         \
    }                                                                        \
    static int set_##field(uint64_t n) {                                     \
        if (n < (uint64_t)(least) || n > (uint64_t)(most)) return -EINVAL;   \
        aio_set_limit(&aio_limits.field, n);                                 \
        return 0;                                                            \
    }
AIO_LIMIT(max_queue, 1, 1 << 20)
AIO_LIMIT(max_queue_per_proc, 1, 1 << 20)
AIO_LIMIT(max_per_proc, 1, 1 << 20)
AIO_LIMIT(slice, 1, 1 << 16)

#define AIO_STAT(field)                      \
    static uint64_t get_aio_##field(void) {  \
        struct aio_stats s;                  \
        aio_get_stats(&s);                   \
        return s.field;                      \
    }
AIO_STAT(requests)
AIO_STAT(queued)
AIO_STAT(parked)
AIO_STAT(running)
AIO_STAT(active)
AIO_STAT(stalled)
AIO_STAT(finished)
AIO_STAT(processes)
AIO_STAT(accepted)
AIO_STAT(slices)
AIO_STAT(cancels)

/* ---- memory ---- */

#define VM_STAT(name, expression)         \
    static uint64_t get_vm_##name(void) { \
        struct mm_stats s;                \
        mm_get_stats(&s);                 \
        return s.expression;              \
    }
VM_STAT(lock_cap, lock_cap)
VM_STAT(locked, locked)
VM_STAT(spaces, spaces)
VM_STAT(regions, regions)
VM_STAT(total, frames.total)
VM_STAT(available, frames.count[FRAME_FREE] + s.frames.count[FRAME_CACHE])
VM_STAT(cache, frames.count[FRAME_CACHE])
VM_STAT(promised, frames.promised)
VM_STAT(given, frames.given)
VM_STAT(pins, frames.pins)

static uint64_t get_free(void) {
    kstack_trim_all();
    return get_vm_available();
}

#define TLB_STAT(name)                     \
    static uint64_t get_tlb_##name(void) { \
        struct tlb_stats s;                \
        tlb_get_stats(&s);                 \
        return s.name;                     \
    }
TLB_STAT(batches)
TLB_STAT(shootdowns)
TLB_STAT(interrupted)
TLB_STAT(lazy)
TLB_STAT(covered)
TLB_STAT(kept)
TLB_STAT(outdated)

/* ---- the kernel at large ---- */

static uint64_t get_threads(void) {
    return thread_count();
}

static uint64_t get_processes(void) {
    return process_count();
}

static void ostype(char *to, size_t size) {
    strlcpy(to, "Holdfast", size);
}

/* ---- CPUs ---- */

static uint64_t get_ncpu(void) {
    return cpu_count();
}

/* ---- swap and page-out ---- */

#define SWAP_STAT(name)                       \
    static uint64_t get_swap_##name(void) {   \
        struct swap_stats s;                  \
        swap_get_stats(&s);                   \
        return s.name;                        \
    }
SWAP_STAT(total)
SWAP_STAT(free)
SWAP_STAT(bad)
SWAP_STAT(cached)
SWAP_STAT(read)
SWAP_STAT(written)
SWAP_STAT(ahead)
SWAP_STAT(kept)
SWAP_STAT(errors)

#define PAGEOUT_STAT(name)                     \
    static uint64_t get_pageout_##name(void) { \
        struct pageout_stats s;                \
        pageout_get_stats(&s);                 \
        return s.name;                         \
    }
PAGEOUT_STAT(rounds)
PAGEOUT_STAT(barren)
PAGEOUT_STAT(stalls)

/* ---- the table ---- */

const struct knob knobs[] = {
    {"vfs.aio.max_aio_queue", NW(get_max_queue, set_max_queue)},
    {"vfs.aio.max_aio_queue_per_proc", NW(get_max_queue_per_proc, set_max_queue_per_proc)},
    {"vfs.aio.max_aio_per_proc", NW(get_max_per_proc, set_max_per_proc)},
    {"vfs.aio.slice", NW(get_slice, set_slice)},
    {"vfs.aio.requests", N(get_aio_requests)},
    {"vfs.aio.queued", N(get_aio_queued)},
    {"vfs.aio.parked", N(get_aio_parked)},
    {"vfs.aio.running", N(get_aio_running)},
    {"vfs.aio.active", N(get_aio_active)},
    {"vfs.aio.stalled", N(get_aio_stalled)},
    {"vfs.aio.finished", N(get_aio_finished)},
    {"vfs.aio.processes", N(get_aio_processes)},
    {"vfs.aio.accepted", N(get_aio_accepted)},
    {"vfs.aio.slices", N(get_aio_slices)},
    {"vfs.aio.cancels", N(get_aio_cancels)},
    {"vm.max_user_wired", NW(get_vm_lock_cap, mm_set_lock_cap)},
    {"vm.stats.total_frames", N(get_vm_total)},
    {"vm.stats.free_frames", N(get_free)},
    {"vm.stats.cache_frames", N(get_vm_cache)},
    {"vm.stats.promised", N(get_vm_promised)},
    {"vm.stats.given", N(get_vm_given)},
    {"vm.stats.locked", N(get_vm_locked)},
    {"vm.stats.pins", N(get_vm_pins)},
    {"vm.stats.spaces", N(get_vm_spaces)},
    {"vm.stats.regions", N(get_vm_regions)},
    {"vm.stats.heap_live", N(heap_live)},
    {"vm.stats.slabs", N(heap_slabs)},
    {"vm.stats.tlb_batches", N(get_tlb_batches)},
    {"vm.stats.tlb_shootdowns", N(get_tlb_shootdowns)},
    {"vm.stats.tlb_interrupted", N(get_tlb_interrupted)},
    {"vm.stats.tlb_lazy", N(get_tlb_lazy)},
    {"vm.stats.tlb_covered", N(get_tlb_covered)},
    {"vm.stats.tlb_kept", N(get_tlb_kept)},
    {"vm.stats.tlb_outdated", N(get_tlb_outdated)},
    {"hw.ncpu", N(get_ncpu)},
    {"kern.ostype", T(ostype)},
    {"kern.lock_waits", N(sync_contended)},
    {"kern.lock_spins", N(sync_spins)},
    {"kern.clock_interrupts", N(sched_clock_interrupts)},
    {"kern.threads", N(get_threads)},
    {"kern.processes", N(get_processes)},
    {"kern.files", N(files_live)},
    {"vm.swap.total", N(get_swap_total)},
    {"vm.swap.free", N(get_swap_free)},
    {"vm.swap.bad", N(get_swap_bad)},
    {"vm.swap.cached", N(get_swap_cached)},
    {"vm.swap.read", N(get_swap_read)},
    {"vm.swap.written", N(get_swap_written)},
    {"vm.swap.ahead", N(get_swap_ahead)},
    {"vm.swap.kept", N(get_swap_kept)},
    {"vm.swap.errors", N(get_swap_errors)},
    {"vm.swap.rounds", N(get_pageout_rounds)},
    {"vm.swap.barren", N(get_pageout_barren)},
    {"vm.swap.stalls", N(get_pageout_stalls)},
    {NULL, NULL, NULL, NULL},
};
