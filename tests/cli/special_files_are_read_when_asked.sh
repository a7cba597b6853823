#!/bin/sh
# --copy-contents: FIFOs and devices are read like files and become files;
# without it, and by cp -a, they are made anew.
. "${0%/*}/lib.sh"

mkdir src dst
mkfifo src/pipe
echo file >src/file
echo there >dst/there

# fed COMMAND...: runs it with a writer at the FIFO.
fed() {
  (printf 'through the pipe' >src/pipe) &
  writer=$!
  got_fed=0
  "$@" || got_fed=$?
  kill "$writer" 2>/dev/null || : # nobody came to read
  wait "$writer" || :
  return $got_fed
}
expect_status 0 fed timeout 60 "$PCOPY" --copy-contents src new
[ -f new/pipe ] || fail "a FIFO that was read is no file"
[ "$(cat new/pipe)" = 'through the pipe' ] || fail "read from the FIFO: $(cat new/pipe)"
cmp src/file new/file
# In the place of a file, and as an operand.
expect_status 0 fed timeout 60 "$PCOPY" --copy-contents src/pipe dst/there
[ "$(cat dst/there)" = 'through the pipe' ] || fail "the FIFO's contents did not replace the file"
# cp does the same.
fed timeout 60 cp -r --copy-contents src from-cp
expect_same_tree --ignore=times from-cp new
# More than a pipe holds.
(head -c 3000000 /dev/zero >src/pipe) &
expect_status 0 timeout 60 "$PCOPY" --copy-contents src/pipe big
wait
[ "$(wc -c <big)" = 3000000 ] || fail "$(wc -c <big) bytes instead of 3000000"

expect_status 0 timeout 60 "$PCOPY" src made-anew
[ -p made-anew/pipe ] || fail "without --copy-contents a FIFO is no FIFO"
if mknod src/null c 1 3 2>/dev/null; then
  rm src/pipe
  expect_status 0 timeout 60 "$PCOPY" --copy-contents src with-null
  [ -f with-null/null ] || fail "the contents of a device are no file"
  [ ! -s with-null/null ] || fail "/dev/null has contents"
fi
