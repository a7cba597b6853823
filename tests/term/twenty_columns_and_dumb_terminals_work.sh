#!/bin/sh
# On twenty columns one row that is never wrapped; without a usable TERM no
# escape code at all, and the summary.
. "${0%/*}/lib.sh"

mkdir -p src/sub
hold src/sub
for i in $(seq 20); do
  head -c 50000 /dev/zero >"src/$i"
done

start_terminal 20 12
script 'pcopy -T src dst -j 2 --copy-contents --bwlimit=300K'
type_line '. ./run; echo =$?'
wait_screen '%'
# One row; a wrapped one would fill all twenty columns.
for _ in 1 2 3 4 5; do
  screen | sed '/^$/d' >narrow
  ! grep -qE '^.{20}' narrow || fail_on_screen "the last column was written to"
  [ "$(sed 1d narrow | wc -l)" -le 1 ] || fail_on_screen "more than a row"
  wait_screen '^ *[0-9]*%.*[0-9s:]$'
done
release
wait_screen '^=0$'
wait_screen '^\$$'
expect_screen <<'END'
$ . ./run; echo =$?
pcopy: copied 21 files
=0
$
END
rm "$held"

# Long enough for ten redraws, if there were any.
script 'for term in dumb nosuchterm ""; do TERM=$term pcopy -T src dst$term -j 2 --bwlimit=900K; done
env -u TERM pcopy -T src unset -j 2 --bwlimit=900K'
type_line "clear; printf 'from here'"
wait_screen 'from here\$$'
: >"$TEST_DIR/raw" # clear's own codes
type_line '. ./run; echo end'
wait_screen '^end$'
[ "$(screen -J -S - | grep -c '^pcopy: copied 20 files (.* 2 workers$')" = 4 ] ||
  fail_on_screen "not four summaries"
expect_bytes_without '\033'
! grep -qa '%' "$TEST_DIR/raw" || fail "a bar on a terminal that cannot have one"
