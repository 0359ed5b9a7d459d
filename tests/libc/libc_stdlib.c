/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <stdlib.h> and what is near it: numbers, sorting, environment, jumps, options, chance, the
 * calendar.
 */
#include "tests/tap.h"

#include <float.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Doubles of every size must survive being written with 17 digits and read again. */
static bool round_trips(int count) {
    uint64_t bits = 88172645463325252u;
    char s[40];

    for (; count; count--) {
        double d, back;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&d, &bits, sizeof d);
        if (d != d) continue;
        snprintf(s, sizeof s, "%.17g", d);
        back = strtod(s, NULL);
        if (memcmp(&d, &back, sizeof d) != 0) {
            diag("%a became %a by way of %s", d, back, s);
            return false;
        }
    }
    return true;
}

static void test_numbers(void) {
    char *end;

    errno = 0;
    ok(strtol("9223372036854775808", NULL, 10) == LONG_MAX && errno == ERANGE,
       "strtol above the range");
    errno = 0;
    ok(strtol("-9223372036854775808", NULL, 10) == LONG_MIN && errno == 0,
       "strtol at its lower end");
    errno = 0;
    ok(strtoul("-1", NULL, 10) == ULONG_MAX && errno == 0, "strtoul turns a minus round");
    ok(strtoul("18446744073709551616", NULL, 10) == ULONG_MAX && errno == ERANGE,
       "strtoul above the range");
    ok(strtol("0x", &end, 16) == 0 && *end == 'x', "0x without digits is the 0");
    ok(strtol(" \t+0755z", &end, 0) == 0755 && *end == 'z', "base 0 sees octal");
    ok(strtol("zz", &end, 36) == 35 * 37 && strtol("12", &end, 2) == 1 && *end == '2', "bases");
    ok(strtol("x", &end, 10) == 0 && *end == 'x', "no number: end is the start");
    errno = 0;
    ok(strtol("1", NULL, 1) == 0 && errno == EINVAL, "base 1 is none");
    is_int(atoi("-42abc"), -42, "atoi");
    ok(strtoimax("-5", NULL, 10) == -5 && strtoumax("5", NULL, 10) == 5 && imaxabs(-3) == 3,
       "intmax_t");
    ok(div(-7, 2).quot == -3 && div(-7, 2).rem == -1 && ldiv(9, 4).rem == 1 && labs(-4) == 4,
       "division");
    errno = 0;
    ok(strtod("1e400", NULL) > DBL_MAX && errno == ERANGE, "strtod above the range");
    errno = 0;
    ok(strtod("1e-400", NULL) == 0 && errno == ERANGE, "strtod below it");
    errno = 0;
    ok(strtod("4.9e-324", NULL) == DBL_TRUE_MIN, "the smallest number");
    ok(strtod("0x1.8p1", &end) == 3 && !*end && strtod("infinity", &end) > DBL_MAX && !*end,
       "hexadecimal, infinity");
    ok(strtod(".5e", &end) == 0.5 && *end == 'e' && strtod(".", &end) == 0 && *end == '.',
       "what is no number is left");
    ok(strtof("16777217", NULL) == 16777216.0f && strtof("3.5e38", NULL) > FLT_MAX,
       "strtof rounds to float, once");
    ok(round_trips(20000), "20000 doubles survive %%.17g and strtod");
}

/* --- Sorting --------------------------------------------------------------------------------- */

struct item {
    int key;
    char pad[7];
};

static int by_key(const void *a, const void *b) {
    const struct item *p = a, *q = b;

    return (p->key > q->key) - (p->key < q->key);
}

static int backwards(const void *a, const void *b, void *calls) {
    ++*(long *)calls;
    return -by_key(a, b);
}

static bool sorts(int count, unsigned seed, int shape) {
    static struct item items[3000];
    long sum = 0;

    for (int i = 0; i < count; i++) {
        items[i].key = shape == 0 ? rand_r(&seed) : shape == 1 ? i : shape == 2 ? -i : i % 3;
        sum += items[i].key;
    }
    qsort(items, (size_t)count, sizeof *items, by_key);
    for (int i = 0; i < count; i++) {
        sum -= items[i].key;
        if (i && items[i - 1].key > items[i].key) return false;
    }
    return sum == 0;
}

