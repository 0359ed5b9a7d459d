#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/hf says in one line what is wrong with its input, before any machine is started; and with a
# fake QEMU in the real one's place, turns each verdict into its status. No kernel is needed.

top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export MAKELEVEL=1 # hf builds nothing by itself
unset HF_CC HF_BUILD
n=0

# One line on stderr with the wanted words; or nothing, where none are wanted.
said() {
    case $words in
    '') [ "$lines" = 0 ] ;;
    *) [ "$lines" = 1 ] && grep -q -- "$words" "$dir/err" ;;
    esac
}

# check STATUS WORDS NAME COMMAND...: the status, and one line on stderr with these words
check() {
    want=$1 words=$2 name=$3
    shift 3
    n=$((n + 1))
    "$@" >"$dir/out" 2>"$dir/err" </dev/null
    got=$?
    lines=$(wc -l <"$dir/err")
    if [ $got = "$want" ] && said; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "# status $got, wanted $want; $lines lines on stderr, wanted: $words"
        sed 's/^/# /' "$dir/err"
    fi
}
hf=$top/tools/hf

# Programs that are wrong in one way each.
printf 'int main(void) { return 0; }\n' >"$dir/main.c"
gcc -o "$dir/dynamic" "$dir/main.c"
gcc -static -o "$dir/static" "$dir/main.c"
gcc -c -o "$dir/object" "$dir/main.c"
gcc -static -nostdlib -Wl,-N,-e,main,--no-warn-rwx-segments -o "$dir/rwx" "$dir/main.c"
cp "$dir/static" "$dir/arm" && printf '\267' | dd of="$dir/arm" bs=1 seek=18 conv=notrunc 2>/dev/null
cp "$dir/static" "$dir/elf32" && printf '\1' | dd of="$dir/elf32" bs=1 seek=4 conv=notrunc 2>/dev/null
head -c 40 "$dir/static" >"$dir/short"
echo hello >"$dir/text"

check 125 'required' 'no command' "$hf"
check 125 'name a program' 'no program' "$hf" run
check 125 'no such file' 'a missing program' "$hf" run "$dir/none"
check 125 'no such file' 'a missing C file' "$hf" run "$dir/none.c"
check 125 'link it with -static' 'a dynamic program' "$hf" run "$dir/dynamic"
check 125 'writable and executable' 'a program with a segment that is both' "$hf" run "$dir/rwx"
check 125 'another machine' 'a program for another machine' "$hf" run "$dir/arm"
check 125 'not a 64-bit' 'a 32-bit program' "$hf" run "$dir/elf32"
check 125 'not a 64-bit' 'a truncated program' "$hf" run "$dir/short"
check 125 'not a linked' 'an object file' "$hf" run "$dir/object"
check 125 'neither a .c file' 'a text file' "$hf" run "$dir/text"
check 125 'HOST:GUEST' 'a --file without a colon' "$hf" run --file x "$dir/static"
check 125 'no such file' 'a --file that is missing' "$hf" run --file "$dir/none:/x" "$dir/static"
check 125 'may not contain' 'a --file that climbs' "$hf" run --file "$dir/text:/../x" "$dir/static"
check 125 'white space' 'an argument with a space' "$hf" run "$dir/static" 'a b'
check 125 'too long' 'arguments without end' "$hf" run "$dir/static" "$(head -c 2000 /dev/zero | tr '\0' x)"
check 125 'invalid' 'a number that is none' "$hf" run --timeout soon "$dir/static"
check 125 'is not 1 to 32' 'more CPUs than there can be' "$hf" run --cpus 33 "$dir/static"
check 125 'is not 1 to 32' 'no CPU' "$hf" run --cpus 0 "$dir/static"
check 125 'is not 0 to' 'a user below 0' "$hf" run --uid=-1 "$dir/static"
check 125 'is not 0 or more' 'a time below 0' "$hf" run --timeout=-1 "$dir/static"
check 125 'is no size' 'a size that is none' "$hf" run --mem 3X "$dir/static"
check 125 'is no size' 'no memory' "$hf" run --mem 0 "$dir/static"
check 125 'invalid' 'a number of CPUs in the environment that is none' env HF_CPUS=two "$hf" run "$dir/static"
check 125 'write sizes' 'swap of no size' "$hf" run --swap big "$dir/static"
check 125 'write sizes' 'swap of one size and nothing' "$hf" run --swap 1M, "$dir/static"
check 125 'no such file, and no size' 'a disk that is missing' "$hf" run --disk "$dir/none" "$dir/static"
check 125 'multiple of 512' 'a disk of part of a sector' "$hf" run --disk "$dir/text" "$dir/static"
check 125 '1% to 95%' 'all of memory under pressure' "$hf" run --pressure 100% "$dir/static"
check 125 'at most 8' 'nine disks' "$hf" run --swap 1M,1M,1M,1M --disk 1M --disk 1M --disk 1M --disk 1M --disk 1M "$dir/static"
check 125 'compiler nocc' 'a compiler that is not there' "$hf" build --cc nocc "$dir/main.c" -o "$dir/x"

