#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/hf-prove over a fake QEMU: a machine that dies, hangs or never starts fails the test that ran and no
# other, and the tests behind it are run all the same.

real=$(cd "$(dirname "$0")/../.." && pwd)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
unset HF_CC HF_BUILD
mkdir -p "$top/build/tests/user" "$top/tests/user" "$top/bin"
cp -r "$real/tools" "$top/"
: >"$top/build/holdfast.elf"
: >"$top/build/tests/user/init"
n=0

# has NAME [LINE]: a test whose head comment has this line
has() {
    printf '/*\n * %s\n */\n' "${2-}" >"$top/tests/user/$1.c"
    : >"$top/build/tests/user/$1"
}

# The machine: what happens in a test is in its name.
cat >"$top/bin/qemu-system-x86_64" <<'FAKE'
#!/bin/sh
echo boot "$*" >>"$FAKE_LOG"
while [ $# -gt 0 ]; do
    case $1 in
    file,id=verdict,path=*) verdict=${1#*path=} ;;
    -initrd) initrd=$2 ;;
    esac
    shift
done
[ -z "$FAKE_DEAD" ] || exit 0
echo 'a line of the boot'
for path in $(cpio -i --quiet --to-stdout tests/list <"$initrd"); do
    name=${path##*/}
    echo "# begin $name"
    echo 1..1
    case $name in
    panics*) echo 'panic: lost a frame'; echo 'panic lost a frame' >"$verdict"; exit 0 ;;
    hangs*) exec sleep 30 ;;
    resets*) exit 0 ;;
    leaks*) echo ok 1; echo "# end $name exit 0"; echo "# leak $name kern.threads 3 4" ;;
    fails*) echo not ok 1; echo "# end $name exit 1" ;;
    status*) echo ok 1; echo "# end $name exit 9" ;;
    *) echo ok 1; echo "# end $name exit 0" ;;
    esac
    echo "# done $name"
done
echo 'exit 0' >"$verdict"
[ -z "$FAKE_AUDIT" ] || echo 'audit I1: frames' >>"$verdict"
FAKE
chmod +x "$top/bin/qemu-system-x86_64"
PATH=$top/bin:$PATH
export FAKE_LOG="$top/log" FAKE_DEAD='' FAKE_AUDIT=''

prove() {
    : >"$FAKE_LOG"
    rm -rf "$top/tap"
    "$top/tools/hf-prove" --out "$top/tap" --patience 0.02 "$@" >"$top/out" 2>&1
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
        cat "$top/out" "$top/log" "$top"/tap/* 2>/dev/null | cut -c1-160 | sed 's/^/# /'
    fi
}
passes() { ! grep -q '^not ok' "$top/tap/$1.tap" && grep -q '^ok 1' "$top/tap/$1.tap"; }
fails() { grep -q "^not ok.*$2" "$top/tap/$1.tap"; }
boots() { [ "$(grep -c '^boot' "$FAKE_LOG")" = "$1" ]; }

has good1 && has good2 && has good3 && has panics && has fails && has leaks && has resets && has status
has hangs 'timeout: 10'
has big 'mem: 1G'
has counted 'icount: yes'

prove --seed 1 --jobs 1 good1 good2 good3
ok 'all pass' [ $status = 0 ]
ok 'in one boot' boots 1
prove --seed 1 --jobs 2 good1 good2 good3 panics fails
ok 'some fail' [ $status = 1 ]
ok 'a panic fails its test' fails panics 'the kernel panicked: lost a frame'
ok 'with what the console said' grep -q '^# panic: lost a frame' "$top/tap/panics.tap"
ok 'a failed check fails its test' fails fails ''
ok 'and no other' passes good1
ok 'nor those behind it' passes good3
ok 'the command that repeats it is told' grep -q 'make test-user T=panics SEED=1$' "$top/out"
prove --jobs 1 leaks status resets hangs good1
ok 'a count that did not return' fails leaks 'leak kern.threads 3 4'
ok 'a bad status with good TAP' fails status 'its exit status was 9'
ok 'a reset' fails resets 'without a verdict'
ok 'a test that never ends' fails hangs 'did not end in time'
ok 'the rest is run' passes good1
FAKE_AUDIT=1 && prove --jobs 1 good1 good2
ok 'a failed audit at the end fails the last test' [ $status = 1 ]
FAKE_AUDIT='' FAKE_DEAD=1 && prove --jobs 1 good1 good2
ok 'a machine that does not start fails all' fails good1 'not run: the machine stopped'
ok 'and is not started for ever' boots 1
FAKE_DEAD='' && prove --jobs 1 good1 big counted
ok 'tests ask for their machine' boots 3
ok 'its memory' grep -q '^boot.*-m 1G' "$FAKE_LOG"
ok 'its clock' grep -q '^boot.*-icount' "$FAKE_LOG"
prove none
ok 'no such test' [ $status = 125 ]
rm "$top/build/tests/user/good1" && prove good1
ok 'a test that is not built' grep -q 'good1 is not built' "$top/out"
echo "1..$n"
