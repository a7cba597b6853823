#!/usr/bin/env python3
"""Makes one difference at a time between two equal nasty trees; treediff must name each, and nothing else."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = ['--files', '20', '--dirs', '5', '--deep', '5', '--seed', '7']
ROOT = os.geteuid() == 0
CASES = []


def case(expected, ignorable=True, root=False, kind=None, options=()):
  """@expected class; @kind: the mktree class it needs; @options for treediff."""
  def add(function):
    CASES.append((function.__name__, function, expected, ignorable, root, kind, list(options)))
    return function
  return add


def tool(name, *arguments):
  return subprocess.run([sys.executable, os.path.join(HERE, name), *arguments], capture_output=True, check=False)


class Kept:
  """Leaves the times of a path and of its directory as they were, so that one difference is one."""

  def __init__(self, *paths):
    self.paths = list(dict.fromkeys(list(paths) + [os.path.dirname(p) for p in paths]))

  def __enter__(self):
    self.stats = [(p, os.stat(p, follow_symlinks=False)) for p in self.paths]

  def __exit__(self, *_):
    for path, st in self.stats:
      if os.path.lexists(path):
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


def rewrite(path, data, offset):
  with Kept(path):
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, data, offset)
    os.close(fd)


@case('content')
def last_byte_of_a_big_file(c):
  path = c + '/sizes/9437184'
  with open(path, 'rb') as f:
    f.seek(-1, 2)
    old = f.read(1)
  rewrite(path, bytes([old[0] ^ 1]), 9437183)


@case('content')
def zeros_instead_of_data(c):
  rewrite(c + '/sizes/4097', bytes(4097), 0)


@case('content')
def byte_inside_sparse_file(c):
  rewrite(c + '/holes/middle', b'\xff\xfe\xfd', 4 << 20)


@case('content', kind='holes')
def byte_written_into_a_hole(c):
  rewrite(c + '/holes/every-64k', b'!', 70000)


@case('content')
def size_one_byte_less(c):
  with Kept(c + '/sizes/65537'):
    os.truncate(c + '/sizes/65537', 65536)


@case('content')
def size_one_zero_more(c):
  with Kept(c + '/sizes/0'):
    os.truncate(c + '/sizes/0', 1)


@case('content')
def symlink_target(c):
  path = c + '/symlinks/dangling'
  with Kept(path):
    uid = os.lstat(path)
    os.unlink(path)
    os.symlink('nowhere/at/al1', path)
    os.lchown(path, uid.st_uid, uid.st_gid)


@case('owner', root=True)
def owner_of_file(c):
  os.chown(c + '/sizes/1', 4711, -1)


@case('owner', root=True)
def group_of_directory(c):
  os.chown(c + '/sizes', -1, 4711)


@case('owner', root=True)
def owner_of_symlink(c):
  os.lchown(c + '/symlinks/to-dir', 4711, -1)


@case('mode')
def mode_of_file(c):
  os.chmod(c + '/sizes/1', 0o640)


@case('mode')
def mode_of_directory(c):
  os.chmod(c + '/modes/d0555', 0o755)


@case('mode')
def setuid_lost(c):
  os.chmod(c + '/modes/f4755.0', 0o755)


@case('mode')
def sticky_lost(c):
  os.chmod(c + '/modes/d1777', 0o777)


def later(path, nanoseconds, atime=0):
  st = os.lstat(path)
  os.utime(path, ns=(st.st_atime_ns + atime, st.st_mtime_ns + nanoseconds), follow_symlinks=False)


@case('times')
def mtime_of_file_by_one_ns(c):
  later(c + '/sizes/1', 1)


@case('times')
def mtime_of_directory_by_one_ns(c):
  later(c + '/modes/empty', -1)


@case('times')
def mtime_of_root(c):
  later(c, 1)


@case('times')
def mtime_of_symlink(c):
  later(c + '/symlinks/dangling', 1)


@case('times')
def mtime_of_fifo(c):
  later(c + '/times/fifo03', 1)


@case('times')
def mtime_before_1970(c):
  later(c + '/times/file01', 1)


@case('times', options=['--atime'])
def atime_of_file(c):
  later(c + '/sizes/1', 0, atime=1)


@case('times', options=['--time-slack', '2000000000'])
def mtime_outside_the_slack(c):
  later(c + '/sizes/1', 2_000_000_000)


@case('xattr', kind='xattr')
def xattr_missing(c):
  os.removexattr(c + '/xattrs/file4', 'user.one')


@case('xattr', kind='xattr')
def xattr_new(c):
  os.setxattr(c + '/sizes/1', 'user.stray', b'')


@case('xattr', kind='xattr')
def xattr_value_of_directory(c):
  os.setxattr(c + '/xattrs/dir2', 'user.binary', b'other')


@case('xattr', kind='xattr')
def empty_xattr_missing(c):
  os.removexattr(c + '/xattrs/file1', 'user.empty')


@case('xattr', root=True, kind='trusted')
def xattr_of_symlink(c):
  os.removexattr(c + '/xattrs/trusted-symlink', 'trusted.pcopy', follow_symlinks=False)


@case('xattr', root=True, kind='trusted')
def xattr_of_fifo(c):
  os.setxattr(c + '/xattrs/trusted-fifo', 'trusted.pcopy', b'other')


@case('xattr', root=True, kind='caps')
def capability_lost(c):
  os.removexattr(c + '/xattrs/capability', 'security.capability')


@case('acl', kind='acl')
def default_acl_lost(c):
  os.removexattr(c + '/xattrs/acldir0', 'system.posix_acl_default')


@case('acl', kind='acl')
def acl_lost(c):
  path = c + '/xattrs/acl1'
  mode = stat.S_IMODE(os.stat(path).st_mode)
  os.removexattr(path, 'system.posix_acl_access')
  os.chmod(path, mode)


@case('links')
def hard_link_became_a_copy(c):
  path = c + '/links/crowd'
  with Kept(path):
    shutil.copy2(path, path + '.new')
    os.rename(path + '.new', path)


@case('links', kind='hardlink')
def copies_became_a_hard_link(c):
  """Two names whose contents and metadata are equal on both sides, joined in the copy."""
  with Kept(c + '/twin-b'):
    os.unlink(c + '/twin-b')
    os.link(c + '/twin-a', c + '/twin-b')


@case('links', kind='hardlink')
def hard_link_of_symlink_became_a_copy(c):
  path = c + '/links/b/symlink'
  with Kept(path):
    st = os.lstat(path)
    os.unlink(path)
    os.symlink('nowhere', path)
    os.lchown(path, st.st_uid, st.st_gid)


@case('holes', kind='holes')
def hole_filled(c):
  rewrite(c + '/holes/all', bytes(2 << 20), 0)


@case('holes', kind='holes')
def every_hole_of_64k_filled(c):
  path = c + '/holes/every-64k'
  with open(path, 'rb') as f:
    data = f.read()
  rewrite(path, data, 0)


@case('holes', kind='holes', options=['--holes=exact'])
def small_holes_filled(c):
  path = c + '/holes/every-4k'
  with open(path, 'rb') as f:
    data = f.read()
  rewrite(path, data, 0)


@case('holes', kind='holes', options=['--holes=exact'])
def hole_moved(c):
  """As many blocks as before, elsewhere: only the exact map sees it."""
  path = c + '/holes/zeros-written'
  with Kept(path):
    fd = os.open(path, os.O_RDWR)
    data = os.pread(fd, 1 << 20, 1 << 20)
    os.ftruncate(fd, 0)
    os.ftruncate(fd, 3 << 20)
    os.pwrite(fd, data, 1 << 20)
    os.pwrite(fd, bytes(1 << 20), 2 << 20)
    os.close(fd)


@case('type', ignorable=False)
def file_became_directory(c):
  with Kept(c + '/sizes/1'):
    os.unlink(c + '/sizes/1')
    os.mkdir(c + '/sizes/1')


@case('type', ignorable=False)
def symlink_became_its_target(c):
  path = c + '/symlinks/to-file'
  with Kept(path):
    os.unlink(path)
    shutil.copy2(c + '/sizes/4096', path)


@case('type', ignorable=False, kind='special')
def fifo_became_socket(c):
  path = c + '/special/fifo'
  with Kept(path):
    os.unlink(path)
    os.mknod(path, stat.S_IFSOCK | 0o640)


@case('device', ignorable=False, root=True, kind='device')
def device_number(c):
  path = c + '/special/null'
  with Kept(path):
    st = os.lstat(path)
    os.unlink(path)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    os.chown(path, st.st_uid, st.st_gid)
    os.chmod(path, stat.S_IMODE(st.st_mode))


@case('missing', ignorable=False)
def file_missing(c):
  with Kept(c + '/sizes/1'):
    os.unlink(c + '/sizes/1')


@case('missing', ignorable=False)
def empty_directory_missing(c):
  with Kept(c + '/modes/empty/of'):
    os.rmdir(c + '/modes/empty/of')


@case('missing', ignorable=False)
def special_missing(c):
  with Kept(c + '/special/socket'):
    os.unlink(c + '/special/socket')


@case('extra', ignorable=False)
def stray_temporary_file(c):
  with Kept(c + '/sizes/1'):
    with open(c + '/sizes/.stray\nname', 'wb'):
      pass


class Failure(Exception):
  pass


def require(condition, message):
  if not condition:
    raise Failure(message)


def build(directory):
  made = tool('mktree.py', *SMALL, directory)
  require(made.returncode == 0, made.stderr.decode())
  for twin in 'ab':
    with open(f'{directory}/twin-{twin}', 'wb') as f:
      f.write(b'twins')
    os.utime(f'{directory}/twin-{twin}', ns=(1, 1))
  os.utime(directory, ns=(2, 2))
  return {line.split()[3] for line in made.stderr.decode().splitlines() if 'refused here' in line}


def classes(result):
  return [line.split(':')[0] for line in result.stdout.decode().splitlines()]


def run_case(source, scratch, one):
  name, change, expected, ignorable, _, _, options = one
  copy = f'{scratch}/{name}'
  build(copy)
  if '--atime' in options:  # every comparison reads symlinks, and so moves their atimes: this one needs its own source
    source = f'{scratch}/{name}-source'
    build(source)
  change(copy)
  found = tool('treediff.py', *options, source, copy)
  require(found.returncode == 1, f'status {found.returncode}: {found.stderr.decode()}')
  require(classes(found) and set(classes(found)) == {expected}, f'said: {found.stdout.decode()}')
  if ignorable:
    left_out = tool('treediff.py', '--ignore', expected, *options, source, copy)
    require(left_out.returncode == 0, f'--ignore={expected} left: {left_out.stdout.decode()}')
  discard(copy)


def discard(path):
  """rm -rf that a user without privilege can do too."""
  subprocess.run(['chmod', '-R', 'u+rwx', path], stderr=subprocess.DEVNULL, check=False)
  subprocess.run(['rm', '-rf', path], check=False)


def weak_destination(scratch):
  """What is missing of an ignored kind is no difference; the rest still is."""
  for side in 'ab':
    os.mkdir(f'{scratch}/weak-{side}')
  os.mkfifo(f'{scratch}/weak-a/fifo')
  os.symlink('x', f'{scratch}/weak-a/symlink')
  both = [f'{scratch}/weak-a', f'{scratch}/weak-b']
  require(classes(tool('treediff.py', '--no-root', *both)) == ['missing'] * 2, 'weak destination: not reported')
  require(classes(tool('treediff.py', '--no-root', '--ignore=special', *both)) == ['missing'], 'symlink not reported')
  require(tool('treediff.py', '--no-root', '--ignore=special,symlinks', *both).returncode == 0, 'still reported')


def deep_difference(scratch):
  """5,000 levels, past PATH_MAX, with few descriptors: the bottom file is compared too."""
  for side in 'ab':
    made = tool('mktree.py', '--files', '0', '--dirs', '0', '--deep', '5000', f'{scratch}/deep-{side}')
    require(made.returncode == 0, made.stderr.decode())
  command = f'ulimit -n 200; exec {sys.executable} {HERE}/treediff.py {scratch}/deep-a {scratch}/deep-b'
  run = lambda: subprocess.run(['sh', '-c', command], capture_output=True, check=False)
  equal = run()
  require(equal.returncode == 0, f'deep trees: {equal.stdout.decode()}{equal.stderr.decode()}')
  fd = os.open(f'{scratch}/deep-b/deep', os.O_RDONLY)
  for level in range(4999):
    below = os.open(b'd%03d' % level, os.O_RDONLY, dir_fd=fd)
    os.close(fd)
    fd = below
  st = os.stat('file', dir_fd=fd)
  os.utime('file', ns=(st.st_atime_ns, st.st_mtime_ns + 1), dir_fd=fd)
  os.close(fd)
  differs = run()
  require(differs.returncode == 1 and classes(differs) == ['times'], f'deep difference: {differs.stdout[-300:]}')
  discard(f'{scratch}/deep-a')
  discard(f'{scratch}/deep-b')


def same_seed(scratch):
  """mktree gives the same tree for the same seed, to the atime, and another for another.  So each case
  may start from its own fresh tree without comparing it first."""
  for side in 'ab':
    build(f'{scratch}/seed-{side}')
  both = [f'{scratch}/seed-a', f'{scratch}/seed-b']
  equal = tool('treediff.py', '--atime', '--holes=exact', *both)
  require(equal.returncode == 0, f'same seed: {equal.stdout.decode()[:500]}')
  made = tool('mktree.py', *SMALL[:-1], '8', f'{scratch}/seed-c')
  require(made.returncode == 0, made.stderr.decode())
  require(tool('treediff.py', both[0], f'{scratch}/seed-c').returncode == 1, 'another seed: no difference')


def copied_by_cp(scratch):
  """The two tools agree with a third party: GNU cp -a keeps the whole tree."""
  require(tool('mktree.py', '--seed', '3', f'{scratch}/by-hand').returncode == 0, 'mktree failed')
  subprocess.run(['cp', '-a', f'{scratch}/by-hand', f'{scratch}/by-cp'], check=True)
  found = tool('treediff.py', f'{scratch}/by-hand', f'{scratch}/by-cp')
  require(found.returncode == 0, f'after cp -a: {found.stdout.decode()[:500]}')


def cannot_compare(source, scratch):
  require(tool('treediff.py', source, f'{scratch}/absent').returncode == 2, 'missing operand: status is not 2')
  copy = f'{scratch}/closed'
  build(copy)
  os.chmod(copy + '/sizes', 0)
  drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] if ROOT else []
  os.chmod(scratch, 0o755)
  shutil.copy(f'{HERE}/treediff.py', f'{scratch}/treediff.py')
  found = subprocess.run([*drop, '/usr/bin/env', 'python3', f'{scratch}/treediff.py', source, copy],
                         capture_output=True, check=False)
  require(found.returncode == 2 and 'error: sizes' in found.stdout.decode(), f'unreadable: {found.stdout[:300]}')
  os.chmod(copy + '/sizes', 0o755)


def escaping(scratch):
  for side in 'ab':
    os.mkdir(f'{scratch}/escape-{side}')
  with open(f'{scratch}/escape-a/a\nb\x1b[2J'.encode() + b'\xff', 'wb'):
    pass
  found = tool('treediff.py', '--no-root', f'{scratch}/escape-a', f'{scratch}/escape-b').stdout
  require(found == b'missing: a\\nb\\x1b[2J\\xff: file is not in the copy\n', f'escaping: {found}')


def main():
  scratch = tempfile.mkdtemp(prefix='treediff-')
  failed, ran = 0, 0
  try:
    source = f'{scratch}/source'
    refused = build(source)
    checks = [(one[0], lambda one=one: run_case(source, scratch, one)) for one in CASES
              if (ROOT or not one[4]) and one[5] not in refused]
    checks += [('same_seed', lambda: same_seed(scratch)),
               ('copied_by_cp', lambda: copied_by_cp(scratch)),
               ('weak_destination', lambda: weak_destination(scratch)),
               ('deep_difference', lambda: deep_difference(scratch)),
               ('cannot_compare', lambda: cannot_compare(source, scratch)),
               ('escaping', lambda: escaping(scratch))]
    for name, check in checks:
      ran += 1
      try:
        check()
      except Failure as failure:
        failed += 1
        print(f'FAIL {name}: {failure}')
  finally:
    discard(scratch)
  print(f'{ran} checks, {failed} failed' + (f'; not possible here: {", ".join(sorted(refused))}' if refused else ''))
  return 1 if failed or ran < 30 else 0


if __name__ == '__main__':
  sys.exit(main())
