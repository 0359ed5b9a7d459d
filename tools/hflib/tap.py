# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""Read TAP (Test Anything Protocol) and judge it; write results as JUnit XML.

A file of TAP passes when it has one plan, as many checks as the plan says, in order, none of them
failed (TODO and SKIP aside), no "Bail out!", and when whatever ran it had nothing to complain of.
"""

import re
import xml.etree.ElementTree as xml

PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\b\s*(.*))?\s*$", re.IGNORECASE)
CHECK = re.compile(r"^(not )?ok\b(?:\s+(\d+))?(?:\s*-)?\s*(.*?)(?:\s*#\s*(TODO|SKIP)\b\s*(.*))?$", re.IGNORECASE)


class Check:
    def __init__(self, number, passed, name, directive, reason):
        self.number, self.name = number, name
        self.directive, self.reason = (directive or "").upper(), reason
        self.held = passed
        self.passed = passed or self.directive == "TODO"
        self.notes = []


class Result:
    """The TAP of one test program."""

    def __init__(self, name):
        self.name, self.checks, self.plan, self.skipped = name, [], None, None
        self.complaints, self.notes = [], []  # against the run as a whole; what else may help to see why

    @property
    def passed(self):
        return not self.complaints and all(c.passed for c in self.checks)

    def complain(self, what):
        self.complaints.append(what)


def parse(name, text, status=0, message=None):
    """TAP text, and how the program that printed it ended -> Result."""
    result = Result(name)
    for line in text.splitlines():
        plan, check = PLAN.match(line), CHECK.match(line)
        if plan and result.plan is not None:
            result.complain("a second plan")
        elif plan:
            result.plan = int(plan[1])
            result.skipped = (plan[2] or "skipped") if result.plan == 0 else None
        elif check:
            number = int(check[2]) if check[2] else len(result.checks) + 1
            if number != len(result.checks) + 1:
                result.complain(f"check {number} came where {len(result.checks) + 1} was due")
            result.checks.append(Check(number, not check[1], check[3], check[4], check[5]))
        elif line.startswith("Bail out!"):
            result.complain(line)
        elif line.startswith("#") and result.checks:
            result.checks[-1].notes.append(line)
    if result.plan is None:
        result.complain("no plan: it never said how many checks there are")
    elif result.plan != len(result.checks):
        result.complain(f"{result.plan} checks planned, {len(result.checks)} made")
    if status and (status > 128 or all(c.held for c in result.checks)):  # failed checks make for a bad status anyway
        result.complain(message or f"ended with status {status}")
    return result


def emit(result):
    """Result -> TAP text that says all of it: each complaint is a failed check of its own, the plan counts them."""
    if result.skipped is not None and result.passed:
        return f"1..0 # SKIP {result.skipped}\n"
    out = [f"1..{len(result.checks) + len(result.complaints)}"]
    for number, c in enumerate(result.checks, 1):
        directive = f" # {c.directive} {c.reason or ''}".rstrip() if c.directive else ""
        failed = not c.passed or (c.directive == "TODO" and not c.held)
        out += [f"{'not ' if failed else ''}ok {number} - {c.name}{directive}", *c.notes]
    for number, what in enumerate(result.complaints, len(result.checks) + 1):
        out.append(f"not ok {number} - the run: {what}")
    return "\n".join([*out, *(f"# {n}" for n in result.notes)]) + "\n"


class Console:
    """Passes bytes on and keeps them."""

    def __init__(self, out):
        self.out, self.data = out, bytearray()

    def write(self, data):
        self.data += data
        self.out.write(data)
        self.out.flush()

    def text(self):
        return self.data.decode(errors="replace").replace("\r\n", "\n")


def printable(text):
    """XML 1.0 cannot hold control characters."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", text)


def write_junit(path, results):
    suites = xml.Element("testsuites")
    for r in results:
        failures = sum(not c.passed for c in r.checks) + len(r.complaints)
        suite = xml.SubElement(suites, "testsuite", name=r.name, tests=str(len(r.checks) + len(r.complaints)),
                               failures=str(failures), skipped=str(sum(c.directive == "SKIP" for c in r.checks)))
        for c in r.checks:
            case = xml.SubElement(suite, "testcase", classname=r.name, name=printable(f"{c.number} {c.name}".strip()))
            if not c.passed:
                xml.SubElement(case, "failure", message="not ok").text = printable("\n".join(c.notes))
            elif c.directive == "SKIP":
                xml.SubElement(case, "skipped", message=printable(c.reason or ""))
        for what in r.complaints:
            case = xml.SubElement(suite, "testcase", classname=r.name, name="the program as a whole")
            xml.SubElement(case, "failure", message=printable(what))
    xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
