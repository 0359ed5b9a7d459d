# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The build. `make help` lists the targets.
#
# Everything made lies under $(B): build/ for gcc, build/NAME for another compiler (CC=clang: build/clang).
# The parts bring their own rules: boot/boot.mk (image, ISO), libc/libc.mk, user/user.mk, tests/tests.mk.
#
# Objects: the kernel's in $(B)/k, from boot/ arch/x86_64/ mm/ kernel/ and libc/core/; libc's in $(B)/libc;
# programs in $(B)/user and $(B)/tests/user; host tests in $(B)/tests/host; generated headers in $(B)/gen.
#
# Variables: CC=clang, DEBUG=1 (costly assertions, lock order; build/debug), UBSAN=1 (undefined behaviour;
# build/ubsan), KASAN=1 (accesses to memory that nobody has; build/kasan),
# KCSAN=1 (data races; build/kcsan; KCSAN=report goes on after each), V=1 (show the commands).

ifeq ($(origin CC),default)
CC := gcc
endif
B := build$(if $(filter gcc,$(CC)),,/$(notdir $(CC)))$(if $(DEBUG),/debug)$(if $(UBSAN),/ubsan)$(if $(KASAN),/kasan)$(if $(KCSAN),/kcsan)
Q := $(if $(V),,@)
export HF_CC := $(CC)
export HF_BUILD := $(B)
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:

# Set-up: silent when nothing is missing. Once for a make and all those it starts.
ifeq ($(HOLDFAST_SETUP)$(filter help clean,$(MAKECMDGOALS)),)
$(shell tools/setup >&2)
ifneq ($(.SHELLSTATUS),0)
$(error the set-up did not succeed)
endif
export HOLDFAST_SETUP := done
endif

all: kernel libc user ## build the kernel, libc and the programs (the default)
.PHONY: all

say = @printf '  %-6s %s\n' $(1) $(patsubst $(B)/%,%,$(2))

# --- System headers: these and no others, for ring 0 and ring 3 alike ------------------------------------

SYSINC := build/sysinc
UAPI := /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
$(SYSINC)/.filled:
	$(Q)mkdir -p $(SYSINC)/bsd/sys
	$(Q)ln -sfn $(or $(wildcard $(UAPI)/asm),/usr/include/asm) /usr/include/asm-generic /usr/include/linux $(SYSINC)/
	$(Q)ln -sfn /usr/include/bsd/sys/tree.h /usr/include/bsd/sys/queue.h /usr/include/bsd/sys/cdefs.h $(SYSINC)/bsd/sys/
	$(Q)ln -sfn /usr/include/ck*.h /usr/include/gcc $(SYSINC)/
	$(Q)touch $@

# --- Flags -----------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef -Werror
CCINC := $(shell $(CC) -print-file-name=include 2>/dev/null)
# What runs once or seldom is made small, the rest fast.
COLD := $(addprefix boot/,loader main memmap multiboot2 pvh) \
    $(addprefix arch/x86_64/,acpi clock cpu features fpu kmap lapic paging pci pic serial sigframe smp) \
    $(addprefix kernel/,aio_cancel aio_process args block clone console cpio cred deliver device elf exception exec exec_stack \
        exit fdtable file futex_exit futex_pi futex_requeue init initrd inject itimer knobs knobs_debug kstack ksym ktimer limits log memfd \
        node_file panic path pci pci_file pipe place poll port_file proc_maps proc_memory proc_pid process procfs ptimer race random shutdown \
        signal sigqueue smp swap_calls sys_fd sys_misc sys_rw sys_sched sys_signal sys_sigwait sysctl trace tree usage wait) \
    $(addprefix mm/,advise audit census pageout pin protect remap stack swap_device swapin) libc/core/format
# Undefined behaviour: all kinds but signed overflow, which -fwrapv defines.
UBSAN_FLAGS := -DUBSAN -DPLANTS -fsanitize=undefined -fno-sanitize=signed-integer-overflow -fno-sanitize-recover=all
# Accesses to memory: calls, no inline look at the shadow, which covers RAM alone. What serves the calls makes none.
KASAN_FLAGS := -DKASAN -DPLANTS -fno-optimize-sibling-calls
option = $(if $(filter clang,$(notdir $(CC))),-mllvm -$(1),--param $(1))
KASAN_CALLS := -fsanitize=kernel-address $(foreach o,instrumentation-with-call-threshold=0 stack=0 globals=1,$(call option,asan-$(o)))
# Data races: calls at each access, plain, volatile or atomic.
KCSAN_FLAGS := -DKCSAN $(if $(filter report,$(KCSAN)),-DKCSAN_GO_ON) -DPLANTS -fno-optimize-sibling-calls
KCSAN_CALLS := -fsanitize=thread $(if $(filter clang,$(notdir $(CC))),,-Wno-tsan) $(call option,tsan-distinguish-volatile=1) $(call option,tsan-instrument-func-entry-exit=0)
KCFLAGS = -std=gnu17 $(if $(filter $(COLD),$*),-Os,-O2) -g $(WARN) $(if $(DEBUG),-DDEBUG -DLOCKDEP -DPLANTS -fno-optimize-sibling-calls) \
    $(if $(UBSAN),$(UBSAN_FLAGS)) $(if $(KASAN),$(KASAN_FLAGS) $(if $(filter kernel/kasan kernel/stack,$*),,$(KASAN_CALLS))) \
    $(if $(KCSAN),$(KCSAN_FLAGS) $(if $(filter kernel/kcsan kernel/stack,$*),,$(KCSAN_CALLS))) \
    -ffreestanding -nostdinc -isystem $(CCINC) -isystem $(SYSINC) -I. -Iarch/x86_64 -I$(B) -I$(B)/gen \
    -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-stack-protector -fcf-protection=none \
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-common -fno-strict-aliasing \
    -fno-delete-null-pointer-checks -fwrapv
