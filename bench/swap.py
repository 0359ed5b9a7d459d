#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""What swapping costs, in instructions that the machine executes; and the same program on Linux.

    bench/swap.py PROGRAM PLUGIN [--linux DIR] [--mem 128M] [--profile N] [-- ARG...]

PROGRAM is build/bench/swap, PLUGIN build/bench/count.so. --linux: DIR holds Debian's kernel package, unpacked; its
virtio-blk is a driver in the kernel. Both machines are alike: QEMU's, one CPU, clock by -icount, the same virtio disk.
--profile N: in which functions the instructions of part N are spent.
"""

import argparse
import bisect
import collections
import glob
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, disk, initrd, machine, served  # noqa: E402

MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk")


def holdfast(options, scratch):
    disks = served.Disks([disk.size(options.swap)], [], None, scratch)
    first, words = disks.first("/bin/bench", options.words)
    files = {"/bin/bench": options.program, **served.files(os.path.join(TOP, "build"))}
    archive = os.path.join(scratch, "initrd")
    initrd.pack(files, archive, scratch)
    line = machine.kernel_words(first, words)
    return machine.boot_arguments("kernel", os.path.join(TOP, "build/holdfast.elf"), archive, line, scratch), disks.qemu


def linux(options, scratch):
    kernel = glob.glob(os.path.join(options.linux, "boot/vmlinuz-*"))[0]
    init = os.path.join(scratch, "init")
    subprocess.check_call(["musl-gcc", "-static", "-O2", "-o", init, os.path.join(TOP, "bench/linux_init.c")])
    files = {"/init": init, "/bin/bench": options.program}
    for i, name in enumerate(MODULES):
        found = glob.glob(os.path.join(options.linux, f"lib/modules/*/kernel/drivers/*/{name}.ko"))
        files[f"/modules/{i}-{name}.ko"] = found[0]
    archive = os.path.join(scratch, "initrd")
    initrd.pack(files, archive, scratch)
    line = " ".join(["console=ttyS0 quiet panic=-1 mitigations=off nokaslr transparent_hugepage=never rdinit=/init --",
                     "/bin/bench", *options.words])
    paths = [disk.make(os.path.join(scratch, "swap0"), disk.size(options.swap))]
    return ["-kernel", kernel, "-initrd", archive, "-append", line], disk.arguments(paths)


def symbols(path):
    out = subprocess.check_output(["nm", "-n", path], text=True)
    return sorted((int(a, 16), n) for a, t, n in re.findall(r"^(\w+) ([tTwW]) (\S+)$", out, re.MULTILINE))


def print_profile(path):
    kernel, server = (symbols(os.path.join(TOP, "build", name)) for name in ("holdfast.elf", "user/blockd"))
    spent = collections.Counter()
    with open(path) as f:
        for line in f:
            a, n = line.split()
            table_ = kernel if int(a, 16) >> 63 else server
            i = bisect.bisect_right(table_, (int(a, 16), "~")) - 1
            spent[("" if table_ is kernel else "ring 3: ") + table_[max(i, 0)][1]] += int(n)
    total = sum(spent.values())
    for name, n in spent.most_common(70):
        print(f"{n:12} {100 * n / total:5.1f}%  {name}")


def run(options):
    """-> (the console's text, {mark: instructions})"""
    with tempfile.TemporaryDirectory(prefix="hf-bench.") as scratch:
        boot, extra = (linux if options.linux else holdfast)(options, scratch)
        marks, verdict = os.path.join(scratch, "marks"), os.path.join(scratch, "verdict")
        plugin = f"{os.path.abspath(options.plugin)},out={marks}"
        if options.profile:
            plugin += f",profile={scratch}/profile"
        text = []

        def copy(data):
            text.append(data.decode(errors="replace"))
            if options.verbose:
                sys.stderr.write(text[-1])

        argv = machine.command(boot, verdict, options.mem, True, extra=[*extra, "-plugin", plugin])
        # While the machine is halted its clock goes as ours does: to leap to the next timer would make it work for nothing.
        argv = [word.replace("sleep=off", "sleep=on") for word in argv]
        machine.run(argv, verdict, options.timeout, copy)
        if options.profile:
            print_profile(f"{scratch}/profile.{2 * options.profile + 1}")
        with open(marks) as f:
            return "".join(text), [tuple(map(int, line.split())) for line in f]


def table(text, marks):
    at = dict(marks)
    for n, name in re.findall(r"round (\d+) (.*)", text):
        print(f"a round {name.strip()}: {at[2 * int(n) + 1] - at[2 * int(n)]} instructions")
    if "part" not in text:
        return
    print(f"{'part':18}{'in':>9}{'out':>9}{'waited':>9}{'instructions':>15}{'a page moved':>14}{'a fault':>10}{'pages/million':>15}")
    for n, name, *numbers in re.findall(r"part (\d+) (\w+) in (\d+) out (\d+) waited (\d+)", text):
        n, (came, left, waited) = int(n), map(int, numbers)
        count = at[2 * n + 1] - at[2 * n]
        moved = came + left
        print(f"{name:18}{came:9}{left:9}{waited:9}{count:15}{count / max(moved, 1):14.0f}"
              f"{count / max(waited, 1):10.0f}{1e6 * moved / count:15.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("plugin")
    parser.add_argument("--linux")
    parser.add_argument("--mem", default="128M")
    parser.add_argument("--swap", default="512M")
    parser.add_argument("--profile", type=int)
    parser.add_argument("--timeout", type=float, default=900)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("words", nargs="*", default=["256", "10000"])
    options = parser.parse_args()
    os.chdir(TOP)
    text, marks = run(options)
    if not marks:
        sys.exit(text[-2000:])
    table(text, marks)


main()
