#!/usr/bin/env python3
"""Source files that are cut, grown, replaced or removed while they are copied.

The moment is not left to chance: a read of the file hangs (faultfs) until it
has been changed.  Each is copied as it is in the end, or is a failure of its
own class; there is never a hang and never a file with a hole.
"""

import os
import stat
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults
from broken_file_system import Mounted

CHANGED = 'changed while it was being copied'
SIZES = {'small': 40_000, 'big': 3_000_000, 'huge': 20 << 20}


def fresh(path, size):
  """By a name of its own, so that no content is there by accident."""
  with open(path, 'wb') as f:
    f.write(os.urandom(size))


def cut(path):
  os.truncate(path, os.stat(path).st_size // 3)


def empty(path):
  os.truncate(path, 0)


def grow(path):
  with open(path, 'ab') as f:
    f.write(os.urandom(50_000))


def rewrite(path):
  with open(path, 'r+b') as f:
    f.write(os.urandom(os.stat(path).st_size))


def replace(path):
  fresh(path + '.new', os.stat(path).st_size)
  os.rename(path + '.new', path)


def become_directory(path):
  os.unlink(path)
  os.mkdir(path)
  fresh(path + '/inside', 100)


def become_symlink(path):
  os.unlink(path)
  os.symlink('/etc/passwd', path)


def become_fifo(path):
  os.unlink(path)
  os.mkfifo(path)


# action: whether a second attempt can succeed once it has settled
ACTIONS = {'cut': (cut, True), 'emptied': (empty, True), 'grown': (grow, True), 'rewritten': (rewrite, True),
           'replaced': (replace, False), 'removed': (os.unlink, False), 'now a directory': (become_directory, False),
           'now a symlink': (become_symlink, False), 'now a FIFO': (become_fifo, False)}


def make_tree(size):
  """"a" is met before "m" and "z" by whoever goes by name, by inode or by time."""
  faults.clear('back')
  os.makedirs('back/src')
  for name in ('a', 'm', 'z'):
    fresh(f'back/src/{name}', size)


# One worker, so that "z" is not open while "a" is read; a huge file is copied by several, in ranges.
def changed_while(card, how, size, hang_at, victim, merge=False):
  """@victim is changed while the read of @hang_at hangs."""
  act, settles = ACTIONS[how]
  where = 'while it is read' if hang_at == victim else 'before it is opened'
  case = f'{size} file {how} {where}' + (', of a merge' if merge else '')
  make_tree(SIZES[size])
  faults.clear('dst')
  if merge:
    faults.sh('cp', '-a', 'back/src', 'dst')
    for name in ('a', 'm', 'z'):
      fresh(f'dst/{name}', 3000)
    faults.clear('before')
    faults.sh('cp', '-a', 'dst', 'before')
  old = contents(f'back/src/{victim}')
  with Mounted(f'--hang=read:{hang_at}') as mounted:
    run = faults.Run(faults.command(card.tool, 'front/src', 'dst', '-j3' if size == 'huge' else '-j1'))
    mounted.await_hang()
    act(f'back/src/{victim}')
    mounted.release()
    run.wait(20)
  if card.tool != 'pcopy':
    card.note(case, in_words(run, 'dst/' + victim, old, f'back/src/{victim}'), [])
    return
  # What is not opened yet when it goes is either seen to have changed, or to be something else.
  card.judge(case, run, 'back/src', 'dst', statuses=(0,) if settles else (1,), expect=() if settles else (CHANGED,),
             named='front/src', before='before' if merge else None)


def kind_of(path):
  return stat.S_IFMT(os.lstat(path).st_mode) if os.path.lexists(path) else None


def contents(path):
  if os.path.islink(path) or not os.path.isfile(path):
    return None
  with open(path, 'rb') as f:
    return f.read()


def in_words(run, copy, old, now):
  """What a program made of it that has no class of failure for this."""
  made, wanted = contents(copy), contents(now)
  if run.hung:
    return 'hang'
  if run.status != 0:
    return 'failure named' if made is None or made in (old, wanted) else 'failure named, a mixture left'
  if wanted is None and kind_of(now) and kind_of(now) == kind_of(copy):
    return 'complete'
  if wanted is not None and made == wanted:
    dated = os.stat(copy).st_mtime_ns == os.stat(now).st_mtime_ns
    return 'complete' if dated else 'new contents with old times, unsaid'
  return 'as it was before, unsaid' if made == old else 'left out, unsaid' if made is None else 'a mixture, unsaid'


def never_settles(card, size):
  """It grows for as long as it is copied: given up by name, in time."""
  make_tree(SIZES[size])
  faults.clear('dst')
  done = threading.Event()
  path = 'back/src/m'

  def keep_growing():
    with open(path, 'ab', buffering=0) as f:
      while not done.wait(0.0002):
        f.write(b'more')

  thread = threading.Thread(target=keep_growing)
  thread.start()
  try:
    run = faults.run(*faults.command(card.tool, 'back/src', 'dst', '-j2', '--bwlimit=20M'))
  finally:
    done.set()
    thread.join()
  case = f'{size} file that never stops growing'
  if card.tool == 'pcopy':
    card.judge(case, run, 'back/src', 'dst', statuses=(1,), expect=(CHANGED,))
  else:
    card.note(case, 'hang' if run.hung else f'status {run.status}', [])


def main():
  card = faults.Card(__doc__)
  faults.need_faultfs()
  with faults.scratch():
    for size in ('small', 'big', 'huge'):
      for how in ACTIONS:
        changed_while(card, how, size, 'm', 'm')
        if size == 'small':
          changed_while(card, how, size, 'a', 'z')
        if size == 'big':
          changed_while(card, how, size, 'm', 'm', merge=True)
    for size in ('big', 'huge'):
      never_settles(card, size)
  card.end()


if __name__ == '__main__':
  main()
