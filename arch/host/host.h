/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What a test may do with the machine in a process: power it on, run programs' loads and stores on its
 * emulated CPUs, and look at what their TLBs would still answer.
 *
 * The TLB model is as strict as the SDM lets it be (Vol. 3, 4.10): it keeps every translation it has ever
 * used until it is told to forget it, page tables may be cached at every level, and an entry that refuses
 * an access the tables by now allow still faults. The model ends the test when
 *
 *   - an access would be answered by a translation that grants more than the tables do, or another frame
 *   - a frame is freed which a translation, or a table cached on the way to one, still reaches on any CPU
 *   - a CPU that ran no program meanwhile (and may have kept translations) still has such a one when it runs one again
 *   - tables are loaded under an identifier, and what is kept under it reaches what was freed, is stale, or another root's
 *   - the tables hold a reserved bit, or lead outside RAM
 *
 * One thread; nothing sleeps except host_read and its kin, which call space_fault.
 */
#pragma once

#include "mm/types.h"

struct space;
struct boot_info;

/* ---- RAM ---- */

/*
 * Power on: size bytes of physical address space, all of it RAM but for its first MiB (of which 4 KiB to
 * 636 KiB are RAM), the kernel's image at 2 MiB, and a hole of one MiB in the middle. Fills boot_info and
 * mmu_kernel_root. host_power_map takes any map. Again: the old machine is gone.
 */
void host_power(uint64_t size);
void host_power_map(uint64_t size, const struct boot_info *);
bool host_is_ram(paddr_t);

/* ---- MMU ---- */

/* What the tables of a root say, without marking anything: SDM Vol. 3, 4.5.4. */
struct walk {
    bool present;       /* false: nothing else is meaningful, but `tables` */
    bool user, write, exec;
    bool accessed, dirty;
    bool large;
    pfn_t pfn;          /* of the 4 KiB page */
    unsigned tables;    /* how many tables the walk went through: 1-4 */
    pfn_t table[4];
};
void mmu_walk(paddr_t root, vaddr_t va, struct walk *);

#define HOST_PRESENT 1u /* page-fault error codes: SDM Vol. 3, 4.7 */
#define HOST_WRITE   2u
#define HOST_USER    4u
#define HOST_FETCH   16u

/* All of this is about the CPU whose turn it is (host_turn), if not said otherwise. */

/* A user-mode access of the CPU (access: FAULT_* of mm/mm.h): 0 and the byte's place in fake RAM, or the fault's error code. */
unsigned mmu_access(vaddr_t va, int access, void **byte);
/* The CPU reads ahead: caches va's translation if there is one. Marks accessed, never dirty; never faults. */
void mmu_speculate(vaddr_t va);
/* Does the TLB hold a translation for va? */
bool mmu_cached(vaddr_t va);
/* Does any CPU that runs this root hold one that refuses what the tables by now allow? One more fault, then; on a locked
 * page a bug (contract L2). */
bool mmu_refuses(paddr_t root, vaddr_t va);
/* How many cached translations grant more than the tables, or another frame: of all CPUs that run a program. Not zero with
 * no flush under way: a bug. */
unsigned mmu_stale(void);
/* Ends the test with the first stale translation, if there is one. */
void mmu_check(void);

/* ---- CPUs ---- */

#define HOST_CPUS 4
#define HOST_PCIDS 8 /* from 0. The CPUs have them when a test sets mmu_has_pcids (arch/mmu.h): at any time, and for good */

/* Give the turn to this CPU: it is the one that calls, accesses and loads from now on. Nothing else changes. */
void host_turn(unsigned cpu);
unsigned host_cpu(void);
/* Does the CPU run a program from now on, or a kernel thread? host_run says so by itself. */
void host_note_program(bool);
/* Calls between CPUs get lost: for tests of this machine. */
extern bool host_deaf;
/* Called at the steps of a shootdown between which other CPUs may do anything (host_step, by tlb.c). May take turns. */
extern void (*host_at_step)(void);
void host_step(void);

/* ---- a program ---- */

extern uint64_t host_faults; /* page faults that accesses have taken, all spaces */

/* Run this space on the CPU (NULL: none, a kernel thread). The accesses below do so by themselves. */
void host_run(struct space *);
/* The space is about to go: host_run(NULL) on every CPU that runs it. */
void host_leave(struct space *);
/* One access at a byte, faults resolved by space_fault: 0, or its error. */
int host_touch(struct space *, vaddr_t va, int access);
int host_read(struct space *, vaddr_t va, void *to, size_t len);
int host_write(struct space *, vaddr_t va, const void *from, size_t len);

/* Ends the test with a line: the machine was misused. */
_Noreturn void host_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
