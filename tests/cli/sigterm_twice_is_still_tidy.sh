#!/bin/sh
# timeout(1) sends SIGTERM to its child and to the group, a shell that goes away
# SIGHUP: the second one must not cut off what the first has begun to tidy up.
. "${0%/*}/lib.sh"
need pgrep

mkdir src
head -c 30000000 /dev/zero >src/big
"$PCOPY" -T src dst -j 2 --bwlimit=1M 2>"$err" &
master=$!
being_made() {
  [ -n "$(find dst -name '.pcopy-*' 2>/dev/null)" ]
}
wait_until 20 being_made
# The workers hear of it only after both.
# shellcheck disable=SC2046 # numbers
kill -STOP $(pgrep -P $master)
kill -TERM $master
kill -HUP $master
both_seen() {
  ! grep -q '^Sig\(Pnd\|Blk\):.*[1-9a-f]' /proc/$master/status && ! grep -q '^ShdPnd:.*[1-9a-f]' /proc/$master/status
}
wait_until 20 both_seen
# shellcheck disable=SC2046
kill -CONT $(pgrep -P $master) 2>/dev/null || :
status=0
wait $master || status=$?
[ $status -gt 128 ] || fail "status $status"
said 'interrupted: copied 0 files'
! being_made || fail "left behind: $(ls -A dst)"
