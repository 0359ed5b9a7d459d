; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; The switch of stacks that a switch of threads comes down to. The rest of context_switch is in context.c.

global stack_switch, context_start

section .text

; void stack_switch(uint64_t *save_rsp, uint64_t load_rsp)
; A stopped thread's stack, lowest first:  r15 r14 r13 r12 rbx rbp, address to go on at.
        align 16
stack_switch:
        push rbp
        push rbx
        push r12
        push r13
        push r14
        push r15
        mov [rdi], rsp
        mov rsp, rsi
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbx
        pop rbp
        ret

; Where a new thread's first switch goes on: rbx = entry, r12 = its argument (context_init put them there).
context_start:
        mov rdi, r12
        call rbx
        ud2
