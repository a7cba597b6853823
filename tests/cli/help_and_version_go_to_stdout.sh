#!/bin/sh
# --help, -h and --version write to stdout and end with 0, or with another
# status when it could not be written.
. "${0%/*}/lib.sh"

for option in --help -h --version; do
  expect_status 0 pcopy "$option"
  [ -s "$out" ] || fail "$option wrote nothing"
  [ ! -s "$err" ] || fail "$option wrote to stderr"
  ! awk 'length($0) > 79 { found = 1 } END { exit !found }' "$out" || fail "$option is too wide"
  status=0
  "$PCOPY" $option >/dev/full 2>"$err" || status=$?
  [ $status != 0 ] || fail "$option into a full disk ended with 0"
done
grep -q '^pcopy [0-9]*\.[0-9]*\.[0-9]*$' "$out" || fail "--version does not begin with the version"
grep -q MIT "$out" || fail "--version does not name the licence"
