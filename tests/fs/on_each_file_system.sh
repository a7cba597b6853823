# on_each_file_system.sh FS: what FS can hold arrives as it was, from another
# file system, within it and back; what it cannot hold is said, in one line a
# class, and is in the status.
. "${0%/*}/lib.sh"

fs=${1:-tmpfs}
dest=$TEST_DIR/dest
fs_root "$fs" "$dest"

# expect_receipt LINE...: these and no others.
expect_receipt() {
  printf 'pcopy: not kept on %s\n' "$@" >"$TEST_DIR/receipt"
  diff "$TEST_DIR/receipt" "$err" || fail "not the receipt of $fs"
}

holds_everything() {
  mktree --strict --without="$cannot" "$ram/tree"
  for jobs in 1 8; do
    expect_status 0 pcopy -j $jobs "$ram/tree" "$dest/tree$jobs"
    [ ! -s "$err" ] || fail "something was said"
    expect_same_tree --atime "$ram/tree" "$dest/tree$jobs"
  done
  expect_status 0 pcopy -j 4 "$dest/tree8" "$dest/within"
  expect_same_tree --atime "$ram/tree" "$dest/within"
  expect_status 0 pcopy -j 4 "$dest/within" "$ram/back"
  expect_same_tree --atime "$ram/tree" "$ram/back"
}

# Device numbers and symlinks can be too big for xfs. A link that cannot be made
# has failed; it does not take the rest with it.
xfs_refuses() {
  mkdir "$ram/big"
  mknod "$ram/big/device" c 4095 1048575
  mknod "$ram/big/null" c 1 3
  expect_status 3 pcopy "$ram/big" "$dest/big"
  expect_receipt '1 entry: special files'
  python3 -c 'import os, sys; os.symlink("/".join(["x" * 200] * 15), sys.argv[1])' "$ram/big/symlink"
  expect_status 1 pcopy -T "$ram/big" "$dest/big2"
  said "cannot create '$dest/big2/symlink': File name too long"
  [ "$(ls "$dest/big" "$dest/big2")" = "$(printf '%s:\nnull\n\n%s:\nnull' "$dest/big" "$dest/big2")" ] ||
    fail "$(ls "$dest/big" "$dest/big2")"
}

# One of each thing that vfat has no place for.
weak_tree() {
  mkdir tree tree/dir
  for name in plain private owned xattr acl odd; do
    echo $name >tree/$name
    chmod 755 tree/$name
  done
  chmod 600 tree/private
  chown 1000:1000 tree/owned
  python3 -c 'import os; os.setxattr("tree/xattr", "user.a", b"1")'
  python3 -c 'import os, struct
os.setxattr("tree/acl", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in
  ((1, 7, 2**32 - 1), (2, 5, 1000), (4, 5, 2**32 - 1), (16, 5, 2**32 - 1), (32, 5, 2**32 - 1))))'
  ln tree/plain tree/dir/link
  ln -s plain tree/symlink
  mkfifo tree/fifo
  mknod tree/null c 1 3
  python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/socket")'
  truncate -s 4M tree/hole
  chmod 755 tree/hole
  find tree -exec touch -h -d '2001-02-03 04:05:06 UTC' {} +
  touch -d '2001-02-03 04:05:07 UTC' tree/odd
}

weak=owner,mode,xattr,acl,links,holes,special,symlinks

holds_contents() {
  keep_atimes
  weak_tree
  expect_status 3 pcopy -j 4 tree "$dest/tree"
  expect_same_tree --ignore=$weak --time-slack=2000000000 tree "$dest/tree"
  if [ "$fs" = like-vfat ]; then
    expect_receipt '1 entry: owner and group' '1 entry: permissions' '1 entry: timestamps' \
      '1 entry: extended attributes' '1 entry: access control lists' '1 entry: holes' \
      '1 entry: hard links' '1 entry: symbolic links' '3 entries: special files'
  else
    said 'owner and group' permissions timestamps 'extended attributes' 'access control lists' \
      holes 'hard links' 'symbolic links' 'special files'
  fi
  # What is left when these are, and the times can be held: nothing to be said.
  for name in private owned xattr acl odd dir/link symlink fifo null socket hole; do
    rm "tree/$name"
  done
  find tree -exec touch -h -d '2001-02-03 04:05:06 UTC' {} +
  expect_status 0 pcopy -j 4 tree "$dest/again"
  [ ! -s "$err" ] || fail "something was said"
  expect_same_tree tree "$dest/again"
}

case $fs in
*vfat) holds_contents ;;
xfs*)
  holds_everything
  xfs_refuses
  ;;
*) holds_everything ;;
esac
