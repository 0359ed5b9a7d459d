; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; setjmp and longjmp: keep and restore what a call must preserve, the stack pointer as it will be after
; the return, and the address to return to. The layout is <setjmp.h>'s regs[8].

    section .text.setjmp progbits alloc exec nowrite align=16
    global setjmp:function
    global _setjmp:function
setjmp:
_setjmp:
    mov [rdi], rbx
    mov [rdi + 8], rbp
    mov [rdi + 16], r12
    mov [rdi + 24], r13
    mov [rdi + 32], r14
    mov [rdi + 40], r15
    lea rdx, [rsp + 8]
    mov [rdi + 48], rdx
    mov rdx, [rsp]
    mov [rdi + 56], rdx
    xor eax, eax
    ret

    section .text.longjmp progbits alloc exec nowrite align=16
    global longjmp:function
    global _longjmp:function
longjmp:
_longjmp:
    mov eax, esi
    test eax, eax
    jnz .nonzero
    inc eax             ; setjmp must not seem to return 0 twice
.nonzero:
    mov rbx, [rdi]
    mov rbp, [rdi + 8]
    mov r12, [rdi + 16]
    mov r13, [rdi + 24]
    mov r14, [rdi + 32]
    mov r15, [rdi + 40]
    mov rsp, [rdi + 48]
    jmp [rdi + 56]

    section .note.GNU-stack noalloc noexec nowrite progbits
