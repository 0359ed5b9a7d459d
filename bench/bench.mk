# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# `make bench`: instruction counts of the system calls, under QEMU's -icount.

bench: $(B)/bench/bench $(B)/holdfast.elf ## what each call costs, in guest instructions (counted, so the same every time)
	$(Q)tools/hf run --icount --mem 3G --timeout 600 $(B)/bench/bench
.PHONY: bench

$(B)/bench/%: bench/%.c $(LIBC)
	$(user_program)
