# What the tests on file systems start with: the command-line tests' beginning,
# and file systems made for the occasion. All are mounted below $TEST_DIR, where
# the clean-up finds them; images are sparse files in memory. Reading changes no
# access time there.
# shellcheck shell=sh
. "${0%/*}/../cli/lib.sh"

need_root
need python3
unshare --mount true 2>/dev/null || skip "mounting is not allowed here"

ram=$TEST_DIR/ram # a file system in memory, for images and sources
mkdir "$ram"
mount -t tmpfs -o size=8g,mode=755,nr_inodes=4m,noatime pcopy-test "$ram" || skip "tmpfs cannot be mounted here"

# mount_image FS DIR [SIZE [MKFS OPTION...]]: a new file system on DIR.
mount_image() {
  image_fs=$1
  image_dir=$2
  image_size=${3:-1g}
  [ $# -lt 3 ] || shift
  shift 2
  need "mkfs.$image_fs" losetup
  image=$ram/$(basename "$image_dir").img
  truncate -s "$image_size" "$image"
  mkdir -p "$image_dir"
  "mkfs.$image_fs" "$@" "$image" >"$TEST_DIR/mkfs" 2>&1 ||
    skip "mkfs.$image_fs $*: $(tail -n 1 "$TEST_DIR/mkfs")"
  mount -o loop,noatime -t "$image_fs" "$image" "$image_dir" 2>"$TEST_DIR/mount" ||
    skip "$image_fs cannot be mounted here: $(tail -n 1 "$TEST_DIR/mount")"
}

# fs_root FS DIR: an empty file system of the kind on DIR; $cannot is then what
# it cannot hold, in mktree's words.
# shellcheck disable=SC2034 # read by the tests
fs_root() {
  cannot=
  case $1 in
  ext4) mount_image ext4 "$2" 1g -q ;;
  xfs)
    mount_image xfs "$2" 1g -q -m reflink=1
    cannot=longlink,bigdevice
    ;;
  xfs-plain)
    mount_image xfs "$2" 1g -q -m reflink=0
    cannot=longlink,bigdevice
    ;;
  btrfs) mount_image btrfs "$2" 1g -q ;;
  vfat) mount_image vfat "$2" 256m ;;
  tmpfs)
    mkdir -p "$2"
    mount -t tmpfs -o size=1g,mode=755,noatime pcopy-test "$2"
    ;;
  overlayfs)
    mkdir -p "$2" "$ram/lower" "$ram/upper" "$ram/work"
    mount -t overlay -o "noatime,lowerdir=$ram/lower,upperdir=$ram/upper,workdir=$ram/work" pcopy-test "$2" ||
      skip "overlayfs cannot be mounted here"
    ;;
  like-vfat)
    [ -x "${FAULTFS:-}" ] || skip "faultfs was not built"
    [ -c /dev/fuse ] || skip "no /dev/fuse here"
    mkdir -p "$2" "$ram/backing"
    "$FAULTFS" --like-vfat --hide-holes "$ram/backing" "$2" || skip "faultfs cannot be mounted here"
    ;;
  *) fail "no file system $1" ;;
  esac
}

# Reading, by a copier or a comparison, would change access times: not here.
keep_atimes() {
  mount --bind "$PWD" "$PWD"
  mount -o remount,bind,noatime "$PWD"
  cd "$PWD"
}
