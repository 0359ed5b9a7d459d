#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The console as a person has it: typing at a program in ring 3, and what comes back.

The program (tests/boot/typed.c) says "# type WHAT" when it is about to read; this types it, passes the
program's TAP on, and judges the raw bytes of the console: echo, line ends, lines that do not mix.
"""

import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HF = os.path.join(TOP, "tools/hf")
GUEST_TESTS = 33
TYPED = {
    "hello": b"hello\r",
    "erase": b"abX\x7fc\r",
    "kill": b"junk\x15ok\r",
    "two": b"one\rtwo\r",
    "part": b"part\x04",
    "end": b"\x04",
    "secret": b"secret",
}

done = 0


def ok(good, name):
    global done
    done += 1
    print(f"{'' if good else 'not '}ok {done} - {name}")


def converse(program):
    """Run it, type what it asks for -> (the console's bytes, status)"""
    hf = subprocess.Popen([HF, "run", "--timeout", "300", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    seen, answered = b"", 0
    while data := os.read(hf.stdout.fileno(), 65536):
        seen += data
        asked = re.findall(rb"# type (\w+)\r\n", seen)
        for what in asked[answered:]:
            hf.stdin.write(TYPED[what.decode()])
            hf.stdin.flush()
        answered = len(asked)
    return seen, hf.wait()


def main():
    global done
    with tempfile.TemporaryDirectory() as scratch:
        program = os.path.join(scratch, "typed")
        subprocess.run([HF, "build", os.path.join(TOP, "tests/boot/typed.c"), "-o", program], check=True)
        seen, status = converse(program)
    print(f"1..{GUEST_TESTS + 6}")
    for line in seen.decode(errors="replace").replace("\r", "").split("\n"):
        # What was typed ahead is echoed when it comes, perhaps just before a line of the program's.
        if said := re.match(r"[a-z]{0,3}((?:not )?ok \d.*|# +(?:at|got) .*)", line):
            print(said[1])
            done += not said[1].startswith("#")
    ok(b"# type hello\r\nhello\r\nok " in seen, "what is typed is echoed")
    ok(b"abX\b \bc\r\n" in seen, "a byte taken back is wiped out")
    ok(b"junk\b \b\b \b\b \b\b \bok\r\n" in seen, "so is a line")
    ok(b"# type secret\r\nok " in seen, "without ECHO nothing is shown")
    lines = re.findall(rb"(?m)^(a{79}|b{79}|c{79})\r\n", seen)
    ok(len(lines) == 300 and all(lines.count(c * 79) == 100 for c in (b"a", b"b", b"c")), "300 lines of three do not mix")
    ok(status == 0, "the program ended well")
    if status or done != GUEST_TESTS + 6:
        sys.stdout.write("".join(f"# {line}\n" for line in seen.decode(errors="replace").replace("\r", "").split("\n")[-40:]))


main()
