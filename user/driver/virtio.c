/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A modern virtio device on PCI: capabilities, start-up, queues (see user/driver/virtio.h; sections are virtio 1.0's).
 *
 * MISSING  legacy devices, several queues' vectors, event indices, packed rings.
 */
#include "user/driver/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/pci.h"

#define VENDOR      0x1af4
#define MODERN      0x1040 /* + the device's type (4.1.2.1) */
#define CONFIG_SIZE 256
#define RESET_TRIES 1000000
#define PAGE        4096ul

/* ---- finding the registers (4.1.4) ---- */

static uint32_t word(const uint8_t *p, unsigned bytes) {
    uint32_t v = 0;
    while (bytes--) v = v << 8 | p[bytes];
    return v;
}

/* Whole pages of the BAR around what the capability names. NULL: they cannot be had. */
static volatile uint8_t *map_capability(const struct virtio *v, const uint8_t *cap, size_t least) {
    unsigned bar = cap[offsetof(struct virtio_pci_cap, bar)];
    uint64_t offset = word(cap + offsetof(struct virtio_pci_cap, offset), 4);
    uint64_t length = word(cap + offsetof(struct virtio_pci_cap, length), 4);
    uint64_t first = offset & ~(PAGE - 1);
    if (bar > 5 || length < least) return NULL;
    void *p = mmap(NULL, offset + length - first, PROT_READ | PROT_WRITE, MAP_SHARED, v->file, (off_t)(PCI_BAR(bar) + first));
    return p == MAP_FAILED ? NULL : (volatile uint8_t *)p + (offset - first);
}

static void use_capability(struct virtio *v, const uint8_t *cap) {
    switch (cap[offsetof(struct virtio_pci_cap, cfg_type)]) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        if (!v->common) v->common = (volatile void *)map_capability(v, cap, sizeof *v->common);
        break;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        if (!v->device) v->device = map_capability(v, cap, 1);
        break;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        if (v->notify) break;
        v->notify = map_capability(v, cap, 2);
        v->notify_step = word(cap + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier), 4);
        break;
    }
}

static bool find_registers(struct virtio *v, unsigned type) {
    uint8_t c[CONFIG_SIZE];
    if (pread(v->file, c, sizeof c, 0) != sizeof c) return false;
    if (word(c + PCI_VENDOR_ID, 2) != VENDOR || word(c + PCI_DEVICE_ID, 2) != MODERN + type) return false;
    unsigned at = c[PCI_CAPABILITY_LIST] & ~3u;
    for (unsigned n = 0; at >= 64 && at <= CONFIG_SIZE - sizeof(struct virtio_pci_notify_cap) && n < 48; n++) {
        if (c[at] == PCI_CAP_ID_VNDR) use_capability(v, c + at);
        at = c[at + 1] & ~3u;
    }
    return v->common && v->device && v->notify;
}

/* ---- starting (3.1) ---- */

static bool reset(struct virtio *v) {
    v->common->device_status = 0;
    for (unsigned i = 0; i < RESET_TRIES; i++)
        if (v->common->device_status == 0) return true;
    return false;
}

static void add_status(struct virtio *v, uint8_t bits) {
    v->common->device_status = v->common->device_status | bits;
}

static uint64_t offered(struct virtio *v) {
    v->common->device_feature_select = 0;
    uint64_t low = v->common->device_feature;
    v->common->device_feature_select = 1;
    return (uint64_t)v->common->device_feature << 32 | low;
}

static void accept(struct virtio *v, uint64_t features) {
    v->common->guest_feature_select = 0;
    v->common->guest_feature = (uint32_t)features;
    v->common->guest_feature_select = 1;
    v->common->guest_feature = (uint32_t)(features >> 32);
}

