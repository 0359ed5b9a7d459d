; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; Loading vector registers that a program wrote into its signal frame. fpu.c has looked at them; what the CPU
; refuses beyond that (#GP) goes on at fpu_restore_bad, by way of kernel/trap.c and fpu_fixup.

%define EFAULT 14

global fpu_xrstor, fpu_fxrstor, fpu_xrstor_at, fpu_fxrstor_at, fpu_restore_bad

section .text

; int fpu_xrstor(const void *area): 0 or -EFAULT
        align 16
fpu_xrstor:
        mov eax, -1
        mov edx, -1
fpu_xrstor_at:
        xrstor64 [rdi]
        xor eax, eax
        ret

; int fpu_fxrstor(const void *area): 0 or -EFAULT
fpu_fxrstor:
fpu_fxrstor_at:
        fxrstor64 [rdi]
        xor eax, eax
        ret

fpu_restore_bad:
        mov eax, -EFAULT
        ret
