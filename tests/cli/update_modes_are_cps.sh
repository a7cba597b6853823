#!/bin/sh
# -n, -u and --update: what is there is replaced, left, or left with a failure as
# cp does it, by files, symlinks and FIFOs, older, newer and of the same age.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/dst model/dst/sub
cd model
for name in older newer same older-link newer-link sub/older; do
  echo "new $name" >"src/$name"
  echo "what was there" >"dst/$name"
  touch -d '2020-06-01 00:00:00.5' "src/$name"
done
rm src/*-link
touch -d '2020-05-31' dst/older dst/sub/older
touch -d '2020-06-01 00:00:00.500000001' dst/newer
touch -d '2020-06-01 00:00:00.5' dst/same
ln -s target src/older-link
ln -s target src/newer-link
touch -h -d '2020-06-01' src/older-link src/newer-link
touch -d '2020-05-01' dst/older-link
touch -d '2020-07-01' dst/newer-link
echo fresh >src/fresh
ln -s to src/fresh-link
mkfifo src/pipe
# Hard links: one name is there already, as old; the others join it.
mkdir linked to
echo links >linked/1
ln linked/1 linked/2
ln linked/1 linked/3
cp -p linked/1 to/2
# All are there, and newer.
mkdir newer-links
for n in 1 2 3; do echo "newer $n" >newer-links/$n; done
touch -d '2010-01-01' linked/1 to/2
cd ..

both -T src dst
both -n -T src dst
both --no-clobber -T src dst
both -u -T src dst
both --update -T src dst
both --update=all -T src dst
both --update=none -T src dst
both --update=older -T src dst
both -nf -T src dst
both --update=older -n -T src new
both -n src/older dst/older
both -u src/older src/newer src/same dst
both -u src/newer dst/sub/older
grep -q 'new newer' pcopy/dst/sub/older || fail "-u did not replace an older file"

both -u -T linked to
same_inode pcopy/to/1 pcopy/to/3 && same_inode pcopy/to/2 pcopy/to/3 || fail "-u lost a hard link"
# cp makes links of the two that come later, and their newer contents are lost.
expect_status 0 pcopy -u -T model/linked model/newer-links
for n in 1 2 3; do
  [ "$(cat model/newer-links/$n)" = "newer $n" ] || fail "-u replaced newer contents by a hard link"
done

# The last of several wins (cp of old lets -n win).
rm -rf pcopy
cp -a model pcopy
expect_status 0 pcopy -n -u -T pcopy/src pcopy/dst
grep -q 'new older' pcopy/dst/older || fail "-u after -n did not replace an older file"
grep -q there pcopy/dst/newer || fail "-u replaced a newer file"
expect_status 0 pcopy -u --update=none -T model/src pcopy/dst
expect_status 0 pcopy --update=none --update -T model/src pcopy/dst
expect_status 0 pcopy -n --update=all -T model/src pcopy/dst
grep -q 'new newer' pcopy/dst/newer || fail "--update=all after -n did not replace"

# none-fail: cp's from 9.5, so not in the cp of everywhere: as -n, and each one is said.
rm -rf pcopy
cp -a model pcopy
expect_status 1 pcopy --update=none-fail -T pcopy/src pcopy/dst
rm -rf cp
cp -a model cp
(cd cp && cp -an -T src dst) || : # its status for -n has changed from release to release
expect_same_tree --ignore=times cp pcopy
for name in older newer same older-link newer-link sub/older; do
  said "not replacing 'pcopy/dst/$name'"
done
[ "$(grep -c 'not replacing' "$err")" = 6 ] || fail "other names were said too"
expect_status 0 pcopy --update=none-fail -T model/src fresh
expect_same_tree model/src fresh
# -n is no failure (cp 9.5).
expect_status 0 pcopy -n -T model/src fresh
[ ! -s "$err" ] || fail "-n says something"
