/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: requests on their way to a server in ring 3, and its answers. See abi/port.h and kernel/port.h.
 *
 * The ring is shared memory whose frames the kernel pins and writes through the direct map; it never reads them.
 * What it knows of a request it has in `sent`, so a server can answer what is out, once, with an error or none, and
 * that is all that it can say.
 *
 * LOCKING     see kernel/port.h. done is called with no lock held, by the thread that answers; requests of a device that is
 *             gone are ended by a thread of their own, since submit's caller may hold mutexes that done wants.
 * INVARIANTS  out is the length of sent, at most PORT_SLOTS; head of a ring is what was put into it, and what is in
 *             sent is among the last PORT_SLOTS of that unless nobody serves. gone: both lists are empty.
 * MISSING     more than one server for a device; a limit on what waits (askers have their own).
 */
#include "kernel/port.h"

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
#include "kernel/process.h"
#include "libc/core/string.h"

#define UNANSWERED   1            /* a request's error while it is out */
#define MAX_SECTORS  (1ul << 50)  /* so that byte offsets are far from wrapping */
#define BLOCK_MAJOR  252u         /* Linux's first for virtio block devices */

/* What an open port leads to: a server's with its ring, or a keeper's without. */
struct server {
    struct port *port;
    struct object *object;        /* the ring; NULL: a keeper */
    pfn_t frame[PORT_RING_SIZE / PAGE_SIZE]; /* of it, pinned */
};

struct mutex ports_lock;
static struct port ports[PORTS];
static uint32_t hold, steps;      /* atomic: nothing goes to a server; but so many requests */

/* Requests of devices that are gone, and the thread that ends them. */
static struct waitq lost_q;
static struct backing_queue lost;

/* ---- giving requests to a server ---- */

static void ring_write(const struct server *s, size_t at, const void *from, size_t len) {
    while (len) {
        size_t n = PAGE_SIZE - at % PAGE_SIZE;
        if (n > len) n = len;
        memcpy((char *)frame_addr(s->frame[at / PAGE_SIZE]) + at % PAGE_SIZE, from, n);
        at += n, len -= n, from = (const char *)from + n;
    }
}

static void put_locked(struct port *p, const struct backing_request *rq) REQUIRES(&p->q.lock) {
    struct port_request r = {
        .id = rq->id, .write = rq->write, .sector = rq->offset / BACKING_SECTOR, .segments = rq->segments,
    };
    for (unsigned i = 0; i < rq->segments; i++)
        r.segment[i] = (struct port_segment){.addr = rq->segment[i].addr, .len = rq->segment[i].len};
    ring_write(p->server, offsetof(struct port_ring, slot) + p->head % PORT_SLOTS * sizeof r, &r, sizeof r);
    p->head++;
    __atomic_store_n((uint32_t *)frame_addr(p->server->frame[0]), p->head, __ATOMIC_RELEASE);
}

