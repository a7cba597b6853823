#!/bin/sh
# SIGKILL for the master in mid-run: the prompt comes back and what is typed is
# shown; the inline display changes nothing that would have to be undone.
. "${0%/*}/lib.sh"

mkdir src
head -c 30000000 /dev/zero >src/big
start_terminal 80 24
type_line 'pcopy -T src dst -j 2 --bwlimit=50K'
wait_screen '%'
master=$(master_pid)
workers=$(workers)
kill -KILL "$master"
wait_screen '^Killed'
# shellcheck disable=SC2086 # numbers
wait_until 20 none_runs $workers
type_line ''
wait_screen '^\$$'
expect_sane_terminal
expect_bytes_without '\033[?1' '\033[?2' '\033[!' '\033(' '\016' # modes, other character sets
# Wrapping is off only within a draw.
[ "$(grep -ao '\[?7[hl]' "$TEST_DIR/raw" | tail -n 1)" = '[?7h' ] || fail "wrapping is off"
