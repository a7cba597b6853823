#!/bin/sh
# SIGSTOP for one worker that has work in hand: the copy completes, that work done again.
. "${0%/*}/../cli/lib.sh"
need pgrep

mktree --seed 13 --files 600 src >/dev/null
some_copied() {
  [ "$(find dst -type f 2>/dev/null | wc -l)" -ge 10 ]
}

"$PCOPY" -T src dst -j 3 --bwlimit=16M 2>"$err" &
master=$!
wait_until 60 some_copied
pgrep -P "$master" | head -n 1 | xargs kill -STOP
status=0
wait "$master" || status=$?
[ "$status" = 0 ] || fail "status $status"
expect_same_tree src dst
