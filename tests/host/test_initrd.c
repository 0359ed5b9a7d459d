/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The initrd on the host: kernel/cpio.c, initrd.c and tree.c read good archives rightly, refuse bad ones
 * with a reason, and never look outside the archive whatever its bytes are.
 *
 * Each archive lies in an allocation of exactly its size, so that AddressSanitizer sees every step beyond
 * it. Nodes come from an arena that each archive empties, which is also how allocations are made to fail.
 */
#include "kernel/cpio.h"
#include "kernel/initrd.h"
#include "kernel/tree.h"
#include "mm/heap.h"
#include "tests/tap.h"

#include <stdint.h>
#include <sys/stat.h>

/* ---- the heap's stand-in ---- */

#define ARENA (8ul << 20)

static char *arena;
static size_t arena_used, arena_size = ARENA;

void *heap_alloc_zero(size_t n) {
    n = (n + 15) & ~(size_t)15;
    if (!arena) arena = malloc(ARENA);
    if (n > arena_size - arena_used) return NULL;
    void *p = arena + arena_used;
    arena_used += n;
    return memset(p, 0, n);
}

static void arena_empty(size_t size) {
    arena_used = 0;
    arena_size = size;
}

/* ---- making archives ---- */

struct archive {
    uint8_t bytes[64 << 10];
    size_t len;
};

static void pad(struct archive *a) {
    while (a->len % 4) a->bytes[a->len++] = 0;
}

static void entry_full(struct archive *a, const char *magic, const char *name, unsigned mode, const char *data,
                       size_t size, unsigned ino, unsigned nlink, unsigned sum) {
    int n = sprintf((char *)a->bytes + a->len, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic, ino, mode,
                    1u, 2u, nlink, 3u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)strlen(name) + 1, sum);
    a->len += (size_t)n;
    memcpy(a->bytes + a->len, name, strlen(name) + 1);
    a->len += strlen(name) + 1;
    pad(a);
    if (size) memcpy(a->bytes + a->len, data, size);
    a->len += size;
    pad(a);
}

static void entry(struct archive *a, const char *name, unsigned mode, const char *data) {
    entry_full(a, "070701", name, mode, data, strlen(data), 0, 1, 0);
}

static void end(struct archive *a) {
    entry(a, "TRAILER!!!", 0, "");
}

/* Reads the first len bytes of it from an allocation of that size, which stays until the next. */
static const char *load(const struct archive *a, size_t len) {
    static uint8_t *memory;
    size_t where = 0;
    free(memory);
    memory = malloc(len ? len : 1);
    memcpy(memory, a->bytes, len);
    arena_empty(ARENA);
    tree_init();
    const char *wrong = initrd_read(memory, len, &where);
    if (where > len) bail_out("the bad entry is said to be at %zu of %zu", where, len);
    return wrong;
}

/* ---- looking ---- */

static const struct rights root = {0, 0}, owner = {1, 2}, other = {77, 77};

static int walk_as(const struct rights *r, const char *path, unsigned flags, struct place *p) {
    return tree_walk((struct place){&tree_root, 0}, path, r, flags, p);
}

static int walk(const char *path) {
    struct place p;
    return walk_as(&root, path, 0, &p);
}

static bool holds(const char *path, const char *data) {
    struct place p;
    if (walk_as(&root, path, 0, &p) != 0) return false;
    return p.node->size == strlen(data) && memcmp(p.node->data, data, p.node->size) == 0;
}

static int count_nodes(void) {
    int n = 0;
    struct node *at = &tree_root;
    while (at) {
        n++;
        if (at->children) {
            at = at->children;
            continue;
        }
        while (at != &tree_root && !at->next) at = at->parent;
        at = at == &tree_root ? NULL : at->next;
    }
    return n;
}

static void good(struct archive *a) {
    memset(a, 0, sizeof *a);
    entry(a, ".", S_IFDIR | 0755, "");
    entry(a, "bin", S_IFDIR | 0755, "");
    entry(a, "./bin/tool", S_IFREG | 0750, "tool's bytes");
    entry(a, "deep/er/file", S_IFREG | 0644, "x");
    entry(a, "secret", S_IFDIR | 0700, "");
    entry(a, "secret/key", S_IFREG | 0600, "k");
    entry(a, "link", S_IFLNK | 0777, "bin/tool");
    entry(a, "up", S_IFLNK | 0777, "/deep/../deep/er");
    entry(a, "loop", S_IFLNK | 0777, "loop");
    entry_full(a, "070701", "one", S_IFREG | 0644, "", 0, 9, 2, 0);
    entry_full(a, "070701", "bin/two", S_IFREG | 0644, "shared", 6, 9, 2, 0);
    entry(a, "empty", S_IFREG | 0644, "");
    entry(a, "dev/sda", S_IFBLK | 0644, "");
    entry_full(a, "070702", "summed", S_IFREG | 0644, "ab", 2, 0, 1, 'a' + 'b');
    end(a);
}

