#!/bin/sh
# ^C twice with a worker that does not answer: the end comes by the second one,
# not by the patience that the first one has.
. "${0%/*}/lib.sh"
need strace

strace -o "$TEST_DIR/tried" true 2>/dev/null || skip "strace may not trace here"
mkdir -p src
hold src
head -c 30000000 /dev/zero >src/big
start_terminal 80 24
type_line "strace -o trace -e trace=epoll_wait,epoll_pwait,kill pcopy -T src dst -j 2 --copy-contents --bwlimit=50K"
wait_screen '%'
master=$(master_pid)
workers=$(workers)
# One reads a FIFO that nobody writes to; the other is stopped.
# shellcheck disable=SC2086 # numbers
kill -STOP $workers
press C-c
press C-c
wait_screen '^\$$'
type_line 'echo "status $?"'
wait_screen '^status 130$'
# shellcheck disable=SC2086 # numbers
wait_until 20 none_runs $master $workers

# Between the second signal and the first worker killed the loop has gone round
# once, or twice; waiting for the patience to end takes a round every tenth of a
# second.
awk '/SIGINT/ { signals++; rounds = 0 }
  /^epoll_p?wait/ { rounds++ }
  /^kill\(.*SIGKILL/ { print signals, rounds; exit }' trace >order
read -r signals rounds <order
[ "$signals" = 2 ] || fail "$signals signals before the workers were killed"
[ "$rounds" -le 3 ] || fail "$rounds rounds of the loop from the second signal to the end"
expect_sane_terminal