static void test_sorting(void) {
    bool right = true;
    struct item items[64];
    long calls = 0;

    for (int n = 0; n < 40; n++)
        for (int shape = 0; shape < 4; shape++) right &= sorts(n, 1, shape);
    for (int shape = 0; shape < 4; shape++) right &= sorts(3000, 7, shape);
    ok(right, "qsort: sizes 0 to 39 and 3000; random, risen, fallen, many equal");
    for (int i = 0; i < 64; i++) items[i].key = i * 37 % 64;
    qsort_r(items, 64, sizeof *items, backwards, &calls);
    ok(items[0].key == 63 && items[63].key == 0 && calls > 0 && calls < 64 * 6 * 4,
       "qsort_r passes its argument on");
    qsort(items, 64, sizeof *items, by_key);
    bool all = true;
    for (int i = 0; i < 64; i++) {
        struct item *found = bsearch(&(struct item){.key = i}, items, 64, sizeof *items, by_key);
        all &= found && found->key == i;
    }
    ok(all && !bsearch(&(struct item){.key = 64}, items, 64, sizeof *items, by_key) &&
           !bsearch(&(struct item){.key = 1}, items, 0, sizeof *items, by_key),
       "bsearch finds each and nothing else");
}

/* --- Environment, jumps, options ------------------------------------------------------------- */

static void test_environment(void) {
    static char put[] = "HF_PUT=1";

    ok(!getenv("HF_NONE") && setenv("HF_A", "one", 0) == 0, "setenv");
    is_str(getenv("HF_A"), "one", "getenv");
    ok(setenv("HF_A", "two", 0) == 0 && strcmp(getenv("HF_A"), "one") == 0,
       "setenv without overwriting");
    ok(setenv("HF_A", "two", 1) == 0 && strcmp(getenv("HF_A"), "two") == 0, "setenv with");
    ok(putenv(put) == 0 && (put[7] = '2', strcmp(getenv("HF_PUT"), "2") == 0),
       "putenv takes the string itself");
    ok(unsetenv("HF_A") == 0 && !getenv("HF_A") && getenv("HF_PUT"), "unsetenv removes just that");
    fails(setenv("A=B", "x", 1), EINVAL, "setenv: a name with =");
    fails(unsetenv(""), EINVAL, "unsetenv: no name");
    bool kept = true;
    for (int i = 0; i < 100; i++) {
        char name[10];
        snprintf(name, sizeof name, "HF_%d", i);
        kept &= setenv(name, name + 3, 1) == 0;
    }
    ok(kept && atoi(getenv("HF_0")) == 0 && atoi(getenv("HF_99")) == 99, "a hundred more");
    ok(clearenv() == 0 && !getenv("HF_0") && setenv("HF_B", "x", 1) == 0 && environ[0] &&
           !environ[1],
       "clearenv");
}

static jmp_buf out;

/* Out of the depths of somebody else's function. */
static int jumping_compare(const void *a, const void *b, void *value) {
    (void)a, (void)b;
    longjmp(out, *(int *)value);
}

static void jump(int value) {
    char items[10] = {0};

    qsort_r(items, 10, 1, jumping_compare, &value);
}

static void test_jumps(void) {
    volatile int rounds = 0;
    sigjmp_buf keeps;
    sigset_t set, now;

    int value = setjmp(out);
    if (rounds < 3) {
        rounds++;
        jump(rounds == 3 ? 0 : rounds * 10);
    }
    ok(rounds == 3 && value == 1, "longjmp comes back each time; 0 becomes 1");
    sigemptyset(&set);
    if (sigsetjmp(keeps, 1) == 0) {
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        siglongjmp(keeps, 1);
    }
    sigprocmask(SIG_SETMASK, NULL, &now);
    is_int(sigismember(&now, SIGUSR1), 0, "siglongjmp restores the mask");
    ok(sigismember(&set, SIGUSR1) == 1 && sigdelset(&set, SIGUSR1) == 0 &&
           sigismember(&set, SIGUSR1) == 0,
       "sets");
    fails(sigaddset(&set, 65), EINVAL, "there is no signal 65");
}

/* Runs getopt over argv and writes what it said: option, argument, and where it stopped. */
static const char *options(int argc, char **argv, bool with_long) {
    static const struct option list[] = {
        {"size", required_argument, NULL, 's'},
        {"quiet", no_argument, NULL, 'q'},
        {"maybe", optional_argument, NULL, 'm'},
        {0},
    };
    static char said[200];
    size_t n = 0;
    int c;

    optind = 0;
    opterr = 0;
    while ((c = with_long ? getopt_long(argc, argv, "s:qm::", list, NULL)
                          : getopt(argc, argv, ":s:q")) != -1) {
        n += (size_t)snprintf(said + n, sizeof said - n, "%c(%s)", c,
                              optarg && strchr("sm", c) ? optarg : "");
        if (n >= sizeof said) break;
    }
    snprintf(said + n, sizeof said - n, "@%d", optind);
    return said;
}

