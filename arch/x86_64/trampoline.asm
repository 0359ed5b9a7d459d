; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; The first instructions of every CPU but the first: from real mode to ap_main (arch/x86_64/smp.c).
;
; A start-up IPI begins a CPU at a page below 1 MiB, in real mode (SDM Vol. 3, 8.4.3). smp.c copies what
; stands between ap_trampoline and ap_trampoline_end to such a page, fills in the four words that the copy
; cannot know, and starts one CPU at a time:
;
;     real mode --> long mode by boot's early tables, which map the page to itself
;               --> ap_claim: take the start that is offered, or halt for ever if it was withdrawn
;               --> into the image, the kernel's own tables, the new CPU's stack --> ap_main
;
; Protection and paging are turned on at once, from 16 bits straight to 64 (SDM Vol. 3, 9.8.5: the order is
; PAE, CR3, LME, then PG; PE may come with PG).

CR4_PAE      equ 0x020
MSR_EFER     equ 0xc0000080
EFER_LME_NXE equ 0x900
CR0_PE_MP_NE_WP_PG equ 0x80010023
CODE         equ 0x08
DATA         equ 0x10

extern ap_main
global ap_trampoline, ap_trampoline_end
global ap_far_offset, ap_gdt_base, ap_cr3, ap_claim

section .rodata
        align 16
bits 16
ap_trampoline:
        cli
        cld
        mov ax, cs
        mov ds, ax
        o32 lgdt [gdt_pointer - ap_trampoline]
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, [ap_cr3 - ap_trampoline]
        mov cr3, eax
        mov ecx, MSR_EFER
        rdmsr
        or eax, EFER_LME_NXE
        wrmsr
        mov eax, CR0_PE_MP_NE_WP_PG
        mov cr0, eax
        jmp dword far [ap_far_offset - ap_trampoline]

bits 64
start_long:
        mov ax, DATA
        mov ss, ax
        xor eax, eax
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        xchg rax, [rel ap_claim]                ; locked, as every exchange with memory is
        test rax, rax
        jz .late
        mov rcx, ap_high
        jmp rcx
.late:
        cli
        hlt
        jmp .late

        align 8
gdt:
        dq 0
        dq 0x00af9a000000ffff                   ; 64-bit code
        dq 0x00cf92000000ffff                   ; data
        align 4
        dw 0                                    ; so that the words to fill in are aligned
gdt_pointer:
        dw gdt_pointer - gdt - 1
ap_gdt_base:                                    ; filled in: the page
        dd gdt - ap_trampoline
ap_far_offset:                                  ; filled in: the page
        dd start_long - ap_trampoline
        dw CODE
        align 8
ap_cr3:                                         ; filled in: boot's early tables
        dq 0
ap_claim:                                       ; filled in, CPU by CPU: struct ap_start
        dq 0
ap_trampoline_end:

; rax: struct ap_start { tables, top of the stack, struct cpu }
section .text
ap_high:
        mov rcx, [rax]
        mov rsp, [rax + 8]
        mov rdi, [rax + 16]
        mov cr3, rcx
        xor ebp, ebp                            ; the backtrace ends here
        call ap_main
        ud2
