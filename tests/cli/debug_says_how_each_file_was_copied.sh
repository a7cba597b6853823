#!/bin/sh
# --debug: each file with how its contents went over, in cp's words (9.2 and
# later); -v lists the names cp -v lists.
. "${0%/*}/lib.sh"

mkdir src src/sub
echo one >src/one
echo two >src/sub/two
ln -s one src/link
: >src/empty
ln src/one src/twin
truncate -s 1M src/holes
printf x | dd of=src/holes conv=notrunc bs=1 seek=500000 status=none

# As a set: the order changes from run to run. cp lists the second of two names as
# an ordinary line as well.
cp -av src from-cp | sed 's/from-cp/new/' | sort >wanted
expect_status 0 pcopy -v src new
sort "$out" | diff wanted - || fail "-v does not list what cp -v lists"
expect_status 0 pcopy --verbose src/one src/sub new/sub
cp -av src/one src/sub from-cp/sub | sed 's/from-cp/new/g' | sort >wanted
sort "$out" | diff wanted - || fail "-v does not list what cp -v lists, into a directory"
expect_status 0 pcopy src quiet
[ ! -s "$out" ] || fail "without -v something is listed"

rm -rf new
expect_status 0 pcopy --debug --reflink=never --offload=never src new
grep -qxF "'src/sub/two' -> 'new/sub/two'" "$out" || fail "--debug does not list names"
ways=$(grep -c '^copy offload: avoided, reflink: no, sparse detection: ' "$out")
[ "$ways" = 3 ] || fail "$ways files are told to have been copied plainly, not 3: $(cat "$out")"
grep -A1 -F "'src/holes' -> " "$out" | grep -q 'sparse detection: SEEK_HOLE' || fail "holes are not told of"
expect_status 0 pcopy --debug src new2
# One for each that has contents: names of one inode, empty files and links have none.
[ "$(grep -c '^copy offload: ' "$out")" = 3 ] || fail "not one way for each file: $(cat "$out")"
expect_status 0 pcopy --debug -n src/one new2/one
grep -qxF "skipped 'new2/one'" "$out" || fail "what was skipped is not told"
