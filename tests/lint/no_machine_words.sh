#!/bin/sh
# The repository speaks of the product, not of the machine it was made on: no
# path of a checkout or a home, no address of a package mirror.
#
#   no_machine_words.sh ROOT
set -euf
cd "$1"
# Written in pieces, so that this file does not find itself.
words="(^|[^[:alnum:]_.\$}])/(w""ork|h""ome|r""oot|U""sers)/|(mir""ror|proxy|artifactory)[a-z0-9.-]*\.(internal|local|corp)"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  list='git ls-files -z --cached --others --exclude-standard'
else
  list='find . -type f -not -path ./.git/* -not -path ./build* -print0'
fi
found=$($list | xargs -0 grep -InE -e "$words" -- 2>/dev/null || :)
[ -z "$found" ] || {
  printf '%s\n' "$found"
  exit 1
}
