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

# Exactly as long as may be: there is no room for what ranges write behind the end,
# so one worker copies it.
if [ -x "${FAULTFS:-}" ] && [ -c /dev/fuse ] && command -v prlimit >/dev/null; then
  mkdir backing slow whole
  "$FAULTFS" --latency-us=100 backing slow || fail "faultfs cannot be mounted"
  head -c 40000001 /dev/urandom >whole/big
  expect_status 0 prlimit --fsize=40000001 "$PCOPY" -j4 -T whole slow/dst
  cmp whole/big backing/dst/big
  [ "$(ls -A backing/dst)" = big ] || fail "there is more than the file"
fi
