#!/bin/sh
# SIGKILL for the master: every worker ends by itself.
. "${0%/*}/../cli/lib.sh"
need pgrep

mktree --seed 12 --files 800 src >/dev/null
some_copied() {
  [ "$(find dst -type f 2>/dev/null | wc -l)" -ge 10 ]
}
none_alive() {
  for pid in $workers; do
    # A zombie is dead: only its new parent has not looked yet.
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || continue
    [ -z "$state" ] || [ "$state" = Z ] || return 1
  done
}

"$PCOPY" -T src dst -j 5 --bwlimit=1M 2>/dev/null &
master=$!
wait_until 60 some_copied
workers=$(pgrep -P "$master")
[ "$(echo "$workers" | wc -l)" = 5 ] || fail "not five workers: $workers"
kill -KILL "$master"
wait "$master" || :
wait_until 20 none_alive
