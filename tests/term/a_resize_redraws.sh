#!/bin/sh
# Windows of many sizes in mid-run: in each one bar, as wide as fits and not
# wrapped, no piece of an earlier one, and nothing of it afterwards.
. "${0%/*}/lib.sh"

mkdir -p src/a/b
hold src/a
for i in $(seq 30); do
  head -c 100000 /dev/zero >"src/a/b/$i"
done

# One row with a percentage, and it is a bar as wide as fits; no
# row in the last column. What an erase misses would stay for ever.
one_bar() {
  screen -S - >now
  [ "$(grep -c '[▕▏█%]' now)" = 1 ] && grep -qE "^▕.{$(($1 / 2)),$(($1 - 2))}\$" now &&
    ! grep -qE "^.{$1}" now
}

resize() {
  tmux resize-window -x "$1" -y "$2"
  deadline=$(($(date +%s) + 20))
  until one_bar "$1"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail_on_screen "not one bar in $1x$2"
    sleep 0.05
  done
}

start_terminal 80 24
script 'pcopy -T src dst -j 2 --copy-contents --bwlimit=1M'
fill_screen
type_line '. ./run; echo "status $?"'
for size in '80 24' '40 24' '120 30' '80 24' '40 10' '120 5' '40 4' '120 30' '60 24' '41 24'; do
  # shellcheck disable=SC2086 # two words
  resize $size
done
# A window that is dragged: no waiting for pcopy to follow.
for columns in 110 100 90 80 70 60 50 45 41 44 55 77 90 70 50 42; do
  tmux resize-window -x "$columns" -y 24
  screen >now # and some time passes
done
resize 42 24
resize 110 24

release
wait_screen '^status 0$'
wait_screen '^\$$'
expect_filling
expect_screen -S - <<'END'
$ . ./run; echo "status $?"
pcopy: copied 31 files
status 0
$
END
rm "$held" dst/a/held
expect_same_tree src/a/b dst/a/b
