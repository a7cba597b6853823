#!/bin/sh
# Failures in mid-run: each sentence complete, above the bar, none of it lost or
# drawn over; the bar stays one.
. "${0%/*}/lib.sh"

mkdir -p src/sub
hold src/sub
for i in $(seq 40); do
  mkdir -p "dst/$i-where-a-directory-is-in-the-way"
  echo "$i" >"src/$i-where-a-directory-is-in-the-way"
done
head -c 3000000 /dev/zero >src/big

# Some sentences are longer than this terminal is wide.
start_terminal 60 12
type_line 'pcopy -T src dst -j 2 --copy-contents --bwlimit=600K'
all_said() {
  [ "$(screen -J -S - | grep -c "^pcopy: .*'src/[0-9]*-where")" = 40 ]
}
wait_until 20 all_said
wait_screen '%'
for i in $(seq 40); do
  screen -J -S - |
    grep -qx "pcopy: cannot overwrite directory 'dst/$i-where-a-directory-is-in-the-way' with .*" ||
    fail_on_screen "not said in full: $i"
done
[ "$(screen -S - | grep -c '▏.*%')" = 1 ] || fail_on_screen "the bar left copies of itself"
screen | sed '/^$/d' | tail -n 2 | head -n 1 | grep -q '%' || fail_on_screen "the bar is not below"
release
wait_screen '^pcopy: copied 2 files.* 40 failed$'
screen -J -S - | grep -qx 'pcopy: 40 failures:' || fail "not told again"
! screen -S - | grep -q '[▕▏█]' || fail_on_screen "something of the bar is left"
