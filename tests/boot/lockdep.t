#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The DEBUG kernel finds planted mistakes with locks, names them, and shows both sides' stacks."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from planted import check, check_quiet, kernel  # noqa: E402

debug = kernel("debug")
print("1..14")
check_quiet(debug, "without a mistake nothing is found", cpus=2)
check(debug, "inversion", "plant a is taken while plant c is held",
      "plant a is taken while plant c is held:", r" take_two\+", r" plant_inversion\+", "the other way round",
      "plant c was taken while plant b was held:", r" take_two\+", r" plant_inversion\+",
      "plant b was taken while plant a was held:", r" take_two\+", "^panic")
check(debug, "order", "break is taken while object is held", r"comes after .* in docs/LOCKING.md")
check(debug, "same", "plant a is taken while another plant a is held")
check(debug, "irq", "plant spin is taken in an interrupt, and with interrupts on", r" plant_irq\+", "^and", r" plant_irq\+")
check(debug, "sleep", "may sleep, with a spinlock", r"held by this CPU: plant spin", r" take_two\+")
check(debug, "held", "a lock is held by a thread that ends", "held by this thread: plant a")
check(debug, "ring3", "a lock is held on the way to ring 3", "held by this thread: plant a", cpus=2)
check(debug, "cpus", "lock plant spin is held while waiting for CPUs, and taken with interrupts off",
      "plant spin, for the first time:", r" plant_cpus\+", "^and", r" plant_cpus\+", cpus=2)
check(debug, "release", "lock plant spin is released and was not held", "^backtrace", r"from .* plant_release\+")
check(debug, "kinds", "plant spin names locks of two kinds", "^backtrace", r"from .* plant_kinds\+")
for kind, name in (("mutex", "plant a"), ("rwlock", "plant rw"), ("spinlock", "plant spin")):
    check(debug, f"{kind}_twice", f"{kind} {name} taken twice", "^backtrace", rf"from .* plant_{kind}_twice\+")
