/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Instructions that C has no words for, register bits, and what the files of this folder share.
 * Private to arch/x86_64 and boot.
 */
#pragma once

#include <machine.h>

#include "mm/types.h"

struct boot_info;
struct cpu;
struct trapframe;

/* ---- instructions ---- */
static inline void outb(uint16_t port, uint8_t v) {
    __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port) {
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outw(uint16_t port, uint16_t v) {
    __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint16_t inw(uint16_t port) {
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outl(uint16_t port, uint32_t v) {
    __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint32_t inl(uint16_t port) {
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint64_t rdmsr(uint32_t msr) {
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t v) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

/* All zero for a leaf that this CPU does not have. */
static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub) {
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf & 0x80000000u), "c"(0));
    if (r.eax < leaf) return (struct cpuid){0, 0, 0, 0};
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
    return r;
}

static inline uint64_t read_cr4(void) {
    uint64_t v;
    __asm__ volatile("movq %%cr4, %0" : "=r"(v));
    return v;
}

static inline void write_cr4(uint64_t v) {
    __asm__ volatile("movq %0, %%cr4" ::"r"(v) : "memory");
}

static inline void write_cr0(uint64_t v) {
    __asm__ volatile("movq %0, %%cr0" ::"r"(v) : "memory");
}

/* ---- registers (SDM Vol. 3, 2.5; Vol. 4) ---- */
#define CR0_PE 0x1ul
#define CR0_MP 0x2ul
#define CR0_NE 0x20ul
#define CR0_WP 0x10000ul
#define CR0_PG 0x80000000ul

#define CR4_PAE        (1ul << 5)
#define CR4_MCE        (1ul << 6)
#define CR4_PGE        (1ul << 7)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP       (1ul << 11)
#define CR4_PCIDE      (1ul << 17)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

#define MSR_APIC_BASE      0x1bu
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE 0x1ul
#define EFER_LME 0x100ul
#define EFER_NXE 0x800ul

/* ---- what this CPU can do; set by cpu_init ---- */
struct cpu_caps {
    bool pdpe1gb, smep, smap, umip, xsave, xsaveopt;
};
extern struct cpu_caps cpu_caps;

/* ---- interrupt vectors ---- */
#define VECTOR_PIC      0x20 /* sixteen of them */
#define VECTOR_TIMER    0x40
#define VECTOR_DEVICE   0x50 /* PCI_INTERRUPT_LINES of them */
#define VECTOR_RESCHEDULE 0xf0
#define VECTOR_CALL       0xf1
#define VECTOR_APIC_ERROR 0xfe
#define VECTOR_SPURIOUS   0xff

/* ---- shared among the files of this folder, and boot ---- */
void cpu_init(void);                        /* descriptors, traps, control registers, GS; under boot's early tables */
void paging_init(struct boot_info *bi);     /* the kernel's page tables, from here on W^X */
#define FXSAVE_SIZE  512 /* SDM Vol. 1, 10.5.1 and 13.4 */
#define XSAVE_HEADER 64
void fpu_init(void);
void fpu_put_back(void *area);              /* live registers into the area that they were loaded from */
void pic_init(void);
void pic_unmask(unsigned irq);
/* Stack that RSP0 and SYSCALL use from now on. */
void cpu_set_kernel_stack(uint64_t top);
/* The first CPU's block, set up at boot; another's tables and stacks, by the first CPU; then by that CPU itself. */
bool cpu_prepare(struct cpu *);             /* false: no memory */
void cpu_release(struct cpu *);             /* one that did not come up */
void cpu_init_ap(struct cpu *);

/* ---- the local APIC (lapic.c); its registers are in an uncached page that paging_init maps ---- */
paddr_t lapic_paddr(void);
void lapic_init(void);                      /* the first CPU's: enable, timer one-shot and silent, PIC passed through */
void lapic_init_ap(paddr_t page);           /* another's: its registers appear where the first one's do */
bool lapic_is_x2apic(void);                 /* the firmware left it so, or lapic_use_x2apic made it so */
bool lapic_use_x2apic(void);                /* from now on, before any other CPU runs. False: this CPU cannot */
uint32_t lapic_id(void);
uint32_t lapic_timer_left(void);
void lapic_timer_start(uint32_t count);     /* 0 stops it */
void lapic_eoi(void);
/* A message to one CPU: LAPIC_* and a vector. Callable anywhere. */
void lapic_send(uint32_t apic_id, uint32_t message);
#define LAPIC_FIXED   0x4000u /* SDM Vol. 3, 10.6.1: level "assert" */
#define LAPIC_NMI     0x4400u
#define LAPIC_INIT    0x4500u
#define LAPIC_STARTUP 0x4600u
