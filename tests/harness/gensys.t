#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/gensys: what it makes of a good table, and that it refuses a bad one with the line's number.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

printf '#define __NR_read 0\n#define __NR_getpid 39\n#define __NR_mmap 9\n' > "$work/unistd"
say() { # STATUS NAME
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
makes() { # KIND TABLE LINE
    printf '%b' "$2" > "$work/tbl"
    tools/gensys "$1" "$work/tbl" "$work/unistd" 2> "$work/err" | grep -qxF -- "$3"
    say $? "$1 has the line $3"
}
refuses() { # TABLE WHY
    printf '%b' "$1" > "$work/tbl"
    ! tools/gensys inc "$work/tbl" "$work/unistd" > /dev/null 2> "$work/err" && grep -q "$2" "$work/err"
    say $? "refused: $2"
}

echo 1..13
good='# a comment\n0 read 3 linux\n39 getpid 0 linux\n9 mmap 6 linux\n1543 aio_mlock 1 holdfast\n'
makes inc "$good" 'SYSCALL6(9, mmap)'
makes h "$good" 'long sys_getpid(void);'
makes stubs-h "$good" 'long __sys_aio_mlock(unsigned long);'
makes stubs "$good" '    mov eax, 1543'
makes numbers "$good" '#define SYS_aio_mlock 1543'
makes numbers "$good" '#define SYS_read __NR_read'
refuses '0 read 3 linux\n1 getpid 0 linux\n' 'tbl:2: getpid is 39 on Linux'
refuses '0 read 3 linux\n0 read 3 linux\n' 'read is there twice'
refuses '0 read 3 linux\n0 mmap 6 linux\n' 'number 0 is read already'
refuses '5 unheard 1 linux\n' 'unheard is not a call on Linux'
refuses '0 read 7 linux\n' 'want: number name'
refuses '39 getpid 0 holdfast\n' 'the name or the number of a call of Linux'
refuses '# nothing\n' 'no calls'
