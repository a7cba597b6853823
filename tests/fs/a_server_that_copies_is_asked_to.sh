#!/bin/sh
# One file in ranges by several workers, on a server that copies by itself: most of it is
# never read or written here, and the summary says so. Which is faster is measured in the
# copy: the server is so slow that a busy machine does not matter.
. "${0%/*}/lib.sh"
need jq
if ! [ -x "${FAULTFS:-}" ] || ! [ -c /dev/fuse ]; then
  skip "no FUSE here"
fi
mkdir "$ram/backing" slow
"$FAULTFS" --latency-us=20000 --copy-offload --stats="$PWD/stats" --pid-file="$PWD/pid" "$ram/backing" slow ||
  skip "faultfs cannot be mounted here"
head -c 200000000 /dev/urandom >"$ram/backing/big"

requests() {
  sed -n "s/^$1 //p" stats
}
counted() {
  [ -s stats ]
}
expect_status 0 pcopy -j 4 --progress=json --progress-fd=1 slow/big slow/copy
mv "$out" json
cmp "$ram/backing/big" "$ram/backing/copy"
[ "$(jq -s -c 'last | .methods' json)" = '{"none":0,"plain":0,"offload":1,"reflink":0}' ] ||
  fail "the ways: $(tail -n 1 json)"
kill -USR1 "$(cat pid)"
wait_until 10 counted
[ "$(requests bytes_written)" -lt 60000000 ] || fail "$(requests bytes_written) bytes were written from here"
[ "$(requests copy_file_range)" -gt 10 ] || fail "the server was asked $(requests copy_file_range) times"
