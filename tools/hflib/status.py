# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Exit statuses of hf, and the verdict that the kernel leaves.

The program's own status is hf's status: 0 to 120 for a well-behaved one, 128+N after signal N. What is
not the program's doing has a number of its own below, and always one line on stderr that says so.

The verdict channel is a file that the kernel writes through a port of its own, apart from the console,
so that nothing a program prints can forge it. Its lines:

    exit N        the first program ended with status N
    signal N      a signal ended it
    panic TEXT    the kernel gave up
    audit TEXT    "ok", or which invariant the auditor found broken
"""

import signal

AUDIT, BOOT, PANIC, TIMEOUT, USAGE, INTERRUPTED = 121, 122, 123, 124, 125, 130


class HfError(Exception):
    """Something to say in one line, and the status to end with."""

    def __init__(self, message, status=USAGE):
        super().__init__(message)
        self.status = status


class Verdict:
    """What the lines of a verdict file say; the worst of each kind wins, the first exit counts."""

    def __init__(self, text=""):
        self.exit = self.signal = self.panic = self.audit = None
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "exit" and rest.isdigit() and self.ended is None:
                self.exit = int(rest)
            elif word == "signal" and rest.isdigit() and self.ended is None:
                self.signal = int(rest)
            elif word == "panic" and self.panic is None:
                self.panic = rest or "no reason given"
            elif word == "audit" and rest != "ok" and self.audit is None:
                self.audit = rest or "no reason given"

    @property
    def ended(self):
        """The program's status, as a shell has it; None when it has not ended."""
        if self.signal is not None:
            return 128 + self.signal
        return self.exit

    def judge(self, timed_out, what="the program", seconds=0):
        """-> (status, line for stderr or None). Worst first: a panic taints whatever came before it."""
        if self.panic is not None:
            return PANIC, f"the kernel panicked: {self.panic}"
        if self.audit is not None:
            return AUDIT, f"the audit failed: {self.audit}"
        if self.signal is not None:
            return self.ended, f"{what} was ended by signal {self.signal} ({signal_name(self.signal)})"
        if self.exit is not None:
            return self.ended, None
        if timed_out:
            return TIMEOUT, (f"{what} did not end within {seconds:g} s: --timeout S gives it longer (0: for ever), "
                             "--gdb shows where it is")
        return BOOT, "the machine stopped without a verdict: the kernel did not start, or was reset (see above)"


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
