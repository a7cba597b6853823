#!/bin/sh
# Names with newlines, control characters or invalid UTF-8 are copied byte for
# byte, and shown escaped: no byte of a terminal sequence reaches stdout, stderr
# or the log.
. "${0%/*}/lib.sh"

esc=$(printf '\033')
newline='a
b'
control="${esc}[2Jx"
invalid=$(printf 'i\377\300v')
c1=$(printf 'c\302\233m')        # U+009B, a control sequence introducer
override=$(printf 'x\342\200\256gpj') # U+202E turns the rest around
wide='文件'
mkdir src
for name in "$newline" "$control" "$invalid" "$c1" "$override" "$wide"; do
  mkdir "src/$name"
  echo "$name" >"src/$name/$name"
  echo secret >"src/$name/closed $name"
  chmod 000 "src/$name/closed $name"
done
mkdir out
chmod 777 out
[ "$(id -u)" != 0 ] || chown -R 65534:65534 src

# no_bytes FILE: nothing but printable UTF-8 and newlines
no_bytes() {
  ! LC_ALL=C grep -q "[$(printf '\001-\010\013-\037\177')]" "$1" || fail "a control character in ${1##*/}"
  ! LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$1" || fail "a C1 character in ${1##*/}"
  ! LC_ALL=C grep -q "$(printf '\342\200\256')" "$1" || fail "an override in ${1##*/}"
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || fail "invalid UTF-8 in ${1##*/}"
}

expect_status 1 as_nobody pcopy -v --log-file=out/log src out/copy
no_bytes "$out"
no_bytes "$err"
no_bytes out/log
for shown in 'a\nb' '\033[2Jx' 'i\377\300v' 'c\302\233m' 'x\342\200\256gpj' "$wide"; do
  said "'src/$shown/closed $shown'"
  grep -qF "src/$shown/closed $shown" out/log || fail "not in the log: $shown"
  grep -qF "src/$shown/$shown" "$out" || fail "not listed: $shown"
done
[ "$(wc -l <out/log)" = 6 ] || fail "six failures are not six lines"
for name in "$newline" "$control" "$invalid" "$c1" "$override" "$wide"; do
  cmp -s "src/$name/$name" "out/copy/$name/$name" || fail "a name was not copied as it is"
done

# What the log says can be read again.
chmod -R u+r src
expect_status 0 as_nobody pcopy --parents --files-from=out/log out/copy
for name in "$newline" "$control" "$invalid" "$c1" "$override" "$wide"; do
  [ "$(cat "out/copy/src/$name/closed $name")" = secret ] || fail "not copied from the log's list"
done

# Operands too.
expect_status 1 pcopy "missing$newline$control$invalid" new
no_bytes "$err"
said 'missinga\nb\033[2Jxi\377\300v'
expect_status 2 pcopy "--no$control" x y
no_bytes "$err"
