#!/usr/bin/env python3
"""Disks that break in mid-copy: named failures, status 1, never a hang, and never
a copy that is said to be complete.

The device under an ext4 is lost (the file system is shut down, as it shuts itself
down when its journal cannot be written), turns read-only after an error, or does
not take what was written, which nobody notices before the flush.
"""

import errno
import fcntl
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults

EXT4_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2
SLOW = '--bwlimit=4M'


def make_tree(path):
  os.mkdir(path)
  for n in range(8):
    os.mkdir(f'{path}/d{n}')
    for k in range(12):
      with open(f'{path}/d{n}/f{k}', 'wb') as f:
        f.write(os.urandom(20_000 + n))
    with open(f'{path}/d{n}/big', 'wb') as f:
      f.write(os.urandom(900_000))


class Disk:
  """An ext4 on a loop device at ./disk."""

  def __init__(self, size, *options):
    faults.sh('truncate', '-s', str(size), 'image')
    faults.sh('mkfs.ext4', '-q', '-F', '-m0', 'image')
    os.mkdir('disk')
    faults.sh('mount', '-o', ','.join(('loop', *options)), 'image', 'disk')

  def __enter__(self):
    return self

  def __exit__(self, *_):
    faults.sh('umount', '-l', 'disk')
    os.rmdir('disk')
    faults.clear('image')

  @staticmethod
  def lose():
    fd = os.open('disk', os.O_RDONLY)
    try:
      fcntl.ioctl(fd, EXT4_SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
    except OSError as error:
      if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP):
        faults.skip('this ext4 cannot be shut down')
      raise
    finally:
      os.close(fd)

  @staticmethod
  def make_read_only():
    device = os.path.basename(faults.sh('findmnt', '-no', 'SOURCE', 'disk').strip())
    with open(f'/sys/fs/ext4/{device}/trigger_fs_error', 'w', encoding='ascii') as f:
      f.write('broken_device')


def in_the_middle(run, dest, act):
  """Acts once a few files are there, while the run is still at it."""
  faults.await_that(lambda: run.process.poll() is not None or sum(len(names) for _, _, names in os.walk(dest)) >= 10,
                    'the first files')
  act()
  return run.wait(30)


def start(card, source, dest, *options):
  return faults.Run(faults.command(card.tool, source, dest, '-j3', *options))


def destination_lost(card):
  """What is there can be read no more; what is said must be right anyway."""
  with Disk(64 << 20) as disk:
    run = in_the_middle(start(card, 'src', 'disk/dst', SLOW), 'disk/dst', disk.lose)
  problems = ['hang'] if run.hung else [] if run.status in (1, 11, 12, 23) else [f'status {run.status}']
  if not problems and 'disk/dst' not in run.text and 'Input/output error' not in run.text:
    problems = ['nothing named']
  card.note('destination lost', problems[0] if problems else 'failure named', problems, run)


def source_lost(card):
  with Disk(64 << 20) as disk:
    faults.sh('cp', '-a', 'src', 'disk/src')
    faults.sh('sync', '-f', 'disk')
    with open('/proc/sys/vm/drop_caches', 'w', encoding='ascii') as f:
      f.write('3')
    run = in_the_middle(start(card, 'disk/src', 'dst', SLOW), 'dst', disk.lose)
    card.judge('source lost', run, 'src', 'dst', named='disk/src', statuses=(1,))
  faults.clear('dst')


def destination_read_only(card):
  with Disk(64 << 20, 'errors=remount-ro') as disk:
    run = in_the_middle(start(card, 'src', 'disk/dst', SLOW), 'disk/dst', disk.make_read_only)
    card.judge('destination turns read-only', run, 'src', 'disk/dst', statuses=(1,), stuck=True)


def writes_lost(card, sync):
  """The image is on a file system that is nearly full: what is written to the disk comes
  back as an error long after write(2) took it."""
  os.mkdir('small')
  faults.sh('mount', '-t', 'tmpfs', '-o', 'size=3m', 'small', 'small')
  home = os.getcwd()
  os.chdir('small')
  try:
    with Disk(64 << 20):
      run = start(card, f'{home}/src', 'disk/dst', '--no-preflight', f'--sync={sync}').wait(60)
  finally:
    os.chdir(home)
    faults.sh('umount', '-l', 'small')
    os.rmdir('small')
  problems = ['hang'] if run.hung else [] if run.status in (1, 4) else [f'silent loss (status {run.status})']
  if not problems and not run.text.strip():
    problems = ['nothing said']
  card.note(f'writes lost behind the cache, --sync={sync}', problems[0] if problems else 'failure named', problems, run)


def main():
  card = faults.Card(__doc__)
  faults.need_root()
  faults.need('mkfs.ext4', 'losetup', 'findmnt')
  with faults.scratch():
    make_tree('src')
    if card.tool == 'pcopy':  # the others cannot be slowed down to a middle, or asked to flush
      destination_lost(card)
      source_lost(card)
      destination_read_only(card)
    writes_lost(card, 'end')
    if card.tool == 'pcopy':
      writes_lost(card, 'file')
  card.end()


if __name__ == '__main__':
  main()
