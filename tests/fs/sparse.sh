# sparse.sh FS: holes are kept, made from zeros, or filled, as --sparse says, and
# a file of a tebibyte copies in the time of its data.
. "${0%/*}/lib.sh"

fs=${1:-ext4}
dest=$TEST_DIR/dest
fs_root "$fs" "$dest"
cd "$dest"

allocated() {
  python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); os.fsync(fd); print(os.fstat(fd).st_blocks * 512)' "$1"
}

# allocates FILE LOW HIGH: its blocks are that many bytes.
allocates() {
  got=$(allocated "$1")
  [ "$got" -ge "$2" ] && [ "$got" -le "$3" ] || fail "$1: $got bytes are allocated, not $2 to $3"
}

mkdir tree
mib=1048576
data() { # FILE OFFSET LENGTH
  head -c "$3" /dev/urandom | dd of="tree/$1" conv=notrunc bs=65536 seek="$2" oflag=seek_bytes status=none
}
data leading $((3 * mib)) 65536
data middle 0 65536
data middle $((4 * mib)) 65536
data trailing 0 65536
truncate -s $((6 * mib + 1)) tree/trailing
data tail 0 $mib # xfs allocates as much again ahead of it
truncate -s $((6 * mib)) tree/tail
truncate -s $((2 * mib)) tree/all
head -c $((2 * mib)) /dev/zero >tree/zeros
data inside 0 65536
head -c $mib /dev/zero | dd of=tree/inside conv=notrunc bs=65536 seek=1 status=none
data inside $((mib + 65536)) 65536
# Reserved, not written: in the middle of the file, and all of it.
data unwritten 0 65536
truncate -s $((6 * mib)) tree/unwritten
fallocate -o $mib -l $((2 * mib)) tree/unwritten
fallocate -l $mib tree/reserved

# A clone would have the source's extents, whatever they are.
pcopy() {
  "$PCOPY" --reflink=never "$@"
}

for jobs in 1 8; do
  # ext4 and xfs take for data what is reserved and was read: out of the cache.
  sync -f .
  for file in tree/*; do
    dd if="$file" iflag=nocache count=0 status=none
  done
  # A hole of the source is one in the copy; what was written is written.
  expect_status 0 pcopy -j $jobs --sparse=auto tree auto$jobs
  expect_same_tree tree auto$jobs
  allocates auto$jobs/leading 65536 131072
  allocates auto$jobs/middle 131072 262144
  allocates auto$jobs/trailing 65536 131072
  allocates auto$jobs/tail $mib $((mib + 131072))
  allocates auto$jobs/all 0 0
  allocates auto$jobs/zeros $((2 * mib)) $((3 * mib))
  allocates auto$jobs/inside $((mib + 131072)) $((2 * mib))
  allocates auto$jobs/unwritten 65536 131072

  # Zeros are holes, in the source or not.
  expect_status 0 pcopy -j $jobs --sparse=always tree always$jobs
  expect_same_tree tree always$jobs
  allocates always$jobs/leading 65536 131072
  allocates always$jobs/trailing 65536 131072
  allocates always$jobs/tail $mib $((mib + 131072))
  allocates always$jobs/all 0 0
  allocates always$jobs/zeros 0 0
  allocates always$jobs/inside 131072 262144
  allocates always$jobs/unwritten 65536 131072
  allocates always$jobs/reserved 0 0

  # Nothing is a hole.
  expect_status 0 pcopy -j $jobs --sparse=never tree never$jobs
  expect_same_tree --holes=ignore tree never$jobs
  for file in tree/*; do
    size=$(stat -c %s "$file")
    allocates "never$jobs/${file#tree/}" "$size" $((size + mib))
  done

  # Onto what is there, it is the same.
  for sparse in auto always; do
    cp --sparse=never tree/trailing there
    expect_status 0 pcopy -j $jobs --sparse=$sparse tree/trailing there
    allocates there 65536 131072
    cmp tree/trailing there
  done
done

# A tebibyte with four pieces of data, the last one before a hole.
python3 - <<'END'
import os
fd = os.open('tebibyte', os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 40)
for at in (0, 1 << 30, 1 << 39, (1 << 40) - (1 << 20)):
  os.pwrite(fd, os.urandom(65536), at)
END
for jobs in 1 8; do
  for sparse in auto always; do
    expect_status 0 timeout 20 "$PCOPY" --reflink=never -j $jobs --sparse=$sparse tebibyte copy
    expect_same_tree --holes=exact tebibyte copy
    allocates copy 262144 524288
    rm copy
  done
done
