#!/bin/sh
# Every header compiles alone, without a warning, and opens with what a reader
# wants to know first.
#
#   CC=... headers_alone.sh ROOT
set -eu
cd "$1"
bad=0
for header in $(find include src -name '*.h' | sort); do
  printf '#include "%s"\n' "$header" |
    ${CC:-cc} -x c -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPCOPY_VERSION='""' \
      -Wall -Wextra -Werror -Wno-unused-function -I. -Iinclude -fsyntax-only - || {
    echo "$header does not compile alone"
    bad=1
  }
  # The opening comment: up to the first line that ends it.
  opening=$(sed -n '1,/\*\//p' "$header")
  case $opening in '/*'*) ;; *) echo "$header does not open with a comment" && bad=1 ;; esac
  for field in 'Runs in:' 'Blocks:' 'Allocates:' 'Owns:'; do
    case $opening in *"$field"*) ;; *) echo "$header: its opening comment has no '$field'" && bad=1 ;; esac
  done
  grep -q '^#pragma once$' "$header" || {
    echo "$header: no #pragma once"
    bad=1
  }
done
exit $bad
