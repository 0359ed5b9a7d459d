/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What kernel/trap.c asks of the rest of the kernel when the CPU has been interrupted.
 *
 * trap.c sorts exceptions and interrupts and knows nothing about processes; processes and the scheduler
 * implement these. The first three run with interrupts enabled on the thread's
 * own kernel stack and may sleep; the other two run with interrupts off.
 */
#pragma once

#include <stdbool.h>

#include "arch/trap.h"
#include "mm/types.h"

/* An exception in ring 3 that nothing resolved: tf->vector says which. Becomes a signal (or the end) of the thread. */
void user_exception(struct trapframe *tf);

/*
 * A page fault at an address in user space, by ring 3 or by the kernel inside copyin and its kin.
 * True: resolved (or, from ring 3, a signal is already on its way), run the instruction again. False:
 * from ring 3 user_exception follows; in uaccess code the copy ends with -EFAULT. tf->error is the
 * CPU's error code: 1 present, 2 write, 4 user, 16 instruction fetch (SDM Vol. 3, 4.7).
 */
bool user_page_fault(struct trapframe *tf, vaddr_t address);
/* The same in ring 3 at an address that no program can have: SIGSEGV. */
void user_bad_address(struct trapframe *tf, vaddr_t address);

/* The last thing of an interrupt that arrived in ring 3 or in preemptible kernel code: switch if cpu->resched. */
void sched_irq_exit(void);

/* On the way back to ring 3 from an exception or an interrupt: signals, kill. May enable interrupts and sleep
 * meanwhile; returns with them off. (SYSCALL's way out is trap_syscall's own end.) */
void user_return(struct trapframe *tf);

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_USER    4u
#define PF_RSVD    8u
#define PF_FETCH   16u
