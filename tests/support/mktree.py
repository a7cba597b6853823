#!/usr/bin/env python3
"""Builds the nasty tree: everything a faithful copy must survive.

    mktree.py [OPTION]... DIR          DIR must not exist, or be empty

The same options and seed give the same tree.  What this user or this file
system refuses is counted and said on stderr; --strict makes it an error.
--without and --for leave classes out beforehand, for destinations that cannot
hold them.  Directories get their mode, owner, ACL and times last, deepest
first, because making an entry changes its directory.
"""

import argparse
import ctypes
import errno
import os
import random
import stat
import struct
import sys
from collections import Counter

CLASSES = ('owner', 'xattr', 'trusted', 'acl', 'caps', 'special', 'device', 'bigdevice', 'hardlink',
           'symlink', 'longlink', 'holes', 'names', 'oldtimes', 'unreadable')

# What cannot live there, by the name of the weakest file system involved.
CANNOT = {
  'tmpfs': (), 'ext4': (), 'btrfs': (), 'overlayfs': (),
  'xfs': ('longlink', 'bigdevice'),           # targets end at 1023 bytes, device numbers at 9 and 18 bits
  'vfat': ('owner', 'xattr', 'trusted', 'acl', 'caps', 'special', 'device', 'bigdevice', 'hardlink',
           'symlink', 'longlink', 'holes', 'names', 'oldtimes'),
}

SIZES = (0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 262143, 262144, 262145, (1 << 20) + 3, 9 << 20)
FILE_MODES = (0o644, 0o600, 0o400, 0o444, 0o555, 0o755, 0o777, 0o666, 0o000, 0o200,
              0o4755, 0o2755, 0o6755, 0o1644, 0o4000, 0o2070, 0o7777)
DIR_MODES = (0o755, 0o700, 0o555, 0o500, 0o711, 0o1777, 0o2775, 0o3770, 0o777, 0o000)
OWNERS = ((0, 0), (1000, 1000), (65534, 65534), (0, 12345), (54321, 0), (1 << 31, (1 << 31) + 5),
          (4294967294, 4294967293))
SECOND = 1_000_000_000
TIMES = (-2_147_483_647 * SECOND + 7, -86_400 * SECOND * 3650 + 123_456_789, -1, 0, 1, 999_999_999,
         1_500_000_000 * SECOND + 1, 2_147_483_647 * SECOND + 999_999_999, 2_147_483_648 * SECOND,
         4_294_967_296 * SECOND + 42, 13_569_465_600 * SECOND + 500_000_001)

NAMES = (b'new\nline', b'ends in newline\n', b'\x01\x1b[31mred\x1b[0m', b'\x7f', b'tab\there', b'\rreturn',
         b'bell\x07\x9b', b'\xff\xfe', b'\xc3(', b'cut \xe2\x82', b'\xed\xa0\x80', b'-rf', b'--', b'-', b'--help',
         b' leading', b'trailing ', b'   ', b'...', b'.hidden', b'..a', b'*?[a-z]', b'"quoted"', b"it's",
         b'back\\slash', b'$(touch PWNED)', b'`id`;&|', b'%s%n%d', b'#hash', b'~', b'file~', b'CASE', b'case',
         '\u00e9'.encode(), 'e\u0301'.encode(), '\u6f22\u5b57\u306e\u30d5\u30a1\u30a4\u30eb'.encode(),
         '\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3c3\U0001f3fd'.encode(),
         '\u202eright to left'.encode(), '\ufeffbom'.encode(), b'n' * 255, '\u6f22'.encode() * 85,
         b'\x80' * 255, b'\n' * 255)

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
FALLOC_KEEP_SIZE = 1

REFUSALS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOSPC,
            errno.ERANGE, errno.E2BIG, errno.ENAMETOOLONG, errno.EFBIG, errno.EILSEQ}


def acl(*entries):
  """A system.posix_acl_* value: version 2, then (tag, permissions, id) each, little endian."""
  return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in entries)


