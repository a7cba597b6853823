#!/bin/sh
# Options stand anywhere before "--"; after it everything is a name. With
# POSIXLY_CORRECT they end at the first operand, as cp's do.
. "${0%/*}/lib.sh"

mkdir src dir
echo one >src/file
echo two >./-j

expect_status 0 pcopy src new -j 5 --verbose
[ -s "$out" ] || fail "-v after the operands was not seen"
expect_same_tree src new
expect_status 0 pcopy src -t dir
expect_same_tree src dir/src
expect_status 0 pcopy -- -j dir
cmp -s ./-j dir/-j || fail "-j was not copied as a name"
expect_status 0 pcopy --recur --no-targ src abbreviated
expect_same_tree src abbreviated

POSIXLY_CORRECT=1
export POSIXLY_CORRECT
expect_status 0 pcopy src -j dir
[ -e dir/-j ] || fail "with POSIXLY_CORRECT -j was taken for an option"
