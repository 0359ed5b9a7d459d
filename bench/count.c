/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A plugin for QEMU that counts the instructions a machine executes, from one mark in a program to the next.
 *
 *      guest   ... nopl 0x484f4cNN(%rax) ...      a mark, NN: nothing to the processor (bench/mark.h)
 *      host    qemu -plugin count.so,out=FILE     ->  a line "NN instructions" for each mark that is passed
 *              ...,profile=FILE                   ->  and FILE.NN, "address instructions" of what ran since the mark before
 *
 * A halted processor executes nothing. So what a program waits for costs what it makes the machine do, the kernel's, the
 * servers' and the interrupts' share included, and no idle time: that cannot be had from the clock under -icount, which
 * goes on while the machine is halted. An instruction that faults is counted again when it is done again.
 *
 * Debian's QEMU takes plugins and ships no header for them: the declarations below are its interface (version 1).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { NO_REGS = 0, ADD_U64 = 0 };

int qemu_plugin_install(uint64_t id, const struct qemu_info *, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(uint64_t id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), int flags, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *ptr, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

struct block { /* profile: instructions that were translated together */
    struct block *next;
    uint64_t address, executed;
};

static uint64_t count;
static FILE *out;
static const char *profile;
static struct block *blocks;

static void write_profile(unsigned mark) {
    char name[4096];
    snprintf(name, sizeof name, "%s.%u", profile, mark);
    FILE *f = fopen(name, "w");
    for (struct block *b = blocks; f && b; b = b->next) {
        if (b->executed) fprintf(f, "%" PRIx64 " %" PRIu64 "\n", b->address, b->executed);
        b->executed = 0;
    }
    if (f) fclose(f);
}

static void passed(unsigned cpu, void *arg) {
    unsigned mark = (unsigned)(uintptr_t)arg;
    (void)cpu;
    fprintf(out, "%u %" PRIu64 "\n", mark, count);
    fflush(out);
    if (profile) write_profile(mark);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb) {
    struct block *b = NULL;
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *code = qemu_plugin_insn_data(insn);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &count, 1);
        if (qemu_plugin_insn_size(insn) == 7 && memcmp(code, "\x0f\x1f\x80", 3) == 0 && memcmp(code + 4, "LOH", 3) == 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed, NO_REGS, (void *)(uintptr_t)code[3]);
        if (!profile) continue;
        if (i % 8 == 0) { /* small enough that its address tells the function */
            b = calloc(1, sizeof *b);
            if (!b) abort();
            *b = (struct block){.next = blocks, .address = qemu_plugin_insn_vaddr(insn)};
            blocks = b;
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &b->executed, 1);
    }
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) out = fopen(argv[i] + 4, "w");
        if (strncmp(argv[i], "profile=", 8) == 0) profile = strdup(argv[i] + 8);
    }
    if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
