#!/bin/sh
# SIGKILL for one of five workers in mid-copy, then for four of five: the tree is
# complete and the exit status is 0.
. "${0%/*}/../cli/lib.sh"
need python3 pgrep

mktree --seed 11 --files 1500 --deep 20 src >/dev/null
count() {
  find dst -type f 2>/dev/null | wc -l
}
some_copied() {
  [ "$(count)" -ge "$1" ]
}

for victims in 1 4; do
  rm -rf dst
  "$PCOPY" -T src dst -j 5 --bwlimit=12M >run.out 2>run.err &
  master=$!
  wait_until 60 some_copied 20
  # The first five children are the workers; a refilled one is not killed again.
  pgrep -P "$master" | head -n "$victims" | xargs kill -KILL
  status=0
  wait "$master" || status=$?
  cp run.err "$err"
  [ "$status" = 0 ] || fail "status $status after $victims workers were killed"
  killed=$(grep -c 'killed by signal 9' run.err)
  [ "$killed" = "$victims" ] || fail "$killed deaths seen, $victims made"
  expect_same_tree src dst
  [ -z "$(find dst -name '.pcopy-*')" ] || fail "temporary files are left"
done
