; SPDX-License-Identifier: BSD-2-Clause
; Copyright (c) The Holdfast authors
;
; The places where a thread has no stack to speak of: its first instruction, its last, and a borrowed one.

; long __thread_clone(flags, stack, int *parent_tid, int *child_tid, block, entry)
; The parent gets the new thread's id, or -errno. The new thread calls entry(block), which does not return.
    section .text.__thread_clone progbits alloc exec nowrite align=16
    global __thread_clone:function
__thread_clone:
    mov r10, rcx
    mov eax, 56                 ; clone; r8 is the thread pointer already
    syscall
    test rax, rax
    jnz .parent
    xor ebp, ebp
    mov rdi, r8
    call r9
    ud2
.parent:
    ret

; _Noreturn void __unmap_and_exit(void *mapping, size_t size): the mapping holds this very stack, so nothing
; may be pushed in between. Signals are blocked by the caller.
    section .text.__unmap_and_exit progbits alloc exec nowrite align=16
    global __unmap_and_exit:function
__unmap_and_exit:
    mov eax, 11                 ; munmap
    syscall
    xor edi, edi
    mov eax, 60                 ; exit, of this thread alone
    syscall
    ud2

; pid_t vfork(void): the child returns first, on this very stack, and calls what it likes, over the place of the return
; address. So that is kept in a register meanwhile. No atfork handler runs, and no signal is held back, as elsewhere.
    extern __syscall_result
    section .text.vfork progbits alloc exec nowrite align=16
    global vfork:function
vfork:
    pop rdx
    mov eax, 58                 ; vfork; preserves rdx
    syscall
    push rdx
    mov rdi, rax
    jmp __syscall_result

    section .note.GNU-stack noalloc noexec nowrite progbits
