/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * A virtio disk driven from ring 3 by hand: every place of the queue in flight at once, interrupts, errors, and what
 * becomes of a driver that dies while the device writes to its memory.
 *
 * clauses: A4 B3 I4 I8
 * needs: holdfast
 * disks: 8M 8M/slow
 */
#include "tests/user/support.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <sys/syscall.h>

#include "abi/pci.h"
#include "user/driver/virtio.h"

#define DISK    "00:03.0"
#define SLOW    "00:04.0"
#define SECTORS (8ul << 20 >> 9)
#define DATA    VIRTQUEUE_SIZE /* pages, one a request */

/* Page 0 the queue, headers and status bytes; page 1 the tables; then the data. */
struct memory {
    char queue[VIRTQUEUE_BYTES];
    struct virtio_blk_outhdr header[VIRTQUEUE_SIZE];
    volatile uint8_t status[VIRTQUEUE_SIZE];
    char pad[PG - VIRTQUEUE_BYTES - VIRTQUEUE_SIZE * 17];
    struct vring_desc table[VIRTQUEUE_SIZE][3];
    char pad2[PG - VIRTQUEUE_SIZE * 48];
    char data[DATA][PG];
};

#define PAGES (sizeof(struct memory) / PG)

static struct virtio device;
static struct virtqueue queue;
static struct memory *m;
static uint64_t at[PAGES];

static long dma_pin(int fd, void *p, size_t len, void *addresses) {
    return syscall(SYS_dma_pin, fd, p, len, addresses);
}

static int start(const char *address) {
    uint64_t agreed;
    int err = virtio_open(&device, address, VIRTIO_ID_BLOCK, 0, 0, &agreed);
    m = (struct memory *)anon(PAGES);
    if (!err) err = mlock(m, sizeof *m);
    if (!err) err = (int)dma_pin(device.file, m, sizeof *m, at);
    if (!err) err = virtio_queue(&device, 0, m->queue, at[0], &queue);
    return err ? err : virtio_go(&device);
}

static void stop(void) {
    close(device.file);
    munmap(m, sizeof *m);
}

static void put(unsigned tag, unsigned type, uint64_t sector) {
    struct vring_desc *d = m->table[tag];
    uint16_t flags = (uint16_t)(VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0));
    m->header[tag] = (struct virtio_blk_outhdr){.type = type, .sector = sector};
    m->status[tag] = 0x55;
    d[0] = (struct vring_desc){at[0] + offsetof(struct memory, header[tag]), sizeof m->header[0], VRING_DESC_F_NEXT, 1};
    d[1] = (struct vring_desc){at[2 + tag], PG, flags, 2};
    d[2] = (struct vring_desc){at[0] + offsetof(struct memory, status[tag]), 1, VRING_DESC_F_WRITE, 0};
    virtqueue_put(&queue, tag, at[1] + tag * sizeof m->table[0], sizeof m->table[0]);
}

/* Until n requests are done. An interrupt comes after what it tells of, so none is slept over. */
static void finish(unsigned n) {
    for (;;) {
        uint32_t count;
        while (n && virtqueue_take(&queue) >= 0) n--;
        if (!n) return;
        if (read(device.file, &count, sizeof count) != sizeof count) bail_out("no interrupt: %s", strerror(errno));
    }
}

static void fill(char *page, unsigned seed) {
    for (unsigned i = 0; i < PG; i++) page[i] = (char)(seed * 37 + i * 7 + i / 256);
}

static bool filled(const char *page, unsigned seed) {
    char want[PG];
    fill(want, seed);
    return memcmp(page, want, PG) == 0;
}

static void test_transfer(void) {
    unsigned good = 0, right = 0;
    is_int(start(DISK), 0, "the disk starts");
    is_int((long)((volatile struct virtio_blk_config *)device.device)->capacity, SECTORS, "it has the sectors it was given");
    is_int(proc_pages("/proc/self/status", "VmPin"), PAGES, "B3: the driver's pins are counted");
    for (unsigned i = 0; i < DATA; i++) fill(m->data[i], i), put(i, VIRTIO_BLK_T_OUT, i * 8);
    virtqueue_kick(&queue);
    finish(DATA);
    for (unsigned i = 0; i < DATA; i++) good += m->status[i] == VIRTIO_BLK_S_OK;
    is_int(good, DATA, "%u writes in flight at once, all good", DATA);
    memset(m->data, 0, sizeof m->data);
    for (unsigned i = 0; i < DATA; i++) put(i, VIRTIO_BLK_T_IN, (DATA - 1 - i) * 8);
    virtqueue_kick(&queue);
    finish(DATA);
    for (unsigned i = 0; i < DATA; i++) right += filled(m->data[i], DATA - 1 - i);
    is_int(right, DATA, "read back in another order, each sector is in its place");
    put(3, VIRTIO_BLK_T_IN, SECTORS);
    virtqueue_kick(&queue);
    finish(1);
    is_int(m->status[3], VIRTIO_BLK_S_IOERR, "past the end of the disk is an error");
    put(5, 77, 0);
    virtqueue_kick(&queue);
    finish(1);
    is_int(m->status[5], VIRTIO_BLK_S_UNSUPP, "and so is a request that it does not know");
    ok(!virtio_failed(&device), "which the device survives");
    stop();
    is_int(proc_pages("/proc/self/status", "VmPin"), 0, "B3: closed, and nothing is pinned");
}

