#!/bin/sh
# The options of --help and those of the man page are the same.
#
#   options_documented.sh ROOT PCOPY
set -eu
root=$1
pcopy=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"${0%/*}/options_of_help.sh" "$pcopy" >"$dir/help"
# .It Fl j Ar N , Fl -jobs Ns = Ns Ar N
sed -n '/^\.Sh DESCRIPTION/,/^\.Sh [^D]/s/^\.It \(Fl .*\)/\1/p' "$root/man/pcopy.1" |
  grep -o 'Fl [^ ]*' | sed 's/Fl /-/' | sort >"$dir/man"
[ "$(wc -l <"$dir/help")" -gt 40 ] || {
  echo "the options of --help could not be read"
  exit 1
}
if ! diff -u "$dir/help" "$dir/man"; then
  echo "--help (-) and the man page (+) differ"
  exit 1
fi
