# Groups of hard links across directories and several SOURCEs, two hundred times
# by eight workers: each group is one inode again, with all its names and no
# other. Where the first name fails, another one takes its place.
. "${0%/*}/lib.sh"

cd "$ram"
mkdir sources
python3 - <<'END'
import os
os.chdir('sources')
dirs = [f'{top}/{sub}' for top in 'abc' for sub in ('x', 'y', 'x/deeper')]
for d in dirs:
  os.makedirs(d, exist_ok=True)
for n in range(24):
  first = f'{dirs[n % 9]}/file{n}'
  if n % 8 == 7:
    os.symlink(f'target {n}', first)
  elif n % 8 == 6:
    os.mkfifo(first)
  else:
    with open(first, 'wb') as f:
      f.write(b'%d' % n * (1 << 17 if n == 3 else 1 + n))
  for k in range(1 + n % 6):
    os.link(first, f'{dirs[(n * 7 + k * 5) % 9]}/link{n}.{k}', follow_symlinks=False)
END

cat >groups.py <<'END'
"""Compares the groups of names of COPY with SOURCE's, and what each holds, once per run of the command."""
import os, shutil, stat, subprocess, sys

def groups(top):
  found = {}
  for at, dirs, files in os.walk(top):
    for name in dirs + files:
      path = os.path.join(at, name)
      st = os.lstat(path)
      if stat.S_ISDIR(st.st_mode):
        continue
      what = stat.S_IFMT(st.st_mode)
      if stat.S_ISREG(st.st_mode):
        what = open(path, 'rb').read()
      elif stat.S_ISLNK(st.st_mode):
        what = os.readlink(path)
      names, n_links, same = found.setdefault(st.st_ino, (set(), st.st_nlink, what))
      assert same == what, path
      names.add(os.path.relpath(path, top))
  return {frozenset(names): (n_links, what) for names, n_links, what in found.values()}

source, copy, times, *command = sys.argv[1:]
wanted = groups(source)
assert any(len(names) > 5 for names in wanted)
for n in range(int(times)):
  os.mkdir(copy)
  subprocess.run(command, check=True)
  got = groups(copy)
  for names in wanted.keys() - got.keys():
    print(f'run {n}: lost: {sorted(names)}')
  for names in got.keys() - wanted.keys():
    print(f'run {n}: not in the source: {sorted(names)}')
  if got != wanted:
    sys.exit(f'run {n}: differs')
  shutil.rmtree(copy)
END
python3 groups.py sources copy 200 "$PCOPY" -q -j 8 sources/a sources/b sources/c copy || fail "link groups differ"

inode() {
  stat -c %d:%i "$1"
}

# One name cannot be copied, as a directory has its place: the others are still
# one inode. Each name is the one in turn, so the first that is met is among them.
mkdir group group/1 group/2
seq 1 20000 >group/1/a
chmod 4711 group/1/a
for name in 1/b 2/a 2/b; do
  ln group/1/a group/$name
done
for jobs in 1 8; do
  for blocked in 1/a 1/b 2/a 2/b; do
    rm -rf copy
    mkdir -p "copy/$blocked"
    expect_status 1 pcopy -T -j $jobs group copy
    said "cannot overwrite directory 'copy/$blocked'"
    first=
    for name in 1/a 1/b 2/a 2/b; do
      [ $name != $blocked ] || continue
      cmp group/1/a copy/$name || fail "$name is not a copy"
      [ "$(stat -c '%h %a' copy/$name)" = '3 4711' ] || fail "$name: $(stat -c '%h links, mode %a' copy/$name)"
      [ -z "$first" ] || [ "$(inode copy/$name)" = "$(inode "$first")" ] || fail "$name is not a link of $first"
      first=copy/$name
    done
    [ "$(find copy -name '.pcopy-*')" = '' ] || fail "a temporary name is left"
  done
done

# Contents that may not be read: each name fails, once; nothing is left of any.
chmod 600 group/1/a
echo readable >group/2/other
install -d -o 65534 -g 65534 nobody
for jobs in 1 8; do
  rm -rf nobody/copy
  expect_status 1 as_nobody pcopy --no-preserve=ownership -j $jobs group nobody/copy
  for name in 1/a 1/b 2/a 2/b; do
    [ "$(grep -c "'group/$name'" "$err")" = 1 ] || fail "$name is not said once"
  done
  [ "$(find nobody/copy -type f)" = nobody/copy/2/other ] || fail "$(find nobody/copy -type f)"
done

# What is there already is left alone, and none of the others is lost.
rm -rf copy
mkdir -p copy/1
echo there >copy/1/a
expect_status 0 pcopy -n -T -j 8 group copy
[ "$(cat copy/1/a)" = there ] || fail "-n replaced it"
for name in 1/b 2/a 2/b; do
  cmp group/1/a copy/$name || fail "$name is not a copy"
  [ "$(inode copy/$name)" = "$(inode copy/1/b)" ] || fail "-n: $name is not a link of 1/b"
done
