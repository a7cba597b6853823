#!/bin/sh
# SIGKILL of everything in the middle of a big file: --resume writes what was
# missing and little more, a source that has changed since is copied anew, and a
# file that is no longer wanted leaves nothing. In a tree, and as an operand.
. "${0%/*}/../cli/lib.sh"
need strace setfattr getfattr setsid

size=100000000
touch probe
setfattr -n user.probe -v 1 probe 2>/dev/null || skip "no user xattrs here"

mkdir src
echo small >src/small
head -c "$size" /dev/urandom >src/big

temporary() {
  find dst -name '.pcopy-*' 2>/dev/null || :
}
is_half_done() {
  found=$(temporary)
  [ -n "$found" ] && [ "$(stat -c %s "$found" 2>/dev/null || echo 0)" -ge 60000000 ]
}

# kill_in_mid_file SOURCE DEST...: at this rate it would take half a minute.
kill_in_mid_file() {
  setsid "$PCOPY" --reflink=never --bwlimit=30M "$@" >/dev/null 2>&1 &
  group=$!
  wait_until 60 is_half_done
  kill -KILL "-$group"
  wait "$group" || :
  left=$(temporary)
  [ -n "$left" ] || fail "nothing to go on with"
  getfattr --only-values -n user.pcopy.source "$left" >"$out" 2>/dev/null || fail "no mark on $left"
}

# Bytes written to files of the tree by all processes of `pcopy "$@"`.
resume_counted() {
  expect_status 0 strace -f -y -o trace -e trace=write,pwrite64,copy_file_range "$PCOPY" --reflink=never --resume "$@"
  written=$(awk -F ' = ' '
    /resumed>/ { print "interleaved"; exit }
    /\/dst\// && $NF > 0 { n += $NF }
    END { printf "%d\n", n }' trace)
}

finished_is() {
  cmp src/big "$1" || fail "$1 differs"
  [ -z "$(temporary)" ] || fail "left: $(temporary)"
  ! getfattr --only-values -n user.pcopy.source "$1" >"$out" 2>/dev/null || fail "the mark is still on $1"
}

# A tree.
kill_in_mid_file -j1 -T src dst
resume_counted -j1 -T src dst
finished_is dst/big
expect_same_tree src dst
[ "$written" -gt 0 ] || fail "nothing was written"
[ "$written" -lt 65000000 ] || fail "$written of $size bytes were written again"

# An operand that is a file, into a directory that was there.
rm -r dst
mkdir dst
kill_in_mid_file -j1 src/big dst
resume_counted -j1 -T src/big dst/big
finished_is dst/big
[ "$written" -lt 65000000 ] || fail "$written of $size bytes were written again"

# Its time is another now: from the start.
rm -r dst
kill_in_mid_file -j1 -T src dst
touch src/big
resume_counted -j1 -T src dst
finished_is dst/big
[ "$written" -ge "$size" ] || fail "went on with what was of another source: $written bytes"

# So are its contents, and only ctime shows it.
rm -r dst
kill_in_mid_file -j1 -T src dst
touch -r src/big stamp
printf changed | dd of=src/big bs=1 seek=1000 conv=notrunc status=none
touch -r stamp src/big
resume_counted -j1 -T src dst
finished_is dst/big

# Gone from the source: nothing goes on with it, and it goes.
rm -r dst
kill_in_mid_file -j1 -T src dst
rm src/big
expect_status 0 pcopy -j1 --resume -T src dst
expect_same_tree src dst

# A run that does not resume has no use for it.
head -c "$size" /dev/urandom >src/big
rm -r dst
kill_in_mid_file -j1 -T src dst
expect_status 0 pcopy -j1 src/big dst
finished_is dst/big
