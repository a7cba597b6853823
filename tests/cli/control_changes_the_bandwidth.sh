#!/bin/sh
# bwlimit RATE holds from now on, also for a worker that waits for its turn at the
# old rate; status is one line on stdout, without any display.
. "${0%/*}/lib.sh"
mkdir -m 700 "$TEST_DIR/run" src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR

head -c 20000000 /dev/urandom >src/one
head -c 20000000 /dev/urandom >src/two
under_way() {
  [ -n "$(find dst -size +0 -type f 2>/dev/null)" ]
}

# At this rate it would take eleven hours.
"$PCOPY" -T -j 2 --bwlimit=1K src dst >run.out 2>run.err &
master=$!
wait_until 30 under_way
wait_until 30 test -S "$XDG_RUNTIME_DIR/pcopy-$master.sock"
expect_status 0 pcopy --control=$master status
[ "$(wc -l <"$out")" = 1 ] || fail "not one line: $(cat "$out")"
grep -q '0/2 files' "$out" || fail "no counts: $(cat "$out")"
[ ! -s "$err" ] || fail "status said something on stderr"

expect_status 0 pcopy --control=$master bwlimit 2K
grep -qF 'at most 2.00 KiB/s' "$out" || fail "said: $(cat "$out")"
expect_status 0 pcopy --control=$master bwlimit 0
grep -qx 'no limit' "$out" || fail "said: $(cat "$out")"
ended() {
  ! kill -0 $master 2>/dev/null
}
wait_until 60 ended
status=0
wait $master || status=$?
[ $status = 0 ] || fail "status $status"
expect_same_tree src dst
[ ! -s run.err ] && [ ! -s run.out ] || fail "a copy without a display said: $(cat run.out run.err)"
