#!/bin/sh
# --stats: one line a kind of work, the shares make the whole, and the largest is what
# was waited for.
. "${0%/*}/lib.sh"
mkdir src
head -c 4000000 /dev/urandom >src/one
head -c 4000000 /dev/urandom >src/two

kinds() {
  sed -n 's/^pcopy: *\([0-9.]*\) %  \(.*\)/\1 \2/p' "$err"
}
share() {
  kinds | sed -n "s/\([0-9]*\)\.[0-9] $1\$/\1/p"
}
expect_status 0 pcopy -T -j 1 --stats --bwlimit=4M src dst
for kind in reading writing metadata scanning flushing 'throttled or paused' 'waiting for the master' \
  'waiting for work'; do
  [ "$(kinds | grep -c " $kind\$")" = 1 ] || fail "not one line of: $kind"
done
[ "$(kinds | wc -l)" = 8 ] || fail "eight kinds, not: $(kinds)"
kinds | awk '{ sum += $1 } END { exit !(sum > 99 && sum < 101) }' || fail "not 100 % in all: $(kinds)"
[ "$(share 'throttled or paused')" -gt 50 ] || fail "a throttled copy, and its time is: $(kinds)"
said 'copied 2 files'
grep -q "^pcopy: processor time: the workers' [0-9]*\.[0-9][0-9] s, the master's [0-9]*\.[0-9][0-9] s\$" "$err" ||
  fail "no processor time"

# Workers without work wait for it from the first to the last moment.
expect_status 0 pcopy -T -j 8 --stats --bwlimit=4M src dst2
[ "$(share 'waiting for work')" -gt 50 ] || fail "most of eight have nothing to do, and: $(kinds)"

expect_status 0 pcopy -T -j 2 src dst3
[ -z "$(kinds)" ] || fail "said without --stats"
