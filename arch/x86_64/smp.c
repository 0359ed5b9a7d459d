/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Starting the other CPUs, and stopping them at the end.
 *
 *      first CPU                                    another
 *      INIT to all, 10 ms; then for each:           (waits for a start-up IPI)
 *      offer a start in the trampoline's page
 *      SIPI; 200 us; SIPI again if need be  ----->  trampoline.asm takes the offer -> ap_main: its own
 *                                                   tables, its APIC
 *      TURN_READY                           <-----
 *      time-stamp counters compared         <---->
 *      TURN_GO                              ----->  online: kernel_ap_main
 *
 * (INIT, SIPI, SIPI: SDM Vol. 3, 8.4.4.1.) A CPU that does not answer in time gets another INIT, which puts
 * it back to waiting wherever it was; its number, stacks and block go to the next.
 *
 * LOCKING  the first CPU alone starts others, one at a time; `turn` passes between the two.
 * MISSING  taking CPUs away; time-stamp counters that differ are reported, not corrected.
 */
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/kmap.h"
#include "arch/mmu.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/x86.h"
#include "boot/bootinfo.h"
#include "kernel/assert.h"
#include "libc/core/string.h"

#define LOW_RAM_END   0xa0000ul
#define NS_PER_MS     1000000ul
#define INIT_NS       (10 * NS_PER_MS)
#define SIPI_NS       200000ul
#define ANSWER_NS     (5000 * NS_PER_MS) /* long: a virtual CPU may have to wait for a real one */
#define STOP_NS       (1000 * NS_PER_MS)
#define XAPIC_MAX_ID  254u
#define TSC_ROUNDS    3u

enum { TURN_NOBODY, TURN_READY, TURN_ASK, TURN_ANSWER, TURN_GO };

/* What trampoline.asm takes; it knows the offsets. */
struct ap_start {
    uint64_t tables, stack;
    struct cpu *cpu;
};

extern char ap_trampoline[], ap_trampoline_end[], ap_far_offset[], ap_gdt_base[], ap_cr3[], ap_claim[];
extern char early_pml4[]; /* boot/entry.asm */

_Noreturn void ap_main(struct cpu *c);

static struct ap_start start;
static uint32_t turn;
static uint64_t ap_ticks;
static paddr_t page;     /* the trampoline's */
static paddr_t lapic_at; /* where the first CPU's APIC appears */

/* ---- the trampoline ---- */

static bool taken(const struct boot_info *bi, paddr_t at) {
    const struct boot_range in_use[] = {{bi->kernel_start, bi->kernel_end},
                                        {bi->initrd_start, bi->initrd_end},
                                        {bi->early_used_start, bi->early_used_end}};
    for (unsigned i = 0; i < sizeof in_use / sizeof in_use[0]; i++) {
        if (at < in_use[i].end && at + PAGE_SIZE > in_use[i].start) return true;
    }
    return false;
}

/* The highest free page below the display's memory: nobody is given RAM below 1 MiB (mm/frame.c). 0: none. */
static paddr_t choose_page(const struct boot_info *bi) {
    for (paddr_t at = LOW_RAM_END - PAGE_SIZE; at > 0; at -= PAGE_SIZE) {
        for (unsigned i = 0; i < bi->nranges; i++) {
            if (bi->ram[i].start <= at && at + PAGE_SIZE <= bi->ram[i].end && !taken(bi, at)) return at;
        }
    }
    return 0;
}

static void *in_page(const char *symbol) {
    return (char *)phys_to_virt(page) + (symbol - ap_trampoline);
}

