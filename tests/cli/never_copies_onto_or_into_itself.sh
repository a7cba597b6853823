#!/bin/sh
# A source onto or into itself is recognised by device and inode, whatever it is
# called: with ./ and //, through symbolic links, as a hard link, over a bind mount.
. "${0%/*}/lib.sh"

mkdir src src/sub src/sub/deep
echo one >src/file
echo two >src/sub/file
ln -s src link
ln -s sub src/down
ln file hard 2>/dev/null || :
echo precious >file
ln file hard
ln -s file soft
cp -a . ../before

unchanged() {
  expect_same_tree --ignore=times ../before .
}

# onto STATUS COMMAND...: nothing may change
for onto in 'file file' 'file ./file' './/file file' 'file .' 'file hard' 'hard file' 'file soft' 'soft file' '-L soft file' 'file src/../file' \
  '-T file file' '-f file file' 'file link/../file' '-t . file'; do
  # shellcheck disable=SC2086
  expect_status 1 pcopy $onto
  said "are the same file"
  unchanged
done

for onto in '-T src src' '-T src ./src' '-T src/ link' '-T src link/' '-T src src/.' 'src .' './src/. src' 'src/sub/.. src'; do
  # shellcheck disable=SC2086
  expect_status 1 pcopy $onto
  unchanged
done

for into in 'src src' 'src src/new' 'src src/sub' 'src ./src/sub/deep/new' 'src link/new' 'src link/sub' 'src src/down' \
  'src src/down/new' 'link/. src/sub' '-L link src/sub' '. src/sub' '. src/new'; do
  # shellcheck disable=SC2086
  expect_status 1 pcopy $into
  said "into itself"
  unchanged
done

# What only looks the same is copied.
expect_status 0 pcopy src src2
expect_same_tree src src2
expect_status 0 pcopy src/sub sub
expect_same_tree src/sub sub
rm -r src2 sub

if [ "$(id -u)" = 0 ]; then
  mkdir bound
  if mount --bind src bound 2>/dev/null; then
    expect_status 1 pcopy -T src bound
    expect_status 1 pcopy src bound/new
    said "into itself"
    expect_status 1 pcopy src/file bound/file
    said "are the same file"
    umount bound
  fi
  rmdir bound
  unchanged
fi
