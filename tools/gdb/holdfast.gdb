# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# For gdb beside a machine that `hf run --gdb` (or `make debug`) started:
#
#     gdb -x tools/gdb/holdfast.gdb -ex 'target remote :PORT' build/holdfast.elf
#
#     hf-threads             every process and its threads: state, where each sleeps
#     hf-regions [PID]       the regions of a process, its locks and its charge
#     hf-frame PFN           one frame's descriptor
#     hf-walk ADDRESS        the page-table entries that translate an address now
#     hf-user ELF            also load a program's symbols

set pagination off
set confirm off
set disassembly-flavor intel
set print pretty on

# Stop where the kernel gives up.
set breakpoint pending on
break panic

define hf-user
    add-symbol-file $arg0
end
document hf-user
hf-user ELF: add the symbols of a ring-3 program (it is linked where it runs).
end

python
import gdb

PRESENT, LARGE, ADDRESS = 1, 1 << 7, 0x000ffffffffff000
DIRECT = 0xffff800000000000
STATES = {0: "alive", 1: "exiting", 2: "zombie"}


def each(head, link):
    """The elements of a LIST_HEAD, by the name of its LIST_ENTRY."""
    node = head["lh_first"]
    while int(node):
        yield node
        node = node[link]["le_next"]


def processes():
    table = gdb.parse_and_eval("'kernel/process.c'::table")
    for i in range(table.type.range()[1] + 1):
        yield from each(table[i], "by_pid")


def process(words):
    """The process that a command names: by pid, or the first that has a space."""
    for p in processes():
        if int(words) == int(p["pid"]) if words else int(p["space"]):
            return p
    raise gdb.GdbError(f"no process {words}")


class Threads(gdb.Command):
    """hf-threads: every process and its threads."""

    def __init__(self):
        super().__init__("hf-threads", gdb.COMMAND_STATUS)

    def invoke(self, words, tty):
        for p in processes():
            print(f"pid {int(p['pid']):5} {p['name'].string():16} {STATES.get(int(p['state']), '?')}")
            for t in each(p["threads"], "of_process"):
                print(f"    thread {int(t['tid'])} {str(t['state'])} priority {int(t['priority'])} at {t}")


def regions(node):
    """A red-black tree of regions, in order."""
    if int(node):
        yield from regions(node["link"]["rbe_left"])
        yield node
        yield from regions(node["link"]["rbe_right"])


class Regions(gdb.Command):
    """hf-regions [PID]: what a process has mapped, and what of it is locked."""

    def __init__(self):
        super().__init__("hf-regions", gdb.COMMAND_STATUS)

    def invoke(self, words, tty):
        p = process(words)
        space = p["space"]
        print(f"pid {int(p['pid'])}: {int(space['mapped'])} pages mapped, {int(space['charged'])} charged")
        for r in regions(space["regions"]["tree"]["rbh_root"]):
            prot = int(r["prot"])
            rights = "".join(c if prot & 1 << i else "-" for i, c in enumerate("rwx"))
            kind = "shared" if int(r["flags"]) & 1 else "private"
            lock = ("", "lock-on-fault", "locked")[int(r["lock"])]
            print(f"    {int(r['start']):014x}-{int(r['end']):014x} {rights} {kind:8} {lock}")


class Frame(gdb.Command):
    """hf-frame PFN: a frame's descriptor."""

    def __init__(self):
        super().__init__("hf-frame", gdb.COMMAND_DATA)

    def invoke(self, words, tty):
        print(gdb.parse_and_eval(f"'mm/frame.c'::table[{words}]"))


class Walk(gdb.Command):
    """hf-walk ADDRESS: the entries that translate an address under the CR3 of now."""

    def __init__(self):
        super().__init__("hf-walk", gdb.COMMAND_DATA)

    def invoke(self, words, tty):
        va = int(gdb.parse_and_eval(words).cast(gdb.lookup_type("unsigned long")))
        table = int(gdb.parse_and_eval("$cr3").cast(gdb.lookup_type("unsigned long"))) & ADDRESS
        for level in (4, 3, 2, 1):
            at = DIRECT + table + 8 * (va >> (12 + 9 * (level - 1)) & 511)
            entry = int.from_bytes(gdb.selected_inferior().read_memory(at, 8).tobytes(), "little")
            print(f"level {level}: {entry:016x}")
            if not entry & PRESENT or (level > 1 and entry & LARGE):
                return
            table = entry & ADDRESS


for command in (Threads, Regions, Frame, Walk):
    command()
end
