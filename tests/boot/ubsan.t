#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The UBSAN kernel finds planted undefined behaviour, and says where it is."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from planted import check, check_quiet, kernel  # noqa: E402

ubsan = kernel("ubsan")
print("1..6")
check_quiet(ubsan, "without a mistake nothing is found", cpus=2)
check(ubsan, "shift", r"^kernel/plant.c:\d+:\d+: undefined behaviour: a shift .* \(0x28\)")
check(ubsan, "bounds", r"^kernel/plant.c:\d+:\d+: undefined behaviour: an index out of bounds \(0x28\)")
check(ubsan, "null", r"^kernel/plant.c:\d+:\d+: undefined behaviour: an object that is not there.* \(0\)")
check(ubsan, "align", r"^kernel/plant.c:\d+:\d+: undefined behaviour: an object that is not there, misaligned")
check(ubsan, "bool", r"^kernel/plant.c:\d+:\d+: undefined behaviour: a value that its type has not \(0x3\)")