static int negotiate(struct virtio *v, uint64_t needed, uint64_t wanted, uint64_t *agreed) {
    needed |= 1ul << VIRTIO_F_VERSION_1 | 1ul << VIRTIO_RING_F_INDIRECT_DESC;
    if (!reset(v)) return EIO;
    add_status(v, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    add_status(v, VIRTIO_CONFIG_S_DRIVER);
    *agreed = offered(v) & (needed | wanted);
    if ((*agreed & needed) != needed) return ENOTSUP;
    accept(v, *agreed);
    add_status(v, VIRTIO_CONFIG_S_FEATURES_OK);
    return v->common->device_status & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : EIO;
}

int virtio_open(struct virtio *v, const char *address, unsigned type, uint64_t needed, uint64_t wanted, uint64_t *agreed) {
    char path[32] = "/dev/pci/";
    *v = (struct virtio){.file = -1};
    if (strlen(address) > 16) {
        errno = ENOENT;
        return -1;
    }
    v->file = open(strcat(path, address), O_RDWR | O_CLOEXEC);
    if (v->file < 0) return -1;
    int error = find_registers(v, type) ? negotiate(v, needed, wanted, agreed) : ENODEV;
    if (!error) return 0;
    if (v->common) add_status(v, VIRTIO_CONFIG_S_FAILED);
    close(v->file);
    errno = error;
    return -1;
}

static void set_address(volatile uint32_t *low, volatile uint32_t *high, uint64_t at) {
    *low = (uint32_t)at;
    *high = (uint32_t)(at >> 32);
}

/* The parts of a queue in its memory (2.4.2 wants alignments of 16, 2 and 4). */
#define AVAILABLE (VIRTQUEUE_SIZE * sizeof(struct vring_desc))
#define USED      (AVAILABLE + 128)
_Static_assert(sizeof(struct vring_avail) + (VIRTQUEUE_SIZE + 1) * sizeof(uint16_t) <= 128, "the available ring fits");
_Static_assert(USED + sizeof(struct vring_used) + VIRTQUEUE_SIZE * sizeof(struct vring_used_elem) + 2 <= VIRTQUEUE_BYTES,
               "so does the used one");

int virtio_queue(struct virtio *v, uint16_t number, void *memory, uint64_t at, struct virtqueue *q) {
    volatile struct virtio_pci_common_cfg *c = v->common;
    char *base = memory;
    errno = EIO;
    c->queue_select = number;
    if (c->queue_size < VIRTQUEUE_SIZE) return -1;
    c->queue_size = VIRTQUEUE_SIZE;
    c->msix_config = 0;
    c->queue_msix_vector = 0;
    if (c->msix_config != 0 || c->queue_msix_vector != 0) return -1; /* no interrupts to be had (4.1.5.1.2.1) */
    set_address(&c->queue_desc_lo, &c->queue_desc_hi, at);
    set_address(&c->queue_avail_lo, &c->queue_avail_hi, at + AVAILABLE);
    set_address(&c->queue_used_lo, &c->queue_used_hi, at + USED);
    *q = (struct virtqueue){
        .number = number, .ring = memory, .available = (void *)(base + AVAILABLE), .used = (volatile void *)(base + USED),
        .doorbell = (volatile uint16_t *)(v->notify + c->queue_notify_off * v->notify_step),
    };
    c->queue_enable = 1;
    return 0;
}

int virtio_go(struct virtio *v) {
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    if (pwrite(v->file, &command, sizeof command, PCI_COMMAND) != sizeof command) return -1;
    add_status(v, VIRTIO_CONFIG_S_DRIVER_OK);
    return 0;
}

/* All ones: nobody answers any more. */
bool virtio_failed(const struct virtio *v) {
    uint8_t status = v->common->device_status;
    return status == 0xff || (status & VIRTIO_CONFIG_S_NEEDS_RESET) || !(status & VIRTIO_CONFIG_S_DRIVER_OK);
}

/* ---- queues (2.4.5 to 2.4.13) ---- */

void virtqueue_put(struct virtqueue *q, unsigned tag, uint64_t table, uint32_t bytes) {
    uint16_t idx = q->available->idx;
    q->ring[tag] = (struct vring_desc){.addr = table, .len = bytes, .flags = VRING_DESC_F_INDIRECT};
    q->available->ring[idx % VIRTQUEUE_SIZE] = (uint16_t)tag;
    q->out |= 1u << tag;
    __atomic_store_n(&q->available->idx, (uint16_t)(idx + 1), __ATOMIC_RELEASE); /* what it leads to is written */
}

void virtqueue_kick(struct virtqueue *q) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    *q->doorbell = q->number;
}

int virtqueue_take(struct virtqueue *q) {
    if (__atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) == q->seen) return VIRTQUEUE_NONE;
    uint32_t tag = q->used->ring[q->seen % VIRTQUEUE_SIZE].id;
    if (tag >= VIRTQUEUE_SIZE || !(q->out >> tag & 1)) return VIRTQUEUE_BROKEN;
    q->seen++;
    q->out &= ~(1u << tag);
    return (int)tag;
}
