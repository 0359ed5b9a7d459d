#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# However a program ends, hf says so; and what it is given (files, arguments, uid) arrives.

. "$(dirname "$0")/lib.sh"
echo "a file's text" >"$dir/text"
echo 1..8
check 'exit 0' 0 '' -- exit 0
check 'exit 255 is the program'"'"'s own' 255 '' -- exit 255
check 'a crash is 128 + SIGSEGV' 139 'SIGSEGV' -- crash
check 'a program that never ends' 124 'did not end within 3 s' --timeout 3 -- loop
check 'arguments' 0 '\[a\]\[-b\]\[c=d\]' -- args a -b c=d
check 'a file' 0 "a file's text" --file "$dir/text:/etc/some/text" -- cat /etc/some/text
check 'another user' 0 'uid 1000' --uid 1000 -- uid
check 'counted instructions' 0 'hello from ring 3' --icount -- hello
