/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A random walk through map, unmap, protect, move, lock, unlock, throw away, touch, truncate, brk and fork, beside a model
 * that says for each page of an arena what must be true. After each step every page is looked at.
 *
 *     random [SEED [STEPS [LIMIT]]]     without: four seeds, 500 steps each, and two more under a limit
 *
 *     page.lock  '.' not locked   '#' locked: resident, no fault ever   'o' locked on fault
 *                'P' PROT_NONE, and locks when it opens: how it is shown until then is left open
 *                'h' locked, but its object has been cut off below it: what comes back may fault once
 *
 * Under a limit (in pages, as uid nobody; Holdfast alone) the model also knows which calls must be refused.
 *
 * On Linux calls that would fail are not made where Linux keeps half of them (differences.txt).
 *
 * clauses: L1 L2 L3 L4 L8 L9 L13 L14 L17 L18 L19 A1 A5 A7 A8 A10 I3 I7
 * pitfalls: B10 B26 B31
 */
#include "tests/user/support.h"

#define N  48
#define RW (PROT_READ | PROT_WRITE)

static struct page {
    bool mapped, common; /* common: page `offset` of the object */
    int prot;
    char lock;
    unsigned char offset, value; /* value: the page's first byte, if not common */
} page[N];

static unsigned char object[N];
static unsigned object_size; /* pages */
static char *arena;
static int object_fd;
static bool future, forked, all_locked; /* all_locked: mlockall reached beyond the arena */
static unsigned limit;                   /* of locked pages; 0: none */
static uint64_t state;
static const char *doing;

static unsigned below(unsigned n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(state >> 33) % n;
}

static unsigned char *value_of(struct page *p) {
    return p->common ? &object[p->offset] : &p->value;
}

static bool every(unsigned at, unsigned n, bool (*is)(const struct page *)) {
    for (unsigned i = at; i < at + n; i++)
        if (!is(&page[i])) return false;
    return true;
}

static bool is_mapped(const struct page *p) {
    return p->mapped;
}

static bool is_there(const struct page *p) {
    return p->mapped && !(p->common && p->offset >= object_size);
}

static bool is_accessible(const struct page *p) {
    return p->mapped && p->prot != PROT_NONE;
}

static bool is_lockable(const struct page *p) {
    return is_there(p) && p->prot != PROT_NONE;
}

/* Locked: with its page, or as one that has none. */
static char full_lock(const struct page *p) {
    return is_there(p) ? '#' : 'h';
}

static bool is_unlocked(const struct page *p) {
    return p->mapped && p->lock == '.';
}

static bool is_charged(const struct page *p) {
    return p->mapped && p->lock != '.' && (p->prot != PROT_NONE || !on_holdfast()) && (p->lock != 'P' || !on_holdfast());
}

/* Does a change of n pages' charge, less what [at, at+size) is charged now, go beyond the limit? */
static bool over(unsigned at, unsigned size, unsigned n) {
    unsigned others = 0;
    for (unsigned i = 0; i < N; i++) others += (i < at || i >= at + size) && is_charged(&page[i]);
    return limit && n && others + n > limit;
}

/* Does the call end as the model says? When it must fail and is half done by Linux, it is not made there. */
#define EXPECT(want, call)                                                                      \
    ({                                                                                          \
        int want_ = (want);                                                                     \
        if (want_ && !on_holdfast()) return true;                                               \
        int got_ = errno_of(call);                                                              \
        if (got_ != want_) diag("%s: errno %d, wanted %d", doing, got_, want_);                 \
        if (got_ != want_) return false;                                                        \
        if (want_) return true;                                                                 \
    })

static char fresh_lock(int prot) {
    if (!future) return '.';
    return prot == PROT_NONE ? 'P' : '#';
}

