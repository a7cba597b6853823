#!/bin/sh
# -j takes 1 to 256 or auto; anything else is refused before anything is made.
. "${0%/*}/lib.sh"

mkdir src
echo one >src/file

for jobs in 0 x -1 257 1000000000000000000000 '' ' 5' 5x 1.5; do
  expect_status 2 pcopy -j "$jobs" src new
  said "pcopy: invalid number of workers '$jobs': it can be 1 to 256, or auto"
  expect_status 2 pcopy src new --jobs="$jobs"
  [ ! -e new ] || fail "-j '$jobs' made something"
done
for jobs in 1 2 256 auto; do
  expect_status 0 pcopy src new."$jobs" -j "$jobs"
  expect_same_tree src new."$jobs"
done
