/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * No mapping is writable and executable at once; code can be written first and run afterwards.
 *
 * clauses: I6
 */
#include "tests/user/support.h"

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (RW | PROT_EXEC)

static const unsigned char forty_two[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */

static void together(void) {
    char *p = anon(2);
    int fd = memfd(2);
    fails(mmap(NULL, PG, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EACCES, "I6: mmap of writable code");
    fails(mmap(NULL, PG, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EACCES, "I6: not readable neither");
    fails(mmap(NULL, PG, RWX, MAP_SHARED, fd, 0), EACCES, "I6: of an object");
    fails(mmap(p, PG, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EACCES, "I6: with MAP_FIXED");
    p[0] = 3;
    is_int(p[0], 3, "I6: what was there stays");
    fails(mprotect(p, 2 * PG, RWX), EACCES, "I6: mprotect to it");
    is_int(mprotect(p + PG, PG, RX), 0, "I6: one page of two executable");
    fails(mprotect(p, 2 * PG, RWX), EACCES, "I6: both to it");
    p[0] = 4;
    is_int(p[0], 4, "I6: changed neither");
    fails(mprotect((void *)((uintptr_t)together & ~(PG - 1)), PG, RWX), EACCES, "I6: the program's code");
    close(fd);
}

static void write_code(void *p) {
    *(char *)p = 0;
}

int main(void) {
    plan(19);
    if (on_holdfast()) together();
    else skip(10, "Linux allows code to be writable");
    unsigned char *code = (unsigned char *)anon(1);
    memcpy(code, forty_two, sizeof forty_two);
    is_int(mprotect(code, PG, RX), 0, "I6: code written, then made executable");
    is_int(((int (*)(void))(uintptr_t)code)(), 42, "I6: runs");
    int status = as_root(write_code, code);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "I6: and cannot be written any more");
    is_int(mlock(code, PG), 0, "I6: locked");
    is_int(((int (*)(void))(uintptr_t)code)(), 42, "I6: it runs too");
    is_int(mprotect(code, PG, RW), 0, "I6: made writable again");
    code[1] = 43;
    is_int(mprotect(code, PG, RX), 0, "I6: changed, and executable");
    is_int(((int (*)(void))(uintptr_t)code)(), 43, "I6: runs what was written");
    ok(audit_clean(), "I6: the audit agrees");
    return done_testing();
}
