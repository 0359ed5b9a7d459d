/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * Drivers in ring 3: /dev/pci/BB:DD.F, one file for each PCI function that is no bridge (uid 0; mode 0600).
 *
 *      pread, pwrite   0 to 255: configuration space. Of it, 2 bytes at 4 can be written, the command register
 *      read            4 bytes: how many interrupts have come
 *      mmap            PCI_BAR(n), n = 0 to 5, and an offset into that BAR: registers, MAP_SHARED
 *
 * open is EBUSY while another open file has the function. It turns memory decoding on, which then stays on, and routes MSI-X
 * vector 0, if the function has it, to the file. The last close silences the function (a virtio device is reset, bus mastering
 * goes off), and only then lets go of what dma_pin pinned; its registers go from every mapping (SIGBUS).
 *
 * Of the command register only the bus-master bit can be changed; every other write is EPERM. Registers are mapped
 * uncached. They are not locked by mlockall, not inherited by fork, and mprotect and mremap refuse them. The pages
 * of a BAR that hold the MSI-X table are EPERM; a range that is not inside one memory BAR is EINVAL, and so is a BAR that
 * is not made of whole pages. What lies beyond 4 GiB of a BAR cannot be mapped.
 *
 * read(fd, &count, 4) waits until an interrupt has come that no read has seen (O_NONBLOCK: EAGAIN), and gives the count of all
 * so far, modulo 2^32: its changes tell. poll: POLLIN when read would not wait. EINVAL: fewer than 4 bytes, or a function
 * without MSI-X. The file has no position.
 *
 * long dma_pin(int fd, void *addr, size_t len, unsigned long paddr[]), call 1801: pins own memory for the device and
 * gives the physical address of each of its pages. It stays pinned until the file's last close, whatever becomes
 * of the mapping. addr and len are whole pages.  EPERM: not uid 0.  EBADF: not open.  EINVAL: not such a file; not
 * page-aligned; len 0; or a page that is not writable, locked and resident (MLOCK_ONFAULT does not count).
 * ENOMEM: more than PCI_DMA_PAGES of one file, or no memory.  EFAULT: paddr.
 */
#pragma once

#define PCI_BAR(n)    ((unsigned long)((n) + 1) << 32)
#define PCI_DMA_PAGES 512
