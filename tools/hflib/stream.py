# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""One boot runs many tests: split what its console says into the single tests.

tests/user/init.c, the first program of such a boot, prints around and after each test

    # begin NAME
    ...the test's own output...
    # end NAME exit 0          or: signal 11
    # leak NAME vm.stats.free_frames 16020 16019     a count that did not return to its baseline (I8)
    # audit NAME 3                                   what debug.audit said, if not 0
    # done NAME

A machine that dies in between has ended the test that was running: whatever it said (a panic and its
backtrace, mostly) is kept as that test's notes.
"""

from . import tap


class Run:
    """A test as the console showed it: its output, and how it ended, if it did."""

    def __init__(self, name):
        self.name, self.lines, self.end, self.after, self.done = name, [], None, [], False


class Stream:
    """Feed it bytes; it knows which tests ran and which is running."""

    def __init__(self, begun=None):
        self.runs, self.current, self.rest, self.boot = [], None, b"", []
        self.begun = begun or (lambda name: None)  # called when a test begins or is done (None)

    def write(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line.decode(errors="replace").rstrip("\r"))

    def finish(self):
        if self.rest:
            self.line(self.rest.decode(errors="replace").rstrip("\r"))
            self.rest = b""

    def line(self, line):
        words = line.split(" ")
        run = self.current
        if words[:2] == ["#", "begin"] and len(words) == 3 and (run is None or run.end):
            self.current = Run(words[2])
            self.runs.append(self.current)
            self.begun(words[2])
        elif run is None:
            self.boot.append(line)
        elif words[:3] == ["#", "end", run.name] and len(words) == 5 and words[4].isdigit():
            run.end = (words[3], int(words[4]))
        elif run.end and words[:1] == ["#"] and words[2:3] == [run.name] and words[1] in ("leak", "audit"):
            run.after.append(" ".join([words[1], *words[3:]]))
        elif run.end and words == ["#", "done", run.name]:
            run.done, self.current = True, None
            self.begun(None)
        else:
            run.lines.append(line)


def judge(run, died=None):
    """Run -> tap.Result. died: why the machine ended, for the test that was running then."""
    kind, number = run.end or ("", 0)
    status, message = {"exit": (number, f"its exit status was {number}"),
                       "signal": (128 + number, f"signal {number} ended it")}.get(kind, (0, None))
    result = tap.parse(run.name, "\n".join(run.lines), status, message)
    for what in run.after:
        result.complain(what + (" (I8: before, after)" if what.startswith("leak") else ""))
    if not run.done:
        result.complain(died or "the machine stopped while it ran")
        result.notes += run.lines[-60:]
    return result
