#!/bin/sh
# ^C in mid-run: an end by the signal, so that a shell's loop ends too, no
# temporary file, and a terminal as it was.
. "${0%/*}/lib.sh"

# A big file and small ones: at this rate the copy would take hours.
mkdir src
head -c 30000000 /dev/zero >src/big
for i in $(seq 50); do
  head -c 60000 /dev/zero >"src/$i"
done

start_terminal 80 24
type_line 'for i in 1 2 3; do pcopy -T src dst -j 3 --bwlimit=50K; done'
wait_screen '%'
wait_until 20 test -d dst
master=$(master_pid)
workers=$(workers)
press C-c
wait_screen '^\$$'
type_line 'echo "status $?"'
wait_screen '^status 130$'
# The loop has ended: one copy was interrupted and none begun after it.
[ "$(screen_text | grep -c 'copied')" = 1 ] || fail_on_screen "the loop went on"
screen_text | grep -q '^pcopy: interrupted: copied [0-9]* files*$' || fail_on_screen "no summary"
screen_text | grep -qx 'pcopy: to go on: pcopy --resume -T -j 3 --bwlimit=50K src dst' ||
  fail_on_screen "no command to go on with"
! screen | grep -qE '%|^src/' || fail_on_screen "something of the bar is left"
# shellcheck disable=SC2086 # numbers
wait_until 20 none_runs $master $workers
no_temporary_files dst
expect_sane_terminal
