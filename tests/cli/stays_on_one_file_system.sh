#!/bin/sh
# -x: a directory where another file system is mounted is made, but left empty,
# as by cp; without it, all is copied.
. "${0%/*}/lib.sh"
need_root

mkdir -p src/sub/mounted src/other dst
echo one >src/sub/one
mount -t tmpfs -o size=1M none src/sub/mounted 2>/dev/null || skip "no tmpfs can be mounted here"
mkdir src/sub/mounted/inside
echo two >src/sub/mounted/inside/two
chmod 751 src/sub/mounted
touch -d '2001-02-03' src/sub/mounted

for option in -x --one-file-system; do
  expect_status 0 pcopy $option src new
  cp -a $option src from-cp
  expect_same_tree from-cp new
  [ -d new/sub/mounted ] || fail "$option: the mount point was not made"
  [ -z "$(ls -A new/sub/mounted)" ] || fail "$option: what is mounted was copied"
  rm -rf new from-cp
done
expect_status 0 pcopy src new
expect_same_tree src new
# A SOURCE of its own is its own file system; a file system may be where the copy goes.
expect_status 0 pcopy -x src/sub/mounted dst
cmp src/sub/mounted/inside/two dst/mounted/inside/two
expect_status 0 pcopy -x src/other src/sub src/sub/mounted/inside dst
cmp src/sub/mounted/inside/two dst/inside/two
[ -z "$(ls -A dst/sub/mounted)" ] || fail "-x with several sources copied what is mounted"
