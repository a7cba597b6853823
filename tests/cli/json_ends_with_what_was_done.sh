#!/bin/sh
# The last progress object has the final numbers, however short the run: fraction 1
# when all is done, and no total that was never known.
. "${0%/*}/lib.sh"
need jq
mkdir src
echo one >src/one
echo two >src/two
last() {
  jq -s -r "map(select(.event == \"progress\")) | last | $1" json
}

expect_status 0 pcopy -T --progress=json --progress-fd=1 src dst
mv "$out" json
[ "$(last '[.fraction, .files_done, .files_total, .bytes_done, .bytes_total, .phase] | @csv')" = '1,2,2,8,8,"copy"' ] ||
  fail "the last progress: $(last .)"
[ "$(jq -s -r 'last | .event' json)" = summary ] || fail "the summary is not last"
# Each file went over in one way, the empty one in none.
: >src/none
expect_status 0 pcopy -T --reflink=never --progress=json --progress-fd=1 src dst1
mv "$out" json
rm src/none
[ "$(jq -s -c 'last | .methods' json)" = '{"none":1,"plain":2,"offload":0,"reflink":0}' ] ||
  fail "the ways: $(tail -n 1 json)"

expect_status 0 pcopy -T --sync=end --progress=json --progress-fd=1 src dst2
mv "$out" json
[ "$(last '[.fraction, .phase] | @csv')" = '1,"flush"' ] || fail "after a flush: $(last .)"
[ "$(jq -s -r 'map(select(.event == "phase") | .phase) | last' json)" = flush ] || fail "phases out of order"

expect_status 0 pcopy -T --progress=json --progress-fd=1 --resume src dst
mv "$out" json
[ "$(last '[.fraction, .files_done, .files_skipped] | @csv')" = '1,0,2' ] || fail "nothing to do: $(last .)"

head -c 3000000 /dev/urandom >src/big
"$PCOPY" -T --bwlimit=100K --progress=json --progress-fd=3 src dst4 3>json 2>"$err" &
master=$!
moving() {
  jq -s -e 'map(select(.event == "progress" and .fraction != null)) | length > 0' json >/dev/null 2>&1
}
wait_until 30 moving
kill -TERM $master
wait $master || :
[ "$(last '.fraction < 1 and .files_done < .files_total')" = true ] || fail "interrupted: $(last .)"
