#!/bin/sh
# A pause stops the copy where it is, and its time counts in nothing; resume goes on.
. "${0%/*}/lib.sh"
mkdir -m 700 "$TEST_DIR/run" src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR

i=0
while [ $i -lt 40 ]; do
  i=$((i + 1))
  head -c 400000 /dev/urandom >src/$i
done
events() {
  grep '"event":"progress"' json 2>/dev/null | grep -F -e "$1" || :
}
at_least() {
  [ "$(events "$2" | wc -l)" -ge "$1" ]
}
# of_last N MEMBER: its different values in the last N events of the pause
of_last() {
  events '"paused":true' | tail -n "$1" | sed "s/.*\"$2\":\([0-9.]*\).*/\1/" | sort -u
}

"$PCOPY" -T -j 3 --bwlimit=4M --progress=json --progress-fd=3 src dst 3>json 2>"$err" &
master=$!
wait_until 30 at_least 2 '"paused":false'
expect_status 0 pcopy --control=$master pause
[ "$(cat "$out")" = paused ] || fail "said: $(cat "$out")"
expect_status 0 pcopy --control $master pause

# What was in hand may still land before the fourth.
wait_until 60 at_least 8 '"paused":true'
for member in bytes_done files_done elapsed_s; do
  [ "$(of_last 4 $member | wc -l)" = 1 ] || fail "$member moved in the pause: $(of_last 4 $member)"
done
[ "$(of_last 1 bytes_done)" -lt 16000000 ] || fail "the copy was over before the pause"
expect_status 0 pcopy --control=$master status
grep -q paused "$out" || fail "the status says nothing of the pause: $(cat "$out")"
seen=$(events '"paused":false' | wc -l)

expect_status 0 pcopy --control=$master resume
wait_until 30 at_least $((seen + 2)) '"paused":false'
status=0
wait $master || status=$?
[ $status = 0 ] || fail "status $status"
expect_same_tree src dst

# Paused, it still ends at once when told to.
rm -rf dst
"$PCOPY" -T -j 3 --bwlimit=4M src dst 2>"$err" &
master=$!
wait_until 30 test -e "$XDG_RUNTIME_DIR/pcopy-$master.sock"
wait_until 30 test -d dst
expect_status 0 pcopy --control=$master pause
kill -TERM $master
status=0
wait $master || status=$?
[ $status = 143 ] || fail "status $status after SIGTERM in a pause"
[ -z "$(find dst -name '.pcopy-*')" ] || fail "temporary files are left"
