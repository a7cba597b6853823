#!/bin/sh
# --progress=screen: the whole copy and a row for each worker at any size, and
# each key does what it says.
. "${0%/*}/lib.sh"

# At this rate nothing ends by itself; without a limit nothing takes a second.
mkdir -p src/sub
for i in $(seq 300); do
  head -c 30000 /dev/zero >"src/$i"
done

# size COLUMNS ROWS PATTERN...: each is on the screen then, and no row is too wide.
size() {
  tmux resize-window -x "$1" -y "$2"
  columns=$1
  shift 2
  for pattern; do
    wait_screen "$pattern"
  done
  wait_until 20 fits
}

fits() {
  ! screen | grep -qE "^.{$columns}"
}

start_terminal 80 24
fill_screen
type_line 'pcopy -T src dst -j 3 --bwlimit=50K --progress=screen; echo "status $?"'
wait_screen '^p pause  + - workers  b limit  e failures  l line  q stop  ? help$'
for worker in 1 2 3; do
  wait_screen "^  $worker throttled src/[0-9]"
done
wait_screen '^3 workers .* limit 50.0 KiB/s'
wait_screen '/300[+]* files'
! screen | grep -q '^row' || fail_on_screen "not a screen of its own"

size 20 5 '[0-9]%\|^scanning'
size 200 60 '^p pause' '^  3 '
size 40 10 '^p + - b e l q ?$' '^3 src/'
size 80 24 '^p pause' '^  3 '

press '?'
wait_screen '^p  *pause and resume$'
press '?'
wait_screen '^  1 '
press e
wait_screen '^no failures$'
press e
wait_screen '^  1 '

press - - - -
wait_screen '^1 worker '
press + + +
wait_screen '^4 workers '
wait_screen '^  4 throttled src/[0-9]'
press - -
wait_screen '^2 workers '

press q
wait_screen '^stop copying? y n$'
press n
wait_screen '^p pause'

# Paused, it does not go on even when nothing else holds it back.
press p
wait_screen ' paused$'
press b
wait_screen '^bytes per second.*: _$'
press 9 x BSpace BSpace Escape
wait_screen '^p pause'
wait_screen ' limit 50.0 KiB/s'
press b
press 0 Enter
wait_screen '^2 workers  queued [0-9,]* entries, [0-9,]* directories  [0-9]* directories'
for round in 1 2; do
  kill -USR1 "$(master_pid)"
  two_redraws() {
    [ "$(screen | grep -c '^pcopy: .*paused')" -ge "$round" ]
  }
  wait_until 20 two_redraws
done
[ "$(find dst -type f | wc -l)" -lt 300 ] || fail "it went on"
press p
wait_screen '^status 0$'
wait_screen '^\$$'
expect_filling
screen_text | sed 's/^pcopy: [0-9]*%.*/STATUS LINE/' >seen
diff -u - seen <<'END' || fail "the screen differs"
$ pcopy -T src dst -j 3 --bwlimit=50K --progress=screen; echo "status $?"
STATUS LINE
STATUS LINE
pcopy: copied 300 files
status 0
$
END
expect_sane_terminal
expect_same_tree src dst
