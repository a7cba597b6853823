#!/bin/sh
# `ulimit -f`: the files that are too big are named, the others complete, and nobody
# is killed by the signal.
. "${0%/*}/../cli/lib.sh"

mkdir src
head -c 3000 /dev/zero >src/small
head -c 300000 /dev/urandom >src/big
head -c 50000 /dev/urandom >src/middle
# In units of 512 or of 1024 bytes, as the shell has it.
(
  ulimit -f 20
  expect_status 1 pcopy -T src dst
  said "error writing 'dst/big': File too large" "error writing 'dst/middle': File too large"
)
[ "$(ls -A dst)" = small ] || fail "there is more than the small file"
cmp src/small dst/small
