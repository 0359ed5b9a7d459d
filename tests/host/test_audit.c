/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The auditor audited: each kind of corruption is planted, in a process of its own, and mm_audit() must
 * name the invariant that it breaks. What an auditor cannot see, no test after it can promise.
 */
#include "tests/host/support.h"

#include <string.h>

#include "arch/mmu.h"
#include "mm/space.h"

#define RO (PROT_READ)
#define RW (PROT_READ | PROT_WRITE)
#define P(n) ((n) * PAGE_SIZE)

static struct space *s;
static struct object *o;
static vaddr_t anon, locked, shared, code, fresh; /* four pages each; fresh: never touched */

static pte_t *entry(vaddr_t va) {
    pte_t *slot = pmap_find(&s->pmap, va);
    if (!slot || !*slot) host_die("no entry for %#lx", va);
    return slot;
}

static struct frame *frame_under(vaddr_t va) {
    return frame_of(pte_pfn(*entry(va)));
}

static struct region *region_under(vaddr_t va) {
    return region_find(&s->regions, va);
}

/* ---- what can break ---- */

static void extra_ref(void) { frame_under(anon)->refs++; }
static void lost_ref(void) { frame_under(shared)->refs--; }
static void extra_pin(void) { frame_under(anon)->pins++; }
static void wrong_state(void) { frame_under(anon)->state = FRAME_SHARED; }
static void no_state(void) { frame_under(anon)->state = 77; }
static void lost_frame(void) { pmap_find(&s->pmap, anon)[0] = 0; }
static void open_frame(void) { frame_alloc(FRAME_KERNEL), frame_under(anon)->state = FRAME_KERNEL; }
static void freed_in_use(void) { frame_under(anon)->state = FRAME_FREE; }
static void absent_page(void) { pmap_set(&s->pmap, entry(locked), 0); }
static void read_only_page(void) { *entry(locked) &= ~PTE_W; }
static void space_charge(void) { s->charged++; }
static void less_charged(void) { s->charged--; }
static void system_charge(void) { charge_swap(s, 1, 0, true), s->charged--; }
static void lock_uncharged(void) { region_under(anon)->lock = region_under(anon)->want = LOCK_ON_FAULT; }
static void mapped_count(void) { s->mapped++; }
static void accessible_count(void) { s->accessible--; }
static void region_count(void) { s->regions.count++; }
static void table_count(void) { frame_of(frame_number(pmap_find(&s->pmap, anon)))->refs++; }
static void tables_in_all(void) { s->pmap.tables++; }
static void resident_count(void) { s->pmap.resident++; }
static void object_count(void) { o->resident++; }
static void object_lost_page(void) { o->index[0][0] = NO_PFN; }
static void object_page_twice(void) { o->index[0][1] = o->index[0][0]; }
static void write_exec(void) { *entry(anon) &= ~PTE_NX; }
static void write_read_only(void) { *entry(code) |= PTE_W | PTE_NX; }
static void kernel_frame(void) { *entry(anon) = (*entry(anon) & ~PTE_FRAME) | (s->pmap.root & PTE_FRAME); }
static void write_zeroes(void) { *entry(anon) = pte_make(zero_pfn, true, false); }
static void table_frame(void) {
    paddr_t table = virt_to_phys((void *)page_floor((uint64_t)entry(anon)));
    *entry(anon) = (*entry(anon) & ~PTE_FRAME) | table;
}
static void outside_regions(void) { pmap_set(&s->pmap, pmap_make(&s->pmap, anon + P(9)), pte_make(zero_pfn, false, false)); }
static void open_forbidden(void) { region_under(anon)->prot = PROT_NONE, s->accessible -= 4; }
static void parked_open(void) { *entry(anon) = pte_park(*entry(anon)); }
static void promise_made(void) { frame_promise(1); }
static void promise_lost(void) { frame_unpromise(1); }
static void region_promise(void) { region_under(fresh)->flags &= (uint16_t)~REGION_PROMISED; }
static void tables_promise(void) { s->tables_promised++; }
static void fewer_tables(void) { s->regions.tables = 0; }
static void pin_promise(void) { s->pinned++; }
static void shared_writable(void) {
    struct space *child;
    space_fork(s, &child);
    pte_t *slot = pmap_find(&child->pmap, anon);
    *slot |= PTE_W;
}
static void kernel_write_exec(void) {
    pte_t *root = phys_to_virt(mmu_kernel_root);
    pfn_t table = frame_alloc_zero(FRAME_KERNEL);
    pte_t *t = frame_addr(table);
    root[256] = ((pte_t)table << PAGE_SHIFT) | PTE_P | PTE_W;
    t[0] = PTE_P | PTE_W | PTE_PS;
}
static void kernel_open(void) {
    kernel_write_exec();
    pte_t *root = phys_to_virt(mmu_kernel_root);
    *(pte_t *)phys_to_virt(root[256] & PTE_FRAME) |= PTE_NX | PTE_U;
}
static void free_list_count(void) {
    pfn_t a = frame_alloc(FRAME_KERNEL);
    frame_of(a)->state = FRAME_CACHE;
}
static void nothing(void) {}

