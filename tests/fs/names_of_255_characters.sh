#!/bin/sh
# vfat (as exfat and NTFS) counts characters: 255 of three bytes each are a name there,
# and are copied to where they are one. A disk of Linux's own takes 85 of them.
. "${0%/*}/lib.sh"
mount_image vfat card 64m
umount card
mount -o loop,noatime,utf8 -t vfat "$image" card
character=$(printf '\346\274\242')
short=$(printf "%85s" '' | sed "s/ /$character/g")
long=$short$short$short
mkdir "card/from" "card/from/$long" || skip "no such names here"
for name in "$long/$long" "$long/$short" "$short$short" "$short"; do
  echo "$name" >"card/from/$name"
done

for jobs in 1 2 8; do
  expect_status 0 pcopy -j "$jobs" card/from "card/to$jobs"
  diff -r card/from "card/to$jobs"
done
expect_status 0 pcopy --resume card/from card/to1
expect_status 0 pcopy --atomic "card/from/$long/$long" "card/to1/$long"
cmp "card/from/$long/$long" "card/to1/$long/$long"
echo old >"card/to1/$short$short"
expect_status 0 pcopy --backup=simple "card/from/$short$short" card/to1
expect_status 0 pcopy --backup=numbered "card/from/$short$short" card/to1
[ "$(cat "card/to1/$short$short~")" = old ] || fail "no simple backup"
cmp "card/from/$short$short" "card/to1/$short$short.~1~"

expect_status 1 pcopy card/from disk
grep -q ': File name too long$' "$err" || fail "it says: $(cat "$err")"
cmp "card/from/$short" "disk/$short"