#define ARGS(...)                                                         \
    (int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]) { \
        __VA_ARGS__, NULL                                                 \
    }

static void test_options(void) {
    is_str(options(ARGS("t", "-q", "-s", "4", "file"), false), "q()s(4)@4", "getopt");
    is_str(options(ARGS("t", "-qs4", "-q"), false), "q()s(4)q()@3", "getopt: in one word");
    is_str(options(ARGS("t", "-q", "--", "-s"), false), "q()@3", "getopt: -- ends");
    is_str(options(ARGS("t", "-x", "-s"), false), "?():()@3",
           "getopt: unknown, and an argument missing");
    is_str(options(ARGS("t", "--size=4", "--qui", "--size", "5", "-s6", "x"), true),
           "s(4)q()s(5)s(6)@6", "getopt_long");
    is_str(options(ARGS("t", "--maybe", "--maybe=1", "-m", "-m2", "--no"), true),
           "m()m(1)m()m(2)?()@6", "optional arguments");
}

/* --- Chance and time ------------------------------------------------------------------------- */

static void test_chance(void) {
    int counts[8] = {0};
    bool fair = true;

    srand(5);
    int first = rand();
    for (int i = 0; i < 8000; i++) counts[rand() % 8]++;
    for (int i = 0; i < 8; i++) fair &= counts[i] > 800 && counts[i] < 1200;
    srand(5);
    ok(fair && rand() == first && first >= 0, "rand is even, and repeats for a seed");
    char a[16] = {0}, b[16] = {0};
    ok(getentropy(a, sizeof a) == 0 && getentropy(b, sizeof b) == 0 && memcmp(a, b, sizeof a) != 0,
       "getentropy");
    fails(getentropy(a, 257), EIO, "getentropy gives at most 256 bytes");
}

static void test_calendar(void) {
    time_t leap = 951782400; /* 29 February 2000 */
    struct tm t;
    char s[80];

    gmtime_r(&leap, &t);
    ok(t.tm_year == 100 && t.tm_mon == 1 && t.tm_mday == 29 && t.tm_wday == 2 && t.tm_yday == 59,
       "29 February 2000");
    strftime(s, sizeof s, "%Y-%m-%d %H:%M:%S %a %j %V", &t);
    is_str(s, "2000-02-29 00:00:00 Tue 060 09", "strftime");
    is_int(strftime(s, 5, "%Y-%m", &t), 0, "strftime that does not fit");
    bool right = true;
    for (time_t when = -6e10; when < 1e11; when += 86400 * 97 + 12345) {
        gmtime_r(&when, &t);
        right &= timegm(&t) == when && t.tm_mday >= 1 && t.tm_mday <= 31 && t.tm_sec >= 0;
    }
    ok(right, "gmtime and timegm undo each other over five thousand years");
    t = (struct tm){.tm_year = 101, .tm_mon = 14, .tm_mday = 0, .tm_hour = -1};
    ok(mktime(&t) == 1014850800 && t.tm_mon == 1 && t.tm_mday == 27 && t.tm_hour == 23,
       "mktime puts fields right");
    is_str(asctime(gmtime(&leap)), "Tue Feb 29 00:00:00 2000\n", "asctime");
    struct timespec before, after;
    ok(clock_gettime(CLOCK_MONOTONIC, &before) == 0 &&
           nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL) == 0 &&
           clock_gettime(CLOCK_MONOTONIC, &after) == 0 &&
           (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 1000000,
       "nanosleep sleeps at least so long");
    is_int(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = -1}, NULL), EINVAL,
           "clock_nanosleep answers the error");
    ok(strcmp(setlocale(LC_ALL, ""), "C") == 0 && !setlocale(LC_ALL, "xx_YY") &&
           strcmp(localeconv()->decimal_point, ".") == 0,
       "there is one locale");
}

int main(void) {
    plan(54);
    test_numbers();
    test_sorting();
    test_environment();
    test_jumps();
    test_options();
    test_chance();
    test_calendar();
    return done_testing();
}
