# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# `make bench`: instruction counts of the system calls, under QEMU's -icount.

bench: $(B)/bench/bench $(B)/holdfast.elf ## what each call costs, in guest instructions (counted, so the same every time)
	$(Q)tools/hf run --icount --mem 3G --timeout 600 $(B)/bench/bench
.PHONY: bench

$(B)/bench/%: bench/%.c $(LIBC)
	$(user_program)

bench-threads: $(B)/bench/threads $(B)/holdfast.elf ## how costs grow with threads; lock waits, shootdowns; wake-up latency
	$(Q)tools/hf run --icount --cpus 4 --mem 256M --timeout 600 $(B)/bench/threads instructions
	$(Q)tools/hf run --cpus 4 --mem 256M --timeout 600 $(B)/bench/threads waits
	$(Q)tools/hf run --icount --cpus 1 --mem 256M --timeout 600 $(B)/bench/threads latency
.PHONY: bench-threads

# A plugin for QEMU, and so a program of the build machine.
$(B)/bench/count.so: bench/count.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 $(WARN) -fPIC -shared -o $@ $<

bench-swap: $(B)/bench/swap $(B)/bench/evict $(B)/bench/count.so $(B)/holdfast.elf $(USER) ## what pages to and from swap cost (LINUX=DIR: on Linux, too)
	$(Q)bench/swap.py $(B)/bench/swap $(B)/bench/count.so
	$(Q)bench/swap.py --mem 2G --swap 64M $(B)/bench/evict $(B)/bench/count.so scan
	$(Q)tools/hf run --swap 64M $(B)/bench/evict server
	$(Q)tools/hf run --icount --mem 64M --swap 256M --timeout 600 $(B)/bench/evict fair 56
	$(if $(LINUX),$(Q)bench/swap.py --linux $(LINUX) $(B)/bench/swap $(B)/bench/count.so)
.PHONY: bench-swap
