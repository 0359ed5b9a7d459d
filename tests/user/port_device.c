/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A port and its server's device: an interrupt ends the waiting, the port keeps the device, and at the port's end the
 * device is still before the next server begins.
 *
 * clauses: I8
 * needs: holdfast
 * disks: 8M
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "abi/pci.h"
#include "tests/user/ports.h"
#include "user/driver/virtio.h"

#define DISK  "00:03.0"
#define NAME  "vdv"
#define DEV   "/dev/" NAME
#define OTHER "vdu"

/* One page: the queue, and one request that reads a sector. */
struct memory {
    char queue[VIRTQUEUE_BYTES];
    struct vring_desc table[3];
    struct virtio_blk_outhdr header;
    volatile uint8_t status;
    char sector[512];
    uint64_t at; /* of the table, as the device finds it */
};

static struct virtio device;
static struct virtqueue queue;
static struct memory *m;

static void start_device(void) {
    uint64_t agreed, at;
    if (virtio_open(&device, DISK, VIRTIO_ID_BLOCK, 0, 0, &agreed) != 0) bail_out("no device: %s", strerror(errno));
    m = (struct memory *)anon(1);
    if (syscall(SYS_dma_pin, device.file, m, PG, &at) != 0 || virtio_queue(&device, 0, m->queue, at, &queue) != 0 ||
        virtio_go(&device) != 0)
        bail_out("the device does not start: %s", strerror(errno));
    m->header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
    m->table[0] = (struct vring_desc){at + offsetof(struct memory, header), sizeof m->header, VRING_DESC_F_NEXT, 1};
    m->table[1] = (struct vring_desc){at + offsetof(struct memory, sector), 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2};
    m->table[2] = (struct vring_desc){at + offsetof(struct memory, status), 1, VRING_DESC_F_WRITE, 0};
    m->at = at + offsetof(struct memory, table);
}

static long open_with_device(const char *name, int fd) {
    return syscall(SYS_port_open, name, 64ul, fd);
}

/* The device answers by an interrupt. */
static void interrupts(void) {
    struct pollfd p = {.fd = server_.fd, .events = POLLIN};
    unsigned count;
    is_int(port_serve(server_.fd, NULL, 0, 0), 0, "no interrupt before the device has work");
    virtqueue_put(&queue, 0, m->at, sizeof m->table);
    virtqueue_kick(&queue);
    is_int(port_serve(server_.fd, NULL, 0, -1), 0, "an interrupt ends the waiting, without a request");
    is_int(virtqueue_take(&queue), 0, "the device is done by then");
    is_int(poll(&p, 1, 0), 0, "it is told once");
    is_int(read(device.file, &count, sizeof count), sizeof count, "the device's own file tells it as well");
}

static void together(void) {
    struct client *c = client_start(DEV, false, 512, 0, 0);
    unsigned id = next_request().id;
    is_int(answer(id, 0), 0, "requests come as they do without a device");
    is_int(client_result(c), 512, "and end");
}

int main(void) {
    needs_holdfast();
    plan(0);
    lock_whole();
    start_device();
    is_int(errno_of(syscall(SYS_port_open, NAME, 0ul, device.file)), EINVAL, "a keeper has no device");
    int fd = (int)open_with_device(NAME, device.file);
    if (fd < 0) bail_out("port_open: %s", strerror(errno));
    serve_fd(fd);
    is_int(errno_of(open_with_device(OTHER, device.file)), EBUSY, "one device interrupts one port");
    interrupts();
    together();

    close(device.file);
    is_int(errno_of(open("/dev/pci/" DISK, O_RDWR)), EBUSY, "the port keeps the device");
    ok(device.common->device_status & VIRTIO_CONFIG_S_DRIVER_OK, "which is at work");
    serve_no_more();
    int again = open("/dev/pci/" DISK, O_RDWR);
    ok(again >= 0, "until the port is closed");
    fd = (int)open_with_device(OTHER, again);
    ok(fd >= 0, "then another port may have it");
    close(fd);
    close(again);
    return done_testing();
}
