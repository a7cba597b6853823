#!/bin/sh
# Interrupted twice in the middle of the nasty tree: no temporary file is left and --resume makes
# it complete; another --resume has no data to write and nothing to make: counted.
. "${0%/*}/../cli/lib.sh"
need strace python3

mktree --seed 31 --files 400 --deep 30 src >/dev/null
some_copied() {
  [ "$(find dst -type f 2>/dev/null | wc -l)" -ge "$1" ]
}
# In the background sh ignores SIGINT for its children, and so do they.
for more in 20 40; do
  files=$(($(find dst -type f 2>/dev/null | wc -l) + more))
  "$PCOPY" -j3 --bwlimit=4M --resume -T src dst 2>"$err" &
  master=$!
  wait_until 60 some_copied "$files"
  kill -TERM "$master"
  status=0
  wait "$master" || status=$?
  [ "$status" = 143 ] || fail "status $status"
  [ -z "$(find dst -name '.pcopy-*')" ] || fail "temporary files are left after SIGTERM"
done
expect_status 0 pcopy -j3 --resume -T src dst
expect_same_tree src dst

# What of the calls of "$@" changes the copy: all of them, but of openat only O_CREAT.
changes=write,pwrite64,writev,pwritev,copy_file_range,sendfile,ioctl,ftruncate,fallocate
changes=$changes,mkdirat,mknodat,symlinkat,linkat,rename,renameat,renameat2,unlinkat,openat
changes_of() {
  rm -f trace.*
  strace -ff -y -o trace -e trace="$changes" "$@" 2>"$err" || fail "status $?"
  cat trace.* | grep -F "<$PWD/dst" | grep ' = [0-9]' | sed '/ openat(/d; /^openat(/{/O_CREAT/!d;}' >changed
}
changes_of "$PCOPY" -j3 --resume -T src dst
[ ! -s changed ] || {
  head changed
  fail "a finished copy was changed $(wc -l <changed) times"
}
expect_same_tree src dst
# The count counts.
rm -rf dst
changes_of "$PCOPY" -j3 --resume -T src dst
[ "$(wc -l <changed)" -gt 500 ] || fail "only $(wc -l <changed) changes were seen where everything was new"
