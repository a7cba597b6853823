#!/bin/sh
# On a file system that does not tell upper from lower case, "NAME" and "name" are
# one: one of the two is copied whole and the other is refused, with status 1.
. "${0%/*}/lib.sh"
need_root

mkdir folded names names/x
echo upper >names/NAME
echo lower >names/name
echo other >names/x/y
truncate -s 64M image
if mkfs.vfat image >/dev/null 2>&1 && mount -o loop image folded 2>/dev/null; then
  mkdir folded/d
elif mkfs.ext4 -qF -O casefold image >/dev/null 2>&1 && mount -o loop image folded 2>/dev/null; then
  mkdir folded/d
  chattr +F folded/d
else
  skip "no file system without case can be mounted here"
fi
touch folded/d/q
[ -e folded/d/Q ] || skip "the file system knows the case of names"

for options in '-j 1' '-j 4' '-j 4 --atomic'; do
  rm -rf folded/d/new
  status=0
  # shellcheck disable=SC2086 # several words
  pcopy --no-preserve=all $options names folded/d/new 2>"$err" || status=$?
  [ "$status" = 1 ] || fail "status $status where two names are one"
  said "will not overwrite just-created"
  [ "$(cat folded/d/new/x/y)" = other ] || fail "the others were not copied"
  case $(cat folded/d/new/name) in
  upper | lower) ;;
  *) fail "neither of the two is whole" ;;
  esac
done
