#!/bin/sh
# A file where a directory must go, and the reverse, is an error that names
# both; what is there stays, and the rest is copied. As cp -a, side by side.
. "${0%/*}/lib.sh"

for tool in cp pcopy; do
  mkdir $tool $tool/src $tool/src/d $tool/src/other $tool/dest $tool/dest/f
  echo one >$tool/src/d/inside
  echo two >$tool/src/f
  echo three >$tool/src/other/file
  echo old >$tool/dest/d
  echo kept >$tool/dest/f/kept
  ln -s d $tool/src/l
  mkdir $tool/dest/l
done

for options in '' --remove-destination --force; do
  # shellcheck disable=SC2086 # no option, or one
  ! (cd cp && cp -a $options -T src dest 2>/dev/null) || fail "cp replaced it"
  # shellcheck disable=SC2086
  (cd pcopy && expect_status 1 pcopy $options -T src dest)
  said "cannot overwrite non-directory 'dest/d' with directory 'src/d'" \
    "cannot overwrite directory 'dest/f' with non-directory 'src/f'" \
    "cannot overwrite directory 'dest/l' with non-directory 'src/l'"
  [ "$(cat pcopy/dest/d)" = old ] || fail "the file was replaced by a directory"
  [ "$(cat pcopy/dest/f/kept)" = kept ] || fail "the directory was replaced by a file"
  [ -d pcopy/dest/l ] || fail "the directory was replaced by a link"
  cmp -s pcopy/src/other/file pcopy/dest/other/file || fail "the rest was not copied"
  expect_same_tree --ignore=times cp/dest pcopy/dest
done

# As operands.
mkdir dir
echo file >file
expect_status 1 pcopy -T file dir
said "cannot overwrite directory 'dir' with non-directory 'file'"
expect_status 1 pcopy dir file
said "cannot overwrite non-directory 'file' with directory 'dir'"
expect_status 2 pcopy dir dir file
said "'file': Not a directory"
[ "$(cat file)" = file ] || fail "file was touched"
