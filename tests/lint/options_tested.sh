#!/bin/sh
# Each option of --help has a row in tests/README.md, and each test named there
# exists and uses the option.
#
#   options_tested.sh ROOT PCOPY
set -eu
root=$1
pcopy=$2
table=$root/tests/README.md
bad=0

for option in $("${0%/*}/options_of_help.sh" "$pcopy"); do
  # | `-a`, `--archive` | tests/cli/x.sh, tests/unit/y.c |
  row=$(grep -F -- "\`$option\`" "$table" | grep '^| *`-' | head -n 1) || :
  if [ -z "$row" ]; then
    echo "$option has no row in tests/README.md"
    bad=1
    continue
  fi
  tests=$(printf '%s\n' "$row" | cut -d'|' -f3 | grep -o 'tests/[a-z_]*/[A-Za-z0-9_]*\.[a-z]*') || :
  if [ -z "$tests" ]; then
    echo "$option: its row names no test"
    bad=1
  fi
  used=0
  for test in $tests; do
    if [ ! -f "$root/$test" ]; then
      echo "$option: $test does not exist"
      bad=1
      continue
    fi
    # Any spelling the row has will do: a test uses -n or --no-clobber. Short
    # options may stand in a bundle (-aL), as an exact word.
    for spelling in $(printf '%s\n' "$row" | cut -d'|' -f2 | grep -o '`-[^`]*`' | tr -d '`'); do
      case $spelling in
      --*) pattern="(^|[^[:alnum:]-])$spelling([^[:alnum:]-]|\$)" ;;
      *) pattern="(^|[^[:alnum:]-])-[[:alpha:]]*${spelling#-}" ;;
      esac
      # In a script -d may be test(1)'s: only lines that run or list something for pcopy count.
      case $test in
      *.sh) ! grep -iE 'pcopy|^ *(both|refused|for) ' "$root/$test" | grep -qE -e "$pattern" || used=1 ;;
      *) ! grep -qE -e "$pattern" "$root/$test" || used=1 ;;
      esac
    done
  done
  [ $used = 1 ] || [ -z "$tests" ] || {
    echo "$option: no test of its row uses it"
    bad=1
  }
done
exit $bad