static void test_poll(void) {
    struct pollfd p = {.events = POLLIN};
    uint32_t first, second;
    is_int(start(DISK), 0, "the disk starts again");
    p.fd = device.file;
    is_int(poll(&p, 1, 0), 0, "nothing to read before the first request");
    fcntl(device.file, F_SETFL, O_NONBLOCK);
    is_int(errno_of(read(device.file, &first, 4)), EAGAIN, "a read that may not wait says so");
    put(0, VIRTIO_BLK_T_IN, 0);
    virtqueue_kick(&queue);
    is_int(poll(&p, 1, -1), 1, "poll wakes up when it is done");
    is_int(read(device.file, &first, 4), 4, "then the count can be read");
    is_int(poll(&p, 1, 0), 0, "and is not news any more");
    is_int(virtqueue_take(&queue), 0, "the request is done");
    put(0, VIRTIO_BLK_T_IN, 8);
    virtqueue_kick(&queue);
    poll(&p, 1, -1);
    is_int(read(device.file, &second, 4), 4, "another request, another interrupt");
    is_int(second - first, 1, "counted");
    stop();
}

/* More requests made available than the queue has places: nobody can make sense of that. */
static void test_broken(void) {
    is_int(start(DISK), 0, "the disk starts");
    queue.available->idx = (uint16_t)(queue.available->idx + VIRTQUEUE_SIZE + 1);
    virtqueue_kick(&queue);
    uint32_t count;
    is_int(read(device.file, &count, sizeof count), 4, "a queue that makes no sense is answered by an interrupt");
    ok(virtio_failed(&device), "the device says that it has given up");
    stop();
    is_int(start(DISK), 0, "and is started anew");
    put(0, VIRTIO_BLK_T_IN, 0);
    virtqueue_kick(&queue);
    finish(1);
    ok(filled(m->data[0], 0), "as good as before");
    stop();
}

/* A driver that is killed with most of the queue in flight: reads, so that the device is writing to memory. When one is done, the
 * device has them all, and works at its own pace. */
static void die(void *unused) {
    (void)unused;
    if (start(SLOW) != 0) _exit(1);
    for (unsigned i = 0; i < DATA; i++) put(i, VIRTIO_BLK_T_IN, i * 64); /* apart, so that the device does not make one of them */
    virtqueue_kick(&queue);
    finish(1);
    kill(getpid(), SIGKILL);
}

#define CANARY 1024ul
#define ROUNDS 4

/* Starting the device again ends what it has in flight: if any of that is left, it is written now. */
static void test_killed(void) {
    unsigned killed = 0, started = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int status = in_child(MEMLOCK_AS_IS, 0, die, NULL);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        char *canary = anon(CANARY); /* what the driver had is among it */
        memset(canary, 0x5a, CANARY * PG);
        started += start(SLOW) == 0;
        stop();
        for (size_t i = 0; i < CANARY * PG; i++)
            if (canary[i] != 0x5a) bail_out("round %d: byte %zu was written to by a device without a driver", round, i);
        munmap(canary, CANARY * PG);
    }
    is_int(killed, ROUNDS, "%d drivers killed with transfers in flight", ROUNDS);
    is_int(started, ROUNDS, "and each time the next one finds the disk in order");
    pass("nothing is written to frames that are somebody else's by then");
}

/* Registers go with the file, pins do not go with the mapping. */
static void touch(void *unused) {
    (void)unused;
    if (start(DISK) != 0) _exit(1);
    close(device.file);
    _exit(device.common->device_status);
}

static void test_lifetimes(void) {
    int status = in_child(MEMLOCK_AS_IS, 0, touch, NULL);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "registers are gone from every mapping when the file is closed");
    is_int(start(DISK), 0, "the disk starts");
    put(1, VIRTIO_BLK_T_IN, 8);
    virtqueue_kick(&queue);
    munmap(m->data, sizeof m->data);
    is_int(proc_pages("/proc/self/status", "VmPin"), PAGES, "I4: unmapped, the pages stay pinned");
    finish(1);
    is_int(m->status[1], VIRTIO_BLK_S_OK, "and the device may write to them");
    pid_t child = fork();
    if (child == 0) {
        close(device.file);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    ok(!virtio_failed(&device), "a child of fork shares the file: its closing stops nothing");
    close(device.file);
    munmap(m, 2 * PG);
}

int main(void) {
    needs_holdfast();
    test_transfer();
    test_poll();
    test_broken();
    test_killed();
    test_lifetimes();
    return done_testing();
}
