/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Block devices that programs serve (abi/port.h), as the rest of the kernel sees them.
 *
 *      asker --submit--> waiting --> sent, and in the server's ring --> answered: done
 *                                      |  the server dies: sent stays, for the next one's ring
 *                                      \- and nobody keeps the device: all end in -ENODEV (thread "port")
 *
 * A port is one of a few static structures: its node in /dev stays for ever, and whoever asks needs no reference.
 *
 * LOCKING  ports_lock (mutex): names, what is registered and who has it open (R). q: the requests and who serves
 *          them (Q); a spinlock that takes poll's and the scheduler's after it, so submit may be called with any lock
 *          that comes before it. io: kernel/block.c's transfers (T).
 */
#pragma once

#include "abi/port.h"
#include "kernel/tree.h"
#include "kernel/waitq.h"
#include "mm/backing.h"
#include "mm/mm.h"

#define PORTS 8u

struct file;
struct transfer;

struct port {
    struct backing backing;             /* first; size R: 0 until a server came */
    char name[PORT_NAME_MAX + 1];       /* R: empty: not in use */
    struct node node;                   /* R to write: /dev/NAME, linked when the first server comes, for ever */
    bool linked;                        /* R */
    bool swap;                          /* R: mm/ swaps to it */
    unsigned users, writers;            /* R: open files */
    struct waitq q;
    bool gone;                          /* Q: for good, or until someone serves the name anew */
    unsigned keepers;                   /* Q: files that promise a next server */
    struct server *server;              /* Q: who serves; NULL: nobody */
    uint32_t head, seen;                /* Q: requests put into the ring; of them, told to the server */
    uint32_t next_id, out;              /* Q; out: how many are in sent */
    struct backing_queue sent, waiting; /* Q: in their order */
    struct waitq io;
    LIST_HEAD(, transfer) writes;       /* T: one at a time over any sector */
};

extern struct mutex ports_lock;

/* Once at boot, after the tree of names. */
void ports_init(void);
/* The port behind a node of /dev, or NULL. */
struct port *port_of_node(struct node *);
/* kernel/block.c: what opening its node does; once at boot. */
extern const struct node_ops block_node_ops;

/* Requests that have not ended, over all ports; and a switch for tests: while it is set, none is given to a server. */
uint64_t ports_unfinished(void);
uint64_t ports_get_hold(void);
int ports_set_hold(uint64_t);
uint64_t ports_get_steps(void); /* so many are given all the same */
int ports_set_steps(uint64_t);
