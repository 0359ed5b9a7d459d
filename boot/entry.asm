; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; The first instructions: from either loader's 32-bit protected mode to boot_main in the higher half.
;
; GRUB finds the multiboot2 header below (Multiboot2 Specification, 3.1) and jumps to start_multiboot2 with
; EBX = its information; QEMU's -kernel finds the Xen note (the PVH boot protocol) and jumps to start_pvh
; with EBX = its start info. Both leave paging off, flat segments and no stack to rely on.
;
; The page tables made here serve each CPU only until it loads the real ones of arch/x86_64/paging.c: they map the low
; 4 GiB three times over, in 2 MiB pages, writable and executable:
;
;   PML4[0]   identity, for the instructions between "paging on" and "in the higher half"
;   PML4[256] the direct map, so that the loaders' tables can be read by phys_to_virt()
;   PML4[511] the first GiB of it at KERNEL_BASE: the image
;
; A CPU that cannot run Holdfast is told so on the serial line.

KERNEL_BASE   equ 0xffffffff80000000
%define PHYS(symbol) (symbol - KERNEL_BASE)

MULTIBOOT2_HEADER equ 0xe85250d6
LOADER_PVH        equ 0x336ec578    ; the start info's own magic serves as the loader's name

PTE_P_W    equ 0x003
PTE_P_W_PS equ 0x083
CR0_PE_MP_WP_PG equ 0x80010003
CR4_PAE    equ 0x020
MSR_EFER   equ 0xc0000080
EFER_LME_NXE equ 0x900
CPUID_LM_NX  equ (1 << 29) | (1 << 20)

COM1       equ 0x3f8

extern boot_main
extern boot_entry_tsc
global start_multiboot2
global boot_stack_guard, boot_stack_top
global early_pml4               ; the other CPUs come by it too (arch/x86_64/smp.c)

; ------------------------------------------------------------------ what the loaders look for
section .boot progbits alloc exec nowrite align=16
        align 8
header:
        dd MULTIBOOT2_HEADER
        dd 0                                    ; i386 protected mode
        dd header_end - header
        dd 0x100000000 - (MULTIBOOT2_HEADER + (header_end - header))
        ; modules on page boundaries
        dw 6, 0
        dd 8
        ; end of tags
        dw 0, 0
        dd 8
header_end:

section .note.Xen note alloc noexec nowrite align=4
        dd 4, 8, 18                             ; name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
        db "Xen", 0
        dq PHYS(start_pvh)

; ------------------------------------------------------------------ 32 bits, no paging
section .boot
bits 32
start_pvh:
        mov eax, LOADER_PVH
start_multiboot2:
        cli
        cld
        mov esp, PHYS(boot_stack_top)
        mov esi, eax                            ; which loader
        mov edi, ebx                            ; its information; both go to boot_main
        rdtsc
        mov [PHYS(boot_entry_tsc)], eax
        mov [PHYS(boot_entry_tsc) + 4], edx

        mov eax, 0x80000000
        cpuid
        cmp eax, 0x80000001
        jb cannot_run
        mov eax, 0x80000001
        cpuid
        and edx, CPUID_LM_NX
        cmp edx, CPUID_LM_NX
        jne cannot_run

        ; four page directories cover 4 GiB; .bss is zero already
        mov ebx, PHYS(early_pd)
        mov eax, PTE_P_W_PS
        mov ecx, 4 * 512
.directory:
        mov [ebx], eax
        add ebx, 8
        add eax, 0x200000
        loop .directory

        mov eax, PHYS(early_pd) + PTE_P_W
        mov ebx, PHYS(early_pdpt)
        mov ecx, 4
.pointer:
        mov [ebx], eax
        add ebx, 8
        add eax, 4096
        loop .pointer
        mov dword [PHYS(early_pdpt_high) + 510 * 8], PHYS(early_pd) + PTE_P_W
        mov dword [PHYS(early_pml4)], PHYS(early_pdpt) + PTE_P_W
        mov dword [PHYS(early_pml4) + 256 * 8], PHYS(early_pdpt) + PTE_P_W
        mov dword [PHYS(early_pml4) + 511 * 8], PHYS(early_pdpt_high) + PTE_P_W

        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, PHYS(early_pml4)
        mov cr3, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_LME_NXE
        wrmsr
        mov eax, CR0_PE_MP_WP_PG
        mov cr0, eax
        lgdt [PHYS(early_gdt_pointer)]
        jmp 0x08:PHYS(start_long)

; Not a 64-bit CPU with NX: say so and stop.
cannot_run:
        mov esi, PHYS(cannot_run_text)
.next:
        lodsb
        test al, al
        jz .stop
        mov ah, al
        mov dx, COM1 + 5
.wait:
        in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dx, COM1
        out dx, al
        jmp .next
.stop:
        mov al, 2                               ; isa-debug-exit, as a panic
        out 0xf4, al
.halt:
        cli
        hlt
        jmp .halt

cannot_run_text:
        db 10, "Holdfast: cannot run: this CPU lacks 64-bit mode or no-execute pages", 10, 0

; ------------------------------------------------------------------ 64 bits
bits 64
start_long:
        mov rax, .high
        jmp rax
.high:
        mov ax, 0x10
        mov ss, ax
        xor eax, eax
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov rsp, boot_stack_top
        xor ebp, ebp                            ; the backtrace ends here
        xchg edi, esi                           ; boot_main(loader, information): and both zero-extended
        mov esi, esi
        call boot_main
        ud2

        align 8
early_gdt:
        dq 0
        dq 0x00af9a000000ffff                   ; 64-bit code
        dq 0x00cf92000000ffff                   ; data
early_gdt_pointer:
        dw early_gdt_pointer - early_gdt - 1
        dd PHYS(early_gdt)

; ------------------------------------------------------------------ zero at the start
section .bss nobits alloc write align=4096
early_pml4:      resb 4096
early_pdpt:      resb 4096
early_pdpt_high: resb 4096
early_pd:        resb 4 * 4096
boot_stack_guard: resb 4096                     ; left out of the final page tables
boot_stack:      resb 4 * 4096
boot_stack_top:
