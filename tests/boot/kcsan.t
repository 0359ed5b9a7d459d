#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The KCSAN kernel finds a planted data race, shows both sides, and finds none where there is none."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from planted import check, check_quiet, kernel  # noqa: E402

kcsan = kernel("kcsan")
print("1..3")
check_quiet(kcsan, "without a mistake nothing is found", cpus=2)
check_quiet(kcsan, "atomics and locks are no races", cpus=2, words="plant=no_race")
check(kcsan, "race", "^data race: (read|write) and (read|write|a change) of ",
      "^data race:", r"^  (read|write) of 8 bytes at .*, on CPU [01]:", r" add_plainly\+",
      r"^  (read|write) of 8 bytes at .*, on CPU [01]:", r" add_plainly\+", "^panic", cpus=2)
