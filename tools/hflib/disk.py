# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Disks for a machine: modern virtio-blk functions at 00:03.0, 00:04.0 and on, in the order they are named.

A disk is a raw image; one made here is sparse, so its size costs nothing until it is written.
"""

import os

FIRST = 3  # PCI device number; 0 is the host bridge, 1 the display


def make(sizes, scratch):
    """Empty images of so many bytes each -> their paths."""
    paths = []
    for i, size in enumerate(sizes):
        path = os.path.join(scratch, f"disk{i}")
        with open(path, "wb") as f:
            f.truncate(size)
        paths.append(path)
    return paths


def size(text):
    """Bytes, from a number with K, M or G."""
    scale = {"K": 10, "M": 20, "G": 30}.get(text[-1:].upper())
    return int(text[:-1]) << scale if scale else int(text)


def address(number):
    """Where disk number 0, 1 ... is found in /dev/pci."""
    return f"00:{FIRST + number:02x}.0"


def arguments(paths):
    """QEMU's words for these images."""
    words = []
    for i, path in enumerate(paths):
        words += ["-drive", f"if=none,id=disk{i},format=raw,file={path}",
                  "-device", f"virtio-blk-pci,drive=disk{i},disable-legacy=on,addr={FIRST + i:#x}"]
    return words
