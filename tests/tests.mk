# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The tests. Each ring leaves judged TAP in $(B)/tap/RING/NAME.tap; prove(1) reads and sums it up.
#
#   harness   tests/harness/*.t    the tools themselves, on planted and recorded input
#   host      tests/host/test_*.c  mm/ and friends on arch/host, under sanitizers
#   user      tests/user/*.c       programs in ring 3, many in one boot (tools/hf-prove)
#   native    the same programs    on the build machine's Linux, unless their head says `needs: holdfast`
#   libc      tests/libc/*.c       programs against libc, on the build machine too; reference.t
#   boot      tests/boot/*.t       one boot or more each: BIOS, UEFI, PVH, memory sizes, bad initrds
#
# T=name picks tests by name in any ring; SEED=n repeats an order (and the random host tests); CPUS=n gives the
# machines n CPUs, those apart that a test asks for itself.

TAP := $(B)/tap
pick = $(if $(T),$(foreach f,$(1),$(if $(filter $(T),$(basename $(notdir $(f)))),$(f))),$(1))
export SEED
export HF_CPUS := $(or $(CPUS),1)

# --- Ring 3 ----------------------------------------------------------------------------------------------

USER_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/user/*.c))
HELPERS := $(patsubst tests/user/helpers/%.c,$(B)/tests/helpers/%,$(wildcard tests/user/helpers/*.c))
FOREIGN := $(patsubst tests/foreign/%.c,$(B)/tests/user/%,$(wildcard tests/foreign/*.c))

$(B)/tests/user/%: tests/user/%.c $(LIBC)
	$(user_program)

$(B)/tests/user/virtio_queue $(B)/tests/user/port_device: user/driver/virtio.c

$(B)/tests/helpers/%: tests/user/helpers/%.c $(LIBC)
	$(user_program)

# What another toolchain made must run as it is.
$(B)/tests/user/musl_%: tests/foreign/musl_%.c
	$(call say,MUSL,$@)
	@mkdir -p $(@D)
	$(Q)musl-gcc -static -pthread -O2 -Wall -Wextra -I. -o $@ $<

$(B)/tests/user/glibc_%: tests/foreign/glibc_%.c tests/foreign/musl_%.c
	$(call say,GLIBC,$@)
	@mkdir -p $(@D)
	$(Q)gcc -static -pthread -O2 -Wall -Wextra -D_GNU_SOURCE -I. -o $@ $<

# --- The same programs on Linux --------------------------------------------------------------------------

NATIVE_SRC := $(shell grep -L 'needs: holdfast' $(filter-out tests/user/init.c,$(wildcard tests/user/*.c)) /dev/null)
NATIVE := $(patsubst tests/user/%.c,$(B)/native/%,$(filter %.c,$(NATIVE_SRC)))

$(B)/native/%: tests/user/%.c
	$(call say,NATIVE,$@)
	@mkdir -p $(@D)
	$(Q)gcc -std=gnu17 -O2 -g -Wall -Wextra -D_GNU_SOURCE -I. -MMD -MP -MF $@.d -MT $@ -o $@ $< -pthread

# --- On the build machine --------------------------------------------------------------------------------

-include tests/host/host.mk
include tests/libc/libc.mk

# --- Running them ----------------------------------------------------------------------------------------

# Kept, though made on the way to another: else the last that a run says is not the count but that they are removed.
.PRECIOUS: $(B)/tests/user/%

HARNESS := $(wildcard tests/harness/*.t)
BOOT := $(wildcard tests/boot/*.t)

prove = $(HOST_ENV) prove -j2 --merge --exec 'tools/tap-run $(TAP)' $(1)
report = tools/tap-report $(if $(JUNIT),--junit $(JUNIT)) $(TAP)
picked_user = $(notdir $(call pick,$(filter-out %/init,$(USER_TESTS)) $(FOREIGN)))
hf_prove = tools/hf-prove --build $(B) $(if $(SEED),--seed $(SEED)) $(if $(T),$(picked_user)) || [ $$? = 1 ]

# $(call run_tests,FILES,RING3): the picked ones of them through prove, then the closing count. Ring 3, if
# asked for, boots first and leaves files for prove.
run_tests = $(call run_picked,$(call pick,$(1)),$(if $(2),$(picked_user)))
define run_picked
	$(if $(strip $(1)$(2)),,@echo "no test here is called $(T)" >&2; exit 1)
	@rm -rf $(TAP)
	$(if $(2),@$(hf_prove))
	@$(call prove,$(1) $(if $(2),$(TAP)/user/*.tap)); status=$$?; $(report) && exit $$status
endef

# Kernels with proof tools in them, for tests/boot/ to plant mistakes in.
proof-kernels: ## the kernels with proof tools
	@$(MAKE) DEBUG=1 kernel
	@$(MAKE) UBSAN=1 kernel
	@$(MAKE) KASAN=1 kernel
	@$(MAKE) KCSAN=1 kernel
.PHONY: proof-kernels

test-programs: kernel libc $(USER_TESTS) $(HELPERS) $(FOREIGN)
.PHONY: test-programs test test-user test-host test-native test-libc test-boot test-harness

test: all test-programs proof-kernels $(HOST_TESTS) $(NATIVE) $(LIBC_TESTS) ## run every test (T=name: one; SEED=n: that order; JUNIT=file)
	$(call run_tests,$(HARNESS) $(HOST_TESTS) $(NATIVE) $(LIBC_TESTS) $(BOOT),user)

test-user: all test-programs ## the ring-3 tests
	$(call run_tests,,user)

test-debug: all test-programs proof-kernels ## the ring-3 tests on the kernels with proof tools, on 1, 2 and 4 CPUs (T=name: one; KINDS=kasan; CPUS=4)
	@for kind in $(or $(KINDS),debug ubsan kasan kcsan); do for cpus in $(or $(CPUS),1 2 4); do [ $$kind$$cpus = kcsan1 ] && continue; echo "# $$kind kernel, $$cpus CPUs"; \
	    tools/hf-prove --patience 4 --build $(B) --kernel $(B)/$$kind/holdfast.elf --out $(B)/tap-proof/$$kind-$$cpus --cpus $$cpus \
	        $(if $(SEED),--seed $(SEED)) $(if $(T),$(picked_user)) || failed=1; done; done; exit $${failed:-0}
.PHONY: test-debug

test-host: $(HOST_TESTS) ## mm/ and friends on the build machine, under sanitizers
	$(call run_tests,$(HOST_TESTS))

test-native: $(NATIVE) ## the ring-3 tests that Linux can run, on Linux
	$(call run_tests,$(NATIVE))

test-libc: $(LIBC_TESTS) ## libc, on the build machine
	$(call run_tests,$(LIBC_TESTS))

test-boot: all test-programs iso proof-kernels ## boots: BIOS, UEFI, PVH, memory sizes, bad input
	$(call run_tests,$(BOOT))

test-harness: ## the tools
	$(call run_tests,$(HARNESS))

test-cpus: all test-programs ## the ring-3 tests on machines of 1, 2 and 4 CPUs
	$(Q)for n in 1 2 4; do echo "--- $$n CPUs"; $(MAKE) test-user CPUS=$$n || exit 1; done

soak: all test-programs $(if $(filter-out plain,$(KINDS)),proof-kernels) ## random, stress and race tests, round after round (MINUTES=10, CPUS=4, SEED=number, KINDS='plain debug')
	$(Q)tools/soak --build $(B) --minutes $(or $(MINUTES),10) --cpus $(or $(CPUS),4) --kinds '$(or $(KINDS),plain)' $(if $(SEED),--seed $(SEED))
.PHONY: test-cpus soak

contract: ## clause by clause: which tests hold it, and what their last run said
	@tools/contract $(TAP)
.PHONY: contract