static void write_trampoline(void) {
    memcpy(phys_to_virt(page), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    *(uint32_t *)in_page(ap_far_offset) += (uint32_t)page;
    *(uint32_t *)in_page(ap_gdt_base) += (uint32_t)page;
    *(uint64_t *)in_page(ap_cr3) = image_to_phys(early_pml4);
}

static void set_claim(struct ap_start *s) {
    __atomic_store_n((struct ap_start **)in_page(ap_claim), s, __ATOMIC_RELEASE);
}

static bool unclaimed(void) {
    return __atomic_load_n((struct ap_start **)in_page(ap_claim), __ATOMIC_ACQUIRE) != NULL;
}

/* ---- one CPU ---- */

static void wait_ns(uint64_t ns) {
    uint64_t end = clock_now() + ns;
    while (clock_now() < end) __builtin_ia32_pause();
}

static void set_turn(uint32_t t) {
    __atomic_store_n(&turn, t, __ATOMIC_RELEASE);
}

static bool is_turn(uint32_t t) {
    return __atomic_load_n(&turn, __ATOMIC_ACQUIRE) == t;
}

static bool wait_for_turn(uint32_t t) {
    uint64_t end = clock_now() + ANSWER_NS;
    while (!is_turn(t)) {
        if (clock_now() > end) return false;
        __builtin_ia32_pause();
    }
    return true;
}

/* The counter's value here and now, in the order of the program. */
static uint64_t ticks(void) {
    __asm__ volatile("lfence" ::: "memory");
    uint64_t t = machine_ticks();
    __asm__ volatile("lfence" ::: "memory");
    return t;
}

/* An answer must lie between question and receipt, in time and so by the counters. False: no answer. */
static bool compare_ticks(const struct cpu *c) {
    bool differ = false;
    for (unsigned i = 0; i < TSC_ROUNDS; i++) {
        uint64_t before = ticks();
        set_turn(TURN_ASK);
        if (!wait_for_turn(TURN_ANSWER)) return false;
        uint64_t after = ticks();
        if (ap_ticks < before || ap_ticks > after) differ = true;
    }
    if (differ) log_line("CPU %u: its time-stamp counter differs from the first one's: times may go back", c->id);
    return true;
}

static bool start_cpu(struct cpu *c, uint64_t stack) {
    start = (struct ap_start){mmu_kernel_root, stack, c};
    set_turn(TURN_NOBODY);
    set_claim(&start);
    lapic_send(c->apic_id, LAPIC_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
    wait_ns(SIPI_NS);
    if (unclaimed()) lapic_send(c->apic_id, LAPIC_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
    bool up = wait_for_turn(TURN_READY) && compare_ticks(c);
    set_claim(NULL);
    if (up) {
        set_turn(TURN_GO);
        while (!(cpu_online_mask() & 1ul << c->id)) __builtin_ia32_pause();
    } else {
        lapic_send(c->apic_id, LAPIC_INIT);
        wait_ns(INIT_NS);
    }
    return up;
}

static void answer_ticks(void) {
    set_turn(TURN_READY);
    while (!is_turn(TURN_GO)) {
        if (is_turn(TURN_ASK)) {
            ap_ticks = ticks();
            set_turn(TURN_ANSWER);
        }
        __builtin_ia32_pause();
    }
}

/* From trampoline.asm: the new CPU, on its own stack, under the kernel's tables, interrupts off. */
_Noreturn void ap_main(struct cpu *c) {
    cpu_init_ap(c);
    cpu_set_kernel_stack(start.stack);
    lapic_init_ap(lapic_at);
    answer_ticks();
    __atomic_fetch_or(&cpus_online, 1ul << c->id, __ATOMIC_RELEASE);
    kernel_ap_main();
}

/* ---- all of them ---- */

static bool read_physical(const struct acpi_memory *m, void *to, paddr_t from, size_t len) {
    (void)m;
    return kmap_peek(to, from, len);
}

static const char *find_cpus(struct madt *madt) {
    static const struct acpi_memory memory = {read_physical};
    const char *wrong = acpi_read_madt(&memory, boot_info.rsdp, madt);
    if (!wrong) return NULL;
    uint8_t rsdp[ACPI_RSDP_SIZE];
    return acpi_find_rsdp(&memory, rsdp) ? acpi_read_madt(&memory, rsdp, madt) : wrong;
}

/* The ids that can be sent to; the first CPU's own comes out. False: it is not among them. */
static bool usable_ids(struct madt *madt, uint32_t self) {
    unsigned n = 0, large = 0;
    bool found = false;
    for (unsigned i = 0; i < madt->ncpus; i++) large += madt->apic_id[i] > XAPIC_MAX_ID;
    bool wide = large && lapic_use_x2apic();
    for (unsigned i = 0; i < madt->ncpus; i++) {
        uint32_t id = madt->apic_id[i];
        if (id == self) found = true;
        else if (id <= XAPIC_MAX_ID || wide) madt->apic_id[n++] = id;
        else log_line("CPU with APIC id %u: left out, it wants x2APIC", id);
    }
    madt->ncpus = n;
    return found;
}

/* Makes what the next CPU needs, once; it serves until one comes up. 0: no memory. */
static uint64_t prepare(struct cpu *c) {
    if (!cpu_prepare(c)) return 0;
    uint64_t stack = kernel_ap_prepare(c);
    if (!stack) cpu_release(c);
    return stack;
}

static void start_all(const struct madt *madt) {
    uint64_t stack = 0;
    unsigned i;
    for (i = 0; i < madt->ncpus; i++) lapic_send(madt->apic_id[i], LAPIC_INIT);
    wait_ns(INIT_NS);
    for (i = 0; i < madt->ncpus && cpu_count() < MAX_CPUS; i++) {
        struct cpu *c = &cpus[cpu_count()];
        if (!stack && !(stack = prepare(c))) break;
        c->apic_id = madt->apic_id[i];
        if (start_cpu(c, stack)) stack = 0;
        else log_line("CPU with APIC id %u: left out, it does not start", c->apic_id);
    }
    unsigned rest = madt->ncpus - i + madt->more;
    if (rest) log_line("CPUs: %u left out, there is no room for them", rest);
    if (stack) {
        kernel_ap_discard(&cpus[cpu_count()]);
        cpu_release(&cpus[cpu_count()]);
    }
}

void cpus_start(void) {
    struct madt madt;
    const char *wrong = find_cpus(&madt);
    cpus[0].apic_id = lapic_id();
    lapic_at = lapic_paddr();
    if (!wrong && !usable_ids(&madt, lapic_id())) wrong = "the CPU that booted is not listed";
    page = choose_page(&boot_info);
    if (!wrong && madt.ncpus && !page) wrong = "no RAM below 640 KiB";
    if (wrong) {
        log_line("CPUs: 1; others are not to be found (ACPI: %s)", wrong);
        return;
    }
    if (madt.ncpus) {
        write_trampoline();
        start_all(&madt);
        memset(phys_to_virt(page), 0, PAGE_SIZE);
    }
    log_line("CPUs: %u%s", cpu_count(), lapic_is_x2apic() ? ", by x2APIC" : "");
}

/* ---- the end ---- */

#define NO_STOPPER UINT32_MAX
static uint32_t stopper = NO_STOPPER;
static uint64_t stopped;

void cpus_stop_here(void) {
    uint32_t by = __atomic_load_n(&stopper, __ATOMIC_ACQUIRE);
    if (by == NO_STOPPER || by == cpu_this()->id) return;
    __atomic_fetch_or(&stopped, 1ul << cpu_this()->id, __ATOMIC_RELEASE);
    for (;;) __asm__ volatile("cli; hlt");
}

void cpus_stop(void) {
    if (cpu_count() == 1) return;
    uint32_t nobody = NO_STOPPER, me = cpu_this()->id;
    if (!__atomic_compare_exchange_n(&stopper, &nobody, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        cpus_stop_here(); /* returns if it was this CPU that stopped the others before */
        return;
    }
    uint64_t others = cpu_online_mask() & ~(1ul << me), end = clock_now() + STOP_NS;
    for (uint64_t m = others; m; m &= m - 1) lapic_send(cpus[__builtin_ctzl(m)].apic_id, LAPIC_NMI);
    while ((__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) & others) != others && clock_now() < end) __builtin_ia32_pause();
}
