# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Disks for a machine: modern virtio-blk functions at 00:03.0, 00:04.0 and on, in the order they are named.

A disk is a raw image; one made here is sparse, so its size costs nothing until it is written. Its size may bring faults:

    8M                        nothing is wrong with it
    8M/read@100/write@200     reads that touch sector 100 fail, and so do writes that touch sector 200
    8M/slow                   50 requests a second: much is in flight at any moment
"""

import re

FIRST = 3  # PCI device number; 0 is the host bridge, 1 the display


class Size(int):
    """Bytes, and the faults of a disk of that size."""
    faults = ()


def size(text):
    """64M, 1G, 8M/read@100: a Size; None when it is none."""
    number, *faults = text.split("/")
    match = re.fullmatch(r"0*([1-9]\d*)([KMG])", number, re.IGNORECASE)
    if not match or not all(re.fullmatch(r"slow|(read|write)@\d+", fault) for fault in faults):
        return None
    result = Size(int(match[1]) << {"K": 10, "M": 20, "G": 30}[match[2].upper()])
    result.faults = faults
    return result


class Image(str):
    """A path, and the faults of the disk that it is."""
    faults = ()


def make(path, length):
    """An empty image of so many bytes -> its path."""
    with open(path, "wb") as f:
        f.truncate(length)
    image = Image(path)
    image.faults = getattr(length, "faults", ())
    return image


def drive(path):
    """The words of QEMU's -drive for an image. Errors are injected below the format, by blkdebug."""
    name, faults = path.replace(",", ",,"), getattr(path, "faults", ())  # commas as QEMU's options have them
    words = ["throttling.iops-total=50"] if "slow" in faults else []
    errors = [fault.split("@") for fault in faults if fault != "slow"]
    if not errors:
        return [*words, "format=raw", f"file={name}"]
    words += ["driver=raw", "file.driver=blkdebug", "file.image.driver=file", f"file.image.filename={name}"]
    for i, (what, sector) in enumerate(errors):
        words += [f"file.inject-error.{i}.event={what}_aio", f"file.inject-error.{i}.errno=5",
                  f"file.inject-error.{i}.sector={sector}"]
    return words


def address(number):
    """Where disk number 0, 1 ... is found in /dev/pci."""
    return f"00:{FIRST + number:02x}.0"


def arguments(paths):
    """QEMU's words for these images. An error is the guest's affair: QEMU goes on."""
    words = []
    for i, path in enumerate(paths):
        words += ["-drive", ",".join([f"if=none,id=disk{i}", "rerror=report", "werror=report", *drive(path)]),
                  "-device", f"virtio-blk-pci,drive=disk{i},disable-legacy=on,addr={FIRST + i:#x}"]
    return words
