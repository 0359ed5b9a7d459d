# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Machines whose disks are disturbed from outside, by QEMU's monitor, once their program has said a word."""

import os
import re
import socket
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, disk, initrd, machine, served  # noqa: E402

CC = os.environ.get("HF_CC", "gcc")
VENDOR = 9          # a capability of the vendor's own; of virtio these two types:
COMMON, WINDOW = 1, 5
STATUS = 20         # of the device, in its common registers


class Monitor:
    """Ports of configuration space, and what is reached by them. The guest leaves them alone meanwhile."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.answer()

    def answer(self):
        said = b""
        while not said.endswith(b"(qemu) "):
            said += self.socket.recv(4096)
        return said.decode(errors="replace")

    def command(self, words):
        self.socket.sendall(words.encode() + b"\n")
        return self.answer()

    def select(self, number, at):
        self.command(f"o/w 0xcf8 {0x80000000 | (disk.FIRST + number) << 11 | at & ~3:#x}")

    def get(self, number, at):
        self.select(number, at)
        return int(re.search(r"= 0x([0-9a-f]+)", self.command("i/w 0xcfc"))[1], 16) >> 8 * (at & 3)

    def set(self, number, at, value, size):
        self.select(number, at)
        self.command(f"o/{size} {0xcfc + (at & 3):#x} {value:#x}")

    def capability(self, number, kind):
        """Where virtio's capability of this type is."""
        at = self.get(number, 0x34) & 0xfc
        while at and not (self.get(number, at) & 0xff == VENDOR and self.get(number, at + 3) & 0xff == kind):
            at = self.get(number, at + 1) & 0xfc
        return at

    def vanish(self, number):
        """QEMU does not take a function from the root bus. With memory decoding and bus mastering off it looks the same."""
        self.set(number, 4, 0x400, "h")

    def want_reset(self, number):
        """The device says that it has to be reset, and goes on: by the window that configuration space has on its registers."""
        common, window = self.capability(number, COMMON), self.capability(number, WINDOW)
        self.set(number, window + 4, self.get(number, common + 4) & 0xff, "b")
        self.set(number, window + 8, self.get(number, common + 8) + STATUS, "w")
        self.set(number, window + 12, 1, "w")
        self.set(number, window + 16, self.get(number, window + 16) & 0xff | 0x40, "b")


def run(program, word, disturb, cpus, mem="64M", disks=(), bare=()):
    """Boots tests/boot/PROGRAM.c with disks; calls disturb(Monitor) when it has said the word -> (status, console)"""
    folder, console = build.directory(CC), bytearray()
    with tempfile.TemporaryDirectory(prefix="disturbed.") as scratch:
        path = lambda name: os.path.join(scratch, name)  # noqa: E731
        build.compile_c([os.path.join(TOP, f"tests/boot/{program}.c")], path(program), CC)
        served_ones = served.Disks([], disks, 0, scratch, [disk.size(text) for text in bare])
        initrd.pack({f"/bin/{program}": path(program), **served.files(folder)}, path("initrd"), scratch)
        first = served_ones.first(f"/bin/{program}", []) if served_ones else (f"/bin/{program}", [])
        boot = machine.boot_arguments("kernel", os.path.join(folder, "holdfast.elf"), path("initrd"),
                                      machine.kernel_words(*first), scratch)
        extra = [*served_ones.qemu, "-monitor", f"unix:{path('monitor')},server=on,wait=off"]

        def copy(data):
            before = word in console
            console.extend(data)
            if not before and word in console:
                disturb(Monitor(path("monitor")))

        verdict, late = machine.run(machine.command(boot, path("verdict"), mem=mem, extra=extra, cpus=cpus), path("verdict"),
                                    120, copy)
        return verdict.judge(late)[0], console.decode(errors="replace").replace("\r", "")
