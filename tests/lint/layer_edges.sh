#!/bin/sh
# The folders are the architecture: a layer includes only what it may use, a
# library's header is known to one file, and whoever copies does not print.
#
#   layer_edges.sh ROOT
set -eu
cd "$1"
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

allowed() {
  case $1 in
  base) echo base ;;
  cli | ipc | copy | ui) echo "$1 base" ;;
  worker) echo worker copy ipc base ;;
  master) echo master ipc ui worker copy cli base ;;
  esac
}

for layer in base cli ipc copy ui worker master; do
  edges=$(allowed "$layer" | sed 's/ /\\|/g')
  find "src/$layer" "include/$layer" -name '*.[ch]' -exec \
    grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + |
    grep -v "include[[:space:]]*\"\\($edges\\)/" | sed "s/\$/ (not allowed in $layer)/" >>"$bad" || :
done
for header in uv curses term; do
  files=$(grep -rlE "#[[:space:]]*include[[:space:]]*[<\"]$header\\.h[>\"]" src include || :)
  [ "$(printf '%s\n' "$files" | grep -c .)" = 1 ] ||
    printf '<%s.h> must be included by exactly one file, and is by: %s\n' "$header" \
      "$(printf '%s' "$files" | tr '\n' ' ')" >>"$bad"
done
grep -rnE '\<((f|v|vf|d)?printf|f?puts|f?putc|putchar|perror|psignal|message_say|message_list)[[:space:]]*\(' \
  src/copy src/worker src/ipc --include='*.c' |
  sed 's/$/ (only the master makes sentences)/' >>"$bad" || :

cat "$bad"
[ ! -s "$bad" ]
