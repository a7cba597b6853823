#!/bin/sh
# Started with &: no bar, no escape code, what is in the foreground is not
# disturbed; the summary comes at the end.
. "${0%/*}/lib.sh"

mkdir -p src/apart # what is behind the FIFO in its batch would wait with it
for i in $(seq 20); do
  head -c 50000 /dev/zero >"src/$i"
done
hold src/apart
start_terminal 80 24
type_line 'pcopy -T src dst -j 2 --copy-contents --bwlimit=900K & true'
wait_screen '^\[1\]'
all_but_one() {
  [ "$(find dst -type f 2>/dev/null | wc -l)" -ge 20 ]
}
wait_until 20 all_but_one
type_line 'for i in 1 2 3; do echo "line $i"; done'
wait_screen '^line 3$'
screen_text >seen
sed -i 's/^\[1\] [0-9]*$/[1] NUMBER/' seen
diff -u - seen <<'END' || fail "the screen differs"
$ pcopy -T src dst -j 2 --copy-contents --bwlimit=900K & true
[1] NUMBER
$ for i in 1 2 3; do echo "line $i"; done
line 1
line 2
line 3
$
END
release
wait_screen '^\(\$ \)*pcopy: copied 21 files'
type_line 'wait; echo "status $?"'
wait_screen '^status 0$'
expect_bytes_without '\033'
