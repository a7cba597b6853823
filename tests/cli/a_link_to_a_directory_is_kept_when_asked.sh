#!/bin/sh
# --keep-directory-symlink: a directory is copied into the one that a symbolic
# link in the destination leads to; without it the link is in the way. (cp has
# the option from 9.5 on, and without it refuses as well.)
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/src/sub/deep model/dst model/real
cd model
echo new >src/sub/file
echo deep >src/sub/deep/file
echo there >real/there
echo old >real/file
ln -s ../real dst/sub
ln -s real top
cd ..

both -T src dst
said "cannot overwrite non-directory 'dst/sub' with directory 'src/sub'"
[ ! -e pcopy/real/deep ] || fail "a symbolic link was followed without being told to"

for words in '-T src dst' '-t . src/sub'; do
  rm -rf pcopy
  cp -a model pcopy
  cd pcopy
  [ "$words" = '-T src dst' ] || ln -s real sub
  # shellcheck disable=SC2086 # several words
  expect_status 0 pcopy -j 4 --keep-directory-symlink $words
  [ "$(readlink dst/sub)" = ../real ] || fail "the link is gone"
  [ "$(cat real/file real/deep/file real/there)" = "new
deep
there" ] || fail "not merged into the directory the link leads to"
  cd ..
done

# A link that leads nowhere, or to a file, is in the way all the same.
rm -rf pcopy
cp -a model pcopy
ln -sfn ../missing pcopy/dst/sub
expect_status 1 pcopy --keep-directory-symlink -T pcopy/src pcopy/dst
ln -sfn ../src/sub/file pcopy/dst/sub
expect_status 1 pcopy --keep-directory-symlink -T pcopy/src pcopy/dst
said "cannot overwrite non-directory 'pcopy/dst/sub' with directory 'pcopy/src/sub'"
