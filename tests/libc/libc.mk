# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Tests of libc, linked against it. They use only Linux's calls, so the same programs run on the build
# machine ($(LIBC_TESTS), with reference.t, which compares ours with another C library) and, among the
# ring-3 tests, on Holdfast. The compiler may not see through the calls that are to be tested, and the
# stack protector is on so that its guard is tried as well.

LIBC_TESTS := $(patsubst tests/libc/%.c,$(B)/tests/libc/%,$(wildcard tests/libc/*.c)) tests/libc/reference.t
USER_TESTS += $(patsubst tests/libc/%.c,$(B)/tests/user/%,$(wildcard tests/libc/*.c))
export BUILD := $(B)
export CC

$(B)/tests/user/%: tests/libc/%.c $(LIBC)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIBC_CFLAGS) $(WARN) -g -fno-builtin -fstack-protector-strong -MMD -MP -MF $@.d -MT $@ -o $@ $< $(LIBC_LDFLAGS)

$(B)/tests/libc/%: $(B)/tests/user/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
.SECONDARY: $(patsubst tests/libc/%.c,$(B)/tests/user/%,$(wildcard tests/libc/*.c))
