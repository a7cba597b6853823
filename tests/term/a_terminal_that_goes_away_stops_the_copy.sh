#!/bin/sh
# The window is closed in mid-run: the copy stops as tidily as by ^C. Where that
# is not to be (nohup), it goes on to the end without one.
. "${0%/*}/lib.sh"

mkdir -p src/a
head -c 30000000 /dev/zero >src/big
for face in line screen; do
  start_terminal 80 24
  type_line "pcopy -T src dst -j 2 --bwlimit=50K --progress=$face"
  wait_screen '%'
  all=$(master_pid && workers)
  tmux kill-server
  # shellcheck disable=SC2086 # numbers
  wait_until 20 none_runs $all
  no_temporary_files dst
done

rm -r src/big dst
for i in $(seq 20); do
  head -c 1000 /dev/zero >"src/a/$i"
done
for face in line screen; do
  hold src
  start_terminal 80 24
  type_line "trap '' HUP; pcopy -T src dst -j 2 --copy-contents --progress=$face"
  wait_screen '20/21'
  master=$(master_pid)
  tmux kill-server
  terminal_gone() {
    case $(readlink "/proc/$master/fd/2") in *deleted*) ;; *) return 1 ;; esac
  }
  wait_until 20 terminal_gone
  is_running "$master" || fail "$face: it ended"
  # It waits; a descriptor that is readable for ever would keep it running.
  running=0
  for _ in $(seq 20); do
    ! grep -q '^State:[[:space:]]*R' "/proc/$master/status" || running=$((running + 1))
  done
  [ "$running" -lt 10 ] || fail "$face: it runs without rest"
  release
  wait_until 20 none_runs "$master"
  rm "$held" dst/held
  expect_same_tree src/a dst/a
  rm -r dst
done
