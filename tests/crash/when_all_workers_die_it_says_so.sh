#!/bin/sh
# Workers that die as fast as they are made: a clear fatal error, not a loop.
. "${0%/*}/../cli/lib.sh"
need pgrep

mktree --seed 14 --files 50 src >/dev/null
# Too little address space for a worker's buffers would also stop the master;
# a killer that never rests does not.
"$PCOPY" -T src dst -j 2 --bwlimit=1k 2>"$err" &
master=$!
ended() {
  pkill -KILL -P "$master" 2>/dev/null || :
  ! kill -0 "$master" 2>/dev/null
}
wait_until 60 ended
status=0
wait "$master" || status=$?
[ "$status" = 1 ] || fail "status $status"
said 'all workers have died'
