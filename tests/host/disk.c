/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A swap device in a process's memory (see tests/host/disk.h).
 */
#include "tests/host/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/mmu.h"
#include "mm/space.h"

static struct disk *attended, *attended_also;

static void submit(struct backing *b, struct backing_request *q) {
    struct disk *d = (struct disk *)b;
    if (d->n == 64) host_die("more than 64 requests at a disk");
    if (q->segments == 0 || q->segments > BACKING_SEGMENTS) host_die("a request of %u segments", q->segments);
    if (q->offset % PAGE_SIZE || q->offset + q->segments * PAGE_SIZE > b->size) host_die("a request at %lu", q->offset);
    d->queue[d->n++] = q;
}

void disk_make(struct disk *d, uint64_t pages, uint64_t seed) {
    *d = (struct disk){.backing = {.submit = submit, .size = pages * PAGE_SIZE}, .rng = {seed}};
    d->bytes = calloc(pages, PAGE_SIZE);
}

void disk_free(struct disk *d) {
    if (d->n) host_die("%u requests are left at a disk", d->n);
    if (attended == d) attended = NULL;
    if (attended_also == d) attended_also = NULL;
    free(d->bytes);
}

static int failure(struct disk *d, uint64_t *nth) {
    if (d->gone) return -ENODEV;
    return *nth && --*nth == 0 ? -EIO : 0;
}

bool disk_serve(struct disk *d) {
    if (d->n == 0) return false;
    unsigned i = (unsigned)rng_below(&d->rng, d->n);
    struct backing_request *q = d->queue[i];
    d->queue[i] = d->queue[--d->n];
    q->error = failure(d, q->write ? &d->fail_write : &d->fail_read);
    for (unsigned k = 0; k < q->segments && !q->error; k++) {
        char *at = d->bytes + q->offset + k * PAGE_SIZE, *frame = phys_to_virt(q->segment[k].addr);
        if (q->write) memcpy(at, frame, PAGE_SIZE);
        else memcpy(frame, at, PAGE_SIZE);
        ++*(q->write ? &d->written : &d->read);
    }
    q->done(q);
    return true;
}

void disk_serve_all(struct disk *d) {
    while (disk_serve(d)) {}
}

static void others(void) {
    static bool in_pageout;
    if (attended && disk_serve(attended)) return;
    if (attended_also && disk_serve(attended_also)) return;
    if (in_pageout) host_die("page-out waits, and nothing is on its way");
    in_pageout = true;
    pageout_step();
    in_pageout = false;
}

void disk_attend(struct disk *d) {
    attended = d;
    attended_also = NULL;
    sync_other_thread = others;
}

void disk_attend_also(struct disk *d) {
    attended_also = d;
}
