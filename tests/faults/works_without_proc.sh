#!/bin/sh
# No /proc, another one there, a read-only one; /dev/shm of 64 KB, no /sys: a
# complete copy, and silent.
. "${0%/*}/../cli/lib.sh"
need_root
need unshare
unshare -m true 2>/dev/null || skip "no mount namespaces here"

mktree --seed 22 --files 150 --deep 20 src >/dev/null
for place in 'umount -l /proc' 'mount -t tmpfs none /proc' 'mount -o remount,ro,bind /proc' \
  'mount -t tmpfs -o size=64k none /dev/shm' 'umount -l /sys' 'mount -t tmpfs none /dev'; do
  rm -rf dst
  # shellcheck disable=SC2016 # expanded by the inner shell
  expect_status 0 unshare -m sh -c 'eval "$1" && exec "$PCOPY" -j 16 -T src dst' sh "$place"
  [ ! -s "$err" ] || fail "said something after: $place"
  expect_same_tree src dst
done
