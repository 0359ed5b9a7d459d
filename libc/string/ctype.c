/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <ctype.h>: the classes of the C locale, by comparison rather than by table.
 */
#include <ctype.h>

static int between(int c, int first, int last) {
    return c >= first && c <= last;
}

int isdigit(int c) {
    return between(c, '0', '9');
}

int islower(int c) {
    return between(c, 'a', 'z');
}

int isupper(int c) {
    return between(c, 'A', 'Z');
}

int isalpha(int c) {
    return islower(c) || isupper(c);
}

int isalnum(int c) {
    return isalpha(c) || isdigit(c);
}

int isxdigit(int c) {
    return isdigit(c) || between(c, 'a', 'f') || between(c, 'A', 'F');
}

int isblank(int c) {
    return c == ' ' || c == '\t';
}

int isspace(int c) {
    return c == ' ' || between(c, '\t', '\r');
}

int iscntrl(int c) {
    return between(c, 0, 31) || c == 127;
}

int isprint(int c) {
    return between(c, 32, 126);
}

int isgraph(int c) {
    return between(c, 33, 126);
}

int ispunct(int c) {
    return isgraph(c) && !isalnum(c);
}

int isascii(int c) {
    return between(c, 0, 127);
}

int toascii(int c) {
    return c & 127;
}

int tolower(int c) {
    return isupper(c) ? c + ('a' - 'A') : c;
}

int toupper(int c) {
    return islower(c) ? c - ('a' - 'A') : c;
}
