#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Many CPUs: each comes up and can be called; a panic on any of them is told whole; and ACPI tables that
lie, made here and put into the machine in place of QEMU's own: one CPU and a line that says so, never a hang.
"""

import os
import re
import struct
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, initrd, machine, status  # noqa: E402

KERNEL = os.path.join(build.directory(os.environ.get("HF_CC", "gcc")), "holdfast.elf")
scratch = tempfile.TemporaryDirectory(prefix="cpus.t.")
PROBE, ARCHIVE = os.path.join(scratch.name, "probe"), os.path.join(scratch.name, "initrd")
count = 0


def boot(args, cpus, extra=()):
    """-> (Verdict, status, console)"""
    verdict, console = os.path.join(scratch.name, "verdict"), bytearray()
    if os.path.exists(verdict):
        os.remove(verdict)
    words = machine.boot_arguments("kernel", KERNEL, ARCHIVE, machine.kernel_words("/bin/probe", args), scratch.name)
    command = machine.command(words, verdict, extra=extra, cpus=cpus)
    with open(os.path.join(scratch.name, "qemu"), "w") as complaints:  # about -fw_cfg, which is as it should be
        stderr = os.dup(2)
        os.dup2(complaints.fileno(), 2)
        try:
            seen, late = machine.run(command, verdict, 300, console.extend)
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    return seen, seen.judge(late)[0], console.decode(errors="replace").replace("\r", "")


def ok(good, name, console, code):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        print("".join(f"# {line}\n" for line in [f"status {code}", *console.splitlines()[-60:]]), end="")


def check(name, args, cpus, patterns, code=0, extra=()):
    """Each pattern matches a line of the console, in this order, and the status is as it should be."""
    _, got, console = boot(args, cpus, extra)
    lines = iter(console.splitlines())
    ok(got == code and all(any(re.search(p, line) for line in lines) for p in patterns), name, console, got)
    return console


def all_run(n):
    return [rf"^CPUs: {n}$", rf"^cpus {n}, reached {100 * n}, by {100 * (n - 1)} calls"]


# --- tables of our own: SeaBIOS places what QEMU's etc/table-loader says -----------------------------------


def table(signature, body):
    """The sum is SeaBIOS's work (checksum)."""
    return struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 1, 0, b"HOLD", b"FAST", 1, b"TEST", 1) + body


def cpu(apic_id, flags=1):
    return struct.pack("<BBBBI", 0, 8, 0, apic_id, flags)


def pointer(file, source, offset, size):
    return struct.pack("<I56s56sIB", 2, file, source, offset, size).ljust(128, b"\0")


def checksum(file, where, start, length):
    return struct.pack("<I56sIII", 3, file, where, start, length).ljust(128, b"\0")


def firmware(entries, summed=True, name=b"APIC"):
    """QEMU's words for a machine whose MADT has these entries."""
    madt = table(name, struct.pack("<II", 0xfee00000, 1) + entries)
    tables = table(b"RSDT", struct.pack("<I", 40)) + madt
    rsdp = b"RSD PTR \0HOLD  \0" + struct.pack("<I", 0)
    names = b"etc/acpi/tables", b"etc/acpi/rsdp"
    loader = struct.pack("<I56sIB", 1, names[0], 64, 1).ljust(128, b"\0")
    loader += struct.pack("<I56sIB", 1, names[1], 16, 2).ljust(128, b"\0")
    loader += pointer(names[0], names[0], 36, 4) + pointer(names[1], names[0], 16, 4)
    loader += checksum(names[0], 9, 0, 40) + checksum(names[1], 8, 0, 20)
    if summed:
        loader += checksum(names[0], 49, 40, len(madt))
    words = ["-machine", "acpi=off"]
    for name, data in (("etc/acpi/tables", tables), ("etc/acpi/rsdp", rsdp), ("etc/table-loader", loader)):
        path = os.path.join(scratch.name, os.path.basename(name))
        with open(path, "wb") as f:
            f.write(data)
        words += ["-fw_cfg", f"name={name},file={path}"]
    return words


def one(why):
    return [rf"^CPUs: 1; others are not to be found \(ACPI: .*{why}", "^cpus 1, reached 100, by 0 calls"]


def main():
    hf = os.path.join(TOP, "tools/hf")
    subprocess.run([hf, "build", os.path.join(TOP, "tests/boot/probe.c"), "-o", PROBE], check=True)
    initrd.pack({"/bin/probe": PROBE}, ARCHIVE, scratch.name)
    print("1..18")
    for n in 1, 2, 4, 8:
        check(f"{n} CPUs: each comes up, each is reached", ["cpus"], n, all_run(n))
    check("32 CPUs", ["cpus"], 32, all_run(32))
    check("33 CPUs: one too many", ["cpus"], 33, ["^CPUs: 1 left out", *all_run(32)])
    for victim in 0, 3:
        check(f"panic on CPU {victim}: its reason, its backtrace, the others' last events, to the end",
              ["panic", str(victim)], 4,
              [f"^panic: asked for, on CPU {victim}", f"on CPU {victim} of 4", "^backtrace:", "from .*panic_here",
               "from .*ipi_(call|interrupt)", "^last events:", r"CPU [0-3]: system call"], # whichever CPU the program is on
              code=status.PANIC)
    console = check("panic on all CPUs at once: one of them tells it", ["panic", "-1"], 4,
                    ["^panic: asked for, on CPU", "of 4$", "^backtrace:", "^last events:", "CPU [0-3]: "], code=status.PANIC)
    ok(console.count("panic:") == 1 and not re.search("again", console), "and no other has a word", console, 0)
    check("no such CPU to panic on", ["panic", "4"], 4, ["debug.panic: Invalid argument"], code=1)
    check("tables of our own", ["cpus"], 4, all_run(4), extra=firmware(cpu(0) + cpu(1) + cpu(2) + cpu(3)))
    check("a CPU that is not there is left out, and those after it come up", ["cpus"], 3,
          ["^CPU with APIC id 9: left out", *all_run(3)], extra=firmware(cpu(0) + cpu(9) + cpu(2) + cpu(1)))
    check("no MADT", ["cpus"], 2, one("no table of CPUs"), extra=firmware(cpu(0) + cpu(1), name=b"HPET"))
    check("a wrong sum", ["cpus"], 2, one("sum is wrong"), extra=firmware(cpu(0) + cpu(1), summed=False))
    check("an entry without length", ["cpus"], 2, one("impossible length"), extra=firmware(cpu(0) + b"\0" * 8))
    check("an empty table", ["cpus"], 2, one("empty"), extra=firmware(b""))
    check("the CPU that booted is not listed", ["cpus"], 2, one("not listed"), extra=firmware(cpu(1)))


main()
