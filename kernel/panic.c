/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The end: reason, registers, backtrace with names, last events, verdict, exit.
 *
 * Each step needs more of the machine to be sound than the one before, so the reason comes first and
 * the verdict line for the harness with it. A panic inside panic says so and ends at once; a third
 * only ends.
 *
 * The backtrace follows frame pointers (the kernel is compiled with them):
 *
 *   rbp -> [ caller's rbp ][ return address ]      each frame lies above the one before, on one stack
 *
 * and believes none of them: an address is read only if the kernel's tables map it.
 *
 * LOCKING  none is taken, interrupts are off, the other CPUs are stopped, the serial line is polled.
 */
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/serial.h"
#include "arch/trap.h"
#include "kernel/assert.h"
#include "kernel/log.h"
#include "kernel/trace.h"
#include "libc/core/format.h"

#define EXIT_PANIC 2
#define TRACE_EVENTS 16
#define MAX_LINES 24
#define MAX_STACK (64 * 1024ul)

static unsigned depth;

static void print_address(const char *what, uint64_t address) {
    unsigned long offset;
    const char *name = ksym_name(address, &offset);
    if (name) log_line("  %s %#lx %s+%#lx", what, address, name, offset);
    else log_line("  %s %#lx", what, address);
}

/* Where a call returns to may be the next function's first byte, if the call never returns: the call itself is meant. */
static bool print_caller(uint64_t address) {
    unsigned long offset;
    const char *name = ksym_name(address - 1, &offset);
    if (name) log_line("  from %#lx %s+%#lx", address, name, offset + 1);
    return name;
}

static void print_registers(const struct trapframe *tf) {
    print_address("at", tf->rip);
    log_line("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", tf->rax, tf->rbx, tf->rcx, tf->rdx);
    log_line("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx", tf->rsi, tf->rdi, tf->rbp, tf->rsp);
    log_line("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx", tf->r8, tf->r9, tf->r10, tf->r11);
    log_line("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx", tf->r12, tf->r13, tf->r14, tf->r15);
    log_line("  cs %lx ss %lx rflags %lx vector %lu error %lx cr3 %lx", tf->cs, tf->ss, tf->rflags, tf->vector, tf->error,
             mmu_root());
}

/* Is there a frame at rbp: both its words mapped, in the half that is the kernel's? */
static bool has_frame(uint64_t rbp) {
    return rbp != 0 && rbp % 8 == 0 && mmu_kernel_maps(rbp) && mmu_kernel_maps(rbp + 15);
}

/* A function that called itself until the stack was full is one line. */
static void backtrace(uint64_t rbp) {
    uint64_t limit = rbp + MAX_STACK, last = 0;
    for (unsigned lines = 0; lines < MAX_LINES && rbp <= limit && has_frame(rbp);) {
        const uint64_t *frame = (const uint64_t *)rbp;
        if (frame[1] != last) {
            if (!print_caller(frame[1])) return;
            lines++;
        }
        last = frame[1];
        if (frame[0] <= rbp) return;
        rbp = frame[0];
    }
}

/* A panic while panicking: no formatting, nothing that may be what broke. */
static void check_depth(void) {
    depth++;
    if (depth == 2) {
        static const char again[] = "panic: again, while panicking\n";
        serial_panic();
        serial_write_all(again, sizeof again - 1);
        machine_verdict("panic again, while panicking");
    }
    if (depth >= 2) machine_exit(EXIT_PANIC);
}

static _Noreturn __attribute__((format(printf, 3, 0))) void die(const struct trapframe *tf, uint64_t rbp, const char *fmt,
                                                                va_list ap) {
    char line[200] = "panic ";
    const size_t head = 6;
    irq_disable();
    cpus_stop(); /* of two CPUs that panic at once, one does not come back from here */
    check_depth();
    serial_panic();
    log_quiet(false);
    vsnprintf(line + head, sizeof line - head, fmt, ap);
    log_line("\npanic: %s", line + head);
    machine_verdict(line);
    if (tf) print_registers(tf);
    if (cpu_count() > 1) log_line("  on CPU %u of %u", cpu_this()->id, cpu_count());
    log_line("backtrace:");
    backtrace(tf ? tf->rbp : rbp);
    log_line("last events:");
    trace_dump(TRACE_EVENTS);
    machine_exit(EXIT_PANIC);
}

void panic(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    die(NULL, (uint64_t)__builtin_frame_address(0), fmt, ap);
}

void panic_trap(const struct trapframe *tf, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    die(tf, 0, fmt, ap);
}
