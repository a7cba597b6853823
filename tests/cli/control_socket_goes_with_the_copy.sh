#!/bin/sh
# The socket is gone after every end; what a killed process left goes when the next
# one starts, and nothing else does.
. "${0%/*}/lib.sh"
need python3
mkdir -m 700 "$TEST_DIR/run" src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR
head -c 3000000 /dev/urandom >src/file
start() {
  rm -rf dst
  "$PCOPY" -T --bwlimit="$1" src dst 2>"$err" &
  master=$!
  socket=$XDG_RUNTIME_DIR/pcopy-$master.sock
  wait_until 30 test -S "$socket"
}

start 4M
wait $master || fail "status $?"
[ ! -e "$socket" ] || fail "the socket is left after a copy"
start 1K
kill -TERM $master
wait $master || :
[ ! -e "$socket" ] || fail "the socket is left after SIGTERM"

start 1K
kill -KILL $master
wait $master || :
[ -S "$socket" ] || fail "who removed it?"
stale=$socket
expect_status 2 pcopy --control=$master status

# Names that only look alike, and a socket that is in use by a number that is free here.
none=4194305 # above the largest there can be
: >"$XDG_RUNTIME_DIR/pcopy-$none.sock"
python3 - "$XDG_RUNTIME_DIR/pcopy-0$none.sock" "$XDG_RUNTIME_DIR/pcopy-1$none.sock" <<'LISTEN' &
import socket, sys, time
a = socket.socket(socket.AF_UNIX)
a.bind(sys.argv[1])
a.close()
b = socket.socket(socket.AF_UNIX)
b.bind(sys.argv[2])
b.listen(0)
queue = [socket.socket(socket.AF_UNIX) for _ in range(9)]
for s in queue: # until it is too busy to be asked
    s.setblocking(False)
    try:
        s.connect(sys.argv[2])
    except BlockingIOError:
        open("busy", "w")
        break
time.sleep(100)
LISTEN
wait_until 30 test -e busy
start 1K
living=$socket first=$master
start 1K
[ ! -e "$stale" ] || fail "the next copy has not removed what a killed one left"
[ -S "$living" ] || fail "the next copy has removed the socket of one that runs"
for name in pcopy-$none.sock pcopy-0$none.sock pcopy-1$none.sock; do
  [ -e "$XDG_RUNTIME_DIR/$name" ] || fail "removed: $name"
done
expect_status 0 pcopy --control=$first status
expect_status 0 pcopy --control=$master status