static bool do_map(unsigned at, unsigned n) {
    static const int prots[] = {RW, RW, RW, PROT_READ, PROT_NONE};
    int prot = prots[below(5)];
    bool common = below(3) == 0;
    int flags = MAP_FIXED | (common ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS), want = 0;
    if (future && prot != PROT_NONE && over(at, n, n)) want = EAGAIN;
    EXPECT(want, mmap(arena + at * PG, n * PG, prot, flags, common ? object_fd : -1, common ? (off_t)(at * PG) : 0));
    for (unsigned i = at; i < at + n; i++) {
        page[i] = (struct page){true, common, prot, fresh_lock(prot), (unsigned char)i, 0};
        if (page[i].lock == '#') page[i].lock = full_lock(&page[i]);
    }
    return true;
}

static bool do_unmap(unsigned at, unsigned n) {
    EXPECT(0, munmap(arena + at * PG, n * PG));
    for (unsigned i = at; i < at + n; i++) page[i].mapped = false;
    return true;
}

static bool do_protect(unsigned at, unsigned n) {
    static const int prots[] = {RW, RW, PROT_READ, PROT_NONE};
    int prot = prots[below(4)];
    unsigned will = 0;
    for (unsigned i = at; i < at + n; i++)
        will += prot != PROT_NONE && (page[i].lock != '.' || (page[i].prot == PROT_NONE && future && on_holdfast()));
    EXPECT(every(at, n, is_mapped) && !over(at, n, will) ? 0 : ENOMEM, mprotect(arena + at * PG, n * PG, prot));
    for (unsigned i = at; i < at + n; i++) {
        /* Linux makes ready what becomes writable and is private, and no more (L17). */
        bool ready = on_holdfast() || (prot == RW && !page[i].common);
        if (page[i].lock == 'P' && prot != PROT_NONE) page[i].lock = ready ? '#' : 'o';
        /* A4: opened under MCL_FUTURE; on Linux what counts is how it was mapped. */
        if (page[i].lock == '.' && future && page[i].prot == PROT_NONE && prot != PROT_NONE && on_holdfast()) page[i].lock = '#';
        if (page[i].lock == '#' && !is_there(&page[i])) page[i].lock = 'h';
        page[i].prot = prot;
    }
    return true;
}

/* L11: then locking them again cannot fail for a limit. */
static bool all_charged(unsigned at, unsigned n) {
    return every(at, n, is_charged);
}

static bool do_lock(unsigned at, unsigned n) {
    bool lazily = below(4) == 0;
    bool good = every(at, n, lazily ? is_accessible : is_lockable) && !over(at, n, all_charged(at, n) ? 0 : n);
    const char *from = arena + at * PG + below(PG);
    EXPECT(good ? 0 : ENOMEM, mlock2(from, (n - 1) * PG + 1, lazily ? MLOCK_ONFAULT : 0));
    for (unsigned i = at; i < at + n; i++)
        if (!lazily || page[i].lock == '.') page[i].lock = lazily ? 'o' : '#';
    return true;
}

static bool do_unlock(unsigned at, unsigned n) {
    EXPECT(every(at, n, is_mapped) ? 0 : ENOMEM, munlock(arena + at * PG, n * PG));
    for (unsigned i = at; i < at + n; i++) page[i].lock = '.';
    return true;
}

static bool do_lock_all(unsigned at, unsigned n) {
    static const int flags[] = {MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE};
    int f = limit ? MCL_FUTURE : flags[(at + n) % 3]; /* the program's own pages are nobody's business here */
    EXPECT(0, mlockall(f));
    if (f & MCL_CURRENT) {
        for (unsigned i = 0; i < N; i++)
            if (page[i].prot != PROT_NONE) page[i].lock = full_lock(&page[i]);
            else if (page[i].lock == '.' && !on_holdfast()) page[i].lock = 'P'; /* A4: skipped; Linux remembers */
        all_locked = true;
    }
    if (!on_holdfast()) future = false; /* A5: there the last call counts */
    if (f & MCL_FUTURE) future = true;
    return true;
}

static bool do_unlock_all(unsigned at, unsigned n) {
    (void)at, (void)n;
    EXPECT(0, munlockall());
    for (unsigned i = 0; i < N; i++) page[i].lock = '.';
    future = all_locked = false;
    return true;
}

