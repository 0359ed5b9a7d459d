#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The KASAN kernel finds planted accesses to memory that nobody has been given, and says whose it was."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from planted import check, check_quiet, kernel  # noqa: E402

kasan = kernel("kasan")
print("1..10")
check_quiet(kasan, "without a mistake nothing is found", cpus=2)
check(kasan, "after_free", "^kasan: read of 1 bytes at .*, in an object that was freed",
      "^  8 bytes from the start of 40 at .*, of cache heap", "allocated by thread", r" plant_after_free\+",
      "freed by thread", r" plant_after_free\+", "^panic", "^backtrace", r"from .* plant_after_free\+")
check(kasan, "beyond", "^kasan: write of 1 bytes at .*, outside of its object",
      "^  40 bytes from the start of 40 ", "allocated by", r" plant_beyond\+", "^backtrace", r"from .* plant_beyond\+")
check(kasan, "before", "^kasan: read of 1 bytes at .*, outside of its object", "^backtrace", r"from .* plant_before\+")
check(kasan, "memset", "^kasan: write of 41 bytes at .*, outside of its object",
      "^  40 bytes from the start of 40 ", r"from .* plant_memset\+")
check(kasan, "twice", "^kasan: .* freed twice", "allocated by", r" plant_twice\+", "freed by", r" plant_twice\+")
check(kasan, "quarantine", "^kasan: read of 1 bytes at .*, in an object that was freed",
      "allocated by", r" plant_quarantine\+", "freed by", r" plant_quarantine\+", "^backtrace", r"from .* plant_quarantine\+")
check(kasan, "block", "^kasan: read of 1 bytes at .*, behind a block", "frame given", r" plant_block\+", "^backtrace")
check(kasan, "frame", "^kasan: write of 8 bytes at .*, in a frame that is free",
      "frame given", r" plant_frame\+", "frame freed", r" plant_frame\+", "^backtrace", r"from .* plant_frame\+")
check(kasan, "global", "^kasan: write of 1 bytes at .*, behind a global", "^backtrace", r"from .* plant_global\+")
