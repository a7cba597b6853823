#!/bin/sh
# -q leaves errors only; -i is refused, and nothing is copied; --title sets the
# title of a terminal and writes nothing where there is none.
. "${0%/*}/lib.sh"

mkdir src
echo one >src/one
for option in -i --interactive -ai '-v -i'; do
  # shellcheck disable=SC2086 # several words
  expect_status 2 pcopy $option src new
  said "a parallel copy cannot ask: use -n or --update in place of -i"
  [ ! -e new ] || fail "$option was refused and something was copied"
done

mkdir new
expect_status 1 pcopy src missing new
[ "$(wc -l <"$err")" = 2 ] || fail "no summary with a failure: $(cat "$err")"
for option in -q --quiet; do
  rm -rf new
  mkdir new
  expect_status 1 pcopy $option src missing new
  [ "$(cat "$err")" = "pcopy: cannot stat 'missing': No such file or directory" ] || fail "$option says: $(cat "$err")"
  [ ! -s "$out" ] || fail "$option lists something"
  cmp src/one new/src/one
  rm -rf new
  expect_status 0 pcopy $option src new
  [ ! -s "$err" ] || fail "$option says: $(cat "$err")"
done

rm -rf new
expect_status 0 pcopy --title --progress=plain src new
! grep -q "$(printf '\033')" "$err" || fail "a title was written to what is no terminal"
command -v script >/dev/null || skip "no script(1) for a terminal"
for option in --title ''; do
  rm -rf new
  TERM=xterm script -qec "'$PCOPY' --progress=line $option src new" typescript >/dev/null
  titles=$(grep -c "\]2;pcopy" typescript || :)
  case $option,$titles in
  ,0 | --title,[1-9]*) ;;
  *) fail "with '$option' the title was set $titles times" ;;
  esac
done
