#!/bin/sh
# Interrupted, or out of space, the copy says the command that goes on with it; that
# command completes the same tree, whatever DEST meant and whatever is in the names.
. "${0%/*}/lib.sh"
some_copied() {
  [ -n "$(find "$1" -type f -size +0 2>/dev/null)" ]
}
command_said() {
  sed -n 's/^pcopy: to go on: //p' "$err"
}
# interrupted WHERE SHELL ARGUMENT...: starts it, ends it, goes on.
interrupted() {
  where=$1 shell=$2
  shift 2
  "$PCOPY" --bwlimit=2M "$@" 2>"$err" &
  master=$!
  wait_until 30 some_copied "$where"
  kill -TERM $master
  status=0
  wait $master || status=$?
  [ $status = 143 ] || fail "status $status"
  command=$(command_said)
  [ "$(command_said | wc -l)" = 1 ] || fail "not one command"
  "$shell" -c "$command" 2>"$err" || fail "status $? of: $command"
}

mkdir -p 'a tree/sub' there
i=0
while [ $i -lt 8 ]; do
  i=$((i + 1))
  head -c 300000 /dev/urandom >"a tree/sub/$i"
done

interrupted 'a copy' sh 'a tree' 'a copy'
expect_same_tree 'a tree' 'a copy'
case $command in *' --resume -T --bwlimit=2M '*"'a tree' 'a copy'") ;; *) fail "said: $command" ;; esac
interrupted there sh 'a tree' there
expect_same_tree 'a tree' 'there/a tree'
[ "$(ls there)" = 'a tree' ] || fail "in there: $(ls there)"
rm -rf there/*
interrupted there sh -t there 'a tree'
expect_same_tree 'a tree' 'there/a tree'
rm -rf there/*
interrupted there sh -T 'a tree' there # merged into what is there
expect_same_tree 'a tree' there

mkdir more
echo x >extra
interrupted more sh 'a tree' extra more
expect_same_tree 'a tree' 'more/a tree'
cmp extra more/extra || fail "the second source"
rm -rf more/*
interrupted more sh --parents 'a tree/sub' more
expect_same_tree 'a tree/sub' 'more/a tree/sub'

mv -- 'a tree' -dash
interrupted copy2 sh -- -dash copy2
expect_same_tree ./-dash copy2
interrupted copy3 sh ./-dash copy3 --atomic
expect_same_tree ./-dash copy3

# Not every sh reads what a newline needs.
need bash
name=$(printf "it's\n\tnew\\ \$x \"q\"")
mv -- -dash "$name"
interrupted copy4 bash "$name" copy4
expect_same_tree "$name" copy4
mkdir "in $name"
interrupted "in $name" bash "$name" "in $name"
expect_same_tree "$name" "in $name/$name"

# What came to its end has nothing to go on with; and -q says errors only.
expect_status 0 pcopy --stats extra extra2
[ -z "$(command_said)" ] || fail "said after a whole copy"
"$PCOPY" -q -T --bwlimit=1K "$name" copy5 2>"$err" &
master=$!
wait_until 30 some_copied copy5
kill -TERM $master
wait $master || :
[ -z "$(command_said)" ] || fail "said with -q"
