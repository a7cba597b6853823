#!/usr/bin/env python3
"""Compares two trees in everything a copy must keep; knows nothing of pcopy.

    treediff.py [OPTION]... SOURCE COPY

One line per difference, `class: path: what`, names escaped.  Status 0 when
equal, 1 when they differ, 2 when something could not be compared.

Both trees are walked together, by descriptor, without recursion: paths may be
longer than PATH_MAX and deeper than the descriptor limit.  Only the last
levels keep their descriptors open; the way back up goes through "..", checked
by device and inode.  Xattrs of what cannot be opened are listed through
/proc/self/fd/DIR/NAME, never following the name.
"""

import argparse
import errno
import os
import stat
import sys
from collections import Counter

CLASSES = {
  'owner': 'owner and group', 'mode': 'permission bits', 'times': 'mtime (atime with --atime)',
  'xattr': 'extended attributes other than ACLs', 'acl': 'POSIX ACLs', 'links': 'hard-link groups',
  'holes': 'allocated blocks', 'special': 'FIFOs, sockets and devices that are missing',
  'symlinks': 'symbolic links that are missing', 'content': 'bytes',
}
KEPT_OPEN = 64
CHUNK = 1 << 20
HOLE_SLACK = 65536
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
TYPES = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo',
         stat.S_IFSOCK: 'socket', stat.S_IFCHR: 'character device', stat.S_IFBLK: 'block device'}
NAMED = {0x0a: '\\n', 0x0d: '\\r', 0x09: '\\t', 0x5c: '\\\\'}


def escape(text):
  """Printable UTF-8 stays, everything else becomes \\n or \\xNN: one difference, one line."""
  raw = os.fsencode(text) if isinstance(text, str) else text
  out = []
  for char in raw.decode('utf-8', 'surrogateescape'):
    code = ord(char)
    if code in NAMED:
      out.append(NAMED[code])
    elif char.isprintable():
      out.append(char)
    else:
      out.extend(f'\\x{byte:02x}' for byte in char.encode('utf-8', 'surrogateescape'))
  return ''.join(out)


def open_quietly(name, flags, dir_fd=None):
  """Without touching the atime where we may; O_NOATIME is for the owner alone."""
  try:
    return os.open(name, flags | os.O_NOATIME, dir_fd=dir_fd)
  except PermissionError:
    return os.open(name, flags, dir_fd=dir_fd)


class Level:
  """One directory of the path we are in: a pair of descriptors and what is still to do there."""
  __slots__ = ('name', 'fds', 'ids', 'todo')

  def __init__(self, name, fds, stats):
    self.name, self.fds, self.todo = name, fds, []
    self.ids = [(st.st_dev, st.st_ino) for st in stats]


