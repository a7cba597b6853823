#!/bin/sh
# A file and a directory that may not be read are named, what is around them is
# copied, and the status is 1.
. "${0%/*}/lib.sh"

mkdir src src/sub src/closed src/unsearchable
echo one >src/open
echo two >src/secret
echo three >src/sub/open
echo four >src/sub/secret
echo five >src/closed/inside
echo six >src/unsearchable/inside
chmod 000 src/secret src/sub/secret src/closed
chmod 444 src/unsearchable
mkdir out
chmod 777 out
[ "$(id -u)" != 0 ] || chown -R 65534:65534 src

for jobs in 1 4; do
  expect_status 1 as_nobody pcopy -j "$jobs" src out/copy
  said "cannot open 'src/secret' for reading: Permission denied" \
    "cannot open 'src/sub/secret' for reading: Permission denied" \
    "cannot read directory 'src/closed': Permission denied" \
    "cannot stat 'src/unsearchable/inside': Permission denied"
  cmp -s src/open out/copy/open || fail "src/open was not copied"
  cmp -s src/sub/open out/copy/sub/open || fail "src/sub/open was not copied"
  for name in secret sub/secret closed/inside unsearchable/inside; do
    [ ! -e out/copy/$name ] || fail "$name is in the copy"
  done
  said "copied 2 files"
  find out/copy -name '.pcopy-*' | grep -q . && fail "a temporary file was left"
  chmod -R u+rwx out/copy
  rm -r out/copy
done

# A SOURCE that may not be read itself.
expect_status 1 as_nobody pcopy src/secret src/open out
said "cannot open 'src/secret' for reading: Permission denied"
cmp -s src/open out/open || fail "the source after the unreadable one was not copied"
