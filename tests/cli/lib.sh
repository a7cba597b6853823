# What every command-line test starts with:
#
#   . "${0%/*}/lib.sh"
#
# The test then runs in an empty directory of its own, $TEST_DIR/work, with no
# stdin, in C.UTF-8, umask 022, and ends at the first command that fails. When
# it ends, by whatever way, what it started is killed, what it mounted is
# unmounted and the directory is removed.
#
# From meson: PCOPY is the program, TREEDIFF and MKTREE the scripts of
# tests/support. By hand: PCOPY=build/pcopy sh tests/cli/some_test.sh
# shellcheck shell=sh

set -eu
: "${PCOPY:?set PCOPY to the program under test}"
case $PCOPY in /*) ;; *) PCOPY=$PWD/$PCOPY ;; esac
tests=$(cd "${0%/*}/.." && pwd)
: "${TREEDIFF:=$tests/support/treediff.py}" "${MKTREE:=$tests/support/mktree.py}"
unset VERSION_CONTROL SIMPLE_BACKUP_SUFFIX POSIXLY_CORRECT NO_COLOR COLUMNS LINES
LC_ALL=C.UTF-8
export LC_ALL PCOPY TREEDIFF MKTREE
umask 022
exec </dev/null

TEST_DIR=$(mktemp -d "${TMPDIR:-/var/tmp}/pcopy-test.XXXXXX")
TEST_DIR=$(cd "$TEST_DIR" && pwd -P) # as the mount table has it
out=$TEST_DIR/out                    # what the last expect_status wrote
err=$TEST_DIR/err
: >"$out"
: >"$err"
chmod 755 "$TEST_DIR"

test_cleanup() {
  status=$?
  trap - EXIT HUP INT TERM
  set +e
  cd /
  jobs -p >"$TEST_DIR/jobs" # not in $(): dash has no jobs there
  while read -r pid; do
    kill -CONT "$pid" 2>/dev/null
    kill -KILL "$pid" 2>/dev/null
  done <"$TEST_DIR/jobs"
  # Deepest first: a mount made later stands later in the table.
  awk -v dir="$TEST_DIR/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts 2>/dev/null |
    sed -n '1!G;h;$p' | while read -r mounted; do
    # shellcheck disable=SC2059 # the table has octal escapes
    umount -l "$(printf "$mounted")"
  done
  # Of what nobody but root may enter, the owner must first say so.
  [ "$(id -u)" = 0 ] || find "$TEST_DIR" -type d -exec chmod u+rwx {} +
  rm -rf "$TEST_DIR"
  exit "$status"
}
trap test_cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$TEST_DIR/work"
cd "$TEST_DIR/work"

# Says why the test failed and ends it.
fail() {
  echo "FAIL: $*"
  if [ -s "$err" ]; then
    echo "--- stderr of the last command:"
    cat "$err"
  fi
  exit 1
}

# Ends the test as skipped.
skip() {
  echo "SKIP: $*"
  exit 77
}

pcopy() {
  "$PCOPY" "$@"
}

treediff() {
  python3 "$TREEDIFF" "$@"
}

mktree() {
  python3 "$MKTREE" "$@"
}

# expect_status N COMMAND...: its stdout goes to $out, its stderr to $err.
expect_status() {
  wanted=$1
  shift
  got=0
  "$@" >"$out" 2>"$err" || got=$?
  [ "$got" = "$wanted" ] || fail "status $got instead of $wanted: $*"
}

# said TEXT...: each was in a line on stderr.
said() {
  for text; do
    grep -qF -e "$text" "$err" || fail "not said: $text"
  done
}

# The same tree, or else the differences and the end.
expect_same_tree() {
  treediff "$@" >"$TEST_DIR/differences" 2>&1 || {
    cat "$TEST_DIR/differences"
    fail "trees differ: $*"
  }
}

# What cp before 9.3 calls it.
older_words() {
  for word; do
    shift
    case $word in
    --update=older) word=-u ;;
    --update=none) word=-n ;;
    --update=all) continue ;;
    esac
    set -- "$@" "$word"
  done
  ${both_cp:-cp -a} "$@"
}

# The times of all but directories: one that something was copied into has the
# time of that moment.
times_of() {
  (cd "$1" && find . ! -type d -printf '%P %T@\n' | sort)
}

# LeakSanitizer cannot look into a process that strace holds already.
strace() {
  ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" command strace "$@"
}

variants=0
both_times=yes
compare_times() {
  both_times=$1
}

# same_inode FILE FILE
same_inode() {
  [ "$(stat -c %d:%i "$1")" = "$(stat -c %d:%i "$2")" ]
}

# both ARGUMENT...: the same to cp -a (or $both_cp) and to pcopy, each in its own
# copy of the directory "model", called cp and pcopy; equal trees must come out,
# and success or failure of both. The times are compared too, until
# compare_times no.
both() {
  variants=$((variants + 1))
  rm -rf cp pcopy
  cp -a model cp
  cp -a model pcopy
  cp_status=0
  (cd cp && older_words "$@") >cp.out 2>&1 || cp_status=1
  status=0
  (cd pcopy && "$PCOPY" "$@") >"$out" 2>"$err" || status=$?
  case $cp_status-$status in
  0-0 | 1-[12]) ;;
  *) fail "pcopy $* ended with $status, cp with $cp_status: $(cat cp.out)" ;;
  esac
  treediff --ignore=times cp pcopy >differences 2>&1 || {
    cat differences cp.out
    fail "${both_cp:-cp -a} $* and pcopy $* differ"
  }
  [ "$both_times" = no ] || [ "$(times_of cp)" = "$(times_of pcopy)" ] || {
    times_of cp >cp.out
    times_of pcopy | diff cp.out - || :
    fail "times differ: ${both_cp:-cp -a} $* and pcopy $*"
  }
}

# as_nobody COMMAND...: without root's privileges. "pcopy" is the program, in a
# place where anybody may run it.
as_nobody() {
  if [ "$1" = pcopy ]; then
    shift
    if [ "$(id -u)" = 0 ]; then
      [ -e "$TEST_DIR/pcopy" ] || install -m 755 "$PCOPY" "$TEST_DIR/pcopy"
      set -- "$TEST_DIR/pcopy" "$@"
    else
      set -- "$PCOPY" "$@"
    fi
  fi
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}

# wait_until SECONDS COMMAND...: until it succeeds; fails after so long.
wait_until() {
  deadline=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "waited in vain for: $*"
    sleep 0.05
  done
}

# need COMMAND...: skips the test where one of them is missing.
need() {
  for command; do
    command -v "$command" >/dev/null || skip "no $command here"
  done
}

need_root() {
  [ "$(id -u)" = 0 ] || skip "only root can do this"
}