static bool do_throw_away(unsigned at, unsigned n) {
    bool open = true;
    for (unsigned i = at; i < at + n; i++) open &= page[i].lock != 'P';
    if (!open) return true;
    for (unsigned i = at; i < at + n && !every(at, n, is_unlocked); i++) {
        bool hole_and_lock = !every(at, n, is_mapped); /* which of the two is found first is open */
        if (hole_and_lock) return true;
    }
    EXPECT(every(at, n, is_unlocked) ? 0 : EINVAL, madvise(arena + at * PG, n * PG, MADV_DONTNEED));
    for (unsigned i = at; i < at + n; i++) page[i].value = 0;
    return true;
}

static bool do_move(unsigned at, unsigned n) {
    unsigned to = below(N);
    (void)n;
    if (to == at) return true;
    EXPECT(page[at].mapped ? 0 : EFAULT, mremap(arena + at * PG, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, arena + to * PG));
    page[to] = page[at];
    page[at].mapped = false;
    return true;
}

static bool do_touch(unsigned at, unsigned n) {
    for (unsigned i = at; i < at + n; i++) {
        if (!is_there(&page[i]) || page[i].prot != RW) continue;
        char *p = arena + i * PG;
        long took = faults_writing(p, 1);
        ++*value_of(&page[i]);
        if (took != 0 && page[i].lock == '#' && (on_holdfast() || !forked)) {
            diag("I7: page %u is locked and took %ld faults", i, took);
            return false;
        }
    }
    return true;
}

static bool contents_right(void) {
    for (unsigned i = 0; i < N; i++)
        if (is_lockable(&page[i]) && (unsigned char)arena[i * PG] != *value_of(&page[i])) {
            diag("page %u holds %d, wanted %d", i, (unsigned char)arena[i * PG], *value_of(&page[i]));
            return false;
        }
    return true;
}

/* The child has the contents, none of the locks, and writes without being heard. */
static bool do_fork(unsigned at, unsigned n) {
    int status = 0;
    (void)at, (void)n;
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < N; i++) {
            if (lock_letter(arena + i * PG) != (page[i].mapped ? '.' : '_')) _exit(1);
            if (!is_lockable(&page[i])) continue;
            if ((unsigned char)arena[i * PG] != *value_of(&page[i])) _exit(2);
            if (page[i].prot == RW && !page[i].common) arena[i * PG] = 99;
        }
        _exit(vmlck() == 0 ? 0 : 3);
    }
    forked = true;
    waitpid(pid, &status, 0);
    if (status != 0) diag("fork: the child says %x", (unsigned)status);
    return pid > 0 && status == 0;
}

/* The object is cut, or grown: L21. */
static bool do_truncate(unsigned at, unsigned n) {
    unsigned size = below(2) ? N : at + n;
    EXPECT(0, ftruncate(object_fd, (off_t)(size * PG)));
    object_size = size;
    for (unsigned i = 0; i < N; i++) {
        if (i >= size) object[i] = 0;
        if (page[i].lock == '#' && !is_there(&page[i])) page[i].lock = 'h';
    }
    return true;
}

/* The heap's end goes somewhere and comes back. */
static bool do_break(unsigned at, unsigned n) {
    char *old = sbrk(0);
    EXPECT(future && over(0, 0, at + n) ? ENOMEM : 0, brk(old + (at + n) * PG));
    old[(at + n) * PG - 1] = 1;
    EXPECT(0, brk(old));
    return true;
}

static const struct {
    const char *name;
    bool (*step)(unsigned at, unsigned n);
    unsigned weight;
} steps[] = {{"map", do_map, 8},           {"unmap", do_unmap, 3},           {"protect", do_protect, 8},
             {"lock", do_lock, 8},         {"unlock", do_unlock, 5},         {"lock all", do_lock_all, 1},
             {"unlock all", do_unlock_all, 1}, {"throw away", do_throw_away, 3}, {"move", do_move, 4},
             {"touch", do_touch, 10},      {"fork", do_fork, 1},             {"break", do_break, 1},
             {"truncate", do_truncate, 2}};