class Comparer:
  def __init__(self, options):
    self.o = options
    self.differences, self.errors, self.entries = 0, 0, 0
    self.by_class = Counter()
    self.levels = []
    self.groups = ({}, {})  # inode on one side: (inode on the other, path first seen)

  def where(self, name=None):
    parts = [level.name for level in self.levels[1:]]
    if name is not None:
      parts.append(name)
    return '/'.join(parts) or '.'

  def differ(self, kind, name, what):
    if kind in self.o.ignore:
      return
    self.differences += 1
    self.by_class[kind] += 1
    if not self.o.quiet and (self.o.max == 0 or self.differences <= self.o.max):
      print(f'{kind}: {escape(self.where(name))}: {what}')

  def error(self, name, what):
    self.errors += 1
    print(f'error: {escape(self.where(name))}: {what}')

  # -- one pair of entries ------------------------------------------------

  def metadata(self, name, a, b):
    if a.st_uid != b.st_uid or a.st_gid != b.st_gid:
      self.differ('owner', name, f'{a.st_uid}:{a.st_gid} became {b.st_uid}:{b.st_gid}')
    if stat.S_IMODE(a.st_mode) != stat.S_IMODE(b.st_mode):
      self.differ('mode', name, f'{stat.S_IMODE(a.st_mode):04o} became {stat.S_IMODE(b.st_mode):04o}')
    self.time(name, 'mtime', a.st_mtime_ns, b.st_mtime_ns)
    if self.o.atime:
      self.time(name, 'atime', a.st_atime_ns, b.st_atime_ns)

  def time(self, name, which, a, b):
    if a != b and abs(a - b) >= self.o.time_slack:
      self.differ('times', name, f'{which} {a} became {b}')

  def xattrs(self, name, a, b):
    """@a, @b: descriptors, or paths through /proc/self/fd that end in the name itself."""
    if 'xattr' in self.o.ignore and 'acl' in self.o.ignore:
      return
    try:
      left, right = self.xattr_values(a), self.xattr_values(b)
    except OSError as error:
      self.error(name, f'xattrs: {error.strerror}')
      return
    if left == right:
      return
    for key in sorted(left.keys() | right.keys()):
      if left.get(key) != right.get(key):
        kind = 'acl' if key.startswith('system.posix_acl_') else 'xattr'
        what = 'is missing' if key not in right else 'is new' if key not in left else 'has another value'
        self.differ(kind, name, f'{escape(key)} {what}')

  @staticmethod
  def xattr_values(where):
    """Without xfs' second face of the ACLs, which it shows to root."""
    follow = {} if isinstance(where, int) else {'follow_symlinks': False}
    try:
      names = os.listxattr(where, **follow)
    except OSError as error:
      if error.errno in (errno.EOPNOTSUPP, errno.ENOSYS):
        return {}
      raise
    return {name: os.getxattr(where, name, **follow) for name in names if not name.startswith('trusted.SGI_ACL_')}

  def link_group(self, name, a, b):
    """The names of one inode on one side must be the names of one inode on the other."""
    if stat.S_ISDIR(a.st_mode) or (a.st_nlink < 2 and b.st_nlink < 2):
      return
    ids = ((a.st_dev, a.st_ino), (b.st_dev, b.st_ino))
    for side, what in ((0, 'is no longer a hard link of'), (1, 'has become a hard link of')):
      other, first = self.groups[side].setdefault(ids[side], (ids[1 - side], self.where(name)))
      if other != ids[1 - side]:
        self.differ('links', name, f'{what} {escape(first)}')

  def symlink(self, names, fds):
    a, b = (os.readlink(name, dir_fd=fd) for name, fd in zip(names, fds))
    if a != b:
      self.differ('content', names[0], f'symlink target {escape(a)} became {escape(b)}')

  # -- contents and holes -------------------------------------------------

  def regular(self, names, fds, a, b):
    if a.st_size != b.st_size:
      self.differ('content', names[0], f'size {a.st_size} became {b.st_size}')
    elif a.st_size and not ({'content', 'holes'} <= self.o.ignore):
      if (a.st_dev, a.st_ino) != (b.st_dev, b.st_ino):
        self.contents(names, fds, a, b)

  def contents(self, names, fds, a, b):
    name, left, right = names[0], -1, -1
    try:
      left = open_quietly(names[0], FILE, fds[0])
      right = open_quietly(names[1], FILE, fds[1])
      sparse = self.o.holes == 'exact' or a.st_blocks * 512 < a.st_size or b.st_blocks * 512 < b.st_size
      if self.o.holes == 'exact':
        forget_cached(left, right)
      maps = [data_map(left, a), data_map(right, b)] if sparse else [[(0, a.st_size)]] * 2
      self.holes(name, maps, a, b)
      if 'content' not in self.o.ignore:
        self.bytes(name, left, right, union(*maps))
    except OSError as error:
      self.error(name, error.strerror)
    finally:
      for fd in (left, right):
        if fd >= 0:
          os.close(fd)

  def bytes(self, name, left, right, extents):
    for start, end in extents:
      while start < end:
        a = os.pread(left, min(CHUNK, end - start), start)
        b = os.pread(right, len(a), start)
        if a != b:
          at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
          self.differ('content', name, f'differs at byte {start + at}')
          return
        if not a:
          self.differ('content', name, f'ends at byte {start}')
          return
        start += len(a)

  def holes(self, name, maps, a, b):
    if self.o.holes == 'kept':
      kept, made = a.st_blocks * 512, b.st_blocks * 512
      if kept < a.st_size and made > kept + self.o.hole_slack and \
         made > rounded_bytes(maps[0], self.o.hole_slack) + self.o.hole_slack:
        self.differ('holes', name, f'{kept} allocated bytes became {made}')
    elif self.o.holes == 'exact':
      for side, what in ((0, 'is filled'), (1, 'is new')):
        for hole in inverse(maps[side], a.st_size, self.o.granularity):
          if overlaps(maps[1 - side], hole):
            self.differ('holes', name, f'hole {hole[0]}..{hole[1]} {what}')
            break

  # -- the walk -----------------------------------------------------------

  def pair(self, names, fds):
    """Compares one entry on both sides; its names are the same but for two lone files."""
    a, b = (os.stat(name, dir_fd=fd, follow_symlinks=False) for name, fd in zip(names, fds))
    name, kind = names[0], stat.S_IFMT(a.st_mode)
    self.entries += 1
    if kind != stat.S_IFMT(b.st_mode):
      self.differ('type', name, f'{TYPES[kind]} became {TYPES[stat.S_IFMT(b.st_mode)]}')
      return
    if kind == stat.S_IFDIR:
      self.enter(name, fds)
      return
    self.metadata(name, a, b)
    self.link_group(name, a, b)
    self.xattrs(name, *(f'/proc/self/fd/{fd}/{n}' for n, fd in zip(names, fds)))
    if kind == stat.S_IFREG:
      self.regular(names, fds, a, b)
    elif kind == stat.S_IFLNK:
      self.symlink(names, fds)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK) and a.st_rdev != b.st_rdev:
      self.differ('device', name, f'number {device(a)} became {device(b)}')

  def enter(self, name, fds, root=False):
    opened = []
    try:
      for fd in fds:
        opened.append(open_quietly(name, DIRECTORY, fd))
      stats = [os.fstat(fd) for fd in opened]
      names = [set(os.listdir(fd)) for fd in opened]
    except OSError as error:
      self.error(name, f'directory: {error.strerror}')
      for fd in opened:
        os.close(fd)
      return
    self.levels.append(Level(name, opened, stats))
    if not (root and self.o.no_root):
      self.metadata(None, *stats)
      self.xattrs(None, *opened)
    for extra in sorted(names[1] - names[0]):
      self.differ('extra', extra, 'is only in the copy')
    for lost in sorted(names[0] - names[1]):
      self.missing(lost, opened[0])
    self.levels[-1].todo = sorted(names[0] & names[1], reverse=True)
    self.close_far_level()

  def missing(self, name, fd):
    mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
    weak = 'symlinks' if stat.S_ISLNK(mode) else 'special'
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or weak not in self.o.ignore:
      self.differ('missing', name, f'{TYPES[stat.S_IFMT(mode)]} is not in the copy')

  def close_far_level(self):
    if len(self.levels) > KEPT_OPEN:
      far = self.levels[-KEPT_OPEN - 1]
      for fd in far.fds or ():
        os.close(fd)
      far.fds = None

  def leave(self):
    left = self.levels.pop()
    if self.levels and self.levels[-1].fds is None:
      above = self.levels[-1]
      above.fds = [open_quietly('..', DIRECTORY, fd) for fd in left.fds]
      found = [(st.st_dev, st.st_ino) for st in map(os.fstat, above.fds)]
      if found != above.ids:
        raise OSError(errno.ESTALE, 'moved while it was compared', self.where())
    for fd in left.fds:
      os.close(fd)

  def walk(self, fds):
    self.enter('.', fds, root=True)
    while self.levels:
      level = self.levels[-1]
      if not level.todo:
        self.leave()
        continue
      name = level.todo.pop()
      try:
        self.pair((name, name), level.fds)
      except OSError as error:
        self.error(name, error.strerror)


