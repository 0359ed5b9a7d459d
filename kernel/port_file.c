/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports as files: who may serve or keep a device, its name in /dev, and the ring's memory. See abi/port.h.
 *
 *      port_open ──> server's file: ring, device         mmap, poll, port_serve
 *                └─> keeper's file                       poll
 *      last close ──> the device is stilled, then the name is free for the next server, then the ring goes
 *
 * LOCKING  ports_lock over names and who has them open. A server belongs to its file; kernel/port.c's q is over the rest.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "arch/uaccess.h"
#include "gen/syscalls.h"
#include "kernel/assert.h"
#include "kernel/file_impl.h"
#include "kernel/pager.h"
#include "kernel/pci.h"
#include "kernel/port_impl.h"
#include "kernel/process.h"
#include "libc/core/string.h"

#define MAX_SECTORS (1ul << 50) /* so that byte offsets are far from wrapping */
#define BLOCK_MAJOR 252u        /* Linux's first for virtio block devices */

/* ---- the open port ---- */

static int port_poll(struct file *f) {
    struct port *p = f->server->port;
    bool ready = port_news(f->server);
    return (ready ? POLLIN | POLLRDNORM : 0) | (__atomic_load_n(&p->gone, __ATOMIC_RELAXED) ? POLLHUP : 0);
}

static int port_map(struct file *f, struct map_request *m) {
    if (!f->server->object) return -ENODEV;
    m->object = f->server->object;
    m->max_prot &= PROT_READ;
    return 0;
}

static void port_stat(struct file *f, struct stat *st) {
    stat_simple(st, S_IFCHR | 0600, f->server->port->node.ino);
}

static void server_free(struct server *s) {
    for (unsigned i = 0; s->object && i < PORT_RING_SIZE / PAGE_SIZE; i++)
        if (s->frame[i] != NO_PFN) frame_unpin(s->frame[i]);
    if (s->object) object_drop(s->object);
    if (s->file) file_drop(s->file);
    heap_free(s);
}

/* It does nothing any more, unless somebody else has its file. */
static void still_device(struct server *s) {
    if (!s->device) return;
    pci_listen(s->device, NULL);
    file_drop(s->file);
    s->device = NULL;
    s->file = NULL;
}

/* A name that nobody has used or keeps is free again. */
static void leave(struct server *s) {
    struct port *p = s->port;
    mutex_lock(&ports_lock);
    if (port_leave(p, s) && !p->linked) p->name[0] = 0;
    mutex_unlock(&ports_lock);
}

static void port_close(struct file *f) {
    still_device(f->server);
    leave(f->server);
    server_free(f->server);
}

static const struct file_ops port_ops = {
    .name = "port", .stream = true, .poll = port_poll, .map = port_map, .stat = port_stat, .close = port_close,
};

static const struct file_ops no_ops = {.name = "port", .stat = port_stat}; /* until there is something to close */

/* ---- the server's call ---- */

long sys_port_serve(uint64_t fd, uint64_t answers, uint64_t n, uint64_t timeout_ms) {
    struct port_answer a[PORT_SLOTS];
    bool held;
    struct file *f = fd_begin((int)fd, &held);
    if (!f) return -EBADF;
    long result = f->ops == &port_ops && f->server->object && n <= PORT_SLOTS ? 0 : -EINVAL;
    if (!result && n) result = copyin(a, answers, n * sizeof a[0]);
    if (!result && n) result = port_answer(f->server, a, n);
    if (!result) result = port_wait(f->server, (int)timeout_ms);
    fd_end(f, held);
    return result;
}

/* ---- port_open ---- */

/* keeper: without a ring. NULL: no memory. */
static struct server *server_alloc(bool keeper) {
    struct server *s = heap_alloc_zero(sizeof *s);
    if (!s || keeper) return s;
    memset(s->frame, 0xff, sizeof s->frame); /* NO_PFN */
    s->object = object_create_shared(PORT_RING_SIZE);
    for (unsigned i = 0; s->object && i < PORT_RING_SIZE / PAGE_SIZE; i++) {
        pfn_t pfn;
        if (object_page(s->object, i, &pfn)) break;
        frame_pin(pfn);
        frame_drop(pfn);
        s->frame[i] = pfn;
    }
    if (s->object && s->frame[PORT_RING_SIZE / PAGE_SIZE - 1] != NO_PFN) return s;
    server_free(s);
    return NULL;
}

