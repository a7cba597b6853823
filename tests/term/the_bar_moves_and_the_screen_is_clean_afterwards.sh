#!/bin/sh
# "scanning" until the total is known, then a bar that only grows; afterwards one line.
. "${0%/*}/lib.sh"

# One worker, held back by the FIFO, does not list the inner directories.
mkdir -p src/a/b/c/d
hold src/a
for i in $(seq 40); do
  head -c 100000 /dev/zero >"src/a/b/c/d/$i"
done

# Wider than the summary, which would hide what is left of the bar.
start_terminal 120 24
type_line 'pcopy -T src dst -j 1 --copy-contents --bwlimit=700K; echo "status $?"'
wait_screen '^scanning '
wait_screen '^src/a/held$'
! screen | grep -q '%' || fail_on_screen "a percentage before the total is known"
release

# Every percentage seen until the end, in order. The last frame, in which all is there,
# may be among them.
: >percents
wait_screen '^▕.*▏ *[0-9]*%.* ETA '
while ! screen | grep -q '^status '; do
  screen | sed -n 's/^▕.*▏ *\([0-9]*\)%.*/\1/p' >percent
  ! grep -qx 100 percent || [ "$(find dst -type f | wc -l)" = 41 ] || fail "100 % before the end"
  cat percent >>percents
done
sort -n percents | diff - percents >/dev/null || fail "the bar went back: $(tr '\n' ' ' <percents)"
[ "$(sort -u percents | wc -l)" -ge 3 ] || fail "the bar did not move: $(tr '\n' ' ' <percents)"

wait_screen '^\$$'
expect_screen <<'END'
$ pcopy -T src dst -j 1 --copy-contents --bwlimit=700K; echo "status $?"
pcopy: copied 41 files
status 0
$
END
expect_sane_terminal
# No alternate screen, no hidden cursor, no scroll region.
expect_bytes_without '\033[?1049h' '\033[?47h' '\033[?25l'
! grep -qaE "$(printf '\033')"'\[[0-9]*;[0-9]*r' "$TEST_DIR/raw" || fail "a scroll region was set"
rm "$held" dst/a/held
expect_same_tree src/a/b dst/a/b
