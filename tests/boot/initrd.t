#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""No initrd, a corrupt one, or one without the first program: one clear panic line, never a hang or a reset."""

import os
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, initrd, machine, status  # noqa: E402

KERNEL = os.path.join(build.directory(os.environ.get("HF_CC", "gcc")), "holdfast.elf")
scratch = tempfile.TemporaryDirectory(prefix="initrd.t.")
count = 0


def path(name, data):
    full = os.path.join(scratch.name, name)
    with open(full, "wb") as f:
        f.write(data)
    return full


def boot(boot_args):
    """-> (Verdict, status, console)"""
    verdict, console = os.path.join(scratch.name, "verdict"), bytearray()
    if os.path.exists(verdict):
        os.remove(verdict)
    seen, late = machine.run(machine.command(boot_args, verdict), verdict, 120, console.extend)
    return seen, seen.judge(late)[0], console.decode(errors="replace")


def check(name, words, archive, line="init=/bin/text"):
    """The machine panics, with one of the words in its reason."""
    global count
    count += 1
    args = ["-kernel", KERNEL, "-append", line] + (["-initrd", archive] if archive else [])
    seen, code, console = boot(args)
    good = code == status.PANIC and any(w in seen.panic.lower() for w in words)
    print(f"{'' if good else 'not '}ok {count} - {name}: {seen.panic}", flush=True)
    if not good:
        print(f"# status {code}, wanted a panic that speaks of: {' or '.join(words)}")
        print("".join(f"# {l}\n" for l in console.splitlines()[-30:]))


whole = os.path.join(scratch.name, "whole")
initrd.pack({"/bin/text": path("text", b"not a program\n" * 100)}, whole, scratch.name)
data = open(whole, "rb").read()

print("1..7")
check("no initrd", ["initrd"], None)
check("an initrd of noise", ["initrd", "cpio"], path("noise", bytes(range(256)) * 16))
check("an initrd cut off in a file", ["initrd", "cpio"], path("cut", data[:600]))
check("a wrong magic number in the second entry", ["initrd", "cpio"], path("magic", data[:120] + b"x" + data[121:]))
check("a file longer than the archive", ["initrd", "cpio"],
      path("long", data.replace(b"%08X" % 1400, b"7FFFFFFF", 1)))
check("no such first program", ["init", "/bin/none"], whole, "init=/bin/none")
check("a first program that is none", ["init", "/bin/text"], whole)
