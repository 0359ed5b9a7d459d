; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; A system call by its number, the same as a cancellation point, and the way back from a signal handler.

    extern __syscall_result

; The arguments (number, a, b, c, d, e, f) move up one place; the sixth is on the stack.
%macro take_arguments 0
    mov rax, rdi
    mov rdi, rsi
    mov rsi, rdx
    mov rdx, rcx
    mov r10, r8
    mov r8, r9
    mov r9, [rsp + 8]
%endmacro

    section .text.syscall progbits alloc exec nowrite align=16
    global syscall:function
syscall:
    take_arguments
    syscall
    mov rdi, rax
    jmp __syscall_result

    section .text.__raw_call progbits alloc exec nowrite align=16
    global __raw_call:function
__raw_call:
    take_arguments
    syscall
    ret

; The signal that cancels may come at any moment. Between __cancel_begin and __cancel_end the call has had no
; effect yet: the handler (libc/thread/cancel.c) then moves the thread to __cancel_leave. That includes a
; call that was interrupted and is to be restarted, whose saved address is the instruction itself. At
; __cancel_end the call has its result, which must not be lost. The stack is the same at all of them.
CANCEL_REQUESTED equ 0x30       ; in struct thread_block
CANCELLED equ 4096

    section .text.__cancel_call progbits alloc exec nowrite align=16
    global __cancel_call:function
    global __cancel_begin, __cancel_end, __cancel_leave
__cancel_call:
    take_arguments
__cancel_begin:
    cmp dword [fs:CANCEL_REQUESTED], 0
    jne __cancel_leave
    syscall
__cancel_end:
    ret
__cancel_leave:
    mov rax, -CANCELLED
    ret

; The kernel returns from a handler to here (SA_RESTORER), with its frame at rsp. 15 is rt_sigreturn; that
; call has no stub, since it neither takes arguments nor returns.
    section .text.__signal_return progbits alloc exec nowrite align=16
    global __signal_return:function
__signal_return:
    mov eax, 15
    syscall
    ud2

    section .note.GNU-stack noalloc noexec nowrite progbits
