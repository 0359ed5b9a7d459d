; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; A system call by its number, and the way back from a signal handler.

    extern __syscall_result

; long syscall(long number, a, b, c, d, e, f): the arguments move up one place; the sixth is on the stack.
    section .text.syscall progbits alloc exec nowrite align=16
    global syscall:function
syscall:
    mov rax, rdi
    mov rdi, rsi
    mov rsi, rdx
    mov rdx, rcx
    mov r10, r8
    mov r8, r9
    mov r9, [rsp + 8]
    syscall
    mov rdi, rax
    jmp __syscall_result

; The kernel returns from a handler to here (SA_RESTORER), with its frame at rsp. 15 is rt_sigreturn; that
; call has no stub, since it neither takes arguments nor returns.
    section .text.__signal_return progbits alloc exec nowrite align=16
    global __signal_return:function
__signal_return:
    mov eax, 15
    syscall
    ud2

    section .note.GNU-stack noalloc noexec nowrite progbits