/* The port of that name, or a free one: NULL: there is none. ports_lock held. */
static struct port *find(const char *name) {
    struct port *empty = NULL;
    for (struct port *p = ports; p < ports + PORTS; p++) {
        if (strcmp(p->name, name) == 0) return p;
        if (!p->name[0] && !empty) empty = p;
    }
    return empty;
}

struct port *port_of_node(struct node *n) {
    for (struct port *p = ports; p < ports + PORTS; p++)
        if (n == &p->node) return p;
    return NULL;
}

static int link_node(struct port *p) {
    struct node *dev = tree_child(&tree_root, "dev", 3);
    if (p->linked) return 0;
    if (tree_child(dev, p->name, strlen(p->name))) return -EEXIST;
    p->node = (struct node){
        .name = p->name, .name_len = (uint32_t)strlen(p->name), .mode = S_IFBLK | 0600, .ops = &block_node_ops,
        .rdev = BLOCK_MAJOR << 8 | (uint32_t)(p - ports) * 16,
    };
    tree_link(dev, &p->node);
    p->linked = true;
    return 0;
}

/* ports_lock held. A device that is gone may come anew, as another, once nobody has the old one any more. */
static int enter(struct port *p, struct server *s, uint64_t bytes) REQUIRES(&ports_lock) {
    if (p->server && bytes) return -EBUSY;
    if (p->gone && (p->users || p->swap)) return -ENODEV;
    if (p->gone) p->backing.size = p->node.size = 0;
    if (bytes && p->backing.size && p->backing.size != bytes) return -EINVAL;
    int err = bytes ? link_node(p) : 0;
    if (!err && s->device) err = pci_listen(s->device, &p->q);
    if (err) return err;
    s->port = p;
    if (bytes) p->backing.size = p->node.size = bytes;
    port_enter(p, s);
    return 0;
}

static bool good_name(const char *s) {
    if (*s < 'a' || *s > 'z') return false;
    while ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9')) s++;
    return !*s;
}

/* Who may serve: 0 or -EPERM. */
static int check_server(const struct process *me, const char *name) {
    if (!process_privileged(me)) return -EPERM;
    if (!space_wholly_locked(me->space)) {
        log_line("Holdfast: %s may not serve /dev/%s: mlockall(MCL_CURRENT | MCL_FUTURE) has not locked its memory", me->name,
                 name);
        return -EPERM;
    }
    return 0;
}

static int join(const char *name, struct server *s, uint64_t bytes) {
    mutex_lock(&ports_lock);
    struct port *p = find(name);
    bool fresh = p && !p->name[0];
    if (fresh) strlcpy(p->name, name, sizeof p->name);
    int err = p ? enter(p, s, bytes) : -ENOSPC;
    if (err && fresh) p->name[0] = 0;
    mutex_unlock(&ports_lock);
    return err;
}

/* What its device is: 0, -EBADF or -EINVAL. */
static int find_device(struct server *s, int fd) {
    if (fd < 0) return 0;
    s->file = files_get(current_process()->files, fd);
    if (!s->file) return -EBADF;
    s->device = pci_of_file(s->file);
    if (!s->object || !s->device) return -EINVAL;
    s->heard = pci_interrupts(s->device);
    return 0;
}

static int open_port(const char *name, uint64_t sectors, int device, struct file **f) {
    struct server *s = server_alloc(!sectors);
    if (!s) return -ENOMEM;
    *f = file_create(&no_ops, O_RDWR);
    int err = *f ? find_device(s, device) : -ENOMEM;
    if (!err) err = join(name, s, sectors * BACKING_SECTOR);
    if (err) {
        if (*f) file_drop(*f);
        server_free(s);
        return err;
    }
    (*f)->server = s;
    (*f)->ops = &port_ops;
    return 0;
}

long sys_port_open(uint64_t user_name, uint64_t sectors, uint64_t device) {
    struct process *me = current_process();
    char name[PORT_NAME_MAX + 1];
    struct file *f;
    long err = copyin_str(name, user_name, sizeof name);
    if (err == -ENAMETOOLONG || (err >= 0 && (!good_name(name) || sectors > MAX_SECTORS))) return -EINVAL;
    if (err >= 0) err = check_server(me, name);
    if (!err) err = open_port(name, sectors, (int)device, &f);
    if (err) return err;
    process_set_pager(me);
    return fd_install(f, O_CLOEXEC);
}
