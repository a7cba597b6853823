#!/bin/sh
# SIGKILL of everything while several workers copy ranges of one file on storage
# that makes requests wait: --resume writes what was missing and little more, with
# another number of workers too, and nothing of its trailer is left.
. "${0%/*}/../cli/lib.sh"
need strace setsid fusermount3 pkill
if ! [ -x "${FAULTFS:-}" ] || ! [ -c /dev/fuse ]; then
  skip "no FUSE here"
fi

size=200000000
mkdir src backing slow
echo small >src/small
head -c "$size" /dev/urandom >src/big
"$FAULTFS" --latency-us=100 backing slow || skip "faultfs cannot be mounted here"

temporary() {
  find backing/dst -name '.pcopy-*' 2>/dev/null || :
}
# Parts of 1 MiB that are called in: the bytes behind the contents.
parts_in() {
  dd if="$1" iflag=skip_bytes,count_bytes skip="$size" count=191 status=none 2>/dev/null | tr -d '\0' | wc -c
}
is_half_done() {
  found=$(temporary)
  [ -n "$found" ] && [ "$(parts_in "$found")" -ge 100 ]
}

# At this rate it would take three seconds; a range is 50 MB, and tells of 32 MiB at once.
kill_in_ranges() {
  rm -rf backing/dst
  setsid "$PCOPY" --bwlimit=60M -j4 -T src slow/dst >/dev/null 2>&1 &
  group=$!
  wait_until 60 is_half_done
  kill -KILL "-$group"
  wait "$group" || :
  [ -n "$(temporary)" ] || fail "nothing to go on with"
}

# Bytes that the processes of `pcopy "$@"` write to files of the tree.
resume_counted() {
  rm -f trace.*
  expect_status 0 strace -ff -y -o trace -e trace=write,pwrite64,copy_file_range "$PCOPY" --resume "$@"
  written=$(cat trace.* | awk -F ' = ' '/\/dst\// && $NF > 0 { n += $NF } END { printf "%d\n", n }')
}

finished() {
  expect_same_tree src slow/dst
  [ -z "$(temporary)" ] || fail "left: $(temporary)"
}

for jobs in 4 7; do
  kill_in_ranges
  resume_counted "-j$jobs" -T src slow/dst
  finished
  [ "$written" -gt 0 ] || fail "nothing was written"
  [ "$written" -lt 110000000 ] || fail "$written of $size bytes were written again with $jobs workers"
done

# Only ctime shows that its contents are others: from the start.
kill_in_ranges
touch -r src/big stamp
printf changed | dd of=src/big bs=1 seek=1000 conv=notrunc status=none
touch -r stamp src/big
resume_counted -j4 -T src slow/dst
finished
[ "$written" -ge "$size" ] || fail "went on with what was of another source: $written bytes"

# One worker after four: from the start, and nothing is left.
kill_in_ranges
expect_status 0 pcopy -j1 --resume -T src slow/dst
finished

# Every worker killed at once: the ranges go on where they were.
rm -r backing/dst
"$PCOPY" --bwlimit=60M -j4 -T src slow/dst >"$out" 2>"$err" &
master=$!
wait_until 60 is_half_done
pkill -KILL -P "$master" || fail "no workers"
wait "$master" || fail "status $? after all workers died: $(cat "$err")"
finished
