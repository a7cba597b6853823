#!/bin/sh
# -b, -S, --backup, VERSION_CONTROL and SIMPLE_BACKUP_SUFFIX: the same backups
# under the same names as cp's; a backup that would destroy the source is refused.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/dst model/dst/sub
cd model
for name in plain numbered both sub/deep; do
  echo "new $name" >"src/$name"
  echo "old $name" >"dst/$name"
done
echo first >'dst/numbered.~1~'
echo ninth >'dst/numbered.~9~'
echo no-number >'dst/numbered.~010~'
echo earlier >'dst/both~'
echo second >'dst/both.~2~'
ln -s target src/link
ln -s other dst/link
mkdir through
echo new >through/was-a-link
ln -s sub/deep dst/was-a-link
echo fresh >src/fresh
ln dst/plain dst/plain-twin
echo a >a
echo a-tilde >'a~'
cd ..

both -b -T src dst
both -b through/was-a-link dst
both --backup -T src dst
for control in none off simple never existing nil numbered t s ni; do
  both --backup="$control" -T src dst
done
both -S .bak -T src dst
both -b -S .bak -T src dst
both --suffix=.bak -T src dst
both --backup=simple --suffix=.orig -T src dst
both --backup=numbered --suffix=.orig -T src dst
both -b --suffix=a/b -T src dst
both -b --suffix= -T src dst
both --backup=numbered --backup=simple -T src dst
both --backup=simple -b -T src dst
both -b --remove-destination -T src dst
both -bu -T src dst
both -b src/plain dst/plain
both -b --attributes-only -T src dst
both --backup=wrong -T src dst
both -bn -T src dst
both -b -l -f -T src dst
# A backup of the source's own name would leave nothing of it.
both --backup=simple 'a~' a
said 'a'
[ "$(cat 'pcopy/a~')" = a-tilde ] || fail "the source was destroyed by its backup"
both --backup=numbered 'a~' a
# Onto itself: cp makes a backup of it.
both -b a a

for VERSION_CONTROL in none simple numbered existing wrong; do
  export VERSION_CONTROL
  both -b -T src dst
  both --backup=simple -T src dst
done
VERSION_CONTROL=numbered
both -T src dst
unset VERSION_CONTROL
SIMPLE_BACKUP_SUFFIX=.saved
export SIMPLE_BACKUP_SUFFIX
both -b -T src dst
both -b -S .mine -T src dst
both --backup=numbered -T src dst
SIMPLE_BACKUP_SUFFIX=with/slash
both -b -T src dst
[ "$variants" -gt 40 ] || fail "only $variants variants were compared"
