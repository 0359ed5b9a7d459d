/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * PCI functions: what kernel/pci.c finds at boot and kernel/pci_file.c gives to drivers in ring 3 (abi/pci.h).
 */
#pragma once

#include <bsd/sys/queue.h>

#include "kernel/sync.h"
#include "kernel/waitq.h"
#include "mm/mm.h"

struct file;
struct node;
struct object;

struct pci_bar {
    paddr_t start;
    uint64_t size;              /* 0: none, or of I/O ports */
    struct object *object;      /* L: while it is open and has been mapped */
};

struct pci_pin {
    SLIST_ENTRY(pci_pin) link;
    struct pinned pinned;
};

/* L: lock. E: events.lock. Else constant after boot. */
struct pci_function {
    uint16_t at;                /* arch/pci.h */
    char name[8];               /* BB:DD.F */
    const struct node *node;    /* its file's name */
    struct pci_bar bar[6];
    unsigned msix;              /* offset of the capability; 0: none */
    paddr_t table;              /* MSI-X table */
    uint64_t table_size;
    paddr_t virtio_status;      /* 0: no virtio device */
    struct mutex lock;
    bool open;                  /* L */
    SLIST_HEAD(, pci_pin) pins; /* L */
    uint64_t pinned;            /* L: pages */
    struct waitq events;
    uint32_t count, seen;       /* E: interrupts so far (read without the lock, too); what the last read said */
    struct waitq *listener;     /* E: woken as well. Lives for ever */
};

/* Looks for functions, silences them, and calls `add` for each that is no bridge. Once, at boot. */
void pci_find(void (*add)(struct pci_function *, unsigned n));

/* Memory decoding on, MSI-X vector 0 routed to interrupt n. False: no frame for a table. */
bool pci_start(struct pci_function *, unsigned n);
/* Nothing comes from the function any more, neither data nor interrupts. */
void pci_silence(struct pci_function *);

/* kernel/pci_file.c: the function behind an open file; NULL: it is another kind of file. */
struct pci_function *pci_of_file(const struct file *);
/* It does nothing any more, until its driver starts it anew. Sleeps. */
void pci_still(struct pci_function *);
/* Each interrupt wakes this queue from now on (NULL: none), after pci_interrupts has gone up. -EBUSY: it wakes another. */
int pci_listen(struct pci_function *, struct waitq *);

static inline uint32_t pci_interrupts(const struct pci_function *f) {
    return __atomic_load_n(&f->count, __ATOMIC_RELAXED);
}
