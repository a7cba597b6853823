#!/bin/sh
# One SOURCE that is not there is named, the others are copied, status 1.
. "${0%/*}/lib.sh"

mkdir src dir
echo one >src/file
echo two >other

expect_status 1 pcopy src missing other dangling/x '' dir
said "'missing'" "'dangling/x'" "''" "No such file or directory"
expect_same_tree src dir/src
cmp -s other dir/other || fail "the source after the missing one was not copied"
[ "$(ls dir)" = "$(printf 'other\nsrc')" ] || fail "something else is in dir"

expect_status 1 pcopy missing new
said "cannot stat 'missing': No such file or directory"
[ ! -e new ] || fail "a missing source made something"
