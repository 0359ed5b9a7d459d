/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What host tests of mm/ share: the stand-ins for the kernel's locks, panic and injection, a machine that
 * is ready to use, and checks that run in a process of their own. Checks that print TAP are macros, because
 * tests/tap.h counts in each file by itself.
 */
#pragma once

#include "arch/host/host.h"
#include "kernel/assert.h"
#include "kernel/inject.h"
#include "kernel/sync.h"
#include "mm/mm.h"
#include "tests/tap.h"

/* Linux's numbers, without the declarations of <sys/mman.h> and <errno.h> that mm/ does not need. */
#include <linux/mman.h>

#define MIB (1ul << 20)

/* Power on `mib` MiB and run mm_init on it. Once a process. */
void mm_start(uint64_t mib);

uint64_t free_frames(void);

/* A space without limits, as uid 0; ends the test if there is none. */
struct space *space_new(void);
/* A space that may lock `pages` pages, as an ordinary user. */
struct space *space_new_limited(uint64_t pages);
/* host_leave and space_drop. */
void space_end(struct space *);

/* Anonymous private memory anywhere (the address or -errno), and exactly there (0 or -errno). */
long map_anon(struct space *, uint64_t pages, int prot, int flags);
int map_anon_at(struct space *, vaddr_t, uint64_t pages, int prot, int flags);
/* A mapping of an object's pages from page `first` on. */
long map_object(struct space *, struct object *, uint64_t first, uint64_t pages, int prot, int flags);
/* Write a byte to, or read one from, a page: -errno, or the byte. */
int poke(struct space *, vaddr_t, uint8_t);
int peek(struct space *, vaddr_t);
/* Pages of the range that are resident, or -errno. */
long resident(struct space *, vaddr_t, uint64_t pages);

/* mm_audit() finds nothing, the TLB holds nothing stale, no lock is held, the frame of zeroes is zero: one TAP line. */
#define audit_ok(when) ok(audit_clean(), "audit: %s", when)
bool audit_clean(void);         /* says what is wrong as a diagnostic */
const char *audit_error(void);  /* NULL, or what is wrong */

/* I8: everything that a test takes, to be compared before and after. */
struct baseline {
    uint64_t free, promised, given, pins, locked, spaces, regions, heap;
};
struct baseline baseline_now(void);
/* One TAP line, after a diagnostic that names what differs. */
#define baseline_ok(base, when) ok(baseline_same(base), "I8: back at the baseline: %s", when)
bool baseline_same(const struct baseline *);

/*
 * Run fn(arg) in a child process. child_says: what it gave to say(), what a sanitizer said of it, and how
 * it ended ("exit 1", "signal 6") if not well: never NULL, valid until the next call. panics: it panicked,
 * or the machine model or a sanitizer ended it, with a message that contains `text`: one TAP line.
 */
const char *child_says(void (*fn)(void *), void *arg);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define panics(fn, arg, text, name) ok(child_panics(fn, arg, text), "%s", name)
bool child_panics(void (*fn)(void *), void *arg, const char *text);

/* ---- the lock stand-ins ---- */

/* Ends the test if any lock is held: called between operations, when none may be. */
void sync_check_idle(void);
/*
 * What other threads do while this one sleeps on a condition: called with another thread's identity, each
 * time cond_wait would sleep. NULL (the start): a wait is a deadlock and ends the test.
 */
extern void (*sync_other_thread)(void);
extern unsigned sync_waits; /* how often cond_wait was called */
/* And what they do at the named points between two steps (kernel/race.h), from now on. NULL: nothing. */
enum race_id;
void race_meet(void (*other)(enum race_id));
/* Between the two it is another thread that takes and releases locks. */
void sync_as_other(void);
void sync_as_self(void);

/* ---- random numbers: the same from the same seed, everywhere ---- */

struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *);
uint64_t rng_below(struct rng *, uint64_t n); /* 0 .. n-1 */
/* The seed of this run: --seed N, or the environment's SEED, or 1. Printed as a diagnostic. */
uint64_t seed_of(int argc, char **argv);
/* The number after `name` in the arguments, or otherwise `fallback`. */
uint64_t option(int argc, char **argv, const char *name, uint64_t fallback);
