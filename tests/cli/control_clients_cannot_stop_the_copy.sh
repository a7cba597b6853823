#!/bin/sh
# Clients that are silent, slow, many or talk nonsense: the copy goes on, and
# whoever has something to say is still heard. A master that is stopped itself does
# not hold its client for ever.
. "${0%/*}/lib.sh"
need python3
mkdir -m 700 "$TEST_DIR/run" src
XDG_RUNTIME_DIR=$TEST_DIR/run
export XDG_RUNTIME_DIR
head -c 30000000 /dev/urandom >src/file

"$PCOPY" -T --bwlimit=3M src dst 2>run.err &
master=$!
socket=$XDG_RUNTIME_DIR/pcopy-$master.sock
wait_until 30 test -S "$socket"
python3 - "$socket" >said <<'HOSTILE' &
import socket, sys, time

def client():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    for _ in range(1000):
        try:
            s.connect(sys.argv[1])
            return s
        except BlockingIOError:                  # the queue is full for a moment
            time.sleep(0.01)
    sys.exit("no connection")

def rest(s):
    answer = b""
    try:
        while piece := s.recv(4096):
            answer += piece
    except ConnectionError:
        pass
    return answer

silent = [client() for _ in range(40)]          # of these the last eight have a place
half = client()
half.sendall(b"stat")
for bad in (b"x" * 255 + b"\n", b"x" * 5000, b"\0\n", b"status\0\n", b"\xff\xfe\n", b"pause resume status\n"):
    s = client()
    try:
        s.sendall(bad)
    except ConnectionError:
        pass
    assert rest(s).startswith(b"error "), bad
half.sendall(b"us\n")
assert rest(half).startswith(b"ok "), "a line in two pieces"
deaf = client()                                  # never reads its answer
deaf.sendall(b"status\n" * 30)
gone = client()
gone.sendall(b"status\n")
gone.close()
s = client()
s.sendall(b"status\nstatus\n")
assert rest(s).count(b"\n") == 1, "one answer a connection"
assert silent[0].recv(1) == b"", "the oldest was not hung up on"
print("all-heard", flush=True)
time.sleep(100)
HOSTILE
wait_until 60 grep -q all-heard said
expect_status 0 pcopy --control=$master status

kill -STOP $master
expect_status 2 pcopy --control=$master status
said 'it does not answer'
kill -CONT $master
expect_status 0 pcopy --control=$master bwlimit 0
status=0
wait $master || status=$?
[ $status = 0 ] || fail "status $status: $(cat run.err)"
expect_same_tree src dst

expect_status 2 pcopy --control=$$ status
said "cannot control process $$: it is no pcopy that can be controlled"
expect_status 2 pcopy --control=$master status
said "no process $master is running"
