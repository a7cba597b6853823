#!/bin/sh
# A FUSE server may list names of more than 255 bytes. The disks of Linux's own take
# none: each is an error that names it, and all beside it is copied. Under a shorter
# name it can be copied itself, as by cp.
. "${0%/*}/lib.sh"
if ! [ -x "${FAULTFS:-}" ] || ! [ -c /dev/fuse ]; then
  skip "no FUSE here"
fi
file=$(printf '%0210d' 0)
folder=$(printf '%0200d' 0)
mkdir -p "back/sub/$folder" front
for name in "$file" a z "$folder/inside"; do
  echo "$name" >"back/sub/$name"
done
"$FAULTFS" --long-names back front || skip "faultfs cannot be mounted here"
[ "$(cat "front/sub/$file$file")" = "$file" ] || skip "this kernel's FUSE takes no such names"

for jobs in 1 2 8; do
  expect_status 1 pcopy -j "$jobs" front "copy$jobs"
  [ "$(grep -c ': File name too long$' "$err")" -eq 2 ] || fail "-j $jobs says: $(cat "$err")"
  [ "$(ls "copy$jobs/sub")" = "a
z" ] || fail "-j $jobs copied: $(ls "copy$jobs/sub")"
done

expect_status 1 pcopy "front/sub/$file$file" front/sub/a copy1
grep -q "$file': File name too long$" "$err" || fail "it says: $(cat "$err")"
cmp back/sub/a copy1/a
expect_status 0 pcopy "front/sub/$file$file" short
cmp "back/sub/$file" short
expect_status 0 pcopy "front/sub/$folder$folder" folder
cmp "back/sub/$folder/inside" folder/inside