static bool may_go(void) {
    uint32_t left = steps;
    if (!hold) return true;
    while (left && !__atomic_compare_exchange_n(&steps, &left, left - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
    return left;
}

/* As many as fit, if somebody serves. True: the server has something to look at. */
static bool fill_locked(struct port *p) REQUIRES(&p->q.lock) {
    uint32_t before = p->head;
    while (p->server && p->out < PORT_SLOTS && !STAILQ_EMPTY(&p->waiting) && may_go()) {
        struct backing_request *rq = STAILQ_FIRST(&p->waiting);
        STAILQ_REMOVE_HEAD(&p->waiting, link);
        STAILQ_INSERT_TAIL(&p->sent, rq, link);
        rq->id = p->next_id++;
        p->out++;
        put_locked(p, rq);
    }
    if (p->head == before) return false;
    waitq_wake_all(&p->q);
    return true;
}

static void refill(struct port *p) {
    uint64_t saved = waitq_lock(&p->q);
    bool news = fill_locked(p);
    waitq_unlock(&p->q, saved);
    if (news) poll_notify();
}

/* ---- giving up ---- */

static void lose(struct backing_queue *q) {
    if (STAILQ_EMPTY(q)) return;
    uint64_t saved = waitq_lock(&lost_q);
    STAILQ_CONCAT(&lost, q);
    waitq_wake_all(&lost_q);
    waitq_unlock(&lost_q, saved);
}

static _Noreturn void end_lost(void *arg) {
    (void)arg;
    for (;;) {
        uint64_t saved = waitq_lock(&lost_q);
        while (STAILQ_EMPTY(&lost)) waitq_sleep(&lost_q, NO_DEADLINE, false);
        struct backing_request *rq = STAILQ_FIRST(&lost);
        STAILQ_REMOVE_HEAD(&lost, link);
        waitq_unlock(&lost_q, saved);
        rq->error = -ENODEV;
        rq->done(rq);
    }
}

/* Gone for good. Its requests move to `late`, for whoever has let go of the lock. */
static void give_up_locked(struct port *p, struct backing_queue *late) REQUIRES(&p->q.lock) {
    p->gone = true;
    p->out = 0;
    STAILQ_CONCAT(late, &p->sent);
    STAILQ_CONCAT(late, &p->waiting);
}

static void submit(struct backing *b, struct backing_request *rq) {
    struct port *p = (struct port *)b;
    struct backing_queue late = STAILQ_HEAD_INITIALIZER(late);
    ASSERT(rq->segments >= 1 && rq->segments <= BACKING_SEGMENTS);
    rq->error = UNANSWERED;
    uint64_t saved = waitq_lock(&p->q);
    if (p->gone) STAILQ_INSERT_TAIL(&late, rq, link);
    else STAILQ_INSERT_TAIL(&p->waiting, rq, link);
    bool news = fill_locked(p);
    waitq_unlock(&p->q, saved);
    if (news) poll_notify();
    lose(&late);
}

/* ---- answers ---- */

/* Marks what is answered with its error: false, and nothing is marked, if one answers what is not out. */
static bool mark_locked(struct port *p, const struct port_answer *a, size_t n) REQUIRES(&p->q.lock) {
    struct backing_request *rq;
    for (size_t i = 0; i < n; i++) {
        STAILQ_FOREACH(rq, &p->sent, link)
            if (rq->id == a[i].id && rq->error == UNANSWERED) break;
        if (!rq) {
            STAILQ_FOREACH(rq, &p->sent, link) rq->error = UNANSWERED;
            return false;
        }
        rq->error = a[i].error ? -EIO : 0;
    }
    return true;
}

static void take_marked_locked(struct port *p, struct backing_queue *ended) REQUIRES(&p->q.lock) {
    struct backing_queue all = STAILQ_HEAD_INITIALIZER(all);
    struct backing_request *rq;
    STAILQ_CONCAT(&all, &p->sent);
    while ((rq = STAILQ_FIRST(&all))) {
        STAILQ_REMOVE_HEAD(&all, link);
        bool out = rq->error == UNANSWERED;
        STAILQ_INSERT_TAIL(out ? &p->sent : ended, rq, link);
        p->out -= !out;
    }
}

static int answer(struct port *p, const struct server *s, const struct port_answer *a, size_t n) {
    struct backing_queue ended = STAILQ_HEAD_INITIALIZER(ended), late = STAILQ_HEAD_INITIALIZER(late);
    struct backing_request *rq;
    bool vanished = false;
    for (size_t i = 0; i < n; i++) vanished |= a[i].error == ENODEV || a[i].error == -ENODEV;
    uint64_t saved = waitq_lock(&p->q);
    bool good = p->server == s && mark_locked(p, a, n);
    if (good && vanished) give_up_locked(p, &late);
    else if (good) take_marked_locked(p, &ended);
    bool news = fill_locked(p);
    waitq_unlock(&p->q, saved);
    if (news) poll_notify();
    lose(&late);
    while ((rq = STAILQ_FIRST(&ended))) {
        STAILQ_REMOVE_HEAD(&ended, link);
        rq->done(rq);
    }
    return good ? 0 : -EINVAL;
}

/* ---- the open port ---- */

static long port_write(struct file *f, struct io *io, uint64_t *pos) {
    struct port_answer a[PORT_SLOTS];
    size_t n = io->left / sizeof a[0];
    (void)pos;
    if (!f->server->object || io->left % sizeof a[0] || n > PORT_SLOTS) return -EINVAL;
    int err = io_take(io, a, io->left);
    if (!err) err = answer(f->server->port, f->server, a, n);
    return err ? err : (long)(n * sizeof a[0]);
}

static bool news_locked(const struct port *p) {
    return p->head != p->seen || p->gone;
}

static long port_read(struct file *f, struct io *io, uint64_t *pos) {
    struct port *p = f->server->port;
    int err = 0;
    (void)pos;
    if (!f->server->object || io->left < sizeof p->head) return -EINVAL;
    uint64_t saved = waitq_lock(&p->q);
    while (!err && !news_locked(p))
        err = f->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep(&p->q, NO_DEADLINE, true);
    if (p->gone) err = -ENODEV;
    uint32_t head = p->head;
    if (!err) p->seen = head;
    waitq_unlock(&p->q, saved);
    if (!err) err = io_put(io, &head, sizeof head);
    return err ? err : (long)sizeof head;
}

static int port_poll(struct file *f) {
    struct port *p = f->server->port;
    uint64_t saved = waitq_lock(&p->q);
    bool ready = f->server->object ? news_locked(p) : p->server != NULL;
    int events = (ready ? POLLIN | POLLRDNORM : 0) | (p->gone ? POLLHUP : 0);
    waitq_unlock(&p->q, saved);
    return events;
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
    heap_free(s);
}

/* A name that nobody has used or keeps is free again. */
static void leave(struct server *s) {
    struct port *p = s->port;
    struct backing_queue late = STAILQ_HEAD_INITIALIZER(late);
    mutex_lock(&ports_lock);
    uint64_t saved = waitq_lock(&p->q);
    if (s->object) p->server = NULL;
    else p->keepers--;
    bool last = !p->server && !p->keepers;
    if (last) give_up_locked(p, &late);
    waitq_unlock(&p->q, saved);
    if (last && !p->linked) p->name[0] = 0;
    mutex_unlock(&ports_lock);
    poll_notify();
    lose(&late);
}

static void port_close(struct file *f) {
    leave(f->server);
    server_free(f->server);
}

static const struct file_ops port_ops = {
    .name = "port", .stream = true, .read = port_read, .write = port_write, .poll = port_poll, .map = port_map,
    .stat = port_stat, .close = port_close,
};

static const struct file_ops no_ops = {.name = "port", .stat = port_stat}; /* until there is something to close */

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
    if (err) return err;
    s->port = p;
    if (bytes) p->backing.size = p->node.size = bytes;
    uint64_t saved = waitq_lock(&p->q);
    p->gone = false;
    if (bytes) {
        struct backing_request *rq;
        p->server = s;
        p->head = p->seen = 0;
        STAILQ_FOREACH(rq, &p->sent, link) put_locked(p, rq);
        fill_locked(p);
    } else {
        p->keepers++;
    }
    waitq_unlock(&p->q, saved);
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

static int open_port(const char *name, uint64_t sectors, struct file **f) {
    struct server *s = server_alloc(!sectors);
    if (!s) return -ENOMEM;
    *f = file_create(&no_ops, O_RDWR);
    int err = *f ? join(name, s, sectors * BACKING_SECTOR) : -ENOMEM;
    if (err) {
        if (*f) file_drop(*f);
        server_free(s);
        return err;
    }
    (*f)->server = s;
    (*f)->ops = &port_ops;
    poll_notify();
    return 0;
}

long sys_port_open(uint64_t user_name, uint64_t sectors) {
    struct process *me = current_process();
    char name[PORT_NAME_MAX + 1];
    struct file *f;
    long err = copyin_str(name, user_name, sizeof name);
    if (err == -ENAMETOOLONG || (err >= 0 && (!good_name(name) || sectors > MAX_SECTORS))) return -EINVAL;
    if (err >= 0) err = check_server(me, name);
    if (!err) err = open_port(name, sectors, &f);
    if (err) return err;
    __atomic_store_n(&me->pager, true, __ATOMIC_RELAXED);
    space_set_pager(me->space);
    return fd_install(f, O_CLOEXEC);
}

/* ---- at boot, and for tests ---- */

static _Noreturn void page_out(void *arg) {
    (void)arg;
    pageout_run();
}

void ports_init(void) {
    mutex_init(&ports_lock, "ports");
    for (struct port *p = ports; p < ports + PORTS; p++) {
        waitq_init(&p->q, "port");
        waitq_init(&p->io, "block transfers");
        STAILQ_INIT(&p->sent);
        STAILQ_INIT(&p->waiting);
        p->backing.submit = submit;
    }
    waitq_init(&lost_q, "lost requests");
    STAILQ_INIT(&lost);
    if (!thread_create_kernel("ports", end_lost, NULL) || !thread_create_kernel("page-out", page_out, NULL))
        panic("no memory for the threads of ports and page-out");
}

uint64_t ports_unfinished(void) {
    struct backing_request *rq;
    uint64_t n = 0;
    for (struct port *p = ports; p < ports + PORTS; p++) {
        uint64_t saved = waitq_lock(&p->q);
        STAILQ_FOREACH(rq, &p->waiting, link) n++;
        n += p->out;
        waitq_unlock(&p->q, saved);
    }
    return n;
}

uint64_t ports_get_hold(void) {
    return hold;
}

uint64_t ports_get_steps(void) {
    return steps;
}

static void set(uint32_t *what, uint32_t n) {
    __atomic_store_n(what, n, __ATOMIC_RELAXED);
    for (struct port *p = ports; p < ports + PORTS; p++) refill(p);
}

int ports_set_hold(uint64_t on) {
    if (on > 1) return -EINVAL;
    set(&hold, (uint32_t)on);
    return 0;
}

int ports_set_steps(uint64_t n) {
    if (n > UINT32_MAX) return -EINVAL;
    set(&steps, (uint32_t)n);
    return 0;
}
