#!/bin/sh
# A device, FIFO or socket in the destination is never written to and never
# replaced, by no option but --remove-destination, and each is named.
. "${0%/*}/lib.sh"
need python3

mkdir model model/src model/dst
cd model
nodes='pipe socket'
mkfifo dst/pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("dst/socket")'
if mknod dst/null c 1 3 2>/dev/null && mknod dst/full c 1 7 && mknod dst/loop b 7 250; then
  nodes="$nodes null full loop"
fi
# Older than their sources, or -u leaves them alone without a word.
touch -c -d 2002-03-04 dst/*
for node in $nodes; do
  echo "contents for $node" >"src/$node"
done
echo neighbour >src/neighbour
mkdir links dirs fifos
for node in $nodes; do
  ln -s neighbour "links/$node"
  mkdir "dirs/$node"
  mkfifo "fifos/$node"
done
touch -d 2001-02-03 fifos/*
cd ..
inodes() {
  (cd "$1" && find . -mindepth 1 -printf '%P %y %D %i %m %U %T@\n' | grep -v '^neighbour ' | sort)
}

for source in src links dirs fifos; do
  for options in '' -f -b --backup=numbered -u -l -lf --atomic --attributes-only --no-preserve=all --resume \
    --copy-contents; do
    # Older ones, for -u; and a FIFO without a writer to read from.
    case $source,$options in fifos,-u | fifos,--copy-contents) continue ;; esac
    rm -rf pcopy
    cp -a model pcopy
    before=$(inodes pcopy/dst)
    # shellcheck disable=SC2086 # none or one
    expect_status 1 pcopy $options -T "pcopy/$source" pcopy/dst
    [ "$before" = "$(inodes pcopy/dst)" ] || {
      echo "$before"
      inodes pcopy/dst
      fail "pcopy $options of $source has touched a special file"
    }
    for node in $nodes; do
      case $source in
      dirs) said "'pcopy/dst/$node'" ;;
      # One like it is left too, but only a FIFO of the same time would be no failure.
      *) said "not replacing 'pcopy/dst/$node': it is a device, FIFO or socket" ;;
      esac
    done
  done
done
# Told to leave what is there, it does so without a word.
expect_status 0 pcopy -n -T pcopy/src pcopy/dst
expect_status 1 pcopy pcopy/src/pipe pcopy/dst/pipe
said "not replacing 'pcopy/dst/pipe'"
[ -p pcopy/dst/pipe ] || fail "a FIFO was replaced as an operand"

for options in --remove-destination '--remove-destination -b' '--remove-destination -j 1'; do
  rm -rf pcopy
  cp -a model pcopy
  # shellcheck disable=SC2086 # several
  expect_status 0 pcopy $options -T pcopy/src pcopy/dst
  for node in $nodes; do
    cmp "pcopy/src/$node" "pcopy/dst/$node"
  done
done
# The machine's own are as they were.
[ -c /dev/null ] || fail "/dev/null is gone"
