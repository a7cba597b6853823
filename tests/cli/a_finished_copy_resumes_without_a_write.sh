#!/bin/sh
# --resume over a finished copy writes nothing and makes nothing; what differs in
# size or time is done again, and nothing else.
. "${0%/*}/lib.sh"
need strace

mkdir -p src/a/b
for n in 1 2 3 4 5; do
  echo "file $n" >src/$n
  head -c 400000 /dev/urandom >src/a/b/$n
done
ln src/1 src/a/twin
ln -s 1 src/link
mkfifo src/pipe
expect_status 0 pcopy -T src new

changes=write,pwrite64,copy_file_range,ioctl,ftruncate,rename,renameat,renameat2,linkat,symlinkat,mknodat,mkdirat
changes=$changes,unlinkat,fallocate
# done_again: how many calls changed something in the copy.
done_again() {
  expect_status 0 strace -ff -y -o trace -e trace="$changes" "$PCOPY" -j 3 --resume -T src new
  expect_same_tree src new
  cat trace.* >all
  rm trace.*
  again=$(grep -F "<$PWD" all | grep -cE ' = [0-9]' || :)
}
done_again
[ "$again" = 0 ] || {
  cat all
  fail "a finished copy was changed $again times"
}
inode=$(stat -c %i new/2)
echo "file three" >src/3
touch -d 2001-02-03 src/a/b/4
done_again
[ "$again" -gt 0 ] || fail "what differs was not done again"
[ "$(stat -c %i new/2)" = "$inode" ] || fail "a file that is complete was made again"
rm new/a/b/1 new/link
done_again
