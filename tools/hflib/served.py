# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Disks for a machine: swap, files, and the first program that serves them.

      --swap 64M,64M --disk notes.img       vda, vdb: swap       vdc: notes.img

Each is a virtio device on the machine's PCI bus, and a server (user/blockd.c) in the guest. user/init.c starts the
servers, and then the program: it stands before the program on the kernel's command line.
"""

import os
import re

from . import build, disk
from .status import HfError

MOST = 8      # PORTS of kernel/port.h
SECTOR = 512
PROGRAMS = ("init", "blockd", "pressure")


def sizes(text):
    """An argparse type: SIZE[,SIZE...]."""
    parts = [disk.size(part) for part in text.split(",")]
    if not all(parts):
        raise HfError(f"--swap {text}: write sizes, as in --swap 256M or --swap 128M,128M")
    return parts


def percent(text):
    match = re.fullmatch(r"(\d{1,2})%?", text)
    if not match or not 1 <= int(match[1]) <= 95:
        raise HfError(f"--pressure {text}: write how much of RAM to keep busy, 1% to 95%")
    return int(match[1])


def disk_file(spec, scratch, index):
    """FILE (used as it is, and written to) or SIZE (empty, gone afterwards) -> path."""
    if os.path.isfile(spec):
        if os.path.getsize(spec) % SECTOR or not os.path.getsize(spec):
            raise HfError(f"--disk {spec}: its size is not a multiple of {SECTOR} bytes: truncate -s %{SECTOR} {spec}")
        return os.path.abspath(spec)
    length = disk.size(spec)
    if not length:
        raise HfError(f"--disk {spec}: no such file, and no size as 16M is one")
    return disk.make(os.path.join(scratch, f"disk{index}"), length)


class Disks:
    """What --swap, --disk and --pressure ask for. False when that is nothing, and the program is the first.

    bare: sizes of disks that nobody serves; they come after the others.
    """

    def __init__(self, swap, disk_specs, pressure, scratch, bare=()):
        paths = [disk.make(os.path.join(scratch, f"swap{i}"), n) for i, n in enumerate(swap)]
        paths += [disk_file(spec, scratch, i) for i, spec in enumerate(disk_specs)]
        if len(paths) > MOST:
            raise HfError(f"{len(paths)} disks: a machine has at most {MOST}")
        self.words = []
        for i in range(len(paths)):
            self.words += ["-s" if i < len(swap) else "-d", disk.address(i), f"vd{chr(ord('a') + i)}"]
        if pressure:
            self.words += ["-p", str(pressure)]
        paths += [disk.make(os.path.join(scratch, f"bare{i}"), n) for i, n in enumerate(bare)]
        self.qemu = disk.arguments(paths)

    def __bool__(self):
        return bool(self.words)

    def first(self, program, args, uid=None):
        """-> (the first program, its arguments): init, which runs the program as this user."""
        return "/sbin/init", [*self.words, *(["-u", str(uid)] if uid else []), "--", program, *args]


def asked(swap, disk_specs, pressure, bare, scratch):
    """The same in a test's words; an empty one asks for nothing."""
    return Disks(sizes(swap) if swap else [], disk_specs.split(), percent(pressure) if pressure else 0, scratch,
                 [disk.size(text) for text in bare.split()])


def targets(folder):
    """What make is to build in this build folder for init to work."""
    return [os.path.join(os.path.relpath(folder, build.TOP), "user", name) for name in PROGRAMS]


def files(folder):
    """Their place in the guest."""
    return {f"/sbin/{name}": os.path.join(folder, "user", name) for name in PROGRAMS}