#define STEPS (sizeof steps / sizeof *steps)

/* Every page as the model has it? */
static bool as_modelled(void) {
    const char *locks = lock_map(arena, N), *core = core_map(arena, N);
    char want[N + 1] = {0};
    bool right = true;
    long charge = 0;
    for (unsigned i = 0; i < N; i++) {
        char l = page[i].lock;
        want[i] = !page[i].mapped ? '_' : l == 'o' || l == 'h' ? '#' : l;
        if (!page[i].mapped || l == 'P' ? (locks[i] == '_') != !page[i].mapped : locks[i] != want[i]) right = false;
        if (page[i].mapped && l == '#' && core[i] != '1') right = false;
        charge += is_charged(&page[i]);
    }
    if (!right) diag("locks  %s\n# wanted %s\n# core   %s", locks, want, core);
    if (!all_locked && vmlck() != charge) {
        diag("I3: %ld pages charged, wanted %ld", vmlck(), charge);
        return false;
    }
    return right;
}

static bool one_step(unsigned number) {
    unsigned total = 0, s = 0;
    for (size_t i = 0; i < STEPS; i++) total += steps[i].weight;
    for (unsigned pick = below(total); pick >= steps[s].weight; s++) pick -= steps[s].weight;
    unsigned at = below(N), n = 1 + below(below(4) ? 8 : N);
    if (at + n > N) n = N - at;
    doing = steps[s].name;
    bool right = steps[s].step(at, n) && as_modelled() && (number % 8 || contents_right()) && (number % 64 || audit_clean());
    if (!right) diag("step %u: %s of %u pages at %u", number, doing, n, at);
    return right;
}

/* How many steps went as the model has them. */
static unsigned walk(uint64_t seed, unsigned count) {
    state = seed;
    arena = map_pages(N, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    munmap(arena, N * PG);
    memset(page, 0, sizeof page), memset(object, 0, sizeof object);
    for (unsigned i = 0; i < N; i++) page[i].lock = '.';
    object_fd = memfd(N);
    object_size = N;
    future = forked = all_locked = false;
    unsigned i = 0;
    while (i < count && one_step(i)) i++;
    munlockall();
    if (i == count && !(contents_right() && audit_clean())) i--;
    munmap(arena, N * PG);
    close(object_fd);
    return i;
}

struct plan_of_walk {
    uint64_t seed;
    unsigned count, done;
};

static void walk_in_child(void *arg) {
    struct plan_of_walk *w = arg;
    w->done = walk(w->seed, w->count);
}

static void walk_and_tell(uint64_t seed, unsigned count, unsigned pages) {
    struct plan_of_walk *w = shared(sizeof *w);
    *w = (struct plan_of_walk){.seed = seed, .count = count};
    limit = pages;
    if (limit && !on_holdfast()) {
        skip(1, "Linux judges a mapping that replaces another by the sum of both");
        return;
    }
    int status = limit ? as_user(limit, walk_in_child, w) : as_root(walk_in_child, w);
    if (status != 0) diag("the walk ended with status %x", (unsigned)status);
    is_int(w->done, count, "I3: random steps as the model has them (repeat: random %lu %u %u)", (unsigned long)seed, count, pages);
}

int main(int argc, char **argv) {
    unsigned long words[3] = {1, 2000, 0};
    for (int i = 1; i < argc && i < 4; i++) words[i - 1] = strtoul(argv[i], NULL, 0);
    if (argc > 1) {
        plan(2);
        walk_and_tell(words[0], (unsigned)words[1], (unsigned)words[2]);
    } else {
        plan(7);
        for (uint64_t seed = 1; seed <= 4; seed++) walk_and_tell(seed, 500, 0);
        for (uint64_t seed = 5; seed <= 6; seed++) walk_and_tell(seed, 500, 20);
    }
    ok(audit_clean(), "I4: the audit is clean at the end");
    return done_testing();
}
