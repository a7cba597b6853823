#!/bin/sh
# jobs N uses N workers from now on, more than -j said too; nonsense changes nothing.
. "${0%/*}/lib.sh"
need pgrep python3
mkdir -m 700 "$TEST_DIR/run" src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR

i=0
while [ $i -lt 600 ]; do
  i=$((i + 1))
  head -c 60000 /dev/urandom >src/$i
done
shows() {
  grep '"event":"progress"' json 2>/dev/null | tail -n 1 | grep -qF "\"jobs\":$1,"
}
# Workers that have a file of the destination open, and so have been given work.
busy() {
  for worker in $(pgrep -P $master); do
    find "/proc/$worker/fd" -lname "$PWD/dst/*" 2>/dev/null | grep -q . && echo "$worker"
  done | wc -l
}
busy_are() {
  [ "$(busy)" = "$1" ]
}

"$PCOPY" -T -j 1 --bwlimit=2M --progress=json --progress-fd=3 src dst 3>json 2>"$err" &
master=$!
wait_until 30 shows 1
[ "$(pgrep -P $master | wc -l)" = 1 ] || fail "not one worker at first"

expect_status 0 pcopy --control=$master jobs 3
grep -q '^3 workers in use$' "$out" || fail "said: $(cat "$out")"
wait_until 30 shows 3
wait_until 30 busy_are 3
expect_status 0 pcopy --control=$master jobs 1
grep -q '^1 worker in use$' "$out" || fail "said: $(cat "$out")"
wait_until 30 shows 1
wait_until 60 busy_are 1

# The client would not send these.
expect_status 0 python3 - "$XDG_RUNTIME_DIR/pcopy-$master.sock" <<'ASK'
import socket, sys
for line in (b"jobs 0\n", b"jobs 257\n", b"jobs -1\n", b"jobs\n", b"bwlimit fast\n", b"pause now\n",
             b"pause now or never\n", b"stop\n", b"\n", b"   \n", b"Pause\n"):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(sys.argv[1])
    s.sendall(line)
    answer = b""
    while piece := s.recv(4096):
        answer += piece
    assert answer.startswith(b"error ") and answer.endswith(b"\n") and answer.count(b"\n") == 1, (line, answer)
ASK
expect_status 0 pcopy --control=$master status
! grep -q paused "$out" || fail "a bad line paused it"
shows 1 || fail "a bad line changed the workers"

expect_status 0 pcopy --control=$master bwlimit 0
status=0
wait $master || status=$?
[ $status = 0 ] || fail "status $status"
expect_same_tree src dst
