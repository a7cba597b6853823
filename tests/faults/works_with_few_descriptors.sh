#!/bin/sh
# `ulimit -n 64` and -j 64: complete, with as many workers as can be, and silent.
. "${0%/*}/../cli/lib.sh"

mktree --seed 21 --files 200 --deep 40 src >/dev/null
for limit in 64 32; do
  rm -rf dst
  # shellcheck disable=SC3045 # every sh in use has -n
  (
    ulimit -n "$limit"
    expect_status 0 pcopy -j 64 -T src dst
  )
  [ ! -s "$err" ] || fail "said something with $limit descriptors"
  expect_same_tree src dst
done
