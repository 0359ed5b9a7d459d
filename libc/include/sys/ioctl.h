/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <sys/ioctl.h>: requests to a device (Linux).
 */
#pragma once

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/ioctl.h>

int ioctl(int, unsigned long request, ...);
