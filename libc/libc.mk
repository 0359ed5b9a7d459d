# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# libc: $(B)/libc/libc.a and crt0.o, and every file that is made from the table of system calls.
#
# For those who build programs: depend on $(LIBC), compile with $(LIBC_CFLAGS), link with $(LIBC_LDFLAGS).

LIBC_CFLAGS  = $(shell libc/flags.sh cflags $(B))
LIBC_LDFLAGS = $(shell libc/flags.sh ldflags $(B))

# --- From the table --------------------------------------------------------------------------------------

GENSYS = tools/gensys
UNISTD := $(SYSINC)/asm/unistd_64.h
GENSYS_IN := abi/syscalls.tbl $(GENSYS) $(SYSINC)/.filled
LIBCGEN := $(B)/gen/include/sys/syscall_numbers.h $(B)/gen/libc/syscall_stubs.h
KGEN += $(B)/gen/syscalls.inc $(B)/gen/syscalls.h

gensys = @mkdir -p $(@D); $(GENSYS) $(1) abi/syscalls.tbl $(UNISTD) > $@
$(B)/gen/syscalls.inc: $(GENSYS_IN)
	$(call say,GEN,$@)
	$(call gensys,inc)
$(B)/gen/syscalls.h: $(GENSYS_IN)
	$(call say,GEN,$@)
	$(call gensys,h)
$(B)/gen/libc/syscall_stubs.h: $(GENSYS_IN)
	$(call say,GEN,$@)
	$(call gensys,stubs-h)
$(B)/gen/libc/syscall_stubs.asm: $(GENSYS_IN)
	$(call say,GEN,$@)
	$(call gensys,stubs)
$(B)/gen/include/sys/syscall_numbers.h: $(GENSYS_IN)
	$(call say,GEN,$@)
	$(call gensys,numbers)

# --- The archive -----------------------------------------------------------------------------------------

# -ffreestanding: the compiler must not see its library functions in the code that implements them.
LIBC_OWN = $(LIBC_CFLAGS) -g $(WARN) -ffreestanding -fno-stack-protector -fno-strict-aliasing -isystem $(B)/gen/libc
LIBC_SRC := $(filter-out libc/core/nofloat.c libc/start/crt0.asm,$(wildcard libc/*/*.c libc/*/*.asm))
LIBC_OBJ := $(addprefix $(B)/libc/,$(addsuffix .o,$(LIBC_SRC:libc/%=%))) $(B)/libc/syscall_stubs.o
LIBC := $(B)/libc/libc.a $(B)/libc/crt0.o

libc: $(LIBC) ## build libc for ring-3 programs
.PHONY: libc

$(B)/libc/libc.a: $(LIBC_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar crsD $@ $(LIBC_OBJ)

$(B)/libc/crt0.o: libc/start/crt0.asm
	$(call say,NASM,$@)
	@mkdir -p $(@D)
	$(Q)nasm $(NASMFLAGS) -o $@ $<

$(B)/libc/syscall_stubs.o: $(B)/gen/libc/syscall_stubs.asm
	$(call say,NASM,$@)
	@mkdir -p $(@D)
	$(Q)nasm $(NASMFLAGS) -o $@ $<

$(B)/libc/%.asm.o: libc/%.asm
	$(call say,NASM,$@)
	@mkdir -p $(@D)
	$(Q)nasm $(NASMFLAGS) -o $@ $<

$(B)/libc/%.c.o: libc/%.c libc/flags.sh | $(LIBCGEN) $(SYSINC)/.filled
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBC_OWN) -MMD -MP -c -o $@ $<

check-libc: $(LIBC) ## every function that a header of libc declares is there, and every header stands alone
	@libc/check.sh $(CC) $(B)
check: check-libc
.PHONY: check-libc
