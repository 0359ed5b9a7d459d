# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""For the tests of the proof tools: boots a kernel of a kind (debug, kasan ...) that makes a mistake on order, and
looks at how it ends. `make proof-kernels` makes the kernels, as every `make test` and `make test-boot` does."""

import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import build, initrd, machine, status  # noqa: E402

BUILD = build.directory(os.environ.get("HF_CC", "gcc"))
count = 0


def kernel(kind):
    path = os.path.join(BUILD, kind, "holdfast.elf")
    if "MAKELEVEL" not in os.environ:
        subprocess.run(["make", "-s", "-C", TOP, "all", "proof-kernels"], check=True, stdout=2)
    return path


def run(path, words, cpus=1):
    """-> (Verdict, status, console)"""
    with tempfile.TemporaryDirectory(prefix="planted.") as scratch:
        archive, verdict, console = os.path.join(scratch, "initrd"), os.path.join(scratch, "verdict"), bytearray()
        initrd.pack({"/bin/hello": os.path.join(BUILD, "user/examples/hello")}, archive, scratch)
        boot = ["-kernel", path, "-initrd", archive, "-append", f"{words} init=/bin/hello".strip()]
        seen, late = machine.run(machine.command(boot, verdict, cpus=cpus), verdict, 240, console.extend)
        return seen, seen.judge(late)[0], console.decode(errors="replace").replace("\r", "")


def say(good, name, code, console):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        print(f"# status {code}")
        print("".join(f"# {l}\n" for l in console.splitlines()[-60:]), flush=True)


def check(path, plant, panic, *lines, cpus=1):
    """It panics, the reason matches, and so do lines of the console, in this order."""
    seen, code, console = run(path, f"plant={plant}", cpus)
    at = 0
    for pattern in lines:
        found = re.compile(pattern, re.MULTILINE).search(console, at)
        at = found.end() if found else len(console) + 1
    good = code == status.PANIC and re.search(panic, seen.panic) and at <= len(console)
    say(good, f"planted {plant}: {seen.panic}", code, console)


def check_quiet(path, name, cpus=1, words=""):
    """Nothing wrong is planted, and nothing is found."""
    _, code, console = run(path, words, cpus)
    say(code == 0 and "Hello from ring 3" in console, name, code, console)
