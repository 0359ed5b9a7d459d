# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Disks for a machine: modern virtio-blk functions at 00:03.0, 00:04.0 and on, in the order they are named.

A disk is a raw image; one made here is sparse, so its size costs nothing until it is written.
"""

FIRST = 3  # PCI device number; 0 is the host bridge, 1 the display


def make(path, size):
    """An empty image of so many bytes -> its path."""
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def address(number):
    """Where disk number 0, 1 ... is found in /dev/pci."""
    return f"00:{FIRST + number:02x}.0"


def arguments(paths):
    """QEMU's words for these images."""
    words = []
    for i, path in enumerate(paths):
        name = path.replace(",", ",,")  # as QEMU's options have it
        words += ["-drive", f"if=none,id=disk{i},format=raw,file={name}",
                  "-device", f"virtio-blk-pci,drive=disk{i},disable-legacy=on,addr={FIRST + i:#x}"]
    return words