NASMFLAGS = -f elf64 -g -F dwarf -I./ -w+all

# --- The kernel ------------------------------------------------------------------------------------------

KDIRS := boot arch/x86_64 mm kernel libc/core
KSRC  := $(wildcard $(addsuffix /*.c,$(KDIRS)) $(addsuffix /*.asm,$(KDIRS)))
KOBJ  := $(addprefix $(B)/k/,$(addsuffix .o,$(KSRC)))
KGEN  :=# generated headers, which must be there before any object is made: the parts add to it

kernel: $(B)/holdfast.elf ## build the kernel's image
.PHONY: kernel

-include libc/libc.mk boot/boot.mk

$(B)/k/%.c.o: %.c $(SYSINC)/.filled | $(KGEN)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KCFLAGS) -MMD -MP -c -o $@ $<

$(B)/k/%.asm.o: %.asm | $(KGEN)
	$(call say,NASM,$@)
	@mkdir -p $(@D)
	$(Q)nasm $(NASMFLAGS) -MD $(@:.o=.d) -MT $@ -o $@ $<

-include user/user.mk tests/tests.mk
-include $(shell find $(addprefix $(B)/,k libc user tests native) -name '*.d' 2>/dev/null)

# --- Running ---------------------------------------------------------------------------------------------

PROGRAM ?= user/examples/demo.c
MEM ?= 256M
run: all ## boot and run the demonstration of what Holdfast does (PROGRAM=file.c runs another)
	@tools/hf run --mem $(MEM) $(PROGRAM) $(ARGS)

iso: $(B)/holdfast.iso ## build the ISO that boots by BIOS and by UEFI

debug: all ## like run, with QEMU waiting for gdb; prints the gdb command
	@tools/hf run --gdb --mem $(MEM) $(PROGRAM) $(ARGS)
.PHONY: run iso debug

# --- Checks ----------------------------------------------------------------------------------------------

RING0 := boot arch arch/x86_64 mm kernel libc/core abi

check: check-tree check-compilers check-locks check-tidy check-text ## every check that runs nothing: rules, warnings, analysis, spelling
check-tree: ## include rules, licence lines, sizes of files and functions, the order of locks
	@tools/check-includes
	@tools/check-lockorder
	@tools/check-files
check-compilers: ## gcc and clang, all warnings as errors
	@$(MAKE) CC=gcc all
	@$(MAKE) CC=clang all
check-locks: $(KGEN) $(SYSINC)/.filled ## clang's analysis of who holds which lock, in ring 0 (kernel/annotate.h)
	@printf '%s\n' $(or $(FILES),$(filter %.c,$(KSRC))) | xargs -n 8 clang $(TIDYFLAGS) -fsyntax-only -Wthread-safety
check-tidy: $(KGEN) $(SYSINC)/.filled ## clang's static analysis of ring 0
	@printf '%s\n' $(filter %.c,$(KSRC)) | xargs -P 2 -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(TIDYFLAGS) 2>/dev/null' sh
TIDYFLAGS = $(patsubst $(CCINC),$(shell clang -print-file-name=include),$(KCFLAGS))
check-text: ## spelling, man pages
	@codespell -q 3 -I tools/words.txt -S ./build,./.git .
	@$(if $(wildcard docs/man/*),mandoc -Tlint -Wwarning docs/man/*,true)
.PHONY: check check-tree check-compilers check-locks check-tidy check-text

size: kernel ## the kernel's bytes and lines, folder by folder, against their limits
	@tools/size $(B)/holdfast.elf $(RING0)
.PHONY: size

ifneq ($(wildcard bench/bench.mk),)
include bench/bench.mk
endif

help: ## this list
	@echo "make TARGET, one of:"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/    \1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 24
	@echo "Variables: CC=clang  DEBUG=1  UBSAN=1  KASAN=1  KCSAN=1  V=1  T=test  SEED=number  CPUS=1  PROGRAM=file.c  MEM=256M  ARGS='words'  JUNIT=file"

clean: ## remove everything that was made
	rm -rf build
.PHONY: help clean
