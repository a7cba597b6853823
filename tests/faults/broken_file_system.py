#!/usr/bin/env python3
"""File systems that fail, fall short or hang, on either side of the copy (faultfs).

A file that cannot be read or written is named and nothing of it is left; the
others are complete.  Short reads and writes change nothing.  A worker stuck in
the kernel does not keep SIGINT or SIGTERM waiting for two seconds, and goes
with its master.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults

DEADLINE = 2.0  # from the signal to the end


def make_tree(path):
  """What faultfs shows is compared: of what it changes (blocks) there is nothing here."""
  os.mkdir(path)
  for n in range(30):
    with open(f'{path}/f{n}', 'wb') as f:
      f.write(os.urandom(3000 * n))
  os.mkdir(f'{path}/sub')
  for name, size in (('bad.bin', 400_000), ('small.bin', 20_000), ('good.bin', 400_000), ('stuck.bin', 300_000)):
    with open(f'{path}/sub/{name}', 'wb') as f:
      f.write(os.urandom(size))


class Mounted:
  """faultfs over ./back, seen at ./front."""

  def __init__(self, *rules):
    self.rules = rules

  def __enter__(self):
    faults.clear('go')
    faults.clear('go.hanging')
    os.makedirs('back', exist_ok=True)
    os.makedirs('front', exist_ok=True)
    faults.sh(faults.FAULTFS, *self.rules, '--pid-file=pid', f'--control={os.getcwd()}/go', 'back', 'front')
    return self

  def __exit__(self, *_):
    self.release()
    subprocess.run(['umount', '-l', 'front'] if os.geteuid() == 0 else ['fusermount3', '-uz', 'front'], check=True)
    faults.clear('back/dst')

  @staticmethod
  def release():
    with open('go', 'w', encoding='ascii'):
      pass

  @staticmethod
  def await_hang():
    faults.await_that(lambda: os.path.exists('go.hanging'), 'a request that hangs')


def copied(card, case, rules, source, dest, *options, statuses=(1,), expect=(), **more):
  with Mounted(*rules):
    run = faults.run(*faults.command(card.tool, source, dest, '-j3', *options))
    # What is there is looked at below the broken file system.
    card.judge(case, run, 'back/src', dest.replace('front', 'back'), statuses=statuses, expect=expect, named=source,
               **more)
  faults.clear('dst')


def broken_sources(card):
  """Each is read from behind faultfs."""
  for name, at in (('bad.bin', 0), ('bad.bin', 131072), ('bad.bin', 399_999), ('small.bin', 4096)):
    copied(card, f'read error at byte {at} of {name}', (f'--fail=read:{name}:EIO:{at}',), 'front/src', 'dst',
           expect=(f"error reading 'front/src/sub/{name}': Input/output error",))
  copied(card, 'short reads', ('--short=read:*:1000',), 'front/src', 'dst', statuses=(0,))
  copied(card, 'a directory that cannot be read', ('--fail=opendir:sub:EIO',), 'front/src', 'dst')
  copied(card, 'a listing that fails', ('--fail=readdir:sub:EIO',), 'front/src', 'dst')
  copied(card, 'a file that cannot be opened', ('--fail=open:bad.bin:EACCES',), 'front/src', 'dst')


def broken_destinations(card):
  # A temporary name hides the rule's: those patterns are for all files of some size.
  copied(card, 'write error at byte 131072', ('--fail=write:*:EIO:131072',), 'back/src', 'front/dst')
  copied(card, 'no space after 8 KB', ('--fail=write:*:ENOSPC:8192',), 'back/src', 'front/dst', statuses=(4,))
  copied(card, 'quota after 8 KB', ('--fail=write:*:EDQUOT:8192',), 'back/src', 'front/dst', statuses=(4,))
  copied(card, 'short writes', ('--short=write:*:1000',), 'back/src', 'front/dst', statuses=(0,))
  copied(card, 'error at close', ('--fail=flush:*f7*:EIO',), 'back/src', 'front/dst', expect=("'front/dst/f7'",))
  copied(card, 'quota at close', ('--fail=flush:*f7*:EDQUOT',), 'back/src', 'front/dst', statuses=(4,))
  copied(card, 'a directory that cannot be made', ('--fail=mkdir:sub:EIO',), 'back/src', 'front/dst')
  copied(card, 'a name that cannot be given', ('--fail=rename:f7:EIO',), 'back/src', 'front/dst', '--atomic')
  copied(card, 'copy offload refused', (), 'front/src', 'front/dst', statuses=(0,))
  copied(card, 'copy offload', ('--copy-offload',), 'front/src', 'front/dst', statuses=(0,))
  if card.tool == 'pcopy':
    copied(card, 'error at fsync', ('--fail=fsync:f7:EIO',), 'back/src', 'front/dst', '--sync=file',
           expect=("cannot flush 'front/dst/f7'",))


def interrupted_while_stuck(card, sig):
  """A worker hangs in a read; the end comes in time, with what is there whole."""
  case = f'{sig.name} while a read hangs'
  with Mounted('--hang=read:stuck.bin') as mounted:
    run = faults.Run(faults.command(card.tool, 'front/src', 'dst', '-j3'))
    mounted.await_hang()
    asked = time.monotonic()
    os.kill(run.pid, sig)
    with contextlib.suppress(subprocess.TimeoutExpired):
      run.process.wait(20)
    took = time.monotonic() - asked
    mounted.release()
    run.wait(20)
  problems = []
  if took > DEADLINE:
    problems.append(f'took {took:.1f} s' if took < 19 else 'does not end')
  if card.tool == 'pcopy' and run.status != -sig:
    problems.append(f'ended with {run.status}')
  if any(kind in ('content', 'error') for kind, _, _ in faults.differences('back/src', 'dst')):
    problems.append('half a file')
  card.note(case, problems[0] if problems else f'ends in {took:.1f} s', problems, run)
  faults.clear('dst')


def stuck_worker_goes_with_its_master(card):
  case = 'SIGKILL of the master while a read hangs'
  with Mounted('--hang=read:stuck.bin') as mounted:
    run = faults.Run(faults.command(card.tool, 'front/src', 'dst', '-j3'))
    mounted.await_hang()
    workers = run.children()
    os.kill(run.pid, signal.SIGKILL)
    run.wait(20)
    mounted.release()
    problems = []
    try:
      faults.await_that(lambda: not any(is_alive(pid) for pid in workers), 'the end of the workers')
    except AssertionError as why:
      problems.append(str(why))
    if not workers:
      problems.append('there were no workers')
  card.note(case, problems[0] if problems else f'{len(workers)} workers gone', problems, run)
  # The next run finds what this one left, and ends it.
  run = faults.run(*faults.command(card.tool, 'back/src', 'dst', '--resume'))
  card.judge('resumed after that', run, 'back/src', 'dst', statuses=(0,))
  faults.clear('dst')


def is_alive(pid):
  try:
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
      return f.read().rpartition(')')[2].split()[0] not in 'ZX'
  except OSError:
    return False


def main():
  card = faults.Card(__doc__)
  faults.need_faultfs()
  with faults.scratch():
    os.mkdir('back')
    make_tree('back/src')
    broken_sources(card)
    broken_destinations(card)
    for sig in (signal.SIGINT, signal.SIGTERM):
      interrupted_while_stuck(card, sig)
    if card.tool == 'pcopy':
      stuck_worker_goes_with_its_master(card)
  card.end()


if __name__ == '__main__':
  main()
