; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; The instructions that touch a program's memory, and where to go on when one faults.
;
; Each row of .uaccess_fixups is (instruction, address to go on at); kernel/trap.c asks uaccess_fixup for
; it when a fault there cannot be resolved. Both pointers of a copy are checked by uaccess.c before.
; A copy of whole words that faults is taken up again byte by byte, so that all bytes before the failing
; one are copied even where a word straddles the end of a page.

%define EFAULT 14

%include "arch/x86_64/smap.inc"

global uaccess_copy, uaccess_clear, uaccess_string, uaccess_swap

%macro FIXUP 2
[section .uaccess_fixups alloc noexec nowrite align=8 progbits]
        dq %1, %2
__?SECT?__
%endmacro

section .text

; int uaccess_copy(void *to, const void *from, size_t len): 0 or -EFAULT
        align 16
uaccess_copy:
        SMAP_STAC
        mov rcx, rdx
        shr rcx, 3
.words: rep movsq
        mov ecx, edx
        and ecx, 7
.bytes: rep movsb
        SMAP_CLAC
        xor eax, eax
        ret
.retry:                                         ; rcx words left, and the tail
        and edx, 7
        lea rcx, [rcx * 8 + rdx]
.again: rep movsb
        SMAP_CLAC
        xor eax, eax
        ret
.fault:
        SMAP_CLAC
        mov eax, -EFAULT
        ret
        FIXUP .words, .retry
        FIXUP .bytes, .fault
        FIXUP .again, .fault

; int uaccess_clear(void *to, size_t len): 0 or -EFAULT
        align 16
uaccess_clear:
        SMAP_STAC
        xor eax, eax
        mov rcx, rsi
        shr rcx, 3
.words: rep stosq
        mov ecx, esi
        and ecx, 7
.bytes: rep stosb
        SMAP_CLAC
        ret
.retry:
        and esi, 7
        lea rcx, [rcx * 8 + rsi]
.again: rep stosb
        SMAP_CLAC
        ret
.fault:
        SMAP_CLAC
        mov eax, -EFAULT
        ret
        FIXUP .words, .retry
        FIXUP .bytes, .fault
        FIXUP .again, .fault

; long uaccess_string(char *to, const char *from, size_t max): length without the NUL; max when there is none
; within max bytes; or -EFAULT
        align 16
uaccess_string:
        SMAP_STAC
        xor eax, eax
.next:
        cmp rax, rdx
        je .done
.load:  mov cl, [rsi + rax]
        mov [rdi + rax], cl
        test cl, cl
        jz .done
        inc rax
        jmp .next
.done:
        SMAP_CLAC
        ret
.fault:
        SMAP_CLAC
        mov rax, -EFAULT
        ret
        FIXUP .load, .fault

; int uaccess_swap(uint32_t *at, uint32_t *expected, uint32_t new): 0 done, 1 another value, or -EFAULT
        align 16
uaccess_swap:
        mov eax, [rsi]
        SMAP_STAC
.swap:  lock cmpxchg [rdi], edx
        SMAP_CLAC                               ; leaves ZF
        jne .other
        xor eax, eax
        ret
.other:
        mov [rsi], eax
        mov eax, 1
        ret
.fault:
        SMAP_CLAC
        mov eax, -EFAULT
        ret
        FIXUP .swap, .fault
