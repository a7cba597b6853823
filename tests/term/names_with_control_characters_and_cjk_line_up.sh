#!/bin/sh
# The row of the file in hand with names of every kind: never wider than the
# terminal, beginning and end of the name kept, nothing of it sent raw.
. "${0%/*}/lib.sh"
need python3

python3 - <<'END'
import os
os.mkdir("src")
for name in (
    "漢字かな" * 15 + ".cjk",
    "ｆｕｌｌ" * 15 + ".full",
    "🙂👍🏽🚀" * 10 + ".emoji",
    "e\u0301o\u0308" * 40 + ".combining",
    "\x1b[31mred\x1b[0m\x07\r\n\t\x7f" * 6 + ".control",
    "\u202egnp.exe\u200f\u2066" * 8 + ".bidi",
    "\u009b31m\u0085" * 10 + ".c1",
    "plain" * 40 + ".plain",
):
    os.mkfifo("src/" + name)
os.mkfifo(b"src/" + b"\xff\xfe\xe6\xbc" * 20 + b".bytes")
END
# in_hand: a name is, as long as it can be told by its ending.
in_hand() {
  ending=$(screen -J | sed -n 's/^\(stuck [0-9]*s: \)\{0,1\}src\/.*\.\([a-z0-9]*\)$/\2/p')
  [ -n "$ending" ] && ! grep -qx -e "$ending" seen
}

# drawn COLUMNS: for this width. Both rows come in one write: the bar's tells by
# its length, and the name is not cut. They go to the file "rows", to be looked
# at in the end.
drawn() {
  screen >now
  grep '%' now | grep -qE "^.{$(($1 / 2 + 1)),$(($1 - 1))}\$" || return 1
  grep -q "src/.*\.$ending\$" now || return 1
  sed -n "s/^\\(stuck [0-9]*s: \\)\\{0,1\\}src/$1 &/p" now >>rows
}

start_terminal 80 24
fill_screen
script 'pcopy -T src dst -j 1 --copy-contents'
type_line '. ./run'
: >seen
for _ in 1 2 3 4 5 6 7 8 9; do
  wait_until 20 in_hand
  wait_until 20 drawn 80
  tmux resize-window -x 41 -y 24
  wait_until 20 drawn 41
  tmux resize-window -x 80 -y 24
  echo "$ending" >>seen
  for fifo in src/*."$ending"; do
    timeout 20 sh -c ': >"$1"' - "$fifo" || fail "nobody reads .$ending"
  done
done
wait_screen '^pcopy: copied 9 files'
wait_screen '^\$$'
expect_filling
expect_screen -S - <<'END'
$ . ./run
pcopy: copied 9 files
$
END

# Every row is printable, one, and as wide as there is room for whole characters
# and escapes.
python3 - 2>"$err" <<'END' || fail "a row of a name is not right"
import unicodedata
rows = [row.rstrip("\n").split(" ", 1) for row in open("rows", newline="\n")]
assert len(rows) == 18, len(rows)
for columns, row in rows:
    width = 0
    for char in row:
        category = unicodedata.category(char)
        assert category[0] != "C", "not printable: %r" % row
        if category not in ("Mn", "Me"):
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    assert int(columns) - 7 <= width < int(columns), "%d of %s columns: %r" % (width, columns, row)
    assert "…" in row, row
END
expect_bytes_without '\033[31m' '\033[0m' '\a' '\0177' '\t' '\0302\0233' '\0302\0205' '\0342\0200\0256' \
  '\0342\0200\0217' '\0342\0201\0246' '\0377'
