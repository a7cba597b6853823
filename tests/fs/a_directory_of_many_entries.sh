# One directory of very many entries, by eight workers: all arrive, as they were.
. "${0%/*}/lib.sh"

count=${1:-100000}
cd "$ram"
mktree --strict --files=0 --dirs=0 --deep=0 --without=names --wide="$count" tree
expect_status 0 pcopy -j 8 tree copy
[ "$(python3 -c 'import os; print(len(os.listdir("copy/wide")))')" = "$count" ] || fail "not $count entries"
expect_same_tree tree copy
