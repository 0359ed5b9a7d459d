/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * The initrd: a cpio archive that the boot loader left in memory becomes the tree of names.
 */
#pragma once

#include <stddef.h>

/*
 * Adds every entry of the archive to the tree, which tree_init has made. The archive's bytes are used in
 * place and must stay. NULL, or what is wrong with it, with *where the offset of the bad entry; the tree
 * is then incomplete. Later entries win over earlier ones of the same name, as on Linux. -ENOMEM shows as text too.
 */
const char *initrd_read(const void *start, size_t size, size_t *where);
