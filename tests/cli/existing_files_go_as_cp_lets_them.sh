#!/bin/sh
# -f and --remove-destination: read-only files, hard links, symbolic links and
# directories that have the name. Without them a file is replaced too, with its
# other names left alone, where cp writes into it.
. "${0%/*}/lib.sh"

mkdir model model/src model/dst model/dst/directory model/src/under
cd model
for name in plain read-only twin link directory under/file; do
  echo "new $name" >"src/$name"
done
echo old >dst/plain
echo old >dst/read-only
chmod 400 dst/read-only
echo old >dst/twin
ln dst/twin dst/other-name
echo target >target
ln -s ../target dst/link
echo old >dst/under
mkdir loops loops/dst
echo new >loops/loop
ln -s loop loops/dst/loop
cd ..

both --remove-destination -T src dst
[ "$(cat pcopy/target)" = target ] || fail "written through a symbolic link"
[ "$(cat pcopy/dst/other-name)" = old ] || fail "another name has the new contents"
said "cannot overwrite directory 'dst/directory' with non-directory 'src/directory'"
said "cannot overwrite non-directory 'dst/under' with directory 'src/under'"
both --remove-destination src/read-only dst/read-only
both --remove-destination src/link dst
both -f src/plain src/read-only src/twin dst
both --force src/read-only dst
both -f src/directory dst
both src/plain src/twin dst
# A symbolic link that leads to itself goes with -f only.
both loops/loop loops/dst
both -f loops/loop loops/dst
[ "$(cat pcopy/loops/dst/loop)" = new ] || fail "-f did not replace a looping link"
both -f --remove-destination -T src dst
[ "$(cat pcopy/dst/read-only)" = 'new read-only' ] || fail "a read-only file was not replaced"

# Not through a symbolic link: replaced, where cp writes to what it leads to.
rm -rf pcopy
cp -a model pcopy
expect_status 0 pcopy -f pcopy/src/link pcopy/dst
[ ! -L pcopy/dst/link ] || fail "the link is still there"
[ "$(cat pcopy/target)" = target ] || fail "written through a symbolic link"

# What the directory allows decides, not the file.
rm -rf pcopy
cp -a model pcopy
chmod -R a+rX pcopy
[ "$(id -u)" != 0 ] || chown -R 65534:65534 pcopy
expect_status 0 as_nobody pcopy -f pcopy/src/read-only pcopy/dst
[ "$(cat pcopy/dst/read-only)" = 'new read-only' ] || fail "a read-only file was not replaced"
chmod 555 pcopy/dst
expect_status 1 as_nobody pcopy -f pcopy/src/plain pcopy/dst
[ "$(cat pcopy/dst/plain)" = old ] || fail "a file in a read-only directory was replaced"
chmod 755 pcopy/dst
