/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * /dev/pci: drivers' files, and dma_pin. abi/pci.h says what they do.
 *
 *      open ──> start ──> ring 3 maps registers, pins memory, waits for interrupts ──> last close ──> silence, revoke, unpin
 *
 * A driver is trusted with what its device can do: without an IOMMU a bus master reaches all of memory, whatever address
 * ring 3 tells it. What the kernel keeps: configuration, the MSI-X table, and that a device ends with its driver.
 *
 * LOCKING  function.lock (a mutex) over open, objects and pins; function.events over the count of interrupts.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/mman.h>
#include <linux/pci_regs.h>
#include <linux/stat.h>

#include "abi/pci.h"
#include "arch/pci.h"
#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/pci.h"
#include "kernel/process.h"
#include "libc/core/string.h"

#define CONFIG_SIZE 256u
#define MAJOR       240u /* Linux's first for local use */

static struct pci_function *lines[PCI_INTERRUPT_LINES];

/* ---- interrupts ---- */

static void wake(struct waitq *q) {
    uint64_t saved = waitq_lock(q);
    waitq_wake_all(q);
    waitq_unlock(q, saved);
}

void pci_interrupt(unsigned n) {
    struct pci_function *f = lines[n];
    if (!f) return;
    uint64_t saved = waitq_lock(&f->events);
    f->count++;
    waitq_wake_all(&f->events);
    struct waitq *listener = f->listener;
    waitq_unlock(&f->events, saved);
    if (listener) wake(listener);
    poll_notify();
}

int pci_listen(struct pci_function *f, struct waitq *q) {
    uint64_t saved = waitq_lock(&f->events);
    int err = q && f->listener ? -EBUSY : 0;
    if (!err) f->listener = q;
    waitq_unlock(&f->events, saved);
    return err;
}

static long read_interrupts(struct file *file, struct io *io) {
    struct pci_function *f = file->pci;
    int err = 0;
    if (io->left < sizeof f->count || !f->msix) return -EINVAL;
    uint64_t saved = waitq_lock(&f->events);
    while (!err && f->count == f->seen) {
        err = file->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep(&f->events, NO_DEADLINE, true);
    }
    uint32_t n = f->count;
    if (!err) f->seen = n;
    waitq_unlock(&f->events, saved);
    if (!err) err = io_put(io, &n, sizeof n);
    return io_result(io, err);
}

static int pci_poll(struct file *file) {
    struct pci_function *f = file->pci;
    uint64_t saved = waitq_lock(&f->events);
    bool news = f->count != f->seen;
    waitq_unlock(&f->events, saved);
    return news ? POLLIN | POLLRDNORM : 0;
}

/* ---- configuration space ---- */

static long pci_read(struct file *file, struct io *io, uint64_t *pos) {
    uint8_t config[CONFIG_SIZE];
    if (!pos) return read_interrupts(file, io);
    if (*pos >= CONFIG_SIZE) return 0;
    size_t n = CONFIG_SIZE - *pos < io->left ? CONFIG_SIZE - *pos : io->left;
    for (size_t i = 0; i < n; i++) config[i] = (uint8_t)pci_config_read(file->pci->at, (unsigned)(*pos + i), 1);
    int err = io_put(io, config, n);
    *pos += io_done(io);
    return io_result(io, err);
}

static long pci_write(struct file *file, struct io *io, uint64_t *pos) {
    struct pci_function *f = file->pci;
    uint16_t want;
    if (!pos || *pos != PCI_COMMAND || io->left != sizeof want) return -EPERM;
    int err = io_take(io, &want, sizeof want);
    if (err) return err;
    mutex_lock(&f->lock);
    uint32_t now = pci_config_read(f->at, PCI_COMMAND, 2) & ~(uint32_t)PCI_COMMAND_MASTER;
    pci_config_write(f->at, PCI_COMMAND, 2, now | (want & PCI_COMMAND_MASTER));
    mutex_unlock(&f->lock);
    return io_result(io, 0);
}

/* ---- registers ---- */

/* Which BAR's whole pages does the request name? Then its offset becomes one into the BAR. */
static int find_bar(struct pci_function *f, struct map_request *m, struct pci_bar **out) {
    uint64_t n = (m->offset >> 32) - 1, offset = m->offset & UINT32_MAX, len = page_ceil(m->len);
    if (n > 5 || (f->bar[n].start | f->bar[n].size) & PAGE_MASK) return -EINVAL;
    if (len > f->bar[n].size || offset > f->bar[n].size - len) return -EINVAL;
    paddr_t at = f->bar[n].start + offset;
    if (f->msix && at < page_ceil(f->table + f->table_size) && at + len > page_floor(f->table)) return -EPERM;
    *out = &f->bar[n];
    m->offset = offset;
    return 0;
}

static int pci_map(struct file *file, struct map_request *m) {
    struct pci_function *f = file->pci;
    struct pci_bar *bar;
    int err = find_bar(f, m, &bar);
    if (err) return err;
    mutex_lock(&f->lock);
    if (!bar->object) bar->object = object_create_device(bar->start, bar->size);
    m->object = bar->object;
    mutex_unlock(&f->lock);
    return m->object ? 0 : -ENOMEM;
}

