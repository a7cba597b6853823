#!/bin/sh
# No invalid access, no use of what was never set and no lost block, in the master
# and in the workers: a copy, one over it, one that fails on the way, one that is
# interrupted.
. "${0%/*}/../cli/lib.sh"
need valgrind
if nm "$PCOPY" 2>/dev/null | grep -qE '__(asan|tsan)_init'; then
  skip "a sanitizer is built in"
fi

mktree --seed 41 --files 60 --dirs 10 --deep 10 --without holes,names src 2>/dev/null
under_valgrind() {
  valgrind -q --log-file=valgrind.%p --trace-children=yes --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 "$PCOPY" "$@"
}
# Its warnings ("--") are of system calls it does not know yet.
silent() {
  [ "$(ls valgrind.* | wc -l)" -ge 3 ] || fail "it did not look at master and workers"
  ! cat valgrind.* | grep '^==' || fail "valgrind spoke"
  rm valgrind.*
}

expect_status 0 under_valgrind -j2 -T src dst
silent
expect_same_tree src dst
expect_status 0 under_valgrind -j2 -v --debug --atomic --sync=file --backup=numbered --stats -T src dst
silent
expect_status 0 under_valgrind -j2 --resume --progress=json -T src dst2
silent
expect_same_tree src dst2

# Things in the way: failures, and their sentences.
rm -rf dst
mkdir -p dst/sizes/1 dst/links
mkfifo dst/sizes/4096
echo in the way >dst/modes
expect_status 1 under_valgrind -j2 --log-file=failures -T src dst
silent

under_valgrind -j2 --bwlimit=100K -T src dst3 2>"$err" &
master=$!
some_copied() {
  [ -n "$(find dst3 -type f 2>/dev/null)" ]
}
wait_until 60 some_copied
kill -TERM "$master"
status=0
wait "$master" || status=$?
[ "$status" = 143 ] || fail "status $status"
silent
