/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The kernel's start, part by part, in the order in which they need each other.
 *
 * boot_main calls this with interrupts off, a console that polls, and the real page tables. From
 * thread_init_boot on the flow of control is a thread, which may take sleeping locks; from thread_init on it
 * may sleep. When process 1 stands, its work is done and it ends.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/serial.h"
#include "boot/bootinfo.h"
#include "kernel/aio.h"
#include "kernel/file.h"
#include "kernel/futex.h"
#include "kernel/init.h"
#include "kernel/kcsan.h"
#include "kernel/ktimer.h"
#include "kernel/process.h"
#include "mm/mm.h"

_Noreturn void kernel_main(void);

_Noreturn void kernel_main(void) {
    thread_init_boot();
    clock_init();
    mm_init(&boot_info);
    thread_init();
    process_init();
    futex_init();
    irq_enable();
    serial_start();
    cpus_start();
    kcsan_start();
    files_init();
    ktimer_init();
    aio_init();
    shutdown_baseline();
    init_start(boot_info.cmdline);
    thread_exit();
}
