#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Another machine: Bochs, whose CPUs have what those of QEMU's TCG lack. With process-context identifiers a CPU knows a space
still that it comes back to; and where the firmware has turned x2APIC on, which GRUB does here in its place, CPUs start
each other and call each other by it.

Bochs says nothing on standard output but what its screen shows; it is run on a terminal of its own, and its serial line
goes to a file. It does not end by itself.
"""

import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, initrd, machine  # noqa: E402

BUILD = build.directory(os.environ.get("HF_CC", "gcc"))
PATIENCE = 600  # seconds
WITH, WITHOUT = "corei7_haswell_4770", "core2_penryn_t9600"  # identifiers
X2APIC = "wrmsr 0x1b 0xfee00d00"  # IA32_APIC_BASE: the boot processor's, enabled, x2APIC
MACHINE = """\
display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: 64
cpu: model={model}, count={cpus}, ips=100000000, reset_on_triple_fault=0
ata0-master: type=cdrom, path={scratch}/iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={scratch}/console
log: {scratch}/log
clock: sync=none
speaker: enabled=0
"""
count = 0


def say(good, name, text):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        print("".join(f"# {line}\n" for line in text.splitlines()[-30:]), end="")


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, errors="replace") as f:
        return f.read().replace("\r", "")


def watch(pid, screen, console):
    """Until the kernel has said how it ended, or too long; the screen has to be taken off it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not re.search(r"^Holdfast: .*(audit|panic).*\n", read(console), re.M):
        if screen in select.select([screen], [], [], 0.2)[0]:
            try:
                os.read(screen, 65536)
            except OSError:  # it has ended
                break
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(screen)


def boot(program, args, model, cpus, first=""):
    """-> the console"""
    with tempfile.TemporaryDirectory(prefix="bochs.t.") as scratch:
        archive, console = os.path.join(scratch, "initrd"), os.path.join(scratch, "console")
        initrd.pack({"/bin/program": program}, archive, scratch)
        subprocess.run([os.path.join(TOP, "tools/mkiso"), os.path.join(BUILD, "holdfast.elf"), archive,
                        machine.kernel_words("/bin/program", args), os.path.join(scratch, "iso"), first], check=True)
        with open(os.path.join(scratch, "rc"), "w") as f:
            f.write(MACHINE.format(model=model, cpus=cpus, scratch=scratch))
        with open(os.path.join(scratch, "go"), "w") as f:
            f.write("c\n")  # Debian's stops in its debugger first
        pid, screen = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "vt100"
            os.execvp("bochs", ["bochs", "-q", "-f", os.path.join(scratch, "rc"), "-rc", os.path.join(scratch, "go")])
        watch(pid, screen, console)
        return read(console) or read(os.path.join(scratch, "log"))


def kept(text):
    found = re.search(r"^turns (\d+), wrong 0, kept (\d+)$", text, re.M)
    return int(found[2]) / int(found[1]) if found else -1


def main():
    with tempfile.TemporaryDirectory(prefix="bochs.t.") as scratch:
        probe = os.path.join(scratch, "probe")
        subprocess.run([os.path.join(TOP, "tools/hf"), "build", os.path.join(TOP, "tests/boot/probe.c"), "-o", probe], check=True)
        print("1..6")
        text = boot(probe, ["turns"], WITHOUT, 1)
        say(0 <= kept(text) < 0.1, "without identifiers, a CPU that comes back to a space knows nothing of it", text)
        text = boot(probe, ["turns"], WITH, 1)
        say(kept(text) >= 1.5, "with them it knows all that it knew, each time", text)
        say("audit ok" in text, "I1-I6: audit clean", text)
        text = boot(os.path.join(BUILD, "tests/user/tlb_threads"), [], WITH, 4)
        say("\nok 6 " in text and "not ok" not in text and "audit ok" in text, "four CPUs with them: no stale translation is used", text)
        text = boot(probe, ["cpus"], WITH, 4, X2APIC)
        say(re.search(r"^CPUs: 4, by x2APIC$", text, re.M), "x2APIC: four CPUs start", text)
        say(re.search(r"^cpus 4, reached 400, by 300 calls", text, re.M), "x2APIC: and each is reached", text)


main()
sys.exit(0)
