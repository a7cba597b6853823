#!/bin/sh
# SIGSTOP for everything, as a frozen container has it: the run goes on after
# SIGCONT, no worker is taken for stuck, and the time between counts for nothing.
. "${0%/*}/lib.sh"
need python3

mkdir -p src/a
hold src
head -c 100000 /dev/zero >src/a/file
start_terminal 80 24
type_line 'pcopy -T src dst -j 2 --copy-contents --progress=json --progress-fd=3 3>json'
wait_until 20 test -s dst/a/file
master=$(master_pid)
all=$(printf '%s\n' "$master" && workers)
# shellcheck disable=SC2086 # numbers
kill -STOP $all
resume_at=$(($(date +%s) + 4))
clock_says() {
  [ "$(date +%s)" -ge "$resume_at" ]
}
wait_until 20 clock_says
# The workers last: what they did meanwhile must not be what is forgiven.
# shellcheck disable=SC2086 # numbers
kill -CONT $all
type_line 'fg' # bash has noticed the stop
release
wait_screen '^pcopy: copied 2 files (.* 2 workers$'
python3 - <<'END' || fail "the time stopped was counted"
import json
last = json.loads(open("json").readlines()[-1])
away = last["t"] - last["elapsed_s"]
print(last["t"], last["elapsed_s"])
exit(not (last["event"] == "summary" and last["redone"] == 0 and 3 <= away <= last["t"]))
END
