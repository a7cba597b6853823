#!/bin/sh
# --atomic: every file is made under a temporary name and renamed, also the small
# ones that are made in place without it.
. "${0%/*}/lib.sh"
need strace

mkdir -p src/a/b
for n in 1 2 3 4 5 6 7; do
  echo $n >src/$n
  echo $n >src/a/b/$n
done
ln -s 1 src/link

renames() {
  rm -rf new
  expect_status 0 strace -ff -o trace -e trace=openat,rename,renameat,renameat2,linkat "$PCOPY" -j 3 "$@" src new
  expect_same_tree src new
  cat trace.* >all
  rm trace.*
  renamed=$(grep -cE '^rename(at2?)?\(.* = 0$' all || :)
  in_place=$(grep -E 'O_CREAT' all | grep -vc '"\.pcopy-' || :)
}
renames
[ "$renamed" = 0 ] || fail "small files were renamed without --atomic"
[ "$in_place" = 14 ] || fail "$in_place files were made in place, not 14"
renames --atomic
[ "$renamed" -ge 14 ] || fail "$renamed renames for 14 files"
[ "$in_place" = 0 ] || fail "$in_place files were made in place in spite of --atomic"
[ -z "$(find new -name '.pcopy-*')" ] || fail "temporary files are left"
