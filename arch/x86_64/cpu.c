/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Setting up one CPU: segments, TSS, interrupt table, SYSCALL, protections.
 *
 *   GDT   00 null  08 -  10 kernel code  18 kernel data  20 -  28 user data  30 user code  38 -  40 TSS
 *
 * The order is SYSCALL's and SYSRET's (SDM Vol. 3, 5.8.8): SYSRET takes SS from STAR + 8 and CS from
 * STAR + 16. Double fault, NMI and machine check have stacks of their own (IST), since they may come when
 * the stack is the user's or has run into its guard page; each stands above a page that is not mapped.
 * Every CPU has a GDT, a TSS and such stacks of its own; the interrupt table is shared.
 *
 * INVARIANTS  Ring 3 cannot set GS to a kernel address (no FSGSBASE), so the fatal handlers may tell by
 * GS's sign whose it is. IOPL is 0: ring 3 has no ports. All CPUs can do what the first can (cpu_caps).
 */
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "arch/x86_64/x86.h"
#include "kernel/assert.h"
#include "kernel/kstack.h"
#include "libc/core/string.h"

struct tss { /* SDM Vol. 3, 7.7 */
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* ist[0] is IST 1 */
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM Vol. 3, figure 7-11");

struct gate { /* SDM Vol. 3, 6.14.1 */
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

_Static_assert(offsetof(struct cpu, self) == 0 && offsetof(struct cpu, kernel_stack) == 8 &&
                   offsetof(struct cpu, user_stack) == 16,
               "entry.asm's offsets");

#define SEL_TSS 0x40
#define GATE_INTERRUPT 0x8e
#define GATE_RING3     0x60
#define FMASK_BITS 0x47700u /* AC NT IOPL DF IF TF are clear in the kernel */

#define VECTOR_NMI 2
#define VECTOR_DF  8
#define VECTOR_MCE 18

extern char trap_vectors[]; /* entry.asm: 256 entries, 16 bytes apart */
extern char syscall_entry[];
extern char ist_stack_top[]; /* entry.asm: IST n's stack ends at ist_stack_top + (n - 1) * IST_STRIDE */
#define IST_STRIDE (3 * PAGE_SIZE)
#define ISTS 3
extern char boot_stack_top[];

struct cpu_caps cpu_caps;
bool mmu_has_pcids;
struct cpu cpus[MAX_CPUS];
uint64_t cpus_online = 1;
static struct gate idt[256];

/* What the hardware wants of each CPU, cpus[i]'s at tables[i]. */
static struct cpu_tables {
    struct tss tss;
    uint64_t gdt[10];
} __attribute__((aligned(64))) tables[MAX_CPUS];

static const uint64_t gdt_start[10] = {
    [2] = 0x00af9b000000ffff, /* kernel code, 64-bit */
    [3] = 0x00cf93000000ffff, /* kernel data */
    [5] = 0x00cff3000000ffff, /* user data */
    [6] = 0x00affb000000ffff, /* user code, 64-bit */
};

static void detect(void) {
    struct cpuid ext = cpuid(0x80000001, 0), seven = cpuid(7, 0), one = cpuid(1, 0);
    cpu_caps.pdpe1gb = ext.edx >> 26 & 1;
    cpu_caps.smep = seven.ebx >> 7 & 1;
    cpu_caps.smap = seven.ebx >> 20 & 1;
    cpu_caps.umip = seven.ecx >> 2 & 1;
    mmu_has_pcids = one.ecx >> 17 & 1;
    cpu_caps.xsave = one.ecx >> 26 & 1;
    cpu_caps.xsaveopt = cpu_caps.xsave && (cpuid(0xd, 1).eax & 1);
    if (!(one.edx >> 9 & 1)) panic("boot: this CPU has no local APIC");
}

static void fill_tables(struct cpu_tables *t) {
    uint64_t base = (uint64_t)&t->tss, limit = sizeof t->tss - 1;
    memcpy(t->gdt, gdt_start, sizeof t->gdt);
    t->gdt[SEL_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
    t->gdt[SEL_TSS / 8 + 1] = base >> 32;
    t->tss.iomap = sizeof t->tss; /* none */
}

static void load_segments(const struct cpu_tables *t) {
    struct table_pointer p = {sizeof t->gdt - 1, (uint64_t)t->gdt};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%ss\n\t"
                     "ltr %w3" ::"m"(p),
                     "i"(KERNEL_CS), "r"(KERNEL_SS), "r"(SEL_TSS)
                     : "rax", "memory");
}

static void fill_traps(void) {
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = (uint64_t)trap_vectors + v * 16;
        uint8_t ist = v == VECTOR_DF ? 1 : v == VECTOR_NMI ? 2 : v == VECTOR_MCE ? 3 : 0;
        uint8_t type = GATE_INTERRUPT | (v == 3 || v == 4 ? GATE_RING3 : 0); /* INT3, INTO */
        idt[v] = (struct gate){(uint16_t)at, KERNEL_CS, ist, type, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
    }
}

static void load_traps(void) {
    struct table_pointer p = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" ::"m"(p));
}

static void load_syscall(void) {
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    wrmsr(MSR_STAR, (uint64_t)KERNEL_CS << 32 | (uint64_t)(USER_CS - 16) << 48);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    wrmsr(MSR_FMASK, FMASK_BITS);
}

/*
 * entry.asm and uaccess.asm have 3-byte no-ops where SMAP wants CLAC or STAC: each site is an address and
 * the instruction's last byte. The text is still writable here (boot's early tables).
 */
static void patch_smap(void) {
    struct smap_site {
        uint64_t at, last_byte;
    };
    extern const struct smap_site smap_sites[], smap_sites_end[];
    for (const struct smap_site *s = smap_sites; s < smap_sites_end; s++) {
        uint8_t *code = (uint8_t *)s->at;
        code[0] = 0x0f;
        code[1] = 0x01;
        code[2] = (uint8_t)s->last_byte;
    }
}

static void protect(void) {
    write_cr0(CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_PG);
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (mmu_has_pcids) cr4 |= CR4_PCIDE; /* CR3's low bits are zero: boot's tables are loaded, or the kernel's */
    if (cpu_caps.umip) cr4 |= CR4_UMIP;
    if (cpu_caps.smep) cr4 |= CR4_SMEP;
    if (cpu_caps.xsave) cr4 |= CR4_OSXSAVE;
    if (cpu_caps.smap) cr4 |= CR4_SMAP;
    write_cr4(cr4);
}

void cpu_set_kernel_stack(uint64_t top) {
    struct cpu *c = cpu_this();
    tables[c->id].tss.rsp[0] = top;
    c->kernel_stack = top;
}

/* The tables are filled; GS is needed by all that follows. */
static void load(struct cpu *c) {
    load_segments(&tables[c->id]);
    wrmsr(MSR_GS_BASE, (uint64_t)c);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    load_traps();
    load_syscall();
}

static void fill_block(struct cpu *c, unsigned id) {
    c->self = c;
    c->id = id;
    c->preempt_off = 1; /* until the scheduler runs */
}

void cpu_init(void) {
    fill_block(&cpus[0], 0);
    fill_tables(&tables[0]);
    for (unsigned i = 0; i < ISTS; i++) tables[0].tss.ist[i] = (uint64_t)ist_stack_top + i * IST_STRIDE;
    fill_traps();
    load(&cpus[0]);
    detect();
    if (cpu_caps.smap) patch_smap();
    protect();
    fpu_init();
    cpu_set_kernel_stack((uint64_t)boot_stack_top);
}

/* ---- the other CPUs ---- */

bool cpu_prepare(struct cpu *c) {
    unsigned id = (unsigned)(c - cpus);
    memset(c, 0, sizeof *c);
    memset(&tables[id], 0, sizeof tables[id]);
    fill_block(c, id);
    fill_tables(&tables[id]);
    for (unsigned i = 0; i < ISTS; i++) {
        vaddr_t stack = kstack_alloc();
        if (!stack) {
            cpu_release(c);
            return false;
        }
        tables[id].tss.ist[i] = stack + KSTACK_SIZE;
    }
    return true;
}

void cpu_release(struct cpu *c) {
    for (unsigned i = 0; i < ISTS; i++) {
        uint64_t top = tables[c->id].tss.ist[i];
        if (top) kstack_free(top - KSTACK_SIZE);
    }
}

void cpu_init_ap(struct cpu *c) {
    load(c);
    protect();
    fpu_init();
}
