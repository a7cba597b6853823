# At no moment of a copy can anyone read it who could not read the source, and
# setuid and setgid are never there before the owner is.
. "${0%/*}/lib.sh"

# A FIFO's contents come when we say so: until then the copy is half done and
# stands still.
for mode in 600 640 644 444; do
  for owner in 0:0 1000:1000; do
    rm -rf copy fifo
    mkdir copy
    mkfifo fifo
    chmod $mode fifo
    chown $owner fifo
    "$PCOPY" -q -j 2 --copy-contents fifo copy/name &
    copier=$!
    exec 9>fifo
    head -c 50000 /dev/zero >&9
    half_there() { [ -n "$(find copy -type f -size +0)" ]; }
    wait_until 20 half_there
    find copy -type f -printf '%p %m\n' >seen
    while read -r name seen; do
      [ $((0$seen & ~0$mode & 07077)) = 0 ] || fail "$name is $seen while a $mode file is copied"
      [ $((0$seen & 077)) = 0 ] || [ "$(stat -c %u:%g "$name")" = $owner ] ||
        fail "$name is $seen before its owner is right"
    done <seen
    exec 9>&-
    wait $copier || fail "the copy failed"
    [ "$(stat -c '%a %u:%g %s' copy/name)" = "$mode $owner 50000" ] || fail "$(stat -c '%a %u:%g %s' copy/name)"
  done
done

# Everything else, looked at as fast as we can while it is copied.
cat >watch.py <<'END'
"""Runs the command while looking at every name of COPY; compares what was seen with SOURCE."""
import os, stat, subprocess, sys

source, copy, *command = sys.argv[1:]
wanted, of_dir = {}, {}
for at, dirs, files in os.walk(source):
  below = os.path.relpath(at, source)
  for name in files + dirs:
    wanted[os.path.normpath(os.path.join(below, name))] = os.lstat(os.path.join(at, name))
  of_dir[below] = [os.lstat(os.path.join(at, name)) for name in files]
seen, n_temporary, n_kept, bad = set(), 0, 0, []

def look(path, st):
  global n_temporary, n_kept
  name = os.path.normpath(os.path.relpath(path, copy))
  mode = stat.S_IMODE(st.st_mode)
  if name in wanted:
    src = wanted[name]
  elif os.path.basename(name).startswith('.pcopy-'):
    n_temporary += 1
    here = of_dir[os.path.dirname(name) or '.']
    src = next((s for s in here if (s.st_uid, s.st_gid) == (st.st_uid, st.st_gid) and
                stat.S_IMODE(s.st_mode) == mode), None)
    if src is None and mode & 0o7077:
      bad.append(f'{name}: {mode:04o} of {st.st_uid}:{st.st_gid}, a temporary name')
    return
  else:
    bad.append(f'{name}: whose?')
    return
  n_kept += 1
  owned = (st.st_uid, st.st_gid) == (src.st_uid, src.st_gid)
  if mode & ~stat.S_IMODE(src.st_mode) & 0o7077 or (mode & 0o7077 and not owned):
    bad.append(f'{name}: {mode:04o} of {st.st_uid}:{st.st_gid}, in place of '
               f'{stat.S_IMODE(src.st_mode):04o} of {src.st_uid}:{src.st_gid}')

def scan(top):
  try:
    entries = list(os.scandir(top))
  except FileNotFoundError:
    return
  for entry in entries:
    try:
      st = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
      continue
    look(entry.path, st)
    if stat.S_ISDIR(st.st_mode):
      scan(entry.path)

with subprocess.Popen(command) as run:
  while run.poll() is None:
    scan(copy)
status = run.returncode
scan(copy)
print('\n'.join(sorted(set(bad))[:20]))
print(f'{n_temporary} looks at temporary names, {n_kept} at final ones, status {status}')
sys.exit(1 if bad or status or not n_temporary or not n_kept else 0)
END

mkdir -p source/private/deeper source/open source/set
chmod 700 source/private
chmod 2770 source/set
chown 1000:1000 source/set
for mode in 600 640 644 4755 2755 6711; do
  head -c 5000000 /dev/urandom >source/big$mode
  for n in 0 1 2 3 4 5 6 7 8 9; do
    for dir in private private/deeper open set; do
      echo $mode >source/$dir/small$n.$mode
    done
  done
  find source -type f -name "*$mode" -exec chown 1000:2000 {} + -exec chmod $mode {} +
done
for options in '-j 1' '-j 8' '-j 8 --atomic' '-j 8 --reflink=never --copy-contents'; do
  # Twice: new, and onto what is there.
  rm -rf copy
  for again in 0 1; do
    # shellcheck disable=SC2086 # words
    python3 watch.py source copy "$PCOPY" -q -T --bwlimit=40M $options source copy >watched ||
      fail "$options, run $again: $(cat watched)"
    expect_same_tree source copy
  done
done

# A big file in ranges by several workers, as where requests wait.
if [ -x "${FAULTFS:-}" ] && [ -c /dev/fuse ]; then
  mkdir backing slow ranges
  "$FAULTFS" --latency-us=200 backing slow || fail "faultfs cannot be mounted"
  head -c 40000000 /dev/urandom >ranges/big
  chown 1000:2000 ranges/big
  chmod 6755 ranges/big
  python3 watch.py ranges slow/copy "$PCOPY" -q -T --bwlimit=40M -j 8 ranges slow/copy >watched ||
    fail "ranges: $(cat watched)"
  expect_same_tree ranges slow/copy
fi

# Who cannot give a file away does not make it setuid: it would be for another user.
echo '#!/bin/true' >setuid
chmod 6755 setuid
install -d -o 65534 -g 65534 nobody
expect_status 3 as_nobody pcopy setuid nobody/copy
said 'owner and group'
[ "$(stat -c '%a %u:%g' nobody/copy)" = '755 65534:65534' ] || fail "$(stat -c '%a %u:%g' nobody/copy)"
