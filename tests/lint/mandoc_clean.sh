#!/bin/sh
# The man page is without a warning.
#
#   mandoc_clean.sh ROOT
set -eu
command -v mandoc >/dev/null || {
  echo "SKIP: no mandoc here"
  exit 77
}
mandoc -T lint -W warning "$1/man/pcopy.1"
