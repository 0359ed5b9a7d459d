#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) The Holdfast authors
#
# tools/setup with dpkg, apt-get, sudo and id played by fakes: what it says and what it would run.

top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0

# A path with the few tools that the script itself uses, and fakes.
mkdir "$dir/bin"
for tool in sh cut cat; do ln -s "$(command -v $tool)" "$dir/bin/"; done
fake() {
    cat >"$dir/bin/$1"
    chmod +x "$dir/bin/$1"
}
packages=$("$top/tools/setup" --list | cut -d' ' -f1)

# machine UID MISSING: a Debian machine that lacks one package, or none (-); apt-get fails until updated
machine() {
    rm -f "$dir/bin/sudo" "$dir/log" "$dir/updated"
    printf '#!/bin/sh\necho %s\n' "$1" | fake id
    { echo '#!/bin/sh' && for p in $packages; do [ "$p" = "$2" ] || echo "echo $p installed"; done; } | fake dpkg-query
    fake apt-get <<FAKE
#!/bin/sh
echo "apt-get \$*" >>$dir/log
case "\$*" in *update) : >$dir/updated ;; *) [ -e $dir/updated ] ;; esac
FAKE
}

# check STATUS WORDS LOGGED NAME: its status; on stderr WORDS (none: nothing at all); a line of the log
check() {
    n=$((n + 1))
    PATH=$dir/bin "$top/tools/setup" >"$dir/out" 2>"$dir/err"
    status=$?
    good=false
    if [ $status = "$1" ] && [ ! -s "$dir/out" ]; then
        case $2 in '') [ -s "$dir/err" ] || good=true ;; *) grep -q -- "$2" "$dir/err" && good=true ;; esac
        [ -z "$3" ] || grep -q -- "$3" "$dir/log" || good=false
    fi
    if $good; then echo "ok $n - $4"; else
        echo "not ok $n - $4"
        { echo "status $status" && cat "$dir/err" "$dir/log"; } 2>&1 | sed 's/^/# /'
    fi
}

echo 1..8
machine 0 -
check 0 '' '' 'nothing missing: silent'
machine 0 nasm
check 0 'installing: nasm' 'install nasm' 'root: installs what is missing, and that alone'
check 0 'installing: nasm' 'apt-get -q update' 'with fresh package lists when the first attempt fails'
machine 1000 nasm
check 1 'as root: apt-get update && apt-get install --no-install-recommends nasm$' '' 'no root, no sudo: names the one command'
printf '#!/bin/sh\n[ "$1" = -n ] && shift\n[ "$1" = true ] && exit 0\nexec "$@"\n' | fake sudo
: >"$dir/updated"
check 0 'installing: nasm' 'install nasm' 'sudo is used where it asks for no password'
machine 0 nasm
printf '#!/bin/sh\nexit 100\n' | fake apt-get
check 1 'could not install these packages: nasm' '' 'a failing apt-get is reported'
rm "$dir/bin/dpkg-query"
check 1 'not a Debian system' '' 'elsewhere: says what it needs'
n=$((n + 1))
if grep -q '^    nasm (nasm: ' "$dir/err" && grep -q '^    qemu-system-x86_64 (qemu-system-x86: ' "$dir/err"; then
    echo "ok $n - command, package and why"
else
    echo "not ok $n - command, package and why" && sed 's/^/# /' "$dir/err"
fi