static const struct plant {
    const char *name;
    void (*plant)(void);
    const char *must_say;
} plants[] = {
    {"nothing at all", nothing, "clean"},
    {"a reference too many", extra_ref, "I4"},
    {"a reference too few", lost_ref, "I4"},
    {"a pin that nobody took", extra_pin, "I4"},
    {"a frame in another state", wrong_state, "I4"},
    {"a frame in no state", no_state, "I"},
    {"a frame that nothing reaches", lost_frame, "I4"},
    {"a kernel frame in a user's table", open_frame, "I"},
    {"a free frame in a user's table", freed_in_use, "I"},
    {"a locked page that is not there", absent_page, "I2"},
    {"a locked page that would fault on a write", read_only_page, "I2"},
    {"a space that is charged too much", space_charge, "I3"},
    {"a space that is charged too little", less_charged, "I3"},
    {"a system that is charged too much", system_charge, "I3"},
    {"a locked region that nobody pays for", lock_uncharged, "I3"},
    {"a wrong count of mapped pages", mapped_count, "I3"},
    {"a wrong count of accessible pages", accessible_count, "I3"},
    {"a wrong count of regions", region_count, "regions"},
    {"a wrong count in a page table", table_count, "I4"},
    {"a wrong count of page tables", tables_in_all, "I4"},
    {"a wrong count of resident pages", resident_count, "I4"},
    {"a wrong count of an object's pages", object_count, "I4"},
    {"an object that lost a page", object_lost_page, "I4"},
    {"an object with one frame twice", object_page_twice, "I4"},
    {"a page writable and executable", write_exec, "I6"},
    {"a writable page in a read-only region", write_read_only, "I6"},
    {"a user entry to a kernel frame", kernel_frame, "I6"},
    {"a user entry to a page table", table_frame, "I6"},
    {"a writable entry to the frame of zeroes", write_zeroes, "I6"},
    {"an entry outside every region", outside_regions, "I4"},
    {"an open page under PROT_NONE", open_forbidden, "I6"},
    {"a parked page in an open region", parked_open, "I6"},
    {"a promise to nobody", promise_made, "promises"},
    {"a promise that was broken", promise_lost, "promises"},
    {"a region without its promise", region_promise, "promises"},
    {"a promise of tables to nobody", tables_promise, "promises"},
    {"more tables than were foreseen", fewer_tables, "promises"},
    {"a pin without its promise", pin_promise, "promises"},
    {"a shared frame that one may write", shared_writable, "I4"},
    {"kernel memory writable and executable", kernel_write_exec, "I6"},
    {"kernel memory open to ring 3", kernel_open, "I6"},
    {"a frame counted in another state", free_list_count, "I"},
};

static void build(void) {
    mm_start(16);
    s = space_new();
    o = object_create_shared(P(4));
    anon = 0x10000000, locked = 0x20000000;
    map_anon_at(s, anon, 4, RW, 0);
    map_anon_at(s, locked, 4, RW, 0);
    fresh = 0x30000000;
    map_anon_at(s, fresh, 4, RW, 0);
    shared = (vaddr_t)map_object(s, o, 0, 4, RW, MAP_SHARED);
    code = (vaddr_t)map_object(s, o, 0, 4, RO, MAP_PRIVATE);
    space_lock(s, locked, P(4), false);
    for (unsigned i = 0; i < 4; i++) poke(s, anon + P(i), 1), poke(s, shared + P(i), 1), peek(s, code + P(i));
    host_run(NULL);
}

static void run(void *arg) {
    const struct plant *p = arg;
    build();
    p->plant();
    const char *said = mm_audit();
    say("%s", said ? said : "clean");
}

int main(void) {
    for (unsigned i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
        const char *said = child_says(run, (void *)(uintptr_t)&plants[i]);
        bool named = strncmp(said, plants[i].must_say, strlen(plants[i].must_say)) == 0 ||
                     (plants[i].must_say[0] != 'I' && strstr(said, plants[i].must_say));
        ok(named, "%s: %s", plants[i].name, said);
    }
    return done_testing();
}
