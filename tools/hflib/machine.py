# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The machine: QEMU's command line, and one run of it to its verdict.

      hf ── stdin, stdout ──────────── COM1, the console
         ── verdict file ◄──────────── port 0xe9: exit N, signal N, panic TEXT, audit TEXT
         ── gdb on a local port ────── with --gdb

The machine is TCG's (no KVM wanted or used), so that a run is the same on every host.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading

from . import build
from .status import HfError, Verdict

QEMU = "qemu-system-x86_64"
OVMF = "/usr/share/ovmf/OVMF.fd"
CMDLINE_MAX = 1023  # BOOT_CMDLINE of boot/bootinfo.h, less the NUL


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kernel_words(init, args=(), uid=None, append=()):
    """The kernel's command line: options first, then init= and the program's arguments to the end."""
    for word in args:
        if not word or word.split() != [word]:
            raise HfError(f"argument {word!r}: a kernel command line cannot carry empty words or white space")
    words = [*append, *([f"uid={uid}"] if uid is not None else []), f"init={init}", *args]
    line = " ".join(words)
    if len(line) > CMDLINE_MAX:
        raise HfError(f"the arguments are too long: {len(line)} bytes, the kernel reads {CMDLINE_MAX}")
    return line


def boot_arguments(boot, kernel, initrd, cmdline, scratch):
    """How the kernel gets in: loaded by QEMU itself (PVH), or by GRUB from an ISO under BIOS or UEFI."""
    if not os.path.isfile(kernel):
        raise HfError(f"{kernel}: no such kernel: run make")
    if boot == "kernel":
        # strict: the firmware lets disks be; what it keeps for each would come to lie where QEMU has put the initrd.
        return ["-boot", "strict=on", "-kernel", kernel, "-initrd", initrd, "-append", cmdline]
    iso = os.path.join(scratch, "holdfast.iso")
    done = subprocess.run([os.path.join(build.TOP, "tools/mkiso"), kernel, initrd, cmdline, iso],
                          capture_output=True, text=True)
    if done.returncode:
        raise HfError(f"tools/mkiso failed: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
    if boot == "iso":
        return ["-cdrom", iso]
    if not os.path.exists(OVMF):
        raise HfError(f"{OVMF} (UEFI firmware) is not installed: run tools/setup")
    return ["-bios", OVMF, "-cdrom", iso]


def command(boot_args, verdict, mem="64M", icount=False, gdb=None, extra=(), cpus=1):
    qemu = shutil.which(QEMU)
    if not qemu:
        raise HfError(f"{QEMU} is not installed: run tools/setup")
    # rep movsb counts as one instruction when ERMS is told of, however long: not under --icount.
    cpu = ["-cpu", "max,-erms", "-icount", "shift=0,sleep=off"] if icount else ["-cpu", "max"]
    return [qemu, "-machine", "q35", *cpu, "-smp", str(cpus), "-m", mem, "-nodefaults", "-display", "none", "-vga", "std",
            "-no-reboot", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-chardev", f"file,id=verdict,path={verdict}", "-device", "isa-debugcon,iobase=0xe9,chardev=verdict",
            *(["-gdb", f"tcp:127.0.0.1:{gdb}", "-S"] if gdb else []), *boot_args, *extra]


def stop(process):
    """End this machine, gently first: QEMU then puts the terminal back as it was."""
    for send in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        send()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass


class Terminal:
    """Keeps the terminal's state and restores it, should QEMU die without doing so."""

    def __enter__(self):
        self.state = termios.tcgetattr(0) if sys.stdin and sys.stdin.isatty() else None

    def __exit__(self, *_):
        if self.state:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            termios.tcsetattr(0, termios.TCSANOW, self.state)


def read_verdict(path):
    try:
        with open(path, errors="replace") as f:
            return Verdict(f.read())
    except FileNotFoundError:
        return Verdict()


def run(argv, verdict, timeout=None, copy=None):
    """Run to the end -> (Verdict, timed out). The console is our stdin and stdout.

    copy: a function that gets the console's bytes as they come, in stdout's place.
    """
    late = threading.Event()
    with Terminal():
        process = subprocess.Popen(argv, stdout=None if copy is None else subprocess.PIPE)
        timer = threading.Timer(timeout or 0, lambda: (late.set(), process.kill()))
        if timeout:
            timer.start()
        try:
            while copy is not None and (data := os.read(process.stdout.fileno(), 65536)):
                copy(data)
            process.wait()
        finally:
            timer.cancel()
            stop(process)
    return read_verdict(verdict), late.is_set()
