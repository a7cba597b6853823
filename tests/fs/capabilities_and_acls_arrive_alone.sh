# Capabilities and ACLs are the source's; a default ACL of the directory that is
# copied into leaks into nothing, as with cp -a. In each file system's own way.
. "${0%/*}/lib.sh"
need setfacl

fs=${1:-ext4}
dest=$TEST_DIR/dest
fs_root "$fs" "$dest"
cd "$dest"

mkdir -p tree/dir/sub tree/with-default
for name in plain private setuid dir/file dir/sub/file with-default/file; do
  echo $name >tree/$name
done
head -c 6000000 /dev/urandom >tree/big
: >tree/empty
chmod 600 tree/private
chmod 4755 tree/setuid
ln -s plain tree/symlink
mkfifo tree/fifo
mknod tree/null c 1 3
ln tree/plain tree/dir/link
setfacl -m u:1000:rwx,g:2000:r tree/dir/file
setfacl -d -m u:1000:rwx,o::- tree/with-default
python3 - <<'END'
import os, struct
# VFS_CAP_REVISION_2, effective: cap_net_bind_service, for a file of another user and one of root.
value = struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0)
for name, owner in (('tree/capable', 0), ("tree/another's", 1000)):
  with open(name, 'w') as f:
    f.write('#!')
  os.chown(name, owner, owner)
  os.chmod(name, 0o755)
  os.setxattr(name, 'security.capability', value)
END
find tree -exec touch -h -d '2020-02-02 02:02:02.123456789 UTC' {} +

for dir in by-cp by-1 by-8 by-8-atomic into; do
  mkdir $dir
  setfacl -d -m u:1234:rwx,g:4321:rwx,m::rwx,o::rwx $dir
done
cp -a tree by-cp
expect_same_tree tree by-cp/tree
expect_status 0 pcopy -j 1 tree by-1
expect_status 0 pcopy -j 8 tree by-8
expect_status 0 pcopy -j 8 --atomic tree by-8-atomic
for dir in by-1 by-8 by-8-atomic; do
  expect_same_tree tree $dir/tree
  expect_same_tree by-cp/tree $dir/tree
done
# Files that are themselves the SOURCEs, and once more onto what is there.
for again in no yes; do
  expect_status 0 pcopy -j 8 tree/plain tree/private tree/setuid tree/big tree/fifo tree/null tree/empty \
    tree/dir "tree/another's" tree/capable into
  for name in plain private setuid big fifo null empty dir "another's" capable; do
    treediff "tree/$name" "into/$name" >differences || fail "again: $again: $(cat differences)"
  done
  rm into/fifo into/null # never replaced
done

# Who may not give capabilities says so; nobody else has them then.
install -d -o 65534 -g 65534 nobody
expect_status 3 as_nobody pcopy -j 1 tree/capable nobody/copy
said 'owner and group' 'extended attributes'
python3 -c 'import os, sys; sys.exit("security.capability" in os.listxattr("nobody/copy"))' || fail "it is capable"

# Without ACLs and capabilities being kept, the default ACL decides, as in cp -r.
mkdir plain-cp plain-pcopy
setfacl -d -m u:1234:rwx,o::r plain-cp plain-pcopy
cp -r tree/plain tree/dir plain-cp
expect_status 0 pcopy --no-preserve=all -j 8 tree/plain tree/dir plain-pcopy
expect_same_tree --ignore=times plain-cp plain-pcopy
