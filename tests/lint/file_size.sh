#!/bin/sh
# A file can be read in one sitting.
#
#   file_size.sh ROOT
set -eu
cd "$1"
long=$(find src include -name '*.[ch]' -exec wc -l {} + | awk '$2 != "total" && $1 > 500')
[ -z "$long" ] || {
  printf 'longer than 500 lines:\n%s\n' "$long"
  exit 1
}
