/*
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) The Holdfast authors
 *
 * <dirent.h>: reading folders (POSIX). struct dirent is what getdents64 gives.
 */
#pragma once

#include <sys/types.h>

struct dirent {
    ino_t d_ino;
    off_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[256];
};

#define DT_UNKNOWN 0
#define DT_FIFO    1
#define DT_CHR     2
#define DT_DIR     4
#define DT_BLK     6
#define DT_REG     8
#define DT_LNK     10
#define DT_SOCK    12

typedef struct __dir DIR;

DIR *opendir(const char *);
DIR *fdopendir(int);
int closedir(DIR *);
int dirfd(DIR *);
struct dirent *readdir(DIR *); /* NULL: the end, or an error if errno was set */
void rewinddir(DIR *);
void seekdir(DIR *, long);
long telldir(DIR *);
