/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <string.h>, <strings.h>, <ctype.h>, <libgen.h>: edges, overlaps, and the last byte before an
 * unmapped page.
 */
#include "tests/tap.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <strings.h>
#include <sys/mman.h>

#define PAGE 4096

/* A page whose end is followed by one that may not be touched. */
static char *guarded_page(void) {
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || mprotect(p + PAGE, PAGE, PROT_NONE)) bail_out("no guarded page");
    return p;
}

/* Every size and distance up to 40, both ways, against a move through a third place. */
static bool memmove_agrees(void) {
    unsigned char moved[128], expected[128], copy[64];

    for (size_t n = 0; n < 41; n++) {
        for (size_t from = 0; from < 41; from++) {
            for (size_t to = 0; to < 41; to++) {
                for (size_t i = 0; i < sizeof moved; i++)
                    moved[i] = expected[i] = (unsigned char)(i * 7 + n);
                for (size_t i = 0; i < n; i++) copy[i] = expected[from + i];
                for (size_t i = 0; i < n; i++) expected[to + i] = copy[i];
                if (memmove(moved + to, moved + from, n) != moved + to) return false;
                for (size_t i = 0; i < sizeof moved; i++)
                    if (moved[i] != expected[i]) return false;
            }
        }
    }
    return true;
}

static bool memset_agrees(void) {
    unsigned char s[64];

    for (size_t n = 0; n < 48; n++) {
        for (size_t at = 0; at < 9; at++) {
            for (size_t i = 0; i < sizeof s; i++) s[i] = 1;
            if (memset(s + at, 0x1fe, n) != s + at) return false;
            for (size_t i = 0; i < sizeof s; i++)
                if (s[i] != (i >= at && i < at + n ? 0xfe : 1)) return false;
        }
    }
    return true;
}

/* Nothing may look behind what it was given. */
static bool stops_at_the_page(char *page) {
    char *end = page + PAGE;
    char to[64];

    memcpy(end - 8, "abcdefg", 8);
    bool right =
        strlen(end - 8) == 7 && strnlen(end - 3, 3) == 2 && memchr(end - 8, 'z', 8) == NULL;
    right &= strchr(end - 8, 'z') == NULL && strrchr(end - 8, 'a') == end - 8 &&
             strcmp(end - 8, "abcdefg") == 0;
    right &= memcmp(end - 8, "abcdefg", 8) == 0 && memcpy(to, end - 8, 8) == to &&
             strcpy(to, end - 8) == to;
    memset(end - 8, 'x', 8);
    right &= strnlen(end - 8, 8) == 8 && strncmp(end - 8, "xxxxxxxx", 8) == 0 &&
             memrchr(end - 8, 'y', 8) == NULL;
    right &= strncpy(to, end - 8, 8) == to && memmem(end - 8, 8, "xy", 2) == NULL &&
             strlcpy(to, "ab", 3) == 2;
    right &= memmove(end - 8, end - 7, 7) == end - 8 && memmove(end - 7, end - 8, 7) == end - 7;
    return right && memccpy(end - 4, "ab", 'b', 100) == end - 2;
}

static void test_searches(void) {
    const char *s = "the lock that locks";

    is_str(strstr(s, "lock"), "lock that locks", "strstr finds the first");
    is_str(strstr(s, "locks"), "locks", "strstr goes on after a near miss");
    is_str(strstr(s, ""), s, "strstr of nothing is the start");
    ok(strstr("aab", "aac") == NULL && strstr("", "a") == NULL,
       "strstr does not find what is not there");
    is_str(strcasestr(s, "LOCKS"), "locks", "strcasestr");
    ok(strchr(s, 0) == s + strlen(s) && strrchr(s, 0) == s + strlen(s),
       "the final zero can be searched for");
    is_str(strrchr(s, 't'), "t locks", "strrchr finds the last");
    is_int(strspn("aabbc", "ab"), 4, "strspn");
    is_int(strcspn("hello, world", " ,"), 5, "strcspn");
    is_str(strpbrk("key=value", ":="), "=value", "strpbrk");
    ok(memmem("abcabd", 6, "abd", 3) != NULL && memmem("ab", 2, "abc", 3) == NULL, "memmem");
    ok(memchr("a\377b", 0xff, 3) != NULL && strchr("a\377", -1) != NULL,
       "characters above 127 are found");
}

static void test_order(void) {
    ok(strcmp("a", "b") < 0 && strcmp("b", "a") > 0 && strcmp("a", "a") == 0, "strcmp orders");
    ok(strcmp("\200", "a") > 0 && memcmp("\200", "a", 1) > 0, "comparison is of unsigned bytes");
    ok(strcmp("ab", "abc") < 0 && strncmp("abX", "abY", 2) == 0 && strncmp("a", "b", 0) == 0,
       "lengths and limits");
    ok(strcasecmp("LOCK", "lock") == 0 && strncasecmp("LOCKa", "lockb", 4) == 0 &&
           strcasecmp("a", "B") < 0,
       "no case");
    ok(strcasecmp("[", "a") < 0 && strcasecmp("_", "A") < 0,
       "without case, capitals count as small letters");
}

