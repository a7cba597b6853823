#!/bin/sh
# Workers that die as fast as they are made: a clear fatal error, not a loop.
. "${0%/*}/../cli/lib.sh"
need pgrep

# Each death costs at most a job: of so many files some are left when it gives up,
# and a program that went on for ever would be killed by the wait below.
mktree --seed 14 --files 50 src >/dev/null
for dir in $(seq 200); do
  mkdir "src/more-$dir"
  for file in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    echo "$dir $file" >"src/more-$dir/$file"
  done
done
# Too little address space for a worker's buffers would also stop the master;
# a killer that never rests does not.
"$PCOPY" -T src dst -j 5 --bwlimit=1k 2>"$err" &
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
