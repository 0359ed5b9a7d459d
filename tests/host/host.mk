# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Host tests: the parts of the kernel that need no machine, in ordinary processes under the address and
# undefined-behaviour sanitizers. tests/host/test_NAME.c is one program; it links what it uses of mm/,
# arch/host/, the very pmap.c and tlb.c of arch/x86_64/, boot's map and the support files, all in one archive.
#
#   make test-host             all of them (tests/tests.mk); CC=clang with the other compiler; JUNIT as for make test
#   make soak-host             the model-based test for longer: SEED=number STEPS=number
#   make fuzz-host             coverage-guided fuzzing of one reader: FUZZ=elf, cpio or memmap; SECONDS=number
#
# Under DEBUG the costly assertions of mm/ are on: host tests always have them.

HB := $(B)/host
HOST_KERNEL := kernel/cpio.c kernel/elf.c kernel/initrd.c kernel/tree.c
HOST_SRC := $(wildcard mm/*.c arch/host/*.c) arch/x86_64/pmap.c arch/x86_64/tlb.c \
    $(filter-out $(wildcard tests/host/test_*.c) tests/host/model.c,$(wildcard tests/host/*.c)) \
    boot/loader.c boot/memmap.c boot/multiboot2.c boot/pvh.c arch/x86_64/acpi.c $(HOST_KERNEL)
HOST_TESTS := $(patsubst tests/host/%.c,$(HB)/%,$(wildcard tests/host/test_*.c tests/host/model.c))

HOST_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_CFLAGS := -std=gnu17 -O1 -g $(WARN) -DDEBUG -I. -Iarch/host -I$(B)/gen \
    -fno-strict-aliasing -fno-omit-frame-pointer -fno-common -D_GNU_SOURCE $(HOST_SAN)

# These take Linux's numbers from the UAPI headers, which hide some of them where glibc's are about.
$(HOST_KERNEL:%.c=$(HB)/obj/%.o): HOST_INC = -ffreestanding -nostdinc -isystem $(CCINC) -isystem $(SYSINC)

$(HB)/obj/%.o: %.c $(KGEN)
	$(call say,HOSTCC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(HOST_INC) -MMD -MP -c -o $@ $<

$(HB)/libhost.a: $(HOST_SRC:%.c=$(HB)/obj/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar crs $@ $^

$(HOST_TESTS): $(HB)/%: $(HB)/obj/tests/host/%.o $(HB)/libhost.a
	$(call say,LD,$@)
	$(Q)$(CC) $(HOST_SAN) -o $@ $^

.SECONDARY: $(HOST_TESTS:$(HB)/%=$(HB)/obj/tests/host/%.o)
-include $(shell find $(HB) -name '*.d' 2>/dev/null)

# A leak checker has nothing to see here (memory is frames) and cannot run under every tracer.
HOST_ENV := ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:print_legend=0 UBSAN_OPTIONS=print_stacktrace=1

host: $(HOST_TESTS) ## build the host tests
soak-host: $(HB)/model ## the model-based test for longer (SEED=number, STEPS=number)
	@$(HOST_ENV) $(HB)/model --seed $(or $(SEED),$$(date +%s)) --steps $(or $(STEPS),200000)

# libFuzzer comes with clang. The corpus stays under build/, so a later run goes on where this one ended.
FUZZ ?= elf
FUZZED := $(wildcard kernel/$(FUZZ).c boot/$(FUZZ).c)
fuzz-host: $(SYSINC)/.filled ## fuzz a reader of foreign bytes (FUZZ=elf, cpio or memmap; SECONDS=number)
	@mkdir -p $(HB)/fuzz/$(FUZZ)
	$(Q)clang -std=gnu17 -O1 -g $(WARN) -I. -Iarch/host -ffreestanding -nostdinc \
	    -isystem $(shell clang -print-file-name=include) -isystem $(SYSINC) \
	    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -c -o $(HB)/fuzz/$(FUZZ).o $(FUZZED)
	$(Q)clang -std=gnu17 -O1 -g $(WARN) -I. -Iarch/host -fsanitize=fuzzer,address,undefined \
	    -fno-sanitize-recover=all -o $(HB)/fuzz-$(FUZZ) tests/fuzz/$(FUZZ).c $(HB)/fuzz/$(FUZZ).o
	@$(HB)/fuzz-$(FUZZ) -max_len=4096 -max_total_time=$(or $(SECONDS),60) -artifact_prefix=$(HB)/fuzz/ \
	    -print_final_stats=1 $(HB)/fuzz/$(FUZZ)
.PHONY: host soak-host fuzz-host
