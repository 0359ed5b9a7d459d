# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Pack files into an initrd: a cpio archive of the kind newc, made by cpio(1)."""

import os
import shutil
import subprocess

from .status import HfError


def parse_file(spec):
    """HOST:GUEST -> (guest path, host path)."""
    host, colon, guest = spec.rpartition(":")
    if not colon or not host or not guest.strip("/"):
        raise HfError(f"--file {spec}: write it as HOST:GUEST, as in --file notes.txt:/etc/notes.txt")
    if not os.path.isfile(host):
        raise HfError(f"--file {spec}: {host}: no such file")
    if ".." in guest.split("/"):
        raise HfError(f"--file {spec}: the guest path may not contain ..")
    return "/" + guest.strip("/"), host


def pack(files, output, scratch):
    """files: {guest path: host path}. The archive holds each file and the folders above it, in order."""
    if not shutil.which("cpio"):
        raise HfError("cpio is not installed: run tools/setup")
    stage = os.path.join(scratch, "root")
    names = set()
    for guest, host in files.items():
        name = guest.strip("/")
        link = os.path.join(stage, name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if os.path.lexists(link):
            os.remove(link)
        os.symlink(os.path.abspath(host), link)
        while name:
            names.add(name)
            name = os.path.dirname(name)
    listing = "".join(name + "\0" for name in sorted(names))
    with open(output, "wb") as out:
        done = subprocess.run(["cpio", "-o", "-0", "-L", "-H", "newc", "-R", "0:0", "--quiet"],
                              cwd=stage if names else scratch, input=listing.encode(), stdout=out)
    if done.returncode:
        raise HfError("cpio could not make the initrd: see above")
