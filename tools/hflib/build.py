# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""From C files to a static program, and the tree's own parts made when they are needed."""

import os
import shutil
import subprocess

from . import elf
from .status import HfError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def directory(cc):
    """Where `make CC=cc` puts what it makes; the Makefile says so (HF_BUILD), or this is its rule said once more."""
    if cc == os.environ.get("HF_CC") and "HF_BUILD" in os.environ:
        return os.path.join(TOP, os.environ["HF_BUILD"])
    build = os.path.join(TOP, "build")
    return build if cc == "gcc" else os.path.join(build, os.path.basename(cc))


def make(cc, *targets):
    """Bring targets up to date, unless make itself called (then they are)."""
    if "MAKELEVEL" in os.environ or not targets:
        return
    if not shutil.which("make"):
        raise HfError("make is not installed: apt-get install make, then run tools/setup")
    done = subprocess.run(["make", "-s", "-C", TOP, f"CC={cc}", *targets], stdout=2)
    if done.returncode:
        raise HfError(f"could not build {' and '.join(targets)}: see above")


def flags(kind, build):
    out = subprocess.run([os.path.join(TOP, "libc/flags.sh"), kind, os.path.relpath(build, TOP)],
                         cwd=TOP, capture_output=True, text=True)
    if out.returncode:
        raise HfError(f"libc/flags.sh {kind} failed: {out.stderr.strip()}")
    return out.stdout.split()


def compile_c(sources, output, cc="gcc", extra=()):
    """Compile and link C files against Holdfast's libc into one static program."""
    for source in sources:
        if not os.path.isfile(source):
            raise HfError(f"{source}: no such file")
    if not shutil.which(cc):
        raise HfError(f"the compiler {cc} is not installed: run tools/setup")
    build = directory(cc)
    make(cc, "libc")
    # The flags are written from the top of the tree, so that is where the compiler runs.
    command = [cc, *flags("cflags", build), "-g", *extra, "-o", os.path.abspath(output),
               *map(os.path.abspath, sources), *flags("ldflags", build)]
    if subprocess.run(command, cwd=TOP).returncode:
        raise HfError(f"{' '.join(sources)}: did not compile")


def program(words, cc, folder):
    """PROGRAM [ARG...] -> (path of a static ELF, its name, its arguments). Leading .c words are sources."""
    sources = []
    while words and words[0].endswith(".c"):
        sources.append(words.pop(0))
    if words and words[0] == "--":
        words.pop(0)
    if not sources:
        if not words:
            raise HfError("name a program: hf run FILE.c, or hf run STATIC-ELF")
        path = words.pop(0)
        elf.check(path)
        return path, os.path.basename(path), words
    name = os.path.basename(sources[0])[:-2]
    output = os.path.join(folder, name)
    compile_c(sources, output, cc)
    return output, name, words
