#!/usr/bin/env python3
"""Too little room, by bytes and by inodes, in memory and on ext4, and a quota.

Before it starts the program compares what it finds with what is free, and
refuses with the numbers; told to go on, or when the room goes meanwhile, it
stops at the first refusal, and what has a name is whole.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults

MIB = 1 << 20
USER = 1000
AS_USER = ('setpriv', f'--reuid={USER}', f'--regid={USER}', '--clear-groups')


def mount_memory(options):
  os.mkdir('disk')
  faults.sh('mount', '-t', 'tmpfs', '-o', options, 'full-disk', 'disk')


def mount_ext4(size, *mkfs):
  faults.sh('truncate', '-s', str(size), 'image')
  faults.sh('mkfs.ext4', '-q', '-F', '-m0', *mkfs, 'image')
  os.mkdir('disk')
  faults.sh('mount', '-o', 'loop', 'image', 'disk')


def unmount():
  faults.sh('umount', 'disk')
  os.rmdir('disk')
  faults.clear('image')


# name: how it is made, and which tree is too much for it
DISKS = {
  'memory, bytes': (lambda: mount_memory('size=6m'), 'bytes'),
  'memory, inodes': (lambda: mount_memory('size=64m,nr_inodes=90'), 'inodes'),
  'ext4, bytes': (lambda: mount_ext4(10 * MIB, '-N', '1024'), 'bytes'),
  'ext4, inodes': (lambda: mount_ext4(32 * MIB, '-N', '96'), 'inodes'),
}


def make_trees():
  """Of 24 MB: small files, and files of more than one write; of 300 files: nearly nothing but inodes."""
  os.mkdir('bytes')
  for n in range(60):
    with open(f'bytes/small{n}', 'wb') as f:
      f.write(os.urandom(50_000))
  for n in range(6):
    os.mkdir(f'bytes/d{n}')
    with open(f'bytes/d{n}/big', 'wb') as f:
      f.write(os.urandom(3 * MIB + n * 100_000))
  os.mkdir('inodes')
  for n in range(300):
    if n % 50 == 0:
      os.mkdir(f'inodes/d{n}')
    with open(f'inodes/d{n // 50 * 50}/f{n}', 'wb') as f:
      f.write(b'x' * (n % 3))


def only_whole_files(source, dest):
  """What is there under a name is complete in its contents."""
  return not [1 for kind, path, _ in faults.differences(source, dest) if kind in ('content', 'extra', 'error')]


def refused_beforehand(card, name, source):
  run = faults.run(*faults.command('pcopy', source, 'disk/dst', '-j3'))
  card.judge(f'{name}: refused beforehand', run, source, 'disk/dst', statuses=(faults.NO_SPACE,),
             expect=('will not fit', 'free'))
  if len(re.findall(r'[0-9]+', run.text)) < 2:
    card.note(f'{name}: with the numbers', 'no numbers', [f'no numbers in: {run.text}'])
  faults.clear('disk/dst')


def full_in_the_middle(card, name, source, before=False, wrap=()):
  """@before: over an old copy, whose files stay whole."""
  case = f'{name}: full in the middle' + (', of a merge' if before else '')
  if before:
    os.mkdir('disk/dst')
    os.mkdir('old')
    for n in range(20):
      for place in ('disk/dst', 'old'):
        with open(f'{place}/small{n}', 'wb') as f:
          f.write(b'old')
        os.utime(f'{place}/small{n}', (10**9, 10**9))
  run = faults.run(*wrap, *faults.command(card.tool, source, 'disk/dst', '-j3', '--no-preflight'))
  verdict = card.judge(case, run, source, 'disk/dst', before='old' if before else None, statuses=(faults.NO_SPACE,),
                       expect=('no space left on the file system of', 'still to copy'))
  # At once: each worker may have met it in the step it was at, no more.
  refusals = run.text.count('No space left') + run.text.count('quota')
  if card.tool == 'pcopy' and refusals > 2 * 3:
    card.note(f'{case}: stops', f'{refusals} refusals', [f'went on: {refusals} refusals'], run)
  if card.tool == 'pcopy' and not before and not only_whole_files(source, 'disk/dst'):
    card.note(f'{case}: whole files', 'half files', [f'{verdict.found[:3]}'], run)
  faults.clear('disk/dst')
  faults.clear('old')


def over_quota(card):
  """As a user with 4 MB of an ext4 that has 32; where the kernel counts."""
  case = 'ext4, quota: full in the middle'
  try:
    mount_ext4(32 * MIB, '-O', 'quota', '-E', 'quotatype=usrquota')
  except AssertionError:
    card.leave_out(case, 'no ext4 quotas here')
    faults.clear('image')
    os.rmdir('disk')
    return
  try:
    os.chown('disk', USER, USER)
    faults.sh('setquota', '-u', str(USER), '0', '4096', '0', '0', 'disk')
    full_in_the_middle(card, 'ext4, quota', 'bytes', wrap=AS_USER)
  except (AssertionError, FileNotFoundError) as why:
    card.leave_out(case, why)
  finally:
    unmount()


def main():
  card = faults.Card(__doc__)
  faults.need_root()
  faults.need('mkfs.ext4', 'losetup', 'setpriv')
  with faults.scratch():
    make_trees()
    for name, (mount, source) in DISKS.items():
      mount()
      try:
        if card.tool == 'pcopy':
          refused_beforehand(card, name, source)
        full_in_the_middle(card, name, source)
        if source == 'bytes':
          full_in_the_middle(card, name, source, before=True)
      finally:
        unmount()
    over_quota(card)
  card.end()


if __name__ == '__main__':
  main()
