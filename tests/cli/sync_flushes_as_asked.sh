#!/bin/sh
# --sync: none flushes nothing, end the whole file system once after the last
# byte, file each file and directory before it counts; a flush that fails is a failure.
. "${0%/*}/lib.sh"
need strace

mkdir -p src/a/b
for n in 1 2 3 4 5; do
  echo $n >src/$n
  head -c 400000 /dev/zero >src/a/b/$n
done

flushes() {
  rm -rf new
  expect_status 0 strace -ff -ttt -y -o trace \
    -e trace=fsync,fdatasync,syncfs,sync,pwrite64,copy_file_range,renameat2 "$PCOPY" -j 3 "$@" src new
  expect_same_tree src new
  sort -n trace.* >all
  rm trace.*
  files=$(grep -c ' fsync(' all || :)
  systems=$(grep -c ' syncfs(' all || :)
}
flushes --sync=none
[ "$files,$systems" = 0,0 ] || fail "none: $files fsyncs and $systems syncfs"
flushes --sync=end
[ "$files,$systems" = 0,1 ] || fail "end: $files fsyncs and $systems syncfs"
# It is the last that is done.
! sed '1,/ syncfs(/d' all | grep -qE ' (pwrite64|copy_file_range|renameat2)\(' || fail "something was written after the flush"
flushes --sync=file
# The names that are no files', and those of what was renamed, at the end.
[ "$systems" = 1 ] || fail "file: $systems syncfs"
[ "$files" = 13 ] || fail "file: $files fsyncs for 10 files and 3 directories"
flushes --atomic --sync=file
[ "$files" = 13 ] || fail "--atomic: $files fsyncs"

rm -rf new
expect_status 1 strace -f -o trace -e inject=fsync:error=EIO "$PCOPY" -j 3 --sync=file src new
said "cannot flush 'new/1' to the disk: Input/output error"
[ -z "$(find new -type f)" ] || fail "a file that could not be flushed is there"
rm -rf new
expect_status 1 strace -f -o trace -e inject=syncfs:error=EIO "$PCOPY" -j 3 --sync=end src new
said "the data could not be written to the disk: Input/output error"
