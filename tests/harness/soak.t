#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/soak over a false QEMU: a short run on two kernels, with a line a run and seeds that go up; a run that fails, which
# ends it, with the command that repeats it.

real=$(cd "$(dirname "$0")/../.." && pwd)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export MAKELEVEL=1 # hf builds nothing by itself
unset HF_CC HF_BUILD
mkdir -p "$top/build/tests/user" "$top/build/debug" "$top/bin"
cp -r "$real/tools" "$top/"
: >"$top/build/holdfast.elf"
: >"$top/build/debug/holdfast.elf"
printf 'int main(void) { return 0; }\n' >"$top/main.c"
gcc -static -o "$top/program" "$top/main.c"
for name in stress_threads stress_exit thread_random aio_random random fuzz_calls process_stress race_aio race_fork race_lock race_map; do
    cp "$top/program" "$top/build/tests/user/$name"
done

# The machine notes what it was to run; the program that FAKE_BAD names ends with 1, or panics.
cat >"$top/bin/qemu-system-x86_64" <<'FAKE'
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    file,id=verdict,path=*) verdict=${1#*path=} ;;
    -kernel) kernel=$2 ;;
    -append) words=$2 ;;
    esac
    shift
done
echo "$kernel $words" >>"$FAKE_LOG"
case "$words " in
*"$FAKE_BAD"*) echo 'not ok 1 - lost a frame'; echo "$FAKE_END" >"$verdict" ;;
*) echo 'ok 1'; echo 'exit 0' >"$verdict" ;;
esac
FAKE
chmod +x "$top/bin/qemu-system-x86_64"
PATH=$top/bin:$PATH
export FAKE_LOG="$top/log" FAKE_BAD=nobody FAKE_END='exit 1'

n=0 status=0
soak() {
    : >"$FAKE_LOG"
    (cd "$top" && tools/soak "$@") >"$top/out" 2>&1 </dev/null
    status=$?
}
# ok NAME CONDITION...
ok() {
    n=$((n + 1))
    name=$1
    shift
    if "$@"; then echo "ok $n - $name"; else
        echo "not ok $n - $name"
        echo "# status $status"
        cat "$top/out" "$top/log" | cut -c1-160 | sed 's/^/# /'
    fi
}
said() { grep -q -- "$1" "$top/out"; }
lines() { [ "$(grep -c -- "$2" "$top/$1")" = "$3" ]; }
last() { tail -n 1 "$top/out" | grep -q -- "$1"; }

soak --rounds 2 --seed 7 --kinds 'plain debug'
ok 'two rounds that pass' [ $status = 0 ]
ok 'are counted' last 'soak: 2 rounds, all passed'
ok 'with a line for each run: 13, on two kernels, twice' lines out '^round [12], .*: ok, ' 52
ok 'on the ordinary kernel' lines log '^build/holdfast.elf ' 26
ok 'and on the other' lines log '^build/debug/holdfast.elf ' 26
ok 'the first round has the seed' said '^round 1, plain: thread_random 7 40: ok'
ok 'the second the next' said '^round 2, plain: thread_random 8 40: ok'
ok 'slower kernels do less' said '^round 1, debug: thread_random 7 10: ok'
ok 'races are run as they are' said '^round 2, debug: race_map: ok'
soak --rounds 1 --cpus 2
ok 'but not on fewer CPUs than they need' lines log race 0
soak --minutes 0
ok 'no time at all' last 'soak: 0 rounds, all passed'

FAKE_BAD='init=/bin/fuzz_calls 8 ' && soak --rounds 5 --seed 7
ok 'a run that fails' [ $status = 1 ]
ok 'shows what it printed' said '^not ok 1 - lost a frame'
ok 'says where' said '^soak: fuzz_calls failed on the plain kernel, in round 2; to repeat:'
ok 'and how to repeat it' last '^    tools/hf run --timeout 1200 --cpus 4 --kernel build/holdfast.elf build/tests/user/fuzz_calls 8 2000$'
ok 'nothing is run behind it' lines log . 21
command=$(tail -n 1 "$top/out")
: >"$FAKE_LOG"
(cd "$top" && $command) >"$top/out" 2>&1
status=$?
ok 'the command repeats it' [ $status = 1 ]
FAKE_BAD='init=/bin/race_lock ' FAKE_END='panic out of luck' && soak --rounds 1 --kinds debug
ok 'a panic is a failure' [ $status = 1 ]
ok 'whose reason is told' said 'panicked: out of luck'
FAKE_BAD=nobody && soak --kinds 'plain kasan' --rounds 1
ok 'a kernel that is not built' [ $status = 2 ]
soak --seed
ok 'an option without its value' [ $status = 2 ]
echo "1..$n"
