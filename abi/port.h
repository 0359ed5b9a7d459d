/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: a block device that is served from ring 3. The calls, and the ring of requests.
 *
 *      kernel                                            server
 *      slot[head % PORT_SLOTS] = request; head++  --->   head = port_serve(fd, answers, n, timeout); looks at slots
 *                                                        up to head, does them, in any order
 *      ends the requests that are answered        <---   port_serve(fd, answers, n, timeout), and so on
 *
 * fd = port_open(name, sectors, device) makes block device /dev/NAME of that many 512-byte sectors, or takes over one
 * that lost its server: its unanswered requests come again, with the same ids, in the same order, from request
 * number 0 of the new ring on. Only uid 0, and only a process that is locked whole, mlockall(MCL_CURRENT |
 * MCL_FUTURE), may serve: what brings pages back must not have to be brought back. Errors:
 *      EPERM   not uid 0; or memory that is not locked, or would not be when mapped (the kernel's log says so)
 *      EBUSY   another open file serves it
 *      EINVAL  not a name (1 to 15 of a-z 0-9, a letter first), too many sectors, or not as many as before
 *      ENODEV  its requests have been given up, for want of a server: it is gone for good
 *      EEXIST  the name is taken, but not by a block device;  ENOSPC: too many devices;  ENOMEM, EMFILE, EFAULT
 * The descriptor is close-on-exec. The process and its children to come are pagers from then on: they never wait for
 * page-out.
 *
 * device is -1, or a file of abi/pci.h (else EBADF, EINVAL) that no other port has (EBUSY): its interrupts end port_serve's
 * waiting. The port keeps that file open, and at its last close lets it go before anybody else can serve the name: so
 * when a server dies its device is stilled before the next one has its requests.
 *
 * fd = port_open(name, 0, -1) keeps the device for whoever restarts its servers (the same rights needed): while such a file is
 * open, a device without a server waits for the next one. poll says POLLIN once the device is there and served. A device
 * whose server has gone, and that nobody keeps, is gone: its requests end in ENODEV, and all that come later.
 *
 * mmap(NULL, PORT_RING_SIZE, PROT_READ, MAP_SHARED, fd, 0) shows the ring. The kernel reads nothing of it: what the
 * server says counts only as an answer, and an answer only for an id that is out. A server takes requests in their order,
 * and copies what it needs of one then: once it has answered any, the slots of what it has taken may be filled again.
 *
 * long port_serve(int fd, const struct port_answer answers[], unsigned long n, int milliseconds), call 1802, is all that a
 * server says and hears. It gives n answers, 0 to PORT_SLOTS of them, in any order. Then it waits until there is a request,
 * or an interrupt of the device, that came after port_serve last returned; at most so long, for ever if milliseconds is
 * negative; a signal ends the waiting, too. The result is head. poll: POLLIN when port_serve would not wait. Errors:
 *      EBADF, EINVAL, EFAULT  not open; not a server's port, or too many answers; answers that cannot be read
 *      EINVAL  one is for an id that is not out, or for one twice: none of them counts
 *      ENODEV  the device is gone for good
 * An answer's error is 0 or an errno: ENODEV says that the device is gone for good and ends all requests so; all others
 * are EIO. With the answer to a request its frames are others'. A device that is given up may have had more than one, and be
 * alive: it is stilled first, if it is the one that the port was opened with.
 */
#pragma once

#define PORT_SLOTS     32u     /* the kernel never has more unanswered */
#define PORT_SEGMENTS  16u
#define PORT_RING_SIZE 12288u  /* bytes: whole pages */
#define PORT_NAME_MAX  15

struct port_segment {
    unsigned long addr; /* physical address, ready for DMA: the frame stays until the answer */
    unsigned int len;   /* bytes, multiple of 512 */
    unsigned int pad;
};

struct port_request {
    unsigned int id;    /* opaque */
    unsigned int write; /* 1: to the device */
    unsigned long sector;
    unsigned int segments, pad;
    struct port_segment segment[PORT_SEGMENTS];
};

/* Request number n since the server came stands in slot[n % PORT_SLOTS]. head is written last; it wraps. */
struct port_ring {
    unsigned int head, pad;
    struct port_request slot[PORT_SLOTS];
};

struct port_answer {
    unsigned int id;
    int error;
};

_Static_assert(sizeof(struct port_request) == 280, "the same in both rings");
_Static_assert(sizeof(struct port_ring) <= PORT_RING_SIZE, "fits its pages");
