# reflinks_share_extents.sh FS: --reflink=auto shares the extents where FS can,
# never does not, and always fails with a sentence where FS cannot.
. "${0%/*}/lib.sh"
need filefrag
need chattr

fs=${1:-btrfs}
dest=$TEST_DIR/dest
fs_root "$fs" "$dest"
cd "$dest"

# Prints how many extents of FILE are shared with another file, and how many are not.
extents() {
  filefrag -s -v "$1" >"$TEST_DIR/extents" || fail "filefrag $1"
  awk '/^ *[0-9]+:/ { if ($0 ~ /shared/) s++; else n++ } END { print s + 0, n + 0 }' "$TEST_DIR/extents"
}

all_shared() {
  for file; do
    case $(extents "$file") in
    '0 '* | *' '[1-9]*) fail "$file: $(cat "$TEST_DIR/extents")" ;;
    esac
  done
}

none_shared() {
  for file; do
    case $(extents "$file") in
    '0 0' | [1-9]*) fail "$file: $(cat "$TEST_DIR/extents")" ;;
    esac
  done
}

mkdir tree tree/dir
seq 1 100000 >tree/dir/one
head -c 20000000 /dev/urandom >tree/big    # several ranges
head -c 5000 /dev/urandom >tree/odd        # not whole blocks
truncate -s 3000000 tree/holes
printf x | dd of=tree/holes conv=notrunc bs=1 seek=1000000 status=none
sync -f .
files='dir/one big odd holes'

shares() {
  for jobs in 1 8; do
    expect_status 0 pcopy -v --debug -j $jobs --reflink=auto tree auto$jobs
    expect_same_tree --holes=exact tree auto$jobs
    for file in $files; do
      all_shared auto$jobs/$file
    done
    # Before the comparison of the rest: nothing but sharing was used.
    expect_status 0 pcopy -j $jobs --reflink=always tree always$jobs
    expect_same_tree --holes=exact tree always$jobs
    for file in $files; do
      all_shared always$jobs/$file
    done
    expect_status 0 pcopy -j $jobs tree default$jobs
    all_shared default$jobs/big
  done
  # A write to the copy is not one to the source.
  cp -a --reflink=never tree kept
  printf changed | dd of=auto1/big conv=notrunc bs=1 seek=4096 status=none
  expect_same_tree kept tree
  rm -rf auto* always* default* kept
}

always_fails() {
  expect_status 1 pcopy --reflink=always "$1/dir/one" clone
  said "failed to clone 'clone' from '$1/dir/one': "
  [ ! -e clone ] || fail "a clone that failed is there"
  # What was there stays.
  echo there >clone
  expect_status 1 pcopy --reflink=always "$1/dir/one" clone
  [ "$(cat clone)" = there ] || fail "it was lost"
  [ "$(find . -name '.pcopy-*')" = '' ] || fail "a temporary name is left"
}

# Files that cannot be cloned among big ones that can: what is sent in batches for
# the one must not lose or spoil the other.
mixed() {
  mkdir mixed mixed/cow mixed/nocow
  chattr +C mixed/nocow
  for i in 1 2 3 4 5 6 7 8 9 10; do
    head -c 4300000 /dev/urandom >mixed/cow/$i
    head -c 4300000 /dev/urandom >mixed/nocow/$i
  done
  sync -f .
  expect_status 0 pcopy -j 2 --progress=json --progress-fd=3 mixed mixed-copy 3>json
  grep -q '"reflink": *10' json || fail "$(tail -n 1 json)"
  expect_same_tree mixed mixed-copy
  rm -rf mixed mixed-copy
}

case $fs in
btrfs | xfs)
  shares
  [ "$fs" = xfs ] || mixed
  for offload in auto never; do
    expect_status 0 pcopy -j 4 --reflink=never --offload=$offload tree never-$offload
    sync -f .
    for file in $files; do
      none_shared tree/$file never-$offload/$file
    done
    expect_same_tree tree never-$offload
  done
  # From another file system nothing can be shared.
  cp -a tree "$ram/tree"
  always_fails "$ram/tree"
  ;;
*)
  expect_status 0 pcopy --reflink=auto tree auto
  expect_same_tree --holes=exact tree auto
  for file in $files; do
    none_shared auto/$file
  done
  always_fails tree
  ;;
esac
