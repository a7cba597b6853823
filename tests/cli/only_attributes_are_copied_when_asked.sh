#!/bin/sh
# --attributes-only: contents that are there stay, what is missing is made empty,
# and mode, owner, times and xattrs are the source's; as cp does.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/dst
cd model
for name in there missing sub/deep; do
  echo "contents of $name" >"src/$name"
  chmod 604 "src/$name"
done
[ "$(id -u)" != 0 ] || chown 12:34 src/there
touch -d '2001-02-03 04:05:06.789' src/there src/missing
setfattr -n user.colour -v red src/there 2>/dev/null || :
ln src/there src/twin
ln -s there src/link
mkfifo src/pipe
echo 'longer contents that stay' >dst/there
ln dst/there dst/its-twin
echo other >dst/in-the-way
echo new >src/in-the-way
cd ..

both --attributes-only src new
both --attributes-only -T src dst
grep -q 'that stay' pcopy/dst/its-twin || fail "the contents did not stay"
[ ! -s pcopy/dst/missing ] || fail "a file that was missing has contents"
[ -e pcopy/dst/missing ] || fail "a file that was missing is still missing"
both --attributes-only src/there dst/there
both --attributes-only --no-preserve=mode src/there dst/there
both --attributes-only --remove-destination -T src dst
both --attributes-only -b -T src dst
both --attributes-only -n -T src dst
both --attributes-only -u -T src dst
both --attributes-only src/link dst/there
both --attributes-only -f src/link dst/there
both --attributes-only src/pipe dst/there