static void test_copies(void) {
    char s[16];

    memset(s, 'x', sizeof s);
    ok(strncpy(s, "ab", 5) == s && memcmp(s, "ab\0\0\0x", 6) == 0,
       "strncpy fills with zeroes, and no further");
    ok(strlcpy(s, "abcdef", 4) == 6 && strcmp(s, "abc") == 0,
       "strlcpy cuts and answers the whole length");
    s[0] = 'q';
    ok(strlcpy(s, "abc", 0) == 3 && s[0] == 'q', "strlcpy of size 0 writes nothing");
    strcpy(s, "ab");
    ok(strlcat(s, "cdef", 5) == 6 && strcmp(s, "abcd") == 0, "strlcat cuts");
    ok(strlcat(s, "x", 2) == 3, "strlcat of an overfull string");
    ok(strncat(strcpy(s, "ab"), "cdef", 2) == s && strcmp(s, "abcd") == 0,
       "strncat ends what it wrote");
    ok(stpcpy(s, "abc") == s + 3 && stpncpy(s, "ab", 5) == s + 2 && mempcpy(s, "xyz", 3) == s + 3,
       "the ends");
    char *copy = strndup("abcdef", 3);
    is_str(copy, "abc", "strndup");
    free(copy);
}

static void test_tokens(void) {
    char s[] = ",,a,b;c,,";
    char *rest = NULL;

    is_str(strtok_r(s, ",;", &rest), "a", "strtok_r skips what comes first");
    is_str(strtok_r(NULL, ",;", &rest), "b", "strtok_r goes on");
    is_str(strtok_r(NULL, ",;", &rest), "c", "strtok_r, any separator");
    ok(!strtok_r(NULL, ",;", &rest) && !strtok_r(NULL, ",;", &rest),
       "strtok_r ends, and stays ended");
    char t[] = "a,,b";
    char *p = t;
    ok(strcmp(strsep(&p, ","), "a") == 0 && *strsep(&p, ",") == 0 &&
           strcmp(strsep(&p, ","), "b") == 0 && !strsep(&p, ","),
       "strsep gives empty fields too");
}

static void test_paths(void) {
    static const char *const paths[][3] = {
        {"/usr/lib", "/usr", "lib"},
        {"/usr/", "/", "usr"},
        {"usr", ".", "usr"},
        {"/", "/", "/"},
        {".", ".", "."},
        {"..", ".", ".."},
        {"//", "/", "/"},
        {"a//b//", "a", "b"},
        {"", ".", "."},
        {"/a", "/", "a"},
        {"//a//b", "//a", "b"},
    };
    char s[32];
    bool right = true;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        bool same = strcmp(dirname(strcpy(s, paths[i][0])), paths[i][1]) == 0;
        same &= strcmp(basename(strcpy(s, paths[i][0])), paths[i][2]) == 0;
        if (!same) diag("%s: wrong", paths[i][0]);
        right &= same;
    }
    ok(right && strcmp(dirname(NULL), ".") == 0 && strcmp(basename(NULL), ".") == 0,
       "basename and dirname");
}

static void test_classes(void) {
    int counts[8] = {0};

    for (int c = -1; c < 256; c++) {
        int kinds[] = {isalpha(c), isdigit(c), isxdigit(c), isspace(c),
                       ispunct(c), isprint(c), iscntrl(c),  isalnum(c)};
        for (int k = 0; k < 8; k++) counts[k] += kinds[k] != 0;
    }
    ok(counts[0] == 52 && counts[1] == 10 && counts[2] == 22 && counts[3] == 6 && counts[4] == 32 &&
           counts[5] == 95 && counts[6] == 33 && counts[7] == 62,
       "how many characters each class has");
    ok(toupper('a') == 'A' && toupper('{') == '{' && tolower('Z') == 'z' && tolower('@') == '@' &&
           tolower(EOF) == EOF,
       "toupper and tolower");
    ok(ffs(0) == 0 && ffs(8) == 4 && ffsl(1l << 40) == 41 && ffsll(INT64_MIN) == 64, "first bits");
}

static void test_messages(void) {
    char s[8];

    is_str(strerror(ENOMEM), "Cannot allocate memory", "strerror");
    is_str(strerror(9999), "Unknown error 9999", "strerror of a number that is none");
    ok(strerror_r(EAGAIN, s, sizeof s) == ERANGE && strlen(s) == 7, "strerror_r says when it cut");
    ok(*strsignal(SIGKILL) && strcmp(strsignal(SIGSEGV), strsignal(SIGBUS)) != 0, "strsignal");
}

int main(void) {
    char *page = guarded_page();

    plan(42);
    ok(memmove_agrees(), "memmove, every small size and overlap");
    ok(memset_agrees(), "memset, every small size and offset");
    ok(stops_at_the_page(page), "nothing looks past the end");
    memset(page, 'a', PAGE);
    explicit_bzero(page, 100);
    ok(page[0] == 0 && page[99] == 0 && page[100] == 'a', "explicit_bzero");
    test_searches();
    test_order();
    test_copies();
    test_tokens();
    test_paths();
    test_classes();
    test_messages();
    return done_testing();
}
