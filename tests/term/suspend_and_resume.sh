#!/bin/sh
# ^Z gives the shell a clean line and stops everybody; fg goes on, the copy is
# right, and the time between counts for nothing.
. "${0%/*}/lib.sh"
need python3

mkdir -p src/a
hold src
for i in $(seq 20); do
  head -c 100000 /dev/zero >"src/a/$i"
done

start_terminal 80 24
type_line 'pcopy -T src dst -j 2 --copy-contents --bwlimit=900K'
wait_screen '%'
master=$(master_pid)
all=$(printf '%s\n' "$master" && workers)
press C-z
wait_screen '^\[1\]+  Stopped'
all_stopped() {
  for pid in $all; do
    grep -q '^State:[[:space:]]*T' "/proc/$pid/status" || return 1
  done
}
wait_until 20 all_stopped
wait_screen '^\$$'
expect_screen <<'END'
$ pcopy -T src dst -j 2 --copy-contents --bwlimit=900K
[1]+  Stopped                 pcopy -T src dst -j 2 --copy-contents --bwlimit=900K
$
END
expect_sane_terminal
type_line 'clear; fg'
wait_screen '%'
wait_screen '^src/'
release
wait_screen '^pcopy: copied 21 files (.* 2 workers$' # none was taken for dead or stuck
wait_screen '^\$$'
! screen | grep -qE '%|^src/' || fail_on_screen "something of the bar is left"
rm "$held" dst/held
expect_same_tree src/a dst/a

# Many times in a row on the screen that curses draws, which would like to have
# the signal for itself: each ^Z counts for all.
hold src
type_line 'pcopy -T src dst -j 2 --copy-contents --progress=screen'
for _ in 1 2 3 4 5 6 7 8 9 10; do
  wait_screen '^p pause'
  press C-z
  wait_screen '^\[1\]+  Stopped'
  type_line 'clear; fg'
done
wait_screen '^p pause'
release
wait_screen '^pcopy: copied 21 files (.* 2 workers$'
rm "$held" dst/held

# The same again, told by numbers: suspended for three seconds by the clock.
hold src
rm -r dst
type_line 'clear; pcopy -T src dst -j 2 --copy-contents --progress=json --progress-fd=3 3>json'
all_but_one() {
  [ "$(find dst -type f 2>/dev/null | wc -l)" -ge 20 ]
}
wait_until 20 all_but_one
press C-z
wait_screen '^\[1\]+  Stopped'
resume_at=$(($(date +%s) + 4))
clock_says() {
  [ "$(date +%s)" -ge "$resume_at" ]
}
wait_until 20 clock_says
type_line 'fg'
release
wait_screen '^pcopy: copied 21 files'
python3 - <<'END' || fail "the time suspended was counted"
import json
last = json.loads(open("json").readlines()[-1])
away = last["t"] - last["elapsed_s"]
print(last["t"], last["elapsed_s"])
exit(not (last["event"] == "summary" and 3 <= away <= last["t"]))
END

# Where no shell could bring it back, ^Z does not stop it.
rm -r dst "$held"
hold src
tmux new-window -d "'$PCOPY' -T src dst -j 2 --copy-contents; true"
wait_until 20 all_but_one
tmux send-keys -t :1 C-z
release
window_gone() {
  [ "$(tmux list-windows | wc -l)" = 1 ]
}
wait_until 20 window_gone
rm "$held" dst/held
expect_same_tree src/a dst/a
