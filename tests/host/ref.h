/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A reference for mm/: what every call must answer and change, written for being obviously right.
 *
 * Everything is kept page by page in plain arrays: no regions, no trees, no sharing, no laziness. An
 * arena of REF_PAGES pages around a 1 GiB boundary (so that page tables of two levels come and go) is all
 * that a space has. ref_ functions answer what the real call must return, and change the reference as the
 * call must change the machine; tests/host/model.c makes both calls and compares.
 */
#pragma once

#include "mm/mm.h"

#define REF_SPACES  4
#define REF_PAGES   96
#define REF_BASE    (0x40000000ul - 32 * PAGE_SIZE)
#define REF_OBJECTS 64
#define REF_OBJECT_PAGES REF_PAGES

/* A page's contents: a number at its start and one near its end. */
struct contents {
    uint32_t head, tail;
};
#define REF_HEAD 0
#define REF_TAIL 4000 /* offset of the second number */

enum maybe { NO, YES, MAYBE };

struct ref_object {
    bool used, file;
    struct object *real;      /* the test's own reference; NULL: mapped anonymous shared memory, or none */
    uint64_t size;            /* bytes */
    uint32_t stamp;           /* for a file: its pages hold stamp + page, twice */
    struct contents page[REF_OBJECT_PAGES];
    bool resident[REF_OBJECT_PAGES];
};

struct ref_page {
    bool mapped, shared, noreserve, dontfork, wipe;
    bool own;                 /* private, and written or locked for writing: no longer the object's or zero */
    bool touched;             /* this space has it in its page table */
    bool touched_maybe;       /* or perhaps has: a child, after fork */
    bool past;                /* locked when the object did not reach this far: may fault later (L21) */
    uint8_t prot, lock;       /* lock: 0 none, 1 on fault, 2 full */
    int8_t object;            /* -1: none */
    uint8_t opage;
    struct contents c;        /* when own */
};

struct ref_space {
    struct space *real;       /* NULL: this slot is empty */
    uint8_t future;           /* lock mode of what is mapped later */
    bool privileged;
    uint64_t limit;           /* pages */
    struct ref_page page[REF_PAGES];
};

struct ref {
    struct ref_space space[REF_SPACES];
    struct ref_object object[REF_OBJECTS];
};
extern struct ref ref;

static inline vaddr_t ref_va(unsigned page) {
    return REF_BASE + page * PAGE_SIZE;
}

/* ---- objects ---- */
bool ref_object_room(void);                                   /* is there room for one more? */
int ref_object_new(bool file, uint64_t size, uint32_t stamp); /* its index, or -1: no room */
void ref_object_resize(int, uint64_t size);
void ref_object_collect(void);                                /* forget those that nobody maps or holds */
bool ref_object_mapped(int);

/* ---- what there is to see ---- */
struct contents ref_contents(const struct ref_space *, unsigned page);
enum maybe ref_resident(const struct ref_space *, unsigned page);
bool ref_past_end(const struct ref_page *);
uint64_t ref_charged(const struct ref_space *);
uint64_t ref_count(const struct ref_space *, bool accessible_only);
/* Must an access that its protection allows take no fault at all (L2)? */
bool ref_no_fault(const struct ref_page *);

/* ---- calls: what they answer, and what they change if that is no error ---- */
struct ref_map {
    unsigned start, n;
    int prot;
    bool shared, noreserve, replace, locked, populate;
    int object;               /* -1: anonymous */
    unsigned opage;
};
int ref_map(struct ref_space *, const struct ref_map *);
int ref_unmap(struct ref_space *, unsigned start, unsigned n);
int ref_protect(struct ref_space *, unsigned start, unsigned n, int prot);
int ref_lock(struct ref_space *, unsigned start, unsigned n, bool on_fault);
int ref_unlock(struct ref_space *, unsigned start, unsigned n);
int ref_lock_all(struct ref_space *, int flags);
int ref_unlock_all(struct ref_space *);
int ref_advise(struct ref_space *, unsigned start, unsigned n, int advice);
int ref_access(struct ref_space *, unsigned page, int access);
void ref_write(struct ref_space *, unsigned page, uint32_t stamp);
void ref_fork(const struct ref_space *parent, struct ref_space *child);
void ref_end(struct ref_space *);
/* Are these pages mapped alike, so that mremap should find them in one mapping? */
bool ref_uniform(const struct ref_space *, unsigned start, unsigned n);
/* mremap in place, and to a fixed place apart from the old; the old range is uniform. */
int ref_grow(struct ref_space *, unsigned start, unsigned old, unsigned new);
int ref_move(struct ref_space *, unsigned from, unsigned old, unsigned to, unsigned new);

/* The pages of [start, start + n) that a lock request brings in until it is stopped after `done` pages. */
void ref_bring_in(struct ref_space *, unsigned start, unsigned done);

/* A private page has become its space's own. */
void ref_make_own(struct ref_space *, unsigned page);
/* Is a touch of this page sure to find a frame? Not MAP_NORESERVE's, nor a file's. */
bool ref_promised(const struct ref_page *);

/* tests/host/compare.c: NULL, or the first difference between mm/ and the reference, or what the audit says. */
const char *ref_compare(bool exact_residency);
