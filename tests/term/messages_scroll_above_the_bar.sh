#!/bin/sh
# Failures and -v in mid-run: each sentence complete, above the bar, none of it lost or
# drawn over; the bar stays one.
. "${0%/*}/lib.sh"

mkdir -p src/sub
hold src/sub
for i in $(seq 40); do
  mkdir -p "dst/$i-way"
  echo "$i" >"src/$i-way"
done
long=$(printf %0120d 0)
for i in $(seq 10); do
  head -c 300000 /dev/zero >"src/$i-$long"
done

# Sentences that are shorter than the bar, and -v's that are longer than the terminal is wide.
start_terminal 100 12
type_line 'pcopy -T src dst -j 2 -v --copy-contents --bwlimit=600K'
all_said() {
  [ "$(screen -J -S - | grep -c '^pcopy: cannot')" = 40 ]
}
wait_until 20 all_said
wait_screen '%'
for i in $(seq 40); do
  screen -J -S - |
    grep -qxF "pcopy: cannot overwrite directory 'dst/$i-way' with non-directory 'src/$i-way'" ||
    fail_on_screen "not said in full, or with more behind it: $i"
done
[ "$(screen -S - | grep -c '▏.*%')" = 1 ] || fail_on_screen "the bar left copies of itself"
screen | sed '/^$/d' | tail -n 2 | head -n 1 | grep -q '%' || fail_on_screen "the bar is not below"
listed() {
  [ "$(screen -J -S - | grep -c '^.src/[0-9].* -> ')" = 10 ]
}
wait_until 20 listed
for i in $(seq 10); do
  screen -J -S - | grep -qxF "'src/$i-$long' -> 'dst/$i-$long'" || fail_on_screen "not listed in full: $i"
done
release
wait_screen '^pcopy: copied 11 files.* 40 failed$'
screen -J -S - | grep -qx 'pcopy: 40 failures:' || fail "not told again"
! screen -S - | grep -q '[▕▏█]' || fail_on_screen "something of the bar is left"
