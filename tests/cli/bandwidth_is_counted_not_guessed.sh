#!/bin/sh
# --bwlimit: the workers together wait so long that the bytes they wrote are
# within the limit, by the clock of the run; 0 is no limit.
. "${0%/*}/lib.sh"
need jq

mkdir src
for n in 1 2 3 4; do
  head -c 600000 /dev/urandom >src/$n
done
# 2.4 MB at 1 MiB/s, of which a burst is free: it cannot have taken less than one second.
expect_status 0 pcopy -j 4 --bwlimit=1M --progress=json --progress-fd=3 src new 3>json
expect_same_tree src new
bytes=$(jq -r 'select(.event == "summary").bytes' json)
[ "$bytes" = 2400000 ] || fail "$bytes bytes"
jq -es 'map(select(.event == "summary"))[0].elapsed_s >= 1' json >/dev/null ||
  fail "2.4 MB at 1 MiB/s in $(jq -r 'select(.event == "summary").elapsed_s' json) s"
# Never ahead of the limit by more than a second's worth.
jq -es 'map(select(.event == "progress")) | all(.bytes_done <= (.elapsed_s + 1) * 1048576 + 262144)' json >/dev/null ||
  fail "more bytes than the limit allows: $(jq -c 'select(.event == "progress") | [.elapsed_s, .bytes_done]' json)"
rm -rf new
expect_status 0 pcopy -j 4 --bwlimit=0 src new
expect_same_tree src new
