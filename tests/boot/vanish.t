#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""A disk that vanishes, or asks to be reset with requests out. What was asked of it ends in ENODEV, and all else goes on.

- a disk of files: its registers do not answer any more;
- a disk of swap, under load: who needs a page of it gets SIGBUS, and the console says so;
- a disk that asks to be reset, and is alive: when its requests end, it writes to nobody's memory any more."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from disturbed import CC, build, run  # noqa: E402

count = 0


def say(good, name):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)


def ends_well(code, text):
    say(code == 0, f"the machine ends in order: {code}")
    if code:
        print("".join(f"# {l}\n" for l in text.splitlines()[-40:]))


def files(n):
    code, text = run("vanish", b"served", lambda m: m.vanish(0), n, disks=["4M", "4M"])
    say("blockd: vda: the device has gone" in text, f"{n} CPUs: the server notices")
    say("vda: No such device\n" in text, "reads end in ENODEV")
    say("vda, a write: No such device\n" in text, "so do writes")
    say("vda, an open: No such device or address\n" in text, "and it cannot be opened any more")
    say("vdb: works\n" in text, "another disk goes on")
    ends_well(code, text)


def swap(n):
    code, text = run("vanish_swap", b"swapped", lambda m: m.vanish(0), n, mem="32M", bare=["64M", "4M"])
    say("blockd: vda: the device has gone" in text, f"{n} CPUs, swap: the server notices")
    say("owner: Bus error\n" in text, "who needs a page gets SIGBUS")
    say(re.search(r"swap: page \d+ of device 0 and \d+ after it: reading failed \(error 19\)\n", text), "the console says why,")
    say(re.search(r"process \d+ \(vanish_swap\): signal 7 at ", text), "and to whom it happened")
    say("load: Bus error\n" in text, "who goes on over more than RAM, too")
    say("locked: works\n" in text, "who is locked goes on, and has all it had")
    say("vdb: works\n" in text, "another disk goes on")
    ends_well(code, text)


def reset(n):
    code, text = run("vanish_reset", b"reading", lambda m: m.want_reset(0), n, bare=["8M/slow"])
    say("blockd: vda: the device has gone" in text, f"{n} CPUs, a device that is to be reset: it is given up")
    say("8 readers: No such device\n" in text, "whoever read hears of it,")
    say("0 overwritten\n" in text, "and what they put into their memory then is not written over")
    ends_well(code, text)


CPUS = (1, 4)
print(f"1..{(6 + 8 + 4) * len(CPUS)}")
build.make(CC, "kernel", "user")
for cpus in CPUS:
    files(cpus)
    swap(cpus)
    reset(cpus)
