#!/bin/sh
# Of shellcheck: nothing to say about any script.
#
#   scripts_are_clean.sh ROOT
set -eu
command -v shellcheck >/dev/null || {
  echo "SKIP: no shellcheck here"
  exit 77
}
cd "$1"
# Tests begin with ". ${0%/*}/lib.sh", which cannot be followed, and has "set -e".
find tests .ci -name '*.sh' -exec shellcheck -s sh -S warning -e SC1090,SC1091,SC2154,SC2164 {} +
if [ -f .ci/run ]; then
  shellcheck -S warning .ci/run
fi
