#!/bin/sh
# Without a runtime directory the socket is in /tmp/pcopy-UID, made for it and
# removed after it; one that somebody else has made there is not used, and where
# no socket can be the copy goes on without a word.
. "${0%/*}/lib.sh"
need_root
need unshare
case $TEST_DIR:$PCOPY in /tmp/* | *:/tmp/* | /run/* | *:/run/*) skip "this test hides /tmp and /run" ;; esac
unshare -m true 2>/dev/null || skip "no mount namespace here"
mkdir src
head -c 2000000 /dev/urandom >src/file

cat >inside <<'INSIDE'
set -eu
master=
trap '[ -z "$master" ] || kill -KILL $master 2>/dev/null || :' EXIT
mount -t tmpfs none /run
mount -t tmpfs none /tmp
unset XDG_RUNTIME_DIR
run() {
  rm -rf dst
  "$PCOPY" -T --bwlimit="$1" --progress=json --progress-fd=3 src dst 3>json 2>run.err &
  master=$!
  tries=600
  until grep -q '"progress"' json; do # the socket comes before it
    tries=$((tries - 1))
    [ $tries -gt 0 ] || exit 9
    sleep 0.05
  done
}
"$PCOPY" --control=1 status 2>/dev/null && exit 10

run 1K
[ "$(stat -c %a /tmp/pcopy-0)" = 700 ] || exit 11
[ -S /tmp/pcopy-0/pcopy-$master.sock ] || exit 12
"$PCOPY" --control=$master status || exit 13
kill -TERM $master
wait $master || :
[ ! -e /tmp/pcopy-0 ] || exit 14

mkdir -m 700 /tmp/pcopy-0
chown 65534 /tmp/pcopy-0
run 1K
[ -z "$(ls /tmp/pcopy-0)" ] || exit 15
! "$PCOPY" --control=$master status || exit 16
kill -TERM $master
wait $master || :
rmdir /tmp/pcopy-0
mkdir -m 700 /tmp/elsewhere
ln -s elsewhere /tmp/pcopy-0
run 1K
[ -z "$(ls /tmp/elsewhere)" ] || exit 17
kill -TERM $master
wait $master || :

rm /tmp/pcopy-0
mount -o remount,ro /tmp
mount -o remount,ro /run
run 2M
wait $master || exit 18
[ "$(grep -c . run.err)" = 1 ] || exit 19 # the summary
cmp src/file dst/file || exit 20
INSIDE
expect_status 0 unshare -m sh inside
