# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
"""The parts of tools/hf and tools/hf-prove: one idea a module, none of them knows of the commands."""