def device(st):
  return f'{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}'


def forget_cached(*fds):
  """An unwritten extent counts as data once its pages were read (ext4, xfs): ask the disk, not the cache."""
  for fd in fds:
    os.fdatasync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def data_map(fd, st):
  """[start, end) of each piece of data; a file system without SEEK_DATA has one piece."""
  extents, at = [], 0
  while at < st.st_size:
    try:
      start = os.lseek(fd, at, os.SEEK_DATA)
    except OSError as error:
      if error.errno == errno.ENXIO:
        break
      if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
        return [(0, st.st_size)]
      raise
    at = os.lseek(fd, start, os.SEEK_HOLE)
    extents.append((start, min(at, st.st_size)))
  return extents


def union(left, right):
  """What is data on either side; what is a hole on both reads as zeros on both."""
  merged = []
  for start, end in sorted(left + right):
    if merged and start <= merged[-1][1]:
      merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
    else:
      merged.append((start, end))
  return merged


def rounded_bytes(extents, granule):
  """Data with the small holes between filled: xfs allocates ahead and keeps what it allocated."""
  whole = [(start // granule * granule, -(-end // granule) * granule) for start, end in extents]
  return sum(end - start for start, end in union(whole, []))


def inverse(extents, size, granularity):
  """The holes, shrunk to whole granules; one that ends the file reaches its last byte.  A file
  that is one hole counts whatever its size."""
  at = 0
  for start, end in extents + [(size, size)]:
    low = -(-at // granularity) * granularity
    high = start if start == size else start // granularity * granularity
    if high - low >= granularity or (low == 0 and high == size):
      yield low, high
    at = end


def overlaps(extents, hole):
  return any(start < hole[1] and end > hole[0] for start, end in extents)


def parse():
  classes = '\n'.join(f'  {name:9} {text}' for name, text in CLASSES.items())
  p = argparse.ArgumentParser(description='Compares SOURCE with COPY.', epilog=f'classes to ignore:\n{classes}',
                              formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('source')
  p.add_argument('copy')
  p.add_argument('--ignore', default='', metavar='CLASS,...', help='classes the destination cannot hold')
  p.add_argument('--atime', action='store_true', help='compare atimes too')
  p.add_argument('--time-slack', type=int, default=1, metavar='NS', help='times nearer than this are equal (1)')
  p.add_argument('--holes', choices=('kept', 'exact', 'ignore'), default='kept',
                 help='kept: no more blocks than the source, its holes below the slack and the slack; exact: the same map')
  p.add_argument('--hole-slack', type=int, default=HOLE_SLACK, metavar='BYTES', help='for kept (65536)')
  p.add_argument('--granularity', type=int, default=4096, metavar='BYTES',
                 help='for exact: smaller holes do not count (4096)')
  p.add_argument('--no-root', action='store_true', help="leave out the two roots' own metadata")
  p.add_argument('--max', type=int, default=1000, metavar='N', help='print so many differences (1000; 0: all)')
  p.add_argument('--quiet', '-q', action='store_true', help='print the summary alone')
  o = p.parse_args()
  o.ignore = set(filter(None, o.ignore.split(',')))
  if not o.ignore <= CLASSES.keys():
    p.error(f'unknown class: {", ".join(sorted(o.ignore - CLASSES.keys()))}')
  if o.holes == 'ignore':
    o.ignore.add('holes')
  return o


def compare(options):
  comparer = Comparer(options)
  sides = (options.source, options.copy)
  stats = [os.stat(side, follow_symlinks=False) for side in sides]
  if all(stat.S_ISDIR(st.st_mode) for st in stats):
    fds = [os.open(side, DIRECTORY) for side in sides]
    comparer.walk(fds)
  else:
    parents = [os.open(os.path.dirname(side) or '.', DIRECTORY & ~os.O_NOFOLLOW) for side in sides]
    comparer.pair([os.path.basename(side) for side in sides], parents)
  return comparer


def main():
  sys.stdout.reconfigure(encoding='utf-8', errors='backslashreplace')
  options = parse()
  try:
    c = compare(options)
  except OSError as error:
    print(f'treediff: {escape(error.filename or "")}: {error.strerror}', file=sys.stderr)
    sys.exit(2)
  classes = ', '.join(f'{count} {kind}' for kind, count in sorted(c.by_class.items()))
  print(f'treediff: {c.entries} entries, {c.differences} differences{" (" + classes + ")" if classes else ""}'
        f', {c.errors} errors', file=sys.stderr)
  sys.exit(2 if c.errors else 1 if c.differences else 0)


if __name__ == '__main__':
  main()
