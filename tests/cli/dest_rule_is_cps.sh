#!/bin/sh
# Where the copy goes: -T, -t, existing and missing DEST, trailing slashes, "."
# and symbolic links, each run through cp -a and pcopy on equal trees, which
# must come out equal, with success or failure alike.
. "${0%/*}/lib.sh"

mkdir model
cd model
mkdir src src/sub dir dir2 taken taken/src x y x/d y/d
echo one >src/file
echo two >src/sub/file
echo file >file
echo other >other
echo 1 >x/d/1
echo 2 >y/d/2
echo there >taken/src/there
echo file >taken/file
ln -s dir dirlink
ln -s src srclink
ln -s file filelink
ln -s nowhere dangling
cd ..

both src new
both src dir
both src dir/
both src/ dir
both src/. dir
both src/. new
both src new/
both src/sub/.. dir
both src ./new
both src nodir/new
both src file
both src taken
both -T src taken
both -T src/. taken
both -T src dir
both -T src new
both -T src file
both -T src dirlink
both src dirlink
both src dirlink/
both srclink new
both srclink/ new
both srclink dir
both srclink/ dir
both --strip-trailing-slashes srclink/ dir
both -L srclink new
both -H srclink dir
both file new
both file dir
both file dir/
both file new/
both file other
both file taken
both file nodir/new
both file file/new
both file other/
both -T file dir
both -T file new
both -T file other
both file dirlink
both -T file dirlink
both filelink new
both -L filelink new
both dangling new
both -L dangling new
both file filelink
both file dangling
both src file dir
both src file dirlink
both src file new
both src file other
both src file dir/
both -t dir src file
both -t dir/ src
both -t dirlink src file
both -t new src
both -t file src
both --target-directory=dir file other
both x/d y/d dir
both x y new
both src src dir
both file file dir
both missing file dir
both '' new
both file ''
both src ''
both --parents src/sub/file dir
both --parents src/sub dir
both --parents ./src/sub dir
both --parents src new
both --parents x/d y/d dir
both --parents -t dir src/file x/d/1
both . ../inside/new
both dir/. new
both file /nonexistent/dir/

# cp strips only what goes into a directory; its manual and pcopy mean each SOURCE.
rm -rf pcopy
cp -a model pcopy
(cd pcopy && expect_status 0 pcopy --strip-trailing-slashes srclink/ new)
[ "$(readlink pcopy/new)" = src ] || fail "--strip-trailing-slashes did not copy the link"

[ "$variants" -gt 70 ] || fail "only $variants variants were compared"