NOBODY = 0xffffffff
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
ACLS = (
  acl((USER_OBJ, 7, NOBODY), (USER, 4, 1000), (GROUP_OBJ, 4, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY)),
  acl((USER_OBJ, 7, NOBODY), (USER, 7, 1), (USER, 0, 65534), (GROUP_OBJ, 5, NOBODY), (GROUP, 6, 12345),
      (MASK, 7, NOBODY), (OTHER, 5, NOBODY)),
)
# VFS_CAP_REVISION_2 with the effective bit: cap_net_bind_service, cap_net_raw permitted.
CAPABILITY = struct.pack('<IIIII', 0x02000001, (1 << 10) | (1 << 13), 0, 0, 0)
XATTRS = (
  {'user.plain': b'value'}, {'user.empty': b''}, {'user.binary': bytes(range(256))},
  {'user.big': b'x' * 2000}, {'user.one': b'1', 'user.two': b'2', 'user.\u6f22\u5b57': b'3'},
)


class Builder:
  """Makes entries and remembers what each directory shall be in the end."""

  def __init__(self, root, seed, without):
    self.root, self.seed, self.without = root, seed, without
    self.refused = Counter()
    self.left = {}  # directory: its final attributes
    self.privileged = os.geteuid() == 0
    self.default = random.Random(f'{seed}:default')

  def rng(self, section):
    return random.Random(f'{self.seed}:{section}')

  def has(self, kind):
    return kind not in self.without

  def attempt(self, kind, call, *args, **kwargs):
    """Runs @call if @kind is wanted; counts a refusal; True when done."""
    if not self.has(kind):
      return False
    try:
      call(*args, **kwargs)
      return True
    except OSError as error:
      if error.errno not in REFUSALS:
        raise
      self.refused[kind] += 1
      return False

  def path(self, name):
    return os.path.join(self.root, name)

  def default_times(self):
    day = self.default.randrange(10_000, 20_000) * 86_400 * SECOND
    return day + self.default.randrange(SECOND), day + self.default.randrange(86_400 * SECOND)

  def finish(self, path, mode=None, owner=None, xattrs=None, times=None):
    """Owner first: chown takes setuid bits and capabilities away.  An xattr needs write permission,
    so the mode is next but one; an ACL holds the mode's group bits, so it follows the mode."""
    is_link = os.path.islink(path)
    if owner is not None and self.privileged:
      self.attempt('owner', os.lchown, path, *owner)
    xattrs = xattrs or {}
    acls = {name: value for name, value in xattrs.items() if self.namespace(name) == 'acl'}
    self.set_xattrs(path, {name: value for name, value in xattrs.items() if name not in acls})
    if mode is not None and not is_link:
      os.chmod(path, self.readable(mode, os.path.isdir(path)))
    self.set_xattrs(path, acls)
    usual = self.default_times()  # drawn always, so that a class left out does not shift the others' times
    if times is not None and self.has('oldtimes'):
      usual = times
    os.utime(path, ns=usual, follow_symlinks=False)

  def set_xattrs(self, path, xattrs):
    for name, value in xattrs.items():
      self.attempt(self.namespace(name), os.setxattr, path, name, value, follow_symlinks=False)

  def readable(self, mode, is_dir):
    """A copier without privilege cannot be asked to copy what it cannot read."""
    if self.has('unreadable') and self.privileged:
      return mode
    return mode | (0o500 if is_dir else 0o400)

  @staticmethod
  def namespace(name):
    if name.startswith('system.posix_acl'):
      return 'acl'
    if name == 'security.capability':
      return 'caps'
    return 'trusted' if name.startswith('trusted.') else 'xattr'

  def dir(self, name, **attributes):
    path = self.path(name)
    os.mkdir(path, 0o700)
    self.left[path] = attributes
    return name

  def file(self, name, pieces=(), size=None, reserve=(), **attributes):
    """Writes @pieces (offset, bytes), sets @size, then reserves (mode, offset, length) unwritten extents."""
    path = self.path(name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
      if size is not None:
        os.ftruncate(fd, size)
      for offset, data in pieces:
        view = memoryview(data)
        while view:
          written = os.pwrite(fd, view, offset)
          offset, view = offset + written, view[written:]
      for mode, offset, length in reserve:
        if libc.fallocate(fd, mode, offset, length) != 0:
          self.refused['holes'] += 1
    finally:
      os.close(fd)
    self.finish(path, **attributes)
    return name

  def symlink(self, name, target, kind='symlink', **attributes):
    if self.has('symlink') and self.attempt(kind, os.symlink, target, self.path(name)):
      self.finish(self.path(name), **attributes)
      return name
    return None

  def node(self, name, type_bits, device=0, **attributes):
    kind = 'device' if stat.S_ISCHR(type_bits) or stat.S_ISBLK(type_bits) else 'special'
    if os.major(device) >= 1 << 9 or os.minor(device) >= 1 << 18:
      kind = 'bigdevice'
    if self.attempt(kind, os.mknod, self.path(name), type_bits, device):
      self.finish(self.path(name), **attributes)
      return name
    return None

  def link(self, old, new):
    if old is not None:
      self.attempt('hardlink', os.link, self.path(old), self.path(new), follow_symlinks=False)

  def close(self):
    for path in sorted(self.left, key=lambda p: (-p.count(b'/'), p)):
      self.finish(path, **self.left[path])


def bits(random_numbers, size):
  return random_numbers.randbytes(size)


def sizes(b):
  rng = b.rng('sizes')
  b.dir(b'sizes', mode=0o755)
  for size in SIZES:
    b.file(b'sizes/%d' % size, [(0, bits(rng, size))], mode=0o644)
  b.file(b'sizes/zeros', [(0, bytes(200_000))], mode=0o644)


def holes(b, huge):
  if not b.has('holes'):
    return
  rng = b.rng('holes')
  b.dir(b'holes', mode=0o755)
  data, mib = bits(rng, 65536), 1 << 20
  layouts = {
    b'leading': ([(3 * mib, data)], None), b'middle': ([(0, data), (4 * mib, data)], None),
    b'trailing': ([(0, data)], 5 * mib + 1), b'all': ([], 2 * mib), b'all-odd': ([], 1_000_003),
    b'every-4k': ([(i * 8192, data[:4096]) for i in range(64)], 64 * 8192),
    b'every-64k': ([(i * 131072, data) for i in range(16)], 16 * 131072),
    b'one-byte-far': ([(20 * mib, b'!')], None), b'zeros-written': ([(0, bytes(mib)), (mib, data)], 3 * mib),
  }
  for name, (pieces, size) in layouts.items():
    b.file(b'holes/' + name, pieces, size, mode=0o600)
  b.file(b'holes/unwritten', [(0, data)], 4 * mib, [(0, mib, 2 * mib)], mode=0o600)
  b.file(b'holes/unwritten-only', [], None, [(0, 0, mib)], mode=0o600)
  b.file(b'holes/reserved-past-end', [(0, data)], None, [(FALLOC_KEEP_SIZE, 65536, mib)], mode=0o600)
  if huge:
    b.file(b'holes/1TiB', [(0, data), (1 << 39, data), ((1 << 40) - 65536, data)], mode=0o600)


def modes(b):
  rng = b.rng('modes')
  b.dir(b'modes', mode=0o755)
  for mode in FILE_MODES:
    for n, owner in enumerate((None, OWNERS[1])):
      b.file(b'modes/f%04o.%d' % (mode, n), [(0, bits(rng, 100))], mode=mode, owner=owner)
  for mode in DIR_MODES:
    d = b.dir(b'modes/d%04o' % mode, mode=mode)
    b.file(d + b'/child', [(0, b'child')], mode=0o640)
    b.dir(d + b'/sub', mode=mode)
    b.file(d + b'/sub/child', [(0, b'grandchild')], mode=0o444)
  b.dir(b'modes/empty', mode=0o755)
  b.dir(b'modes/empty/of', mode=0o700)
  b.dir(b'modes/empty/files', mode=0o755)


def owners(b):
  b.dir(b'owners', mode=0o755)
  for n, owner in enumerate(OWNERS):
    d = b.dir(b'owners/%d' % n, mode=0o2775, owner=owner)
    b.file(d + b'/plain', [(0, b'owned')], mode=0o640, owner=owner)
    b.file(d + b'/setuid', [(0, b'#!/bin/true')], mode=0o4755, owner=owner)
    b.file(d + b'/setgid', [(0, b'#!/bin/true')], mode=0o2755, owner=owner)
    b.symlink(d + b'/symlink', b'plain', owner=owner)
    b.node(d + b'/fifo', stat.S_IFIFO, mode=0o620, owner=owner)


def times(b):
  b.dir(b'times', mode=0o755)
  for n, when in enumerate(TIMES):
    both = (TIMES[-1 - n], when)
    b.file(b'times/file%02d' % n, [(0, b'%d' % when)], mode=0o644, times=both)
    b.dir(b'times/dir%02d' % n, mode=0o755, times=both)
    b.file(b'times/dir%02d/child' % n, [(0, b'child')], mode=0o644)
    b.symlink(b'times/symlink%02d' % n, b'file%02d' % n, times=both)
    b.node(b'times/fifo%02d' % n, stat.S_IFIFO, mode=0o600, times=both)


def symlinks(b):
  d = b.dir(b'symlinks', mode=0o755)
  long = b'/'.join([b'x' * 200] * 30)
  targets = {b'dangling': b'nowhere/at/all', b'to-file': b'../sizes/4096', b'to-dir': b'../sizes', b'up': b'..',
             b'absolute': b'/etc/passwd', b'dot': b'.', b'loop': b'loop', b'loop-a': b'loop-b', b'loop-b': b'loop-a',
             b'newline': b'a\nb', b'invalid': b'\xff\xfe', b'chain': b'to-file', b'slashes': b'..//./sizes/',
             b'target1023': long[:1023]}
  for name, target in targets.items():
    b.symlink(d + b'/' + name, target)
  b.symlink(d + b'/target4095', long[:4095], kind='longlink')


def specials(b):
  d = b.dir(b'special', mode=0o755)
  b.node(d + b'/fifo', stat.S_IFIFO, mode=0o640)
  b.node(d + b'/socket', stat.S_IFSOCK, mode=0o755)
  if not b.privileged:
    return
  for name, kind, major, minor in ((b'null', stat.S_IFCHR, 1, 3), (b'big', stat.S_IFCHR, 511, 262143),
                                   (b'bigger', stat.S_IFCHR, 4095, 1048575),
                                   (b'block', stat.S_IFBLK, 259, 262143), (b'low', stat.S_IFBLK, 200, 255)):
    b.node(d + b'/' + name, kind, os.makedev(major, minor), mode=0o660, owner=OWNERS[3])


def xattrs(b):
  d = b.dir(b'xattrs', mode=0o755, xattrs={'user.on-directory': b'yes'})
  for n, some in enumerate(XATTRS):
    b.file(d + b'/file%d' % n, [(0, b'xattrs')], mode=0o644, xattrs=some)
    b.dir(d + b'/dir%d' % n, mode=0o755, xattrs=some)
  b.file(d + b'/read-only', [(0, b'xattrs')], mode=0o444, xattrs={'user.a': b'1'})
  for n, value in enumerate(ACLS):
    b.file(d + b'/acl%d' % n, [(0, b'acl')], mode=0o640, xattrs={'system.posix_acl_access': value})
    both = {'system.posix_acl_access': value, 'system.posix_acl_default': ACLS[1 - n]}
    e = b.dir(d + b'/acldir%d' % n, mode=0o750, xattrs=both)
    b.file(e + b'/inherits-nothing', [(0, b'plain')], mode=0o604)
    b.dir(e + b'/sub', mode=0o705)
    b.node(e + b'/fifo', stat.S_IFIFO, mode=0o604)
  if b.privileged:
    trusted = {'trusted.pcopy': b'\x00\x01\xff'}
    b.file(d + b'/capability', [(0, b'#!')], mode=0o755, owner=OWNERS[1], xattrs={'security.capability': CAPABILITY})
    b.file(d + b'/trusted', [(0, b't')], mode=0o600, xattrs=trusted)
    b.dir(d + b'/trusted-dir', mode=0o700, xattrs=trusted)
    b.symlink(d + b'/trusted-symlink', b'nowhere', xattrs=trusted)
    b.node(d + b'/trusted-fifo', stat.S_IFIFO, mode=0o600, xattrs=trusted)


def hardlinks(b):
  rng = b.rng('hardlinks')
  dirs = [b.dir(b'links', mode=0o755)] + [b.dir(b'links/%c' % c, mode=0o755) for c in b'abcdefgh']
  dirs.append(b.dir(b'links/a/deeper', mode=0o555))
  firsts = [b.file(b'links/a/first%d' % n, [(0, bits(rng, size))], mode=mode, owner=OWNERS[n % 3])
            for n, (size, mode) in enumerate(((0, 0o644), (10, 0o4755), (70_000, 0o400), (1 << 20, 0o000)))]
  firsts.append(b.symlink(b'links/b/symlink', b'nowhere'))
  firsts.append(b.symlink(b'links/b/symlink-to-dir', b'../a'))
  firsts.append(b.node(b'links/c/fifo', stat.S_IFIFO, mode=0o600))
  firsts.append(b.node(b'links/c/socket', stat.S_IFSOCK, mode=0o600))
  if b.privileged:
    firsts.append(b.node(b'links/c/device', stat.S_IFCHR, os.makedev(1, 3), mode=0o600))
  if b.has('holes'):
    firsts.append(b.file(b'links/d/sparse', [(1 << 20, b'end')], mode=0o600))
  firsts.append(b.file(b'links/e/xattr', [(0, b'x')], mode=0o644, xattrs=XATTRS[4]))
  for n, first in enumerate(firsts):
    for k in range(1 + n % 4):
      b.link(first, rng.choice(dirs) + b'/link%d.%d' % (n, k))
  crowd = b.file(b'links/crowd', [(0, b'one inode, many names')], mode=0o644)
  for k in range(100):
    b.link(crowd, rng.choice(dirs) + b'/crowd%d' % k)


def names(b):
  if not b.has('names'):
    return
  d = b.dir(b'names', mode=0o755)
  for n, name in enumerate(NAMES):
    b.file(d + b'/' + name, [(0, name)], mode=0o644)
  e = b.dir(b'directory names', mode=0o755)
  for n, name in enumerate(NAMES):
    f = b.dir(e + b'/' + name, mode=0o755)
    b.file(f + b'/' + NAMES[-1 - n], [(0, b'in a nasty directory')], mode=0o600)
    b.symlink(f + b'/to it', name)


def bulk(b, n_dirs, n_files):
  rng = b.rng('bulk')
  dirs = [b.dir(b'bulk', mode=0o755)]
  for n in range(n_dirs):
    parent = rng.choice(dirs[-40:])
    if parent.count(b'/') > 25:
      parent = dirs[0]
    dirs.append(b.dir(parent + b'/d%d' % n, mode=rng.choice(DIR_MODES), owner=rng.choice(OWNERS)))
  last = None
  for n in range(n_files):
    d, kind, size = rng.choice(dirs), rng.random(), rng.choice((0, 10, 900, 6000, 6000, 70_000))
    attributes = {'mode': rng.choice(FILE_MODES), 'owner': rng.choice(OWNERS)}
    extra = rng.random()
    if extra < 0.1:
      attributes['xattrs'] = XATTRS[n % len(XATTRS)]
    elif extra < 0.15:
      attributes['xattrs'] = {'system.posix_acl_access': ACLS[n % 2]}
    size = rng.randrange(size) if size else 0
    if kind < 0.06 and last:
      b.link(last, d + b'/l%d' % n)
    elif kind < 0.12:
      b.symlink(d + b'/s%d' % n, b'../f%d' % n, owner=attributes['owner'])
    else:
      data = bits(rng, size)
      last = b.file(d + b'/f%d' % n, [(0, data)], **attributes)


def deep(b, levels):
  """A chain that may be longer than PATH_MAX: by descriptor, one level at a time, both ways."""
  if not levels:
    return
  name = lambda n: b'd%03d' % n
  flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
  b.dir(b'deep', mode=0o755)
  fd = os.open(b.path(b'deep'), flags)
  for n in range(levels):
    if n % 50 == 0 or n == levels - 1:
      leaf = os.open(b'file', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640, dir_fd=fd)
      os.write(leaf, b'at level %d' % n)
      os.utime(leaf, ns=(n * SECOND + 1, n * SECOND + 2))
      os.close(leaf)
    os.mkdir(name(n), 0o700, dir_fd=fd)
    below = os.open(name(n), flags, dir_fd=fd)
    os.close(fd)
    fd = below
  for n in reversed(range(levels)):
    above = os.open(b'..', flags, dir_fd=fd)
    os.close(fd)
    fd = above
    os.chmod(name(n), 0o555 if n % 7 == 0 else 0o755, dir_fd=fd)
    os.utime(name(n), ns=(n * SECOND + 3, n * SECOND + 4), dir_fd=fd)
  os.close(fd)


def wide(b, n_entries):
  if not n_entries:
    return
  b.dir(b'wide', mode=0o755)
  fd = os.open(b.path(b'wide'), os.O_RDONLY | os.O_DIRECTORY)
  for n in range(n_entries):
    os.mknod(b'%07d' % n, stat.S_IFREG | 0o644, dir_fd=fd)
  os.close(fd)


def parse():
  p = argparse.ArgumentParser(description='Builds the nasty tree in DIR.')
  p.add_argument('dir')
  p.add_argument('--seed', default='1')
  p.add_argument('--files', type=int, default=600, metavar='N', help='random small files (600)')
  p.add_argument('--dirs', type=int, default=60, metavar='N', help='random directories (60)')
  p.add_argument('--deep', type=int, default=300, metavar='N', help='levels of the deep chain (300; 5000 passes PATH_MAX)')
  p.add_argument('--wide', type=int, default=0, metavar='N', help='empty files in one directory (none)')
  p.add_argument('--huge-sparse', action='store_true', help='add a 1 TiB file with three pieces of data')
  p.add_argument('--without', default='', metavar='CLASS,...', help='leave out: ' + ' '.join(CLASSES))
  p.add_argument('--for', dest='fs', choices=CANNOT, help='leave out what this file system cannot hold')
  p.add_argument('--no-special', action='store_true', help='= --without=special,device,bigdevice')
  p.add_argument('--no-owner', action='store_true', help='= --without=owner')
  p.add_argument('--no-xattr', action='store_true', help='= --without=xattr,trusted,acl,caps')
  p.add_argument('--strict', action='store_true', help='fail if anything wanted was refused')
  a = p.parse_args()
  without = set(filter(None, a.without.split(','))) | set(CANNOT.get(a.fs, ()))
  if not without <= set(CLASSES):
    p.error(f'unknown class: {", ".join(sorted(without - set(CLASSES)))}')
  without |= {'special', 'device', 'bigdevice'} if a.no_special else set()
  without |= {'owner'} if a.no_owner else set()
  without |= {'xattr', 'trusted', 'acl', 'caps'} if a.no_xattr else set()
  return a, without


def main():
  a, without = parse()
  os.umask(0o022)
  root = os.fsencode(a.dir)
  try:
    os.mkdir(root, 0o755)
  except FileExistsError:
    if os.listdir(root):
      sys.exit(f'mktree: {a.dir!r} is not empty')
  b = Builder(root, a.seed, without)
  b.left[root] = {'mode': 0o755}
  sizes(b)
  holes(b, a.huge_sparse)
  modes(b)
  owners(b)
  times(b)
  symlinks(b)
  specials(b)
  xattrs(b)
  hardlinks(b)
  names(b)
  bulk(b, a.dirs, a.files)
  deep(b, a.deep)
  wide(b, a.wide)
  b.close()
  for kind, count in sorted(b.refused.items()):
    print(f'mktree: refused here: {kind} ({count} times)', file=sys.stderr)
  if a.strict and b.refused:
    sys.exit(1)


if __name__ == '__main__':
  main()
