; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; Into the kernel and out again: 256 vectors, SYSCALL, and the ways back.
;
; Every way in builds a struct trapframe (arch/trap.h), lowest address first:
;
;     r15 r14 r13 r12 rbp rbx | r11 r10 r9 r8 rax rcx rdx rsi rdi | vector error | rip cs rflags rsp ss
;
; From ring 3 the stack is the thread's kernel stack, empty, so that the frame stands at its very top.
; GS is the CPU's block inside the kernel and the user's outside: swapgs goes with each change of ring.
;
; SYSCALL's way out is SYSRET where that is safe and enough:
;   - nobody changed the frame (arch/trap.h: trapframe_changed);
;   - the return address is canonical: on Intel a SYSRET to a non-canonical RIP faults in ring 0 with the
;     user's stack (SDM Vol. 2, SYSRET; CVE-2012-0217);
;   - neither TF nor RF is set, which only IRETQ restores properly.
; C preserves the callee-saved registers, so SYSRET does not load them.

%define KERNEL_CS 0x10
%define USER_SS   0x2b
%define USER_CS   0x33
%define TRAP_SYSCALL 256

; offsets in struct trapframe
%define TF_R10    (7 * 8)
%define TF_R9     (8 * 8)
%define TF_R8     (9 * 8)
%define TF_RAX    (10 * 8)
%define TF_RDX    (12 * 8)
%define TF_RSI    (13 * 8)
%define TF_RDI    (14 * 8)
%define TF_VECTOR (15 * 8)
%define TF_RIP    (17 * 8)
%define TF_CS     (18 * 8)
%define TF_RFLAGS (19 * 8)
%define TF_RSP    (20 * 8)

; offsets in struct cpu
%define CPU_KERNEL_STACK 8
%define CPU_USER_STACK   16

%define MSR_GS_BASE 0xc0000101
%define RFLAGS_TF_RF 0x10100

extern trap_exception, trap_irq, trap_syscall, trap_fatal
global trap_vectors, syscall_entry, trap_return, context_enter_user
global ist_stack_guards, ist_stack_top

%include "arch/x86_64/smap.inc"

%macro PUSH_REGS 0
        push rdi
        push rsi
        push rdx
        push rcx
        push rax
        push r8
        push r9
        push r10
        push r11
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
%endmacro

section .text

; ------------------------------------------------------------------ vectors
; Exceptions 8, 10-14, 17, 21, 29 and 30 push an error code (SDM Vol. 3, 6.15); the others get a zero.
        align 16
trap_vectors:
%assign v 0
%rep 256
        align 16
  %if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
        push 0
  %endif
        push strict dword v
  %if v == 2 || v == 8 || v == 18
        jmp near fatal_common
  %elif v < 32
        jmp near exception_common
  %else
        jmp near irq_common
  %endif
%assign v v + 1
%endrep

%macro ENTER 0
        test byte [rsp + 24], 3                 ; cs: from ring 3?
        jz %%kernel
        swapgs
%%kernel:
        PUSH_REGS
        SMAP_CLAC                               ; what was interrupted may have had user memory open
        cld
        mov rdi, rsp
%endmacro

        align 16
exception_common:
        ENTER
        call trap_exception
        jmp trap_return

        align 16
irq_common:
        ENTER
        call trap_irq

; Load everything and IRETQ. rsp is the trap frame.
trap_return:
        cli
        test byte [rsp + TF_CS], 3
        jz .registers
        mov rax, [rsp + TF_RIP]                 ; IRETQ to a non-canonical address would fault here, in ring 0, with
        mov rcx, rax                            ; the user's GS: whoever wrote such a frame is a kernel bug
        shl rcx, 16
        sar rcx, 16
        cmp rcx, rax
        jne .bad
        swapgs
.registers:
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        pop r11
        pop r10
        pop r9
        pop r8
        pop rax
        pop rcx
        pop rdx
        pop rsi
        pop rdi
        add rsp, 16
        iretq
.bad:
        ud2

; NMI, double fault, machine check: the end. GS may be either's whatever CS says, but only the kernel's is negative.
        align 16
fatal_common:
        PUSH_REGS
        mov ecx, MSR_GS_BASE
        rdmsr
        test edx, edx
        js .kernel_gs
        swapgs
.kernel_gs:
        SMAP_CLAC
        cld
        mov rdi, rsp
        call trap_fatal
        ud2

; ------------------------------------------------------------------ SYSCALL
        align 16
syscall_entry:
        swapgs
        mov [gs:CPU_USER_STACK], rsp
        mov rsp, [gs:CPU_KERNEL_STACK]
        push USER_SS
        push qword [gs:CPU_USER_STACK]
        push r11                                ; rflags
        push USER_CS
        push rcx                                ; rip
        push rax                                ; error: the call's number
        push TRAP_SYSCALL
        PUSH_REGS
        mov rdi, rsp
        sti
        call trap_syscall
        cli
        cmp qword [rsp + TF_VECTOR], TRAP_SYSCALL
        jne trap_return
        mov rcx, [rsp + TF_RIP]
        mov rax, rcx
        shr rax, 47
        jnz trap_return
        mov r11, [rsp + TF_RFLAGS]
        test r11d, RFLAGS_TF_RF
        jnz trap_return
        mov r10, [rsp + TF_R10]
        mov r9, [rsp + TF_R9]
        mov r8, [rsp + TF_R8]
        mov rax, [rsp + TF_RAX]
        mov rdx, [rsp + TF_RDX]
        mov rsi, [rsp + TF_RSI]
        mov rdi, [rsp + TF_RDI]
        mov rsp, [rsp + TF_RSP]
        swapgs
        o64 sysret

; void context_enter_user(struct trapframe *)
context_enter_user:
        cli
        mov rsp, rdi
        jmp trap_return

; ------------------------------------------------------------------ stacks of the fatal handlers
; guard, 8 KiB; guard, 8 KiB; guard, 8 KiB. paging.c leaves the guards unmapped.
section .bss nobits alloc write align=4096
ist_stack_guards:
        resb 3 * 4096
ist_stack_top:
        resb 6 * 4096
