#!/usr/bin/env python3
"""Two workers die while they have one file in hand, killed or crashed: the file is
named, nothing of it is left, the rest is complete, and a third worker is not risked.
"""

import contextlib
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'faults'))
import faults


def holder_of(pids, name):
  """The process that has @name open."""
  for pid in pids:
    with contextlib.suppress(OSError):
      if any(os.readlink(f'/proc/{pid}/fd/{fd}').endswith(f'/{name}') for fd in os.listdir(f'/proc/{pid}/fd')):
        return pid
  return None


def die_twice(card, sig):
  faults.clear('dst')
  run = faults.Run(faults.command('pcopy', 'src', 'dst', '-j3', '--bwlimit=4M', '--reflink=never'))
  victims = set()
  for _ in range(2):
    pid = faults.await_that(lambda: holder_of(set(run.children()) - victims, 'deadly'), 'a worker at the file')
    victims.add(pid)
    os.kill(pid, sig)
  run.wait(30)
  card.judge(sig.name, run, 'src', 'dst', statuses=(1,),
             expect=("'src/sub/deadly' was not copied: two workers died on it", f'killed by signal {sig:d} '))
  if run.text.count('its work is done again') != 2:
    card.note(f'{sig.name}: deaths', 'not two', ['not two deaths'], run)


def main():
  card = faults.Card(__doc__)
  with faults.scratch():
    faults.small_tree('src')
    with open('src/sub/deadly', 'wb') as f:
      f.write(os.urandom(40 << 20))
    for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS):
      die_twice(card, sig)
  card.end()


if __name__ == '__main__':
  main()
