/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * What the two files of ports share: requests (port.c) and open ports (port_file.c).
 */
#pragma once

#include "kernel/port.h"

/* What an open port leads to: a server's with its ring, or a keeper's without. */
struct server {
    struct port *port;
    struct file *file;            /* of its device; NULL: none */
    struct pci_function *device;  /* what the file leads to */
    uint32_t heard;               /* of its interrupts: told to the server */
    struct object *object;        /* the ring; NULL: a keeper */
    pfn_t frame[PORT_RING_SIZE / PAGE_SIZE]; /* of it, pinned */
};

extern struct port ports[PORTS];

/* ---- port.c ---- */

/* ports_lock held. A server begins, or a keeper; and ends. True: nobody is left, and all requests are given up. */
void port_enter(struct port *, struct server *);
bool port_leave(struct port *, const struct server *);

/* n > 0 answers: 0, or -EINVAL and none counts. */
int port_answer(const struct server *, const struct port_answer *, size_t n);
/* Waits for something that the server has not been told of: how many requests there are, or -ENODEV. */
long port_wait(struct server *, int timeout_ms);
/* Would port_wait not wait? For a keeper: does somebody serve? */
bool port_news(const struct server *);
