#!/bin/sh
# Prints the options of `PCOPY --help`, one a line, sorted: -a, --archive, ...
set -eu
"$1" --help | sed -n 's/^  \(-\)/\1/p; s/^      \(--\)/\1/p' | sed 's/   *[^- ].*//' |
  tr -s ' ,' '\n\n' | sed -n 's/^\(-[^=[]*\).*/\1/p' | sort
