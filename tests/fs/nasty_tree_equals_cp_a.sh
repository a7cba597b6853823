# The nasty tree copied by cp -a and by one, two and sixteen workers is the same
# tree, access times too; and what cp -a cannot copy, paths longer than PATH_MAX.
. "${0%/*}/lib.sh"

keep_atimes
mktree --strict --deep=0 tree
cp -a tree by-cp
expect_same_tree --atime tree by-cp

for jobs in 1 2 16; do
  expect_status 0 pcopy -j $jobs tree "by-$jobs"
  expect_same_tree --atime tree "by-$jobs"
  # Hole by hole. Where all blocks are allocated neither cp nor pcopy looks for
  # holes, so a file of unwritten extents alone is filled with zeros.
  treediff --holes=exact tree "by-$jobs" >differences || :
  ! grep -v '^holes: holes/unwritten-only: ' differences || fail "-j $jobs: not the source's holes"
done

# 5,000 levels down, with a file every fifty; fewer where somebody says so, as the
# time goes with the square.
python3 "$MKTREE" --strict --files=0 --dirs=0 --deep="${DEEP_LEVELS:-5000}" deep
for jobs in 1 16; do
  expect_status 0 pcopy -j $jobs deep "deep-$jobs"
  expect_same_tree deep "deep-$jobs"
done
