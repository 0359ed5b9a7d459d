#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""hflib.tap, hflib.stream and tap-report: what may pass, and above all what may not."""

import os
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tools"))
from hflib import status, stream, tap  # noqa: E402

count = 0


def ok(passed, name, note=""):
    global count
    count += 1
    print(f"{'' if passed else 'not '}ok {count} - {name}")
    if not passed and note:
        print(f"# {note}")


def verdict(name, text, wanted, **how):
    r = tap.parse("t", text, **how)
    again = tap.parse("t", tap.emit(r))
    ok(r.passed == wanted and again.passed == wanted, f"{'passes' if wanted else 'fails'}: {name}",
       f"{r.passed} then {again.passed}: {r.complaints} {again.complaints}")


verdict("all ok", "1..2\nok 1 - a\nok 2 - b\n", True)
verdict("the plan at the end", "ok 1\nok 2\n1..2\n", True)
verdict("noise between the lines", "hello\n1..1\n[  1.0] log\nok 1 - a\n", True)
verdict("a failed TODO", "1..1\nnot ok 1 - a # TODO later\n", True)
verdict("a skipped check", "1..1\nok 1 # SKIP not here\n", True)
verdict("a skipped file", "1..0 # SKIP needs more\n", True)
verdict("a failed check", "1..2\nok 1 - a\nnot ok 2 - b\n", False)
verdict("no output at all", "", False)
verdict("no plan", "ok 1 - a\n", False)
verdict("too few checks", "1..2\nok 1 - a\n", False)
verdict("too many checks", "1..1\nok 1 - a\nok 2 - b\n", False)
verdict("two plans", "1..1\n1..1\nok 1 - a\n", False)
verdict("a number out of order", "1..2\nok 2 - a\nok 1 - b\n", False)
verdict("Bail out!", "1..1\nok 1 - a\nBail out! no memory\n", False)
verdict("all ok, but a bad exit status", "1..1\nok 1 - a\n", False, status=3)
verdict("a skipped file that crashed", "1..0 # SKIP x\n", False, status=139)

RECORDED = b"""Holdfast 0.1
# begin one
1..1\r
ok 1 - a
\r
# end one exit 0
# done one
# begin two
1..1
ok 1 - a

# end two signal 11
# leak two vm.stats.free_frames 16000 15998
# audit two 3
# done two
# begin three
1..2
ok 1 - # end four exit 0
# end four exit 0
panic: frame 12 has -1 references
  at 0xffffffff80201234 frame_drop+0x20
"""


def record(size):
    """The recorded console, fed in pieces of this size."""
    begun = []
    s = stream.Stream(begun.append)
    for i in range(0, len(RECORDED), size):
        s.write(RECORDED[i:i + size])
    s.finish()
    return s, begun


for size in (1, 7, 4096):
    s, begun = record(size)
    ok([r.name for r in s.runs] == ["one", "two", "three"], f"three tests are seen, in pieces of {size} bytes")
    ok(begun == ["one", None, "two", None, "three"], "and when each began and was done")
one, two, three = (stream.judge(r, "the kernel panicked: frame 12") for r in s.runs)
ok(one.passed, "a good run passes", one.complaints)
ok(not two.passed and len(two.complaints) == 3, "signal, leak and audit each count", two.complaints)
ok(any("free_frames" in c and "I8" in c for c in two.complaints), "a leak is named")
ok(not three.passed and "the kernel panicked: frame 12" in three.complaints, "a panic fails the test that ran")
ok(any("frame_drop" in n for n in three.notes), "and its backtrace is kept")
ok(s.boot == ["Holdfast 0.1"], "what came before the first test is the boot's")
s = stream.Stream()
s.write(b"# begin a\n1..1\nok 1\n# done a\n# begin b\n")
ok(len(s.runs) == 1 and not s.runs[0].done, "a test cannot forge its end, or another's beginning, before it has ended")

for text, late, wanted in (
        ("exit 3\n", False, 3), ("signal 11\n", False, 139), ("exit 0\naudit ok\n", False, 0),
        ("exit 0\naudit I4: frame 3\n", False, status.AUDIT), ("exit 0\npanic x\n", False, status.PANIC),
        ("panic\n", True, status.PANIC), ("", True, status.TIMEOUT), ("", False, status.BOOT),
        ("exit 5\nexit 0\n", False, 5), ("exit 5\n", True, 5), ("nonsense\nexit x\n", False, status.BOOT)):
    got, line = status.Verdict(text).judge(late, "prog", 1)
    ok(got == wanted and (line is None) == (got < 121), f"verdict {text!r}{' late' * late}: status {wanted}", f"{got} {line}")



def report(**files):
    """What tap-report says of a run that left these files in one ring."""
    with tempfile.TemporaryDirectory() as top:
        os.mkdir(os.path.join(top, "user"))
        for name, text in files.items():
            with open(os.path.join(top, "user", name + ".tap"), "w") as f:
                f.write(text)
        run = subprocess.run([os.path.join(TOP, "tools", "tap-report"), top], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout.splitlines()


ok(report(a="1..1\nok 1 - x\n") == (0, ["user: 1 test programs, 1 checks passed, 0 failed", "1 passed, 0 failed"]),
   "the report of a good run counts")
got = report(a="1..2\nok 1 - x\nnot ok 2 - y\n# said\n", b="1..2\nok 1 - z\n")
ok(got == (1, ["user/a: not ok 2 - y", "    # said", "user/b: 2 checks planned, 1 made",
               "user: 2 test programs, 2 checks passed, 2 failed", "2 passed, 2 failed"]), "that of a bad one says what failed", got)
ok(report()[0] == 1, "and that of none is a failure")

print(f"1..{count}")
