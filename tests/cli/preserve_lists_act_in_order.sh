#!/bin/sh
# -a, -p, --preserve=LIST and --no-preserve=LIST, one after another: each
# attribute is kept or not as cp does it. --no-preserve=all is plain cp -r.
. "${0%/*}/lib.sh"

mkdir model model/src model/src/private model/src/closed model/src/setgid model/dst
cd model
echo one >src/file
echo two >src/program
ln src/file src/twin
ln -s file src/link
mkfifo src/pipe
chmod 751 src/program
chmod 640 src/file
chmod 666 src/pipe
chmod 700 src/private
chmod 2775 src/setgid
echo there >dst/program
chmod 600 dst/program
if [ "$(id -u)" = 0 ]; then
  chown 12:34 src/file src/private
  chown -h 12:34 src/link
  mkdir suid
  echo three >suid/setuid
  chown 12:34 suid/setuid
  chmod 4755 suid/setuid
  mknod src/null c 1 3
fi
setfattr -n user.colour -v red src/program 2>/dev/null || :
setfattr -n user.colour -v blue src/private 2>/dev/null || :
setfacl -m u:4711:rwx src/program 2>/dev/null || :
touch -d '2001-02-03 04:05:06.789' src/file src/program src/pipe src/private
touch -h -d '1999-02-03' src/link
chmod 555 src/closed
cd ..

# Keeping times, we compare them all; otherwise files have those of this moment.
for list in mode ownership timestamps links xattr context all mode,ownership links,xattr,timestamps; do
  compare_times no
  case $list in
  *timestamps* | all) ;;
  *) compare_times yes ;;
  esac
  # cp -a --no-preserve=all treats modes as --no-preserve=mode; see below.
  [ "$list" = all ] || both --no-preserve="$list" src new
  compare_times no
  [ "$list" = context ] || both --no-preserve=all,mode --preserve="$list" src new
done
compare_times yes
both -p src new
both --preserve src new
both -p -T src dst
both --preserve=all src new
both --archive --no-preserve=xattr src new
both --no-preserve=mode -p src new
both --no-preserve=all -p --preserve=links,xattr src new
both --no-preserve=all -a src new
both --no-preserve=mode,ownership --preserve=ownership src new
both --preserve=mode --no-preserve=mode src new
both --no-preserve=mode --preserve=mode src new
both --preserve=wrong src new
both --no-preserve= src new
# A setuid bit goes with its owner: without it, pcopy leaves the bit off, and says so.
if [ "$(id -u)" = 0 ]; then
  both -p suid new
  both --no-preserve=all -p suid new
  expect_status 3 pcopy --no-preserve=ownership model/suid without-owner
  said "not kept on 1 entry: permissions"
  [ ! -u without-owner/setuid ] || fail "a setuid bit without its owner"
fi
compare_times no
both -p --no-preserve=timestamps src new
both --no-preserve=mode,timestamps -T src dst
both --no-preserve=timestamps --no-preserve=links -d src new

# What cp makes without -a.
# cp_is CP_OPTIONS OPTION...: pcopy OPTION... does what cp CP_OPTIONS does.
cp_is() {
  words=$1
  shift
  rm -rf new-cp new-pcopy
  # shellcheck disable=SC2086 # several words
  cp $words model/src new-cp
  expect_status 0 pcopy "$@" model/src new-pcopy
  expect_same_tree --ignore=times new-cp new-pcopy
}
cp_is -r --no-preserve=all
cp_is -rp --no-preserve=all -p
cp_is '-rp' --no-preserve=all --preserve
[ "$(times_of new-cp)" = "$(times_of new-pcopy)" ] || fail "-p kept no times"
cp_is -rd --no-preserve=all -d
cp_is '-r --preserve=links,mode' --no-preserve=all --preserve=links,mode
cp_is '-r --preserve=timestamps' --no-preserve=all --preserve=times
[ "$(times_of new-cp)" = "$(times_of new-pcopy)" ] || fail "--preserve=timestamps kept no times"
cp_is '-r -a' --no-preserve=all -a
umask 077
cp_is -r --no-preserve=all
cp_is '-r --no-preserve=mode' --no-preserve=all --no-preserve=mode
umask 002
cp_is -r --recursive --no-preserve=all
cp_is '-r --no-preserve=mode' -R --no-preserve=all --no-preserve=mode

# What a list names must be kept: without the right to, it is a failure, and
# otherwise a loss.
if [ "$(id -u)" = 0 ]; then
  mkdir open
  chmod 777 open
  echo of-root >roots
  expect_status 1 as_nobody pcopy --preserve=ownership roots open/named
  said "failed to preserve ownership for 'open/named'"
  [ ! -e open/named ] || fail "a file that failed is there"
  expect_status 3 as_nobody pcopy roots open/usual
  expect_status 0 as_nobody pcopy --no-preserve=ownership roots open/none
fi