static void test_good(void) {
    static struct archive a;
    struct place p;
    good(&a);
    is_str(load(&a, a.len), NULL, "a good archive is read");
    ok(holds("/bin/tool", "tool's bytes"), "a file has its bytes");
    ok(holds("deep/er/file", "x"), "directories that no entry names are made");
    ok(holds("//deep///er/./../er/file", "x"), "slashes, . and ..");
    ok(holds("/../../bin/tool", "tool's bytes"), "the root's .. is the root");
    ok(holds("link", "tool's bytes"), "a symbolic link is followed");
    ok(holds("up/file", "x"), "so is one in the middle");
    ok(holds("one", "shared") && holds("bin/two", "shared"), "hard links share their bytes");
    is_int(walk_as(&root, "one", 0, &p), 0, "one of them is there");
    is_int(p.node->nlink, 2, "and knows that it has two names");
    ok(holds("empty", "") && holds("summed", "ab"), "an empty file; a file with a checksum");
    is_int(walk("dev/sda"), -ENOENT, "device nodes are passed over");
    is_int(walk("loop"), -ELOOP, "a link to itself");
    is_int(walk_as(&root, "loop", WALK_NOFOLLOW, &p), 0, "which can be looked at");
    is_int(walk("bin/tool/x"), -ENOTDIR, "a file is no directory");
    is_int(walk("bin/tool/"), -ENOTDIR, "not with a slash either");
    is_int(walk("link/"), -ENOTDIR, "nor through a link");
    is_int(walk("up/"), 0, "a link to a directory may have a slash");
    is_int(walk(""), -ENOENT, "the empty path");
    is_int(walk("nothing"), -ENOENT, "a name that is not there");
    is_int(walk("nothing/more"), -ENOENT, "and below it");
    is_int(walk_as(&root, "bin/new", 0, &p), -ENOENT, "a last name that is missing");
    ok(p.node == tree_child(&tree_root, "bin", 3), "tells where it would be");
    is_int(walk_as(&root, "no/new", 0, &p), -ENOENT, "a name missing before the last");
    ok(p.node == NULL, "tells nothing");
    is_int(walk_as(&other, "secret/key", 0, &p), -EACCES, "a directory without x for others");
    is_int(walk_as(&owner, "secret/key", 0, &p), 0, "its owner may");
    is_int(tree_may(p.node, &owner, 1), -EACCES, "no x bit, no execution");
    is_int(tree_may(p.node, &root, 1), -EACCES, "not even for root");
    is_int(tree_may(p.node, &root, 6), 0, "who may read and write anything");
}

static void test_names(void) {
    static struct archive a;
    struct place p;
    char path[300], text[64];
    good(&a);
    load(&a, a.len);
    memset(path, 'n', 255);
    path[255] = 0;
    is_int(walk(path), -ENOENT, "a name of 255 bytes may be looked for");
    path[255] = 'n', path[256] = 0;
    is_int(walk(path), -ENAMETOOLONG, "one of 256 may not");
    walk_as(&root, "deep/er", 0, &p);
    is_int(tree_path(p, text, sizeof text), 8, "a place's path has a length");
    is_str(text, "/deep/er", "and a text");
    is_int(tree_path(p, text, 9), 8, "which fits its size to the byte");
    is_int(tree_path(p, text, 8), -ERANGE, "and not one less");
    is_int(tree_path((struct place){&tree_root, 0}, text, 2), 1, "the root's too");
    is_str(text, "/", "is a slash");
}

static void wrong(const char *what, const char *reason, struct archive *a, size_t len) {
    const char *said = load(a, len);
    if (!ok(said && strstr(said, reason), "%s: %s", what, reason)) diag("said: %s", said ? said : "nothing");
}

static void one_entry(struct archive *a, const char *name, unsigned mode, const char *data) {
    memset(a, 0, sizeof *a);
    entry(a, name, mode, data);
    end(a);
}

