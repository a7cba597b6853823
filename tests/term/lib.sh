# What every terminal test starts with:
#
#   . "${0%/*}/lib.sh"
#
# It is cli/lib.sh and a terminal of our own: a tmux server on a socket in the
# test's directory, in it an interactive bash without line editing, so that the
# terminal's modes are those pcopy has left behind.
#
# How long a copy takes is up to the test, not to the machine: hold makes a FIFO
# that one worker reads, and nothing ends before release.
# shellcheck shell=sh

. "${0%/*}/../cli/lib.sh"
need tmux bash ps pgrep pkill timeout
unset TMUX TMUX_PANE

tmux() {
  command tmux -S "$TEST_DIR/tmux" "$@"
}

term_cleanup() {
  status=$?
  trap - EXIT HUP INT TERM
  set +e
  # All of the terminal's session, so that nobody writes while it is removed.
  [ -z "${shell_pid-}" ] || pkill -KILL -s "$shell_pid"
  tmux kill-server 2>/dev/null
  (exit "$status")
  test_cleanup
}
trap term_cleanup EXIT

# start_terminal COLUMNS ROWS: what it shows is also in $TEST_DIR/raw, byte for byte.
start_terminal() {
  mkdir -p "$TEST_DIR/bin"
  ln -sf "$PCOPY" "$TEST_DIR/bin/pcopy"
  # The user's own shell may be one that refuses (nologin).
  SHELL=/bin/sh command tmux -S "$TEST_DIR/tmux" -f /dev/null -u start-server \; set -g status off \; set -g escape-time 0 \; \
    new-session -d -x "$1" -y "$2" "exec env -u HISTFILE PATH='$TEST_DIR/bin:$PATH' PS1='\$ ' PS2='> ' \
      bash --norc --noprofile --noediting -i" ||
    skip "tmux does not start here"
  shell_pid=$(tmux display-message -p '#{pane_pid}')
  : >"$TEST_DIR/raw"
  tmux pipe-pane "cat >>'$TEST_DIR/raw'"
  wait_screen '^\$$'
}

# The screen; with -J rows that were wrapped are one line again, with -S - also
# what has scrolled away.
screen() {
  tmux capture-pane -p "$@" | sed 's/ *$//'
}

# No empty rows, no filling, and of a summary only the part that is the same in
# every run; one with something behind it stays whole.
screen_text() {
  size='[0-9.]+ [KMG]?i?B'
  screen -J "$@" | sed -E -e '/^$/d' -e '/^row [0-9]*$/d' -e '/^\$ \. \.\/fill$/d' \
    -e "s!^(pcopy: (interrupted: )?copied [0-9]+ files?) \\($size\\)( in [0-9]+ director[a-z]+)? in [0-9.]+s(, $size/s)?(, [0-9]+ files/s)?, [0-9]+ workers?(, [0-9]+ [a-z ]+)*\$!\\1!"
}

# wait_screen PATTERN: until some row matches it.
wait_screen() {
  deadline=$(($(date +%s) + 30))
  until screen -J | grep -q -e "$1"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail_on_screen "not on the screen: $1"
    sleep 0.05
  done
}

# expect_screen: all that is on the screen is what stands on stdin.
expect_screen() {
  cat >"$TEST_DIR/expected"
  screen_text "$@" >"$TEST_DIR/seen"
  diff -u "$TEST_DIR/expected" "$TEST_DIR/seen" || fail "the screen differs"
}

fail_on_screen() {
  screen -S - | sed -e '/^$/d' -e 's/^/| /' | tail -n 50
  fail "$@"
}

# type_line TEXT: and the return key.
type_line() {
  tmux send-keys -l -- "$1"
  tmux send-keys Enter
}

press() {
  tmux send-keys "$@"
}

# Fills the screen, so that the display is at the bottom as usual: where a row
# is wrapped at the top, the terminal puts a part of it out of anybody's reach.
fill_screen() {
  echo 'seq -f "row %g" 60' >fill
  type_line '. ./fill'
  wait_screen '^row 60$'
  wait_screen '^\$$'
}

# And none of it was eaten.
expect_filling() {
  screen -J -S - | grep '^row ' >"$TEST_DIR/filling"
  seq -f 'row %g' 60 | diff - "$TEST_DIR/filling" || fail_on_screen "rows above were eaten"
}

# script TEXT: makes TEXT the file "run": ". ./run" fits into any terminal.
script() {
  printf '%s\n' "$1" >run
}

# The terminal is in its ordinary modes and shows what is typed; nothing of
# pcopy is left running.
expect_sane_terminal() {
  type_line 'stty -a >modes; echo typed'
  wait_screen '^typed$'
  screen | grep -q '\$ stty -a >modes; echo typed$' || fail_on_screen "what is typed is not shown"
  for mode in icanon echo isig icrnl onlcr opost; do
    grep -qE "(^| )$mode( |;|\$)" modes || fail "the terminal's mode $mode is off"
  done
}

# expect_bytes_without SEQUENCE...: the terminal was never sent one of them.
expect_bytes_without() {
  for sequence; do
    ! grep -qaF -e "$(printf '%b' "$sequence")" "$TEST_DIR/raw" || fail "the terminal was sent $sequence"
  done
}

# hold DIRECTORY: its copy (with --copy-contents) does not end before release.
hold() {
  mkfifo "$1/held"
  held=$1/held
}

release() {
  timeout 20 sh -c ': >"$1"' - "$held" || fail "nobody reads $held"
}

# The number of the master (the one that is no other's child), and its workers'.
master_pid() {
  ps -s "$shell_pid" -o pid=,ppid=,stat=,comm= |
    awk '$3 !~ /^Z/ && $4 == "pcopy" { parent[$1] = $2 } END { for (pid in parent) if (!(parent[pid] in parent)) print pid }'
}

workers() {
  pgrep -P "$(master_pid)"
}

# is_running PID: and not dead but for its parent's look.
is_running() {
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 1
  [ -n "$state" ] && [ "$state" != Z ]
}

none_runs() {
  for pid; do
    ! is_running "$pid" || return 1
  done
}

no_temporary_files() {
  find "$1" -name '.pcopy-*' >"$TEST_DIR/temporary"
  [ ! -s "$TEST_DIR/temporary" ] || fail "left behind: $(cat "$TEST_DIR/temporary")"
}
