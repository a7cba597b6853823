#!/bin/sh
# The socket is 0600 in a directory of the owner's; another user is refused even
# where the modes would let him in; root may steer anybody's copy.
. "${0%/*}/lib.sh"
need_root
need python3
chmod 755 "$TEST_DIR/work"
mkdir -m 700 "$TEST_DIR/run"
mkdir -m 755 src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR
head -c 3000000 /dev/urandom >src/file
chmod 644 src/file

"$PCOPY" -T --bwlimit=1K src dst 2>run.err &
master=$!
socket=$XDG_RUNTIME_DIR/pcopy-$master.sock
wait_until 30 test -S "$socket"
[ "$(stat -c %a "$socket")" = 600 ] || fail "mode $(stat -c %a "$socket")"
expect_status 0 pcopy --control=$master status
expect_status 2 as_nobody pcopy --control=$master pause
said "cannot control process $master"

chmod 755 "$XDG_RUNTIME_DIR"
chmod 666 "$socket"
expect_status 2 as_nobody pcopy --control=999999999 pause
expect_status 1 as_nobody pcopy --control=$master pause
said "this copy is another user's"
expect_status 0 pcopy --control=$master status
! grep -q paused "$out" || fail "another user has paused it"
kill -TERM $master
wait $master || :

# Where others can make names is not ours alone: the next place is taken.
chmod 1777 "$XDG_RUNTIME_DIR"
"$PCOPY" -T --bwlimit=1K src dst2 2>run.err &
master=$!
heard() {
  "$PCOPY" --control=$master status >"$out" 2>"$err"
}
wait_until 30 heard
[ -z "$(find "$XDG_RUNTIME_DIR" -name 'pcopy-*')" ] || fail "a socket where others can make names"
kill -TERM $master
wait $master || :

rm -rf "$XDG_RUNTIME_DIR"
install -d -m 700 -o 65534 "$XDG_RUNTIME_DIR"
install -d -m 700 -o 65534 theirs
# Not through as_nobody, which would leave a shell in between.
setpriv --reuid=65534 --regid=65534 --clear-groups "$TEST_DIR/pcopy" -T --bwlimit=1K src theirs/dst 2>run.err &
master=$!
wait_until 30 test -d theirs/dst
wait_until 30 test -S "$XDG_RUNTIME_DIR/pcopy-$master.sock"
expect_status 0 pcopy --control=$master pause
expect_status 0 pcopy --control=$master status
grep -q paused "$out" || fail "root could not pause it: $(cat "$out")"