static void test_bad(void) {
    static struct archive a;
    static char name[600];
    wrong("no bytes", "cut short", &a, 0);
    memcpy(a.bytes, "\x1f\x8b\x08", 3);
    wrong("gzip", "gzip", &a, 200);
    memcpy(a.bytes, "\x7f" "ELF", 4);
    wrong("a program", "ELF", &a, 200);
    memcpy(a.bytes, "070707", 6);
    wrong("the old format", "newc", &a, 200);
    memcpy(a.bytes, "hello,", 6);
    wrong("a text", "no cpio header", &a, 200);
    good(&a);
    wrong("cut at the first header", "inside a header", &a, 100);
    wrong("without its trailer", "cut short", &a, a.len - 124);
    good(&a);
    a.bytes[20] = 'g';
    wrong("a digit that is none", "hexadecimal", &a, a.len);
    good(&a);
    memcpy(a.bytes + 54, "FFFFFFFF", 8);
    wrong("a file longer than the archive", "inside a file", &a, a.len);
    good(&a);
    memcpy(a.bytes + 94, "00000000", 8);
    wrong("a name of no bytes", "name is empty", &a, a.len);
    good(&a);
    memcpy(a.bytes + 94, "00000003", 8);
    wrong("a name longer than itself", "does not end", &a, a.len);
    memset(&a, 0, sizeof a);
    entry_full(&a, "070702", "f", S_IFREG | 0644, "ab", 2, 0, 1, 'a');
    wrong("a checksum", "checksum", &a, a.len);
    one_entry(&a, "../escape", S_IFREG | 0644, "");
    wrong("a way out", "..", &a, a.len);
    one_entry(&a, "/", S_IFREG | 0644, "");
    wrong("a root that is a file", "both a directory", &a, a.len);
    memset(name, 'x', 256);
    one_entry(&a, name, S_IFREG | 0644, "");
    wrong("a long name", "255", &a, a.len);
    one_entry(&a, "l", S_IFLNK | 0777, "");
    wrong("a link to nothing", "target", &a, a.len);
    memset(&a, 0, sizeof a);
    entry(&a, "f", S_IFREG | 0644, "");
    entry(&a, "f/g", S_IFREG | 0644, "");
    wrong("a file in a file", "not a directory", &a, a.len);
}

/* Cut at every length: refused, always, because the trailer is missing. */
static void test_cut(void) {
    static struct archive a;
    size_t accepted = 0;
    good(&a);
    while (memcmp(a.bytes + a.len - 11, "TRAILER!!!", 11)) a.len--; /* without its last padding */
    is_str(load(&a, a.len), NULL, "the last padding may be missing");
    for (size_t len = 0; len < a.len; len++) accepted += load(&a, len) == NULL;
    is_int(accepted, 0, "cut at each of %zu lengths it is refused", a.len);
}

/* Bytes changed at random: read or refused, and what was read is a tree. */
static void test_mutations(uint64_t seed) {
    static struct archive a;
    unsigned read = 0, refused = 0;
    for (int i = 0; i < 20000; i++) {
        good(&a);
        for (int n = 1 + i % 4; n; n--) {
            seed = seed * 6364136223846793005ul + 1442695040888963407ul;
            static const char likely[] = "0123456789ABCDEFf/.\0";
            size_t at = (seed >> 33) % a.len;
            a.bytes[at] = seed >> 63 ? (uint8_t)(seed >> 20) : (uint8_t)likely[(seed >> 20) % sizeof likely];
        }
        const char *said = load(&a, a.len);
        said ? refused++ : read++;
        if (count_nodes() > 64) bail_out("mutation %d made a tree of %d nodes", i, count_nodes());
        walk("bin/tool"), walk("link"), walk("up/file"), walk("loop");
    }
    ok(read > 100 && refused > 100, "20000 damaged archives: %u read, %u refused", read, refused);
}

static void test_deep(void) {
    static struct archive a;
    static char name[3000];
    struct place p;
    for (int i = 0; i < 1400; i++) memcpy(name + 2 * i, "d/", 2);
    memcpy(name + 2800, "f", 2);
    memset(&a, 0, sizeof a);
    entry_full(&a, "070701", name, S_IFREG | 0644, "", 0, 5, 2, 0);
    entry_full(&a, "070701", "g", S_IFREG | 0644, "bytes", 5, 5, 2, 0);
    end(&a);
    is_str(load(&a, a.len), NULL, "1400 directories deep");
    is_int(walk_as(&root, name, 0, &p), 0, "the way down is found");
    ok(holds(name, "bytes"), "and the bytes of its other name");
}

static void test_no_memory(void) {
    static struct archive a;
    size_t where;
    const char *said = "";
    good(&a);
    size_t size = 0;
    for (; said; size += 16) {
        arena_empty(size);
        tree_init();
        said = initrd_read(a.bytes, a.len, &where);
        if (said && !strstr(said, "no memory")) break;
    }
    is_str(said, NULL, "with memory for n nodes, n = 0, 1, 2 ...: says so until it is enough");
}

int main(void) {
    plan(62);
    const char *seed = getenv("SEED");
    test_good();
    test_names();
    test_bad();
    test_cut();
    test_mutations(seed && *seed ? strtoul(seed, NULL, 10) : 1);
    test_deep();
    test_no_memory();
    return done_testing();
}
