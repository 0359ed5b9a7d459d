# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# The final link, in two passes: the first has an empty table of symbols, the second the table of the first.
# The table lies behind the text (linker.ld), so the functions stand where the table says. And the ISO.

KLD = ld -m elf_x86_64 -nostdlib -static -z max-page-size=0x1000 -z noexecstack --no-warn-rwx-segments --build-id=none -T linker.ld \
    $(addprefix --wrap=,$(if $(KASAN)$(KCSAN),memcpy memmove memset) $(if $(KASAN),uaccess_copy))

$(B)/holdfast.elf: $(KOBJ) linker.ld tools/ksyms boot/boot.mk
	$(call say,LINK,$@)
	$(Q)mkdir -p $(B)/link
	$(Q)tools/ksyms </dev/null >$(B)/link/ksyms0.asm
	$(Q)nasm -f elf64 -o $(B)/link/ksyms0.o $(B)/link/ksyms0.asm
	$(Q)$(KLD) -o $(B)/link/first.elf $(KOBJ) $(B)/link/ksyms0.o
	$(Q)nm -n $(B)/link/first.elf | tools/ksyms >$(B)/link/ksyms.asm
	$(Q)nasm -f elf64 -o $(B)/link/ksyms.o $(B)/link/ksyms.asm
	$(Q)$(KLD) -o $@ $(KOBJ) $(B)/link/ksyms.o

# What `make iso` boots: the demonstration.
ISO_INIT = $(B)/user/examples/demo

$(B)/holdfast.iso: $(B)/holdfast.elf $(ISO_INIT) iso/grub.cfg tools/mkiso
	$(call say,ISO,$@)
	$(Q)rm -rf $(B)/iso && mkdir -p $(B)/iso
	$(Q)cp $(ISO_INIT) $(B)/iso/demo
	$(Q)cd $(B)/iso && echo demo | cpio -o -H newc --quiet >../initrd
	$(Q)tools/mkiso $(B)/holdfast.elf $(B)/initrd 'init=/demo' $@
