#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# Check libc's promise: what a header declares, libc.a defines.
#
#     libc/check.sh [CC [BUILD]]
#
# 1. Each header compiles alone, twice over, with all warnings.
# 2. gcc lists every function that the headers declare (-aux-info) and a pattern finds the objects; a program
#    takes the address of each, so one without a definition does not link.
set -eu
cc=${1:-gcc}
build=${2:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=$(libc/flags.sh cflags "$build")
warn='-Wall -Wextra -Wshadow -Wstrict-prototypes -Wundef -Werror'
headers=$(cd libc/include && find . -name '*.h' | sed 's,^\./,,' | sort)

for h in $headers; do
    printf '#include <%s>\n#include <%s>\n' "$h" "$h" > "$work/one.c"
    $cc $flags $warn -fsyntax-only "$work/one.c" || { echo "<$h> does not stand alone" >&2; exit 1; }
done

for h in $headers; do echo "#include <$h>"; done > "$work/all.c"
gcc $(libc/flags.sh cflags build | sed "s,build/gen,$build/gen,") -aux-info "$work/list" -fsyntax-only "$work/all.c"
# A line is: /* libc/include/stdio.h:46:NC */ extern int fclose (FILE *);   or: ... extern void (*signal (int, ...
sed -n 's,^/\* libc/include/[^ ]* \*/ ,,p' "$work/list" |
    sed -E 's/^[^(]*\(\*([A-Za-z_0-9]+) \(.*/\1/; t; s/^[^(]*[ *]([A-Za-z_0-9]+) \(.*/\1/' | sort -u > "$work/names"
(cd libc/include && cat $headers) | sed -nE 's/^extern ([^()]*);$/\1/p' | tr ',' '\n' |
    sed -E 's/\[.*//; s/.*[ *]([A-Za-z_0-9]+)$/\1/' | sort -u >> "$work/names"

count=$(wc -l < "$work/names")
[ "$count" -ge 300 ] || { echo "found only $count declarations: the pattern must be wrong" >&2; exit 1; }
{
    cat "$work/all.c"
    echo 'const void *volatile everything['"$count"'];'
    echo 'int main(void) {'
    awk '{ printf "    everything[%d] = (const void *)&%s;\n", NR - 1, $1 }' "$work/names"
    echo '    return 0;'
    echo '}'
} > "$work/everything.c"
$cc $flags -Werror -o "$work/everything" "$work/everything.c" $(libc/flags.sh ldflags "$build")
"$work/everything"
echo "libc: $(echo "$headers" | wc -l) headers, $count declarations, each with its definition ($cc)"
