#!/bin/sh
# Where nothing may be made, each entry that cannot be is named; the status is
# not 0 and what was there stays as it was.
. "${0%/*}/lib.sh"

mkdir src src/sub readonly half half/src half/src/sub
echo one >src/file
echo two >src/sub/file
echo old >half/src/sub/file
chmod 777 src src/sub half half/src
[ "$(id -u)" != 0 ] || chown -R 65534:65534 src half readonly
chmod 555 readonly half/src/sub
chmod 444 half/src/sub/file

expect_status 1 as_nobody pcopy src readonly
said "'readonly/src': Permission denied"
[ -z "$(ls -A readonly)" ] || fail "something was made in a read-only directory"

expect_status 1 as_nobody pcopy src/file readonly/new
said "'readonly/new': Permission denied"

# Only the subdirectory cannot be written to: the rest is copied. (It is
# another's: a directory of one's own is made writable for as long as it takes.)
if [ "$(id -u)" = 0 ]; then
  chown -R 0:0 half/src/sub
  expect_status 1 as_nobody pcopy -T src half/src
  said "'half/src/sub/file': Permission denied"
  cmp -s src/file half/src/file || fail "the writable part was not copied"
  [ "$(cat half/src/sub/file)" = old ] || fail "the old file is gone"
fi

# No such directory: nothing can start.
for dest in missing/new missing/deep/new src/file/new; do
  expect_status 2 as_nobody pcopy src $dest
  grep -q "^pcopy: .*'$dest'" "$err" || fail "$dest was not named"
done
