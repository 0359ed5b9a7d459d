#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""A disk that vanishes: its registers do not answer any more. Its requests end in ENODEV, and all else goes on.

QEMU does not take a function from the root bus; so its monitor turns off memory decoding and bus mastering behind
the kernel's back, by the ports of configuration space. To a driver that looks the same."""

import os
import socket
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, initrd, machine, served  # noqa: E402

CC = os.environ.get("HF_CC", "gcc")
COMMAND = 0x80000000 | 3 << 11 | 4  # of 00:03.0
count = 0


def say(good, name):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)


def vanish(path):
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(path)
        monitor.sendall(f"o/w 0xcf8 {COMMAND:#x}\no/h 0xcfc 0x400\n".encode())
        said = b""
        while said.count(b"(qemu)") < 3:  # it is ready; it has done the one; and the other
            said += monitor.recv(4096)


def run(cpus):
    folder, console = build.directory(CC), bytearray()
    with tempfile.TemporaryDirectory(prefix="vanish.") as scratch:
        path = lambda name: os.path.join(scratch, name)  # noqa: E731
        build.compile_c([os.path.join(TOP, "tests/boot/vanish.c")], path("vanish"), CC)
        disks = served.Disks([], ["4M", "4M"], 0, scratch)
        initrd.pack({"/bin/vanish": path("vanish"), **served.files(folder)}, path("initrd"), scratch)
        line = machine.kernel_words(*disks.first("/bin/vanish", []))
        boot = machine.boot_arguments("kernel", os.path.join(folder, "holdfast.elf"), path("initrd"), line, scratch)
        extra = [*disks.qemu, "-monitor", f"unix:{path('monitor')},server=on,wait=off"]

        def copy(data):
            before = b"served" in console
            console.extend(data)
            if not before and b"served" in console:
                vanish(path("monitor"))

        verdict, late = machine.run(machine.command(boot, path("verdict"), extra=extra, cpus=cpus), path("verdict"), 120, copy)
        return verdict.judge(late)[0], console.decode(errors="replace").replace("\r", "")


print("1..12")
build.make(CC, "kernel", "user")
for n in (1, 4):
    code, text = run(n)
    say("blockd: vda: the device has gone" in text, f"{n} CPUs: the server notices")
    say("vda: No such device\n" in text, "reads end in ENODEV")
    say("vda, a write: No such device\n" in text, "so do writes")
    say("vda, an open: No such device or address\n" in text, "and it cannot be opened any more")
    say("vdb: works\n" in text, "another disk goes on")
    say(code == 0, f"the machine ends in order: {code}")
    if code:
        print("".join(f"# {l}\n" for l in text.splitlines()[-40:]))
