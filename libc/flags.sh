#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Print the compiler's flags for a program that runs on Holdfast.
#
#     libc/flags.sh cflags|ldflags [BUILD]
#     gcc $(libc/flags.sh cflags) -o program program.c $(libc/flags.sh ldflags)
#
# BUILD is where `make` put what it made: build (gcc, the default), build/clang, build/debug ... The paths
# printed are relative to the top of the tree, so run the compiler there. gcc and clang take the same flags.
#
# The compiler's own headers come after libc's (which has its own limits.h and stdint.h); then the few of
# Linux's that `make` collects in build/sysinc. The program is static and not position independent; its
# segments are R, RX and RW, on pages of their own, and its stack is not executable.
set -eu
build=${2:-build}
name=${build#build}
name=${name%/debug}
cc=${name#/}
cc=${cc:-gcc}

case ${1:-} in
cflags)
    echo -std=gnu17 -O2 -nostdinc -isystem libc/include -isystem "$build/gen/include" \
        -isystem "$($cc -print-file-name=include)" -isystem build/sysinc -iquote . \
        -U_FORTIFY_SOURCE -fno-pie -fcf-protection=none -fno-omit-frame-pointer \
        -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
    ;;
ldflags)
    echo -nostdlib -static -Wl,-z,separate-code -Wl,-z,noexecstack -Wl,-z,norelro \
        -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,--build-id=none \
        "$build/libc/crt0.o" "$build/libc/libc.a" "$($cc -print-libgcc-file-name)"
    ;;
*)
    echo "usage: libc/flags.sh cflags|ldflags [BUILD]" >&2
    exit 2
    ;;
esac
