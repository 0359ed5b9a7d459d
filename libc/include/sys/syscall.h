/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/syscall.h>: numbers for syscall(). SYS_NAME for each call of Linux, whether this kernel has
 * it or not, and for those of ours that Linux lacks; made from abi/syscalls.tbl by tools/gensys.
 */
#pragma once

#include <asm/unistd.h>

#include <sys/syscall_numbers.h>
