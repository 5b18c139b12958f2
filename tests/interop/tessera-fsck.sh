#!/usr/bin/env bash
# timeout: 900
# A key log read by a verifier that others wrote: fsck of transparency-dev/tessera, unmodified, over file://. Needs Go and its
# module proxy; TESSERA_FSCK names a program built before.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${TEST_BUILD:-build}
dir=${TEST_DIR:-$(mktemp -d)}
version=v1.0.4

skip() { echo "ok tessera fsck reads the key log # skip $1"; exit 0; }
fsck=${TESSERA_FSCK:-}
if [ -z "$fsck" ]; then
	command -v go >/dev/null || skip "Go is not installed"
	GOBIN=$dir GOPATH=$dir/go GOCACHE=$dir/cache GOFLAGS=-modcacherw \
		go install "github.com/transparency-dev/tessera/cmd/fsck@$version" >"$dir/go.log" 2>&1 ||
		skip "fsck does not build: $(tail -n 1 "$dir/go.log")"
	fsck=$dir/fsck
fi
make -s BUILD="$build" "$build/lib/make_log" || exit 2

# fsck tries again for ever when a bundle does not hash to its tile, so a refusal is "no success in time"
reads() {
	timeout "$2" "$fsck" --storage_url="file://$1/log/" --public_key="$1/vkey" --ui=false --logtostderr 2>&1 |
		grep -q "Successfully fsck'd log with size $3"
}
failed=0
check() { # NAME, then a command
	local name=$1
	shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; failed=1; fi
}
not() { ! "$@"; }

for n in 20 1000 70000; do
	log=$dir/log-$n
	mkdir "$log"
	"$build/lib/make_log" "$log" "$n" >/dev/null || exit 2
	size=$(sed -n 2p "$log/log/checkpoint")
	check "tessera fsck $version: a log of $size entries" reads "$log" 120 "$size"
done
log=$dir/log-1000
size=$(sed -n 2p "$log/log/checkpoint")
printf 'X' | dd of="$log/log/tile/entries/002" bs=1 seek=5000 conv=notrunc status=none
check "tessera fsck $version: no success when a byte of an entry is changed" not reads "$log" 10 "$size"
exit "$failed"
