#!/bin/sh
# --reflink and --offload, by the calls that are made: never asks for no clone
# and no offload; always copies nothing any other way.
. "${0%/*}/lib.sh"
need strace

head -c 3000000 /dev/urandom >file
calls() {
  status=0
  strace -f -o trace -e trace=ioctl,copy_file_range "$PCOPY" -j 1 "$@" file new 2>"$err" || status=$?
  clones=$(grep -cE 'FICLONE' trace || :)
  offloads=$(grep -c 'copy_file_range(' trace || :)
  [ "$status" != 0 ] || cmp file new
  [ "$status" = 0 ] || [ ! -e new ] || fail "$*: something is there after a failure"
  rm -f new
}

calls --reflink=never --offload=never
[ "$status,$clones,$offloads" = 0,0,0 ] || fail "never: status $status, $clones clones, $offloads offloads"
calls --reflink=auto --offload=never
[ "$status,$offloads" = 0,0 ] || fail "--offload=never: status $status, $offloads offloads"
[ "$clones" -gt 0 ] || fail "--reflink=auto asked for no clone"
calls
[ "$status" = 0 ] && [ "$clones" -gt 0 ] || fail "by default no clone was asked for"
for option in --reflink=always --reflink; do
  calls $option
  [ "$clones" -gt 0 ] || fail "$option asked for no clone"
  case $status in
  0) ;;
  1) said "failed to clone 'new' from 'file'" ;;
  *) fail "$option: status $status" ;;
  esac
done
expect_status 2 pcopy --reflink=always --sparse=always file new
said "--reflink can be used only with --sparse=auto"

# Another file system: always is a failure and auto is not; an overlay has its
# copies offloaded, as a server would.
need_root
mkdir lower upper work over other
mount -t tmpfs none other 2>/dev/null || skip "no tmpfs can be mounted here"
expect_status 1 pcopy --reflink=always file other
said "failed to clone 'other/file' from 'file': "
[ -z "$(ls -A other)" ] || fail "--reflink=always made a copy"
expect_status 0 pcopy --reflink=auto file other
cmp file other/file
mkdir other/upper other/work
mount -t overlay -o "lowerdir=lower,upperdir=other/upper,workdir=other/work" none over 2>/dev/null ||
  skip "no overlay can be mounted here"
cd over
cp ../file file
calls --offload=auto --debug
[ "$status" = 0 ] && [ "$offloads" -gt 0 ] || fail "--offload=auto offloaded nothing"
calls --offload=never
[ "$status,$offloads" = 0,0 ] || fail "--offload=never on an overlay: status $status, $offloads offloads"
