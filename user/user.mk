# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Programs for ring 3: user/*.c and user/examples/*.c, each one file, one program (LIBC: libc/libc.mk); drivers
# have what they share, user/driver/*.c, linked in.

# $(call user_program,OUTPUT,SOURCES): compiled and linked as tools/hf does it, by the flags that libc names.
# Programs may touch address 0, recurse for ever, or cut a string short, on purpose.
PROGRAM_WARN := $(WARN) -Wno-unknown-warning-option -Wno-array-bounds -Wno-infinite-recursion -Wno-format-truncation

define user_program
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $$(libc/flags.sh cflags $(B)) $(PROGRAM_WARN) -g -MMD -MP -MF $@.d -MT $@ \
	    -o $@ $(filter %.c,$^) $$(libc/flags.sh ldflags $(B))
endef

USER := $(patsubst %.c,$(B)/%,$(wildcard user/*.c user/examples/*.c))

user: $(USER) ## build the example programs
.PHONY: user

$(B)/user/%: user/%.c $(LIBC)
	$(user_program)

$(B)/user/blockd: user/driver/virtio.c
