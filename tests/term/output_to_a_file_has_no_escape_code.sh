#!/bin/sh
# Standard error in a file, on a terminal and without one: nothing on the
# terminal, no escape code, no carriage return and no bar in the file.
. "${0%/*}/lib.sh"

mkdir -p src dst/3
for i in $(seq 20); do
  head -c 50000 /dev/zero >"src/$i"
done

plain_text() {
  [ -s "$1" ] || fail "$1 is empty"
  ! grep -qE "$(printf '[\033\r]')|%|█" "$1" || fail "not plain text: $(cat -v "$1")"
}

start_terminal 80 24
for face in auto line screen; do
  rm -f err.txt
  script "pcopy -T src dst -j 2 --bwlimit=900K --progress=$face 2>err.txt"
  type_line ". ./run; echo \"$face status \$?\""
  wait_screen "^$face status "
  plain_text err.txt
done
expect_screen <<'END'
$ . ./run; echo "auto status $?"
auto status 1
$ . ./run; echo "line status $?"
line status 1
$ . ./run; echo "screen status $?"
screen status 2
$
END

expect_status 1 pcopy -T src dst -j 2 --bwlimit=900K
plain_text "$err"
expect_status 1 setsid "$PCOPY" -T src dst -j 2 --bwlimit=900K --progress=line
plain_text "$err"
