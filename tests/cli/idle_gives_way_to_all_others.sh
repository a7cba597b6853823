#!/bin/sh
# --idle: the master and every worker have the lowest priority and the idle class of
# the disk; without it they have what they were given.
. "${0%/*}/lib.sh"
need pgrep
mkdir src
head -c 3000000 /dev/urandom >src/file
nice_of() {
  sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f17
}
# Workers are started when there is work for them.
all_there() {
  processes="$master $(pgrep -P $master)"
  # shellcheck disable=SC2086 # a list
  [ "$(echo $processes | wc -w)" = 4 ]
}
start() {
  rm -rf dst
  "$PCOPY" -T -j 3 --bwlimit=1K "$@" src dst 2>"$err" &
  master=$!
  wait_until 30 all_there
}
end() {
  kill -TERM $master
  wait $master || :
}

start
for pid in $processes; do
  [ "$(nice_of "$pid")" = "$(nice_of $$)" ] || fail "nice $(nice_of "$pid") without --idle"
done
end
start --idle
for pid in $processes; do
  [ "$(nice_of "$pid")" = 19 ] || fail "nice $(nice_of "$pid")"
  ! command -v ionice >/dev/null || [ "$(ionice -p "$pid")" = idle ] || fail "class $(ionice -p "$pid")"
done
end
