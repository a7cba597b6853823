#!/bin/sh
# -l and -s: which links are made, what they replace with and without -f, and
# what is refused, as cp does.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/dst model/dst/sub model/empty
cd model
echo one >src/file
echo two >src/sub/two
ln -s file src/link
ln -s missing src/dangling
echo old >dst/file
echo old >dst/link
ln dst/file dst/file-twin
echo old >dst/alone
echo new >src/alone
ln -s alone top-link
ln -s src/sub dir-link
cd ..

both -l src new
both --link src new
both -l -T src dst
both -lf -T src dst
both -l --remove-destination -T src dst
both -ln -T src dst
both -lu -T src dst
both -l --no-preserve=links -T src dst
both -lL src/link empty
both -lL src/file src/link empty
both -lP src/link empty
both -lH src/link empty
both -l dir-link new
both -l src/file src/sub empty
both -l src/file dst/alone
both -lf src/file dst/alone
same_inode pcopy/src/file pcopy/dst/alone || fail "-lf made no hard link"

# -s: the text is the path as given, so it must be absolute, or right from the
# current directory. Each side has a path of its own: the same word must be given.
compare_times no
both -s src/file .
both -s src/file new
both --symbolic-link src/sub/two src/link .
both -s src/file empty
both -s src/file dst/alone
mv model/src absolute
source=$PWD/absolute
both -s "$source/file" new
both -s "$source" new
both -s "$source" empty
both -s "$source/file" dst/file
both -sf "$source/file" dst/file
both -s -T "$source" dst
both -sf -T "$source" dst
both -s --remove-destination -T "$source" dst
both -s -b -T "$source" dst
both -sn -T "$source" dst
both -sL "$source/link" empty
[ -L pcopy/empty/link ] || fail "-s made no symbolic link"
both -ls "$source/file" new

# In cp's words.
mkdir to
expect_status 1 pcopy -s absolute/file to
said "'to/file': can make relative symbolic links only in current directory"
echo old >to/file
expect_status 1 pcopy -s "$source/file" to
said "cannot create symbolic link 'to/file' to '$source/file': File exists"
expect_status 1 pcopy -l absolute/file to
said "cannot create hard link 'to/file': File exists"
