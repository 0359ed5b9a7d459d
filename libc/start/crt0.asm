; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; Where a program starts. The kernel left on the stack (System V ABI, AMD64 supplement 3.4.1)
;
;     rsp -> argc | argv[0] ... NULL | envp[0] ... NULL | auxv pairs ... AT_NULL | strings
;
; and rbp is made 0 so that a backtrace ends here.

    default rel
    extern main
    extern __libc_start

    global _start:function
    section .text._start progbits alloc exec nowrite align=16
_start:
    xor ebp, ebp
    mov rdi, rsp
    lea rsi, [main]
    and rsp, -16
    call __libc_start
    ud2                 ; exit does not return

    section .note.GNU-stack noalloc noexec nowrite progbits