# A tree of its own with a fake kernel, and a fake QEMU that plays one verdict.
mkdir -p "$dir/top/build" "$dir/bin"
cp -r "$top/tools" "$dir/top/"
: >"$dir/top/build/holdfast.elf"
hf=$dir/top/tools/hf
cat >"$dir/bin/qemu-system-x86_64" <<'FAKE'
#!/bin/sh
# What hf gave us: the verdict file, the initrd, the kernel's words.
while [ $# -gt 0 ]; do
    case $1 in
    file,id=verdict,path=*) verdict=${1#*path=} ;;
    -initrd) cpio -it --quiet <"$2" >"$FAKE_DIR/listing" ;;
    -append) echo "$2" >"$FAKE_DIR/append" ;;
    esac
    shift
done
cat
printf '%b' "$FAKE_CONSOLE"
printf '%b' "$FAKE_VERDICT" >"$verdict"
if [ -n "$FAKE_HANG" ]; then exec sleep 60; fi
FAKE
chmod +x "$dir/bin/qemu-system-x86_64"
export FAKE_DIR="$dir" FAKE_CONSOLE='hello\n'
real_path=$PATH
PATH=$dir/bin:$PATH
fake() { FAKE_VERDICT=$1 FAKE_HANG=${2-} && export FAKE_VERDICT FAKE_HANG; }

fake 'exit 0\n'; check 0 '' 'exit 0' "$hf" run "$dir/static"
fake 'exit 7\n'; check 7 '' 'exit 7' "$hf" run --file "$dir/text:/etc/text" --uid 5 --append quiet "$dir/static" one two
n=$((n + 1)); [ "$(cat "$dir/append")" = 'quiet uid=5 init=/bin/static one two' ] && echo "ok $n - the kernel's words" || { echo "not ok $n - the kernel's words"; sed 's/^/# /' "$dir/append"; }
n=$((n + 1)); [ "$(tr '\n' ' ' <"$dir/listing")" = 'bin bin/static etc etc/text ' ] && echo "ok $n - the initrd's files" || { echo "not ok $n - the initrd's files"; sed 's/^/# /' "$dir/listing"; }
n=$((n + 1)); [ "$(cat "$dir/out")" = hello ] && echo "ok $n - the console is stdout" || echo "not ok $n - the console is stdout"
fake 'signal 11\n'; check 139 'SIGSEGV' 'signal 11' "$hf" run "$dir/static"
fake 'panic out of luck\n'; check 123 'panicked: out of luck' 'a panic' "$hf" run "$dir/static"
fake 'exit 0\naudit I1: 3 frames\n'; check 121 'audit failed: I1' 'a failed audit' "$hf" run "$dir/static"
fake ''; check 122 'without a verdict' 'a machine that stops' "$hf" run "$dir/static"
fake '' hang; check 124 'did not end within 0.5 s' 'a program that never ends' "$hf" run --timeout 0.5 "$dir/static"
fake 'exit 4\n' hang; check 4 '' 'a machine that does not switch off' "$hf" run --timeout 0.5 "$dir/static"
FAKE_CONSOLE='1..2\nok 1 - a\nnot ok 2 - b\n'
fake 'exit 1\n'; check 1 '' '--junit' "$hf" run --junit "$dir/junit.xml" "$dir/static"
n=$((n + 1)); grep -q 'failures="1".*name="1 a".*name="2 b"><failure' "$dir/junit.xml" && echo "ok $n - writes JUnit XML" || { echo "not ok $n - writes JUnit XML"; sed 's/^/# /' "$dir/junit.xml"; echo; }

# No QEMU at all: a path with nothing but what hf needs before that.
mkdir "$dir/few" && for tool in cpio python3; do ln -s "$(PATH=$real_path command -v $tool)" "$dir/few/"; done
check 125 'qemu-system-x86_64 is not installed: run tools/setup' 'no QEMU' env PATH="$dir/few" /usr/bin/python3 "$hf" run "$dir/static"
echo "1..$n"
