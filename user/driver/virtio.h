/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A modern virtio device on PCI (virtio 1.0, chapter 4.1), and its queues (2.4), driven from ring 3.
 *
 *      struct virtio     the function's file and its registers       virtio_open .. virtio_go
 *      struct virtqueue  one queue: each request is one descriptor of the ring, which leads to an indirect table
 *
 *          ring[tag] ──> table of tag: segment, segment, ...         tags 0 .. VIRTQUEUE_SIZE - 1 are the caller's to give
 *          available: tags put, for the device                       used: tags that it has done with
 *
 * So a request of any number of segments takes one place, and as many are in flight as there are places. Nothing
 * here knows what the device does. No call waits. What a device says is checked: a tag that is not out is VIRTQUEUE_BROKEN.
 */
#pragma once

#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_SIZE   32u
#define VIRTQUEUE_BYTES  1024u /* what a queue needs: aligned to as many */
#define VIRTQUEUE_NONE   -1
#define VIRTQUEUE_BROKEN -2

struct virtio {
    int file;                                       /* abi/pci.h */
    volatile struct virtio_pci_common_cfg *common;
    volatile uint8_t *device;                       /* its own configuration */
    volatile uint8_t *notify;
    uint32_t notify_step;
};

struct virtqueue {
    uint16_t number;
    struct vring_desc *ring;                        /* VIRTQUEUE_SIZE of them, then the available and the used ring */
    struct vring_avail *available;
    volatile struct vring_used *used;
    volatile uint16_t *doorbell;
    uint16_t seen;                                  /* of used->idx */
    uint32_t out;                                   /* bit = tag that the device has */
};

/*
 * Opens /dev/pci/ADDRESS, resets the device and agrees on features: all of `needed`, those of `wanted` that it offers.
 * 0 with *agreed set; or -1 and errno: open's; ENODEV not a modern virtio device of that type; ENOTSUP a needed
 * feature is missing; EIO the device refuses, or does not answer.
 */
int virtio_open(struct virtio *, const char *address, unsigned type, uint64_t needed, uint64_t wanted, uint64_t *agreed);

/* Sets up one queue in VIRTQUEUE_BYTES zeroed bytes at `memory`, which the device finds at `at`; its interrupts come to the
 * file. 0, or -1 with EIO. */
int virtio_queue(struct virtio *, uint16_t number, void *memory, uint64_t at, struct virtqueue *);

/* The device may begin. Bus mastering is on from here: 0, or -1 with errno. */
int virtio_go(struct virtio *);

/* Has it gone, or given up? Nothing that it was given will be done. */
bool virtio_failed(const struct virtio *);

/* Request `tag` (not out): an indirect table of `bytes` bytes at physical address `table`. The device hears of it by
 * virtqueue_kick. */
void virtqueue_put(struct virtqueue *, unsigned tag, uint64_t table, uint32_t bytes);
void virtqueue_kick(struct virtqueue *);

/* A tag that the device has done with, VIRTQUEUE_NONE, or VIRTQUEUE_BROKEN. */
int virtqueue_take(struct virtqueue *);
