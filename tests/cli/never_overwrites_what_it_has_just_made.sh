#!/bin/sh
# Two sources that land on one name: the first is there, the other is refused in
# cp's words with status 1; directories merge; --backup=numbered keeps both.
. "${0%/*}/lib.sh"

mkdir -p model/a/sub model/b/sub model/dst model/c
cd model
echo 'of a' >a/file
echo 'of b' >b/file
echo 'of a' >a/sub/same
echo 'of b' >b/sub/same
echo only-a >a/sub/a
echo only-b >b/sub/b
ln -s of-a a/link
ln -s of-b b/link
mkfifo a/pipe
touch -d 2030-01-01 b/file
echo 'of c' >c/sub
cd ..

# In parallel it is open which of two comes first: of files, the first operand does.
compare_times no
both a/file b/file dst
said "will not overwrite just-created 'dst/file' with 'b/file'"
[ "$(cat pcopy/dst/file)" = 'of a' ] || fail "the first of two did not stay"
both a/link b/link dst
both a/file b/file c/sub dst
both -u a/file b/file dst
both -f a/file b/file dst
both --remove-destination a/file b/file dst
both --backup=numbered a/file b/file dst
[ "$(cat pcopy/dst/file pcopy/dst/file.~1~)" = "of b
of a" ] || fail "--backup=numbered has not kept both"
both --backup=simple a/file b/file dst
# Below the operands cp lets the second one win; both are told of here.
rm -rf pcopy
cp -a model pcopy
cd pcopy
expect_status 1 pcopy a/sub b/sub dst
said "will not overwrite just-created 'dst/sub/same' with 'b/sub/same'"
[ "$(cat dst/sub/same)" = 'of a' ] || fail "the first of two did not stay"
cd ..
[ "$(cat pcopy/dst/sub/a pcopy/dst/sub/b)" = 'only-a
only-b' ] || fail "directories did not merge"
both --backup=numbered -t dst a/. b/.
both a/sub c/sub dst
both c/sub a/sub dst
# The same source twice is a warning.
both a/file ./a/file dst
said "warning: source file './a/file' specified more than once"
both a a dst
# Into what was there before: the first takes its place, the second is refused.
echo old >model/dst/file
both a/file b/file dst
both -n a/file b/file dst
rm model/dst/file
for _ in 1 2 3 4 5; do
  rm -rf new
  mkdir new
  expect_status 1 pcopy -j 8 -t new model/a/. model/b/.
  said "will not overwrite just-created 'new/"
  [ "$(cat new/file)" = 'of a' ] && [ "$(cat new/sub/same)" = 'of a' ] || fail "the second of two won"
done
