/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Ports: a block device that is served from ring 3. The calls, and the ring of requests.
 *
 *      kernel                                            server
 *      slot[head % PORT_SLOTS] = request; head++  --->   read(fd, &head, 4) or poll; looks at slots up to head
 *                                                        does them, in any order
 *      ends the request           <---                   write(fd, answers, n * sizeof(struct port_answer))
 *
 * fd = port_open(name, sectors) makes block device /dev/NAME of that many 512-byte sectors, or takes over one
 * that lost its server: its unanswered requests come again, with the same ids, in the same order, from request
 * number 0 of the new ring on. Only uid 0, and only a process that is locked whole, mlockall(MCL_CURRENT |
 * MCL_FUTURE), may serve: what brings pages back must not have to be brought back. Errors:
 *      EPERM   not uid 0; or memory that is not locked, or would not be when mapped (the kernel's log says so)
 *      EBUSY   another open file serves it
 *      EINVAL  not a name (1 to 15 of a-z 0-9, a letter first), too many sectors, or not as many as before
 *      ENODEV  its requests have been given up, for want of a server: it is gone for good
 *      EEXIST  the name is taken, but not by a block device;  ENOSPC: too many devices;  ENOMEM, EMFILE, EFAULT
 * The descriptor is close-on-exec. The process and its children to come are pagers from then on: they never wait for
 * page-out. A server opens its device before the port, so that at its death the device is stilled first.
 *
 * fd = port_open(name, 0) keeps the device for whoever restarts its servers (the same rights needed): while such a file is
 * open, a device without a server waits for the next one. poll says POLLIN once the device is there and served. A device
 * whose server has gone, and that nobody keeps, is gone: its requests end in ENODEV, and all that come later.
 *
 * mmap(NULL, PORT_RING_SIZE, PROT_READ, MAP_SHARED, fd, 0) shows the ring. The kernel reads nothing of it: what the
 * server says counts only as an answer, and an answer only for an id that is out. A server takes requests in their order,
 * and copies what it needs of one then: once it has answered any, the slots of what it has taken may be filled again.
 * read of 4 bytes or more gives head and notes that it was seen; when nothing is there that was not seen, it waits
 * (O_NONBLOCK: EAGAIN). poll: POLLIN when read would not wait.
 * write takes whole answers, at most PORT_SLOTS of them, any order: EINVAL if one is for an id that is not out, and then
 * none of them counts. error is 0 or an errno: ENODEV says that the device is gone for good and ends all
 * requests so; all others are EIO. With the answer to a request its frames are others': ENODEV may be said only of a device
 * that is stilled (its file in /dev/pci closed), since it may have had the others yet.
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
