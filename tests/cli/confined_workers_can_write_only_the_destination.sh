#!/bin/sh
# --confine: every worker locks itself with Landlock before its first job, and
# what it copies is the same; where that cannot be had, nothing is copied.
# (What a locked worker can and cannot do: unit/test_confine.c.)
. "${0%/*}/lib.sh"
need strace

mkdir src src/sub dest beside
head -c 300000 /dev/urandom >src/big
echo one >src/sub/one
ln src/sub/one src/two
ln -s sub/one src/link
mkfifo src/pipe

# Refused, with status 2 and nothing made: an old kernel.
expect_status 2 strace -f -o trace -e inject=landlock_create_ruleset:error=ENOSYS "$PCOPY" --confine src dest
said "cannot confine the workers: this kernel does not offer Landlock"
# A source among what has to be written.
expect_status 2 pcopy --confine src/big copy
said "cannot confine the workers: 'src/big' is in '.'"
expect_status 2 pcopy --confine -l src dest
said "cannot combine --confine and --link"
[ -z "$(ls dest)" ] && [ ! -e copy ] || fail "a refused run has made something"

code=0
pcopy --confine -j 1 src/sub/one dest 2>"$err" || code=$?
[ "$code" = 0 ] || grep -q "does not offer Landlock" "$err" || fail "status $code"
[ "$code" = 0 ] || skip "no Landlock here"
rm dest/one

for target in dest new; do
  expect_status 0 strace -f -o trace -e trace=landlock_restrict_self "$PCOPY" --confine -j 3 src "$target"
  [ "$(grep -c 'landlock_restrict_self.* = 0' trace)" -ge 3 ] || fail "not every worker locked itself: $(cat trace)"
done
expect_same_tree src dest/src
expect_same_tree src new
# Again, into what is there; several sources; a single file.
echo two >src/sub/one
expect_status 0 pcopy --confine -j 2 -T src new
expect_same_tree src new
expect_status 0 pcopy --confine src/big src/sub src/link beside
cmp src/big beside/big
expect_same_tree src/sub beside/sub
