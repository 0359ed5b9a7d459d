# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Is this file a program that Holdfast can run? Says why not before a machine is started for it.

The kernel checks again, and harder: what hf lets through may still end in ENOEXEC. This is here to
turn the common mistakes (dynamic, other machine, not a program at all) into one line with the remedy.
"""

import struct

from .status import HfError

X86_64, ET_EXEC, ET_DYN, PT_LOAD, PT_INTERP = 62, 2, 3, 1, 3
PF_X, PF_W = 1, 2


def check(path):
    """Return if the file is a static x86-64 ELF program; else raise HfError."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        raise HfError(f"{path}: no such file") from None
    except OSError as e:
        raise HfError(f"{path}: {e.strerror}") from None
    if data[:4] != b"\x7fELF":
        raise HfError(f"{path} is neither a .c file nor an ELF program")
    if len(data) < 64 or data[4] != 2 or data[5] != 1:
        raise HfError(f"{path} is not a 64-bit ELF program: build it for x86-64")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if machine != X86_64:
        raise HfError(f"{path} is for another machine (ELF machine {machine}): build it for x86-64")
    if kind not in (ET_EXEC, ET_DYN):
        raise HfError(f"{path} is not a linked program: link it with -static")
    for kind, flags, start, length in segments(data):
        if kind == PT_INTERP:
            loader = data[start:start + length].rstrip(b"\0").decode(errors="replace") or "a loader"
            raise HfError(f"{path} is dynamic (it wants {loader}): link it with -static")
        if kind == PT_LOAD and flags & PF_W and flags & PF_X:
            raise HfError(f"{path} has a segment that is writable and executable, which Holdfast maps for nobody: "
                          "link it without -N or a script of its own")


def segments(data):
    """(type, flags, offset, length) of each program header that lies inside the file."""
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for i in range(count):
        at = offset + i * size
        if at + 56 > len(data):
            return
        kind, flags, start = struct.unpack_from("<IIQ", data, at)
        length, = struct.unpack_from("<Q", data, at + 32)
        yield kind, flags, start, length