/* ---- memory for the device ---- */

/* Is every page of the process's range writable, locked and resident? Somebody may unlock it meanwhile: the pin holds it. */
static bool wholly_locked(struct space *s, vaddr_t at, vaddr_t end) {
    struct region_info r;
    for (; at < end; at = r.end)
        if (!space_region_at(s, at, &r) || r.start > at || !r.locked || r.on_fault || !(r.prot & PROT_WRITE)) return false;
    return true;
}

static int copy_addresses(uint64_t user, const struct pinned *p) {
    int err = 0;
    for (uint64_t i = 0; !err && i < p->n; i++) {
        uint64_t at = (uint64_t)p->frames[i] << PAGE_SHIFT;
        err = copyout(user + i * sizeof at, &at, sizeof at);
    }
    return err;
}

/* The pin belongs to the function from here on, if there is room. */
static int keep(struct pci_function *f, struct pci_pin *pin) {
    mutex_lock(&f->lock);
    bool room = pin->pinned.n <= PCI_DMA_PAGES - f->pinned;
    if (room) {
        f->pinned += pin->pinned.n;
        SLIST_INSERT_HEAD(&f->pins, pin, link);
    }
    mutex_unlock(&f->lock);
    return room ? 0 : -ENOMEM;
}

static int pin_range(struct pci_function *f, uint64_t addr, uint64_t len, uint64_t user) {
    struct space *s = current_process()->space;
    if (((addr | len) & PAGE_MASK) || len == 0 || addr + len < addr) return -EINVAL;
    if (!wholly_locked(s, addr, addr + len)) return -EINVAL;
    if (pages_in(len) > PCI_DMA_PAGES) return -ENOMEM;
    struct pci_pin *pin = heap_alloc(sizeof *pin);
    if (!pin) return -ENOMEM;
    int err = space_pin(s, addr, len, true, &pin->pinned);
    if (!err) {
        err = copy_addresses(user, &pin->pinned);
        if (!err) err = keep(f, pin);
        if (!err) return 0;
        pinned_release(&pin->pinned);
    }
    heap_free(pin);
    return err == -EAGAIN ? -ENOMEM : err;
}

static void pci_close(struct file *file) {
    struct pci_function *f = file->pci;
    struct pci_pin *pin;
    mutex_lock(&f->lock);
    pci_silence(f);
    for (unsigned i = 0; i < 6; i++) {
        if (!f->bar[i].object) continue;
        object_revoke(f->bar[i].object);
        object_drop(f->bar[i].object);
        f->bar[i].object = NULL;
    }
    while ((pin = SLIST_FIRST(&f->pins)) != NULL) {
        SLIST_REMOVE_HEAD(&f->pins, link);
        pinned_release(&pin->pinned);
        heap_free(pin);
    }
    f->pinned = 0;
    f->open = false;
    mutex_unlock(&f->lock);
}

static void pci_stat(struct file *file, struct stat *st) {
    tree_stat(file->pci->node, st);
}

static const struct file_ops pci_ops = {
    .name = "pci", .stream = true, .offsets = true, .read = pci_read, .write = pci_write, .poll = pci_poll, .map = pci_map,
    .stat = pci_stat, .close = pci_close,
};

struct pci_function *pci_of_file(const struct file *f) {
    return f->ops == &pci_ops ? f->pci : NULL;
}

void pci_still(struct pci_function *f) {
    mutex_lock(&f->lock);
    pci_silence(f);
    mutex_unlock(&f->lock);
}

long sys_dma_pin(uint64_t fd, uint64_t addr, uint64_t len, uint64_t user) {
    if (!process_privileged(current_process())) return -EPERM;
    struct file *file = files_get(current_process()->files, (int)fd);
    if (!file) return -EBADF;
    struct pci_function *f = pci_of_file(file);
    int err = f ? pin_range(f, addr, len, user) : -EINVAL;
    file_drop(file);
    return err;
}

/* ---- the tree ---- */

static int pci_open(const struct place *p, struct file *file) {
    unsigned n = p->node->rdev & 0xff;
    struct pci_function *f = lines[n];
    int err = 0;
    mutex_lock(&f->lock);
    if (f->open) err = -EBUSY;
    else if (!pci_start(f, n)) err = -ENOMEM;
    else f->open = true;
    if (!err) f->seen = f->count; /* one that was under way when the last file was closed is nobody's */
    mutex_unlock(&f->lock);
    if (err) return err;
    file->pci = f;
    file->ops = &pci_ops;
    return 0;
}

static const struct node_ops pci_node_ops = {.open = pci_open};

static struct node *dir;

static void add_node(struct pci_function *f, unsigned n) {
    struct node *node = tree_add(dir, f->name, strlen(f->name), S_IFCHR | 0600);
    if (!node) panic("no memory for /dev/pci");
    node->rdev = MAJOR << 8 | n;
    node->ops = &pci_node_ops;
    f->node = node;
    lines[n] = f;
}

void pci_init(void) {
    struct node *dev = tree_add_dir(&tree_root, "dev", 0755);
    dir = dev ? tree_add_dir(dev, "pci", 0755) : NULL;
    if (!dir) panic("no memory for /dev/pci");
    pci_find(add_node);
}
