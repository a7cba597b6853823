#!/bin/sh
# A full disk: status 4, and the command that completes the copy once there is room.
. "${0%/*}/lib.sh"
need_root
mkdir src small
mount -t tmpfs -o size=3M none small 2>/dev/null || skip "no tmpfs can be mounted here"
i=0
while [ $i -lt 20 ]; do
  i=$((i + 1))
  head -c 400000 /dev/urandom >src/$i
done

for preflight in --no-preflight ''; do
  mount -o remount,size=3M small
  # shellcheck disable=SC2086 # perhaps none
  expect_status 4 pcopy -j 2 $preflight src small
  command=$(sed -n 's/^pcopy: to go on: //p' "$err")
  case $command in *" --resume -t small "*src) ;; *) fail "said: $command" ;; esac
  [ -z "$(find small -name '.pcopy-*')" ] || fail "temporary files are left"
  mount -o remount,size=30M small
  expect_status 0 sh -c "$command"
  expect_same_tree src small/src
  rm -rf small/*
done
