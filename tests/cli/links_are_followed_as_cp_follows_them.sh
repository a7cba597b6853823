#!/bin/sh
# -P, -L, -H and -d, in order, over symbolic links to files and directories,
# dangling, looping and absolute ones, as operands and below them.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/sub model/dst model/elsewhere
cd model
echo one >src/file
echo far >elsewhere/file
ln src/file src/hard
ln -s file src/to-file
ln -s sub src/to-dir
ln -s ../elsewhere src/out
ln -s src top-link
ln -s src/file file-link
ln -s missing dangling
ln -s loop loop
echo two >src/sub/two
cp -a src clean
ln -s missing src/dangling
ln -s loop src/loop
ln -s loop-b src/loop-a
ln -s loop-a src/loop-b
cd ..

for tree in src clean; do
  for how in -P -L -H -d --no-dereference --dereference -LP -PL -HL -LH -PH -dL -Ld; do
    both "$how" "$tree" new
  done
done
for how in -P -L -H -d -LH; do
  both "$how" top-link new
  both "$how" top-link/ new
  both "$how" top-link dst
  both "$how" file-link new
  both "$how" file-link dst
  both "$how" dangling new
  both "$how" loop new
  both "$how" dangling file-link clean/file dst
done
# -L drops the links' identity, and --preserve=links keeps that of hard links.
both --no-preserve=links -L clean new
both -L --preserve=links clean new
[ "$variants" -gt 60 ] || fail "only $variants variants were compared"

# A directory that -L meets again below itself is not followed for ever.
mkdir round round/sub
ln -s .. round/sub/up
expect_status 1 pcopy -L round endless
said "'round/sub/up'"
