#!/usr/bin/env python3
"""Somebody exchanges directories and files of the source and of the destination
with symbolic links to places outside, as fast as the kernel can, while the
program copies as root again and again.

Outside are canaries.  None of their contents may come into the destination, and
nothing of theirs may change: not their contents, owner, mode or times, and
nothing may be made beside them.

    symlink_attacker.py [--long] [--tool=cp|rsync]      5 seconds, or 30
    symlink_attacker.py --caught                        PCOPY has no checks: it must be seen
"""

import argparse
import os
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults

ATTACK = os.environ.get('ATTACK', '')
CANARY = b'canary: this was outside'
PLACES = 6


def write(path, data, mode=0o600):
  with open(path, 'wb') as f:
    f.write(data)
  os.chmod(path, mode)


def make_source():
  for n in range(PLACES):
    os.makedirs(f'src/d{n}/sub/deeper')
    for k in range(20):
      write(f'src/d{n}/sub/name{k}', b'inside %d' % k, 0o666)
      write(f'src/d{n}/sub/deeper/name{k}', b'deep inside %d' % k, 0o666)
    write(f'src/d{n}/file', b'inside' * 1000, 0o666)
    write(f'src/d{n}/large', b'inside' * 70_000, 0o666)
    for parent, _, names in os.walk(f'src/d{n}'):
      for path in (parent, *(os.path.join(parent, name) for name in names)):
        os.chown(path, 1000, 1000)
  os.chmod('src', 0o755)


def make_canaries():
  """With the names that the tree has, so that a wrong path finds something."""
  for side in ('secret', 'precious'):
    os.makedirs(f'{side}/deeper')
    for k in range(20):
      write(f'{side}/name{k}', CANARY)
      write(f'{side}/deeper/name{k}', CANARY)
    for name in ('file', 'large'):
      write(f'{side}/{name}', CANARY)


def pairs(side, canary):
  """[(inside, link, target)]: what is exchanged in @side: a directory or one deeper, a small or a large file."""
  kinds = (('sub', ''), ('sub/deeper', '/deeper'), ('file', '/file'), ('large', '/large'))
  return [(f'{side}/d{n}/{inside}', f'pen/{side}/{n}-{inside.replace("/", "-")}', f'{os.getcwd()}/{canary}{outside}')
          for n in range(PLACES) for inside, outside in kinds[n % 2::2]]


def make_links(exchanged):
  """Anew for each run: a copy replaces links of the destination, and the attacker is then left without."""
  for _, link, target in exchanged:
    faults.clear(link)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(target, link)


def state(root):
  """All there is to see of @root but the access times, which the kernel changes when we look."""
  seen = {}
  for parent, _, names in os.walk(root):
    for path in (parent, *(os.path.join(parent, name) for name in names)):
      st = os.lstat(path)
      seen[path] = (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
  return seen


def canaries():
  return {**state('secret'), **state('precious')}


def came_in(dest):
  """Files of @dest with a canary's contents."""
  found = []
  for parent, _, names in os.walk(dest):
    for name in names:
      path = os.path.join(parent, name)
      if stat.S_ISREG(os.lstat(path).st_mode):
        with open(path, 'rb') as f:
          if CANARY in f.read(1 << 16):
            found.append(path)
  return found


def state_of(pid):
  with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
    return f.read().rpartition(')')[2].split()[0]


class Attack:
  def __init__(self, exchanged):
    make_links(exchanged)
    arguments = [path for inside, link, _ in exchanged for path in (inside, link)]
    self.process = subprocess.Popen([ATTACK, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

  def stand_still(self):
    self.process.send_signal(signal.SIGSTOP)
    faults.await_that(lambda: state_of(self.process.pid) in 'tT', 'the attacker to stop')

  def go_on(self):
    self.process.send_signal(signal.SIGCONT)

  def end(self):
    self.process.send_signal(signal.SIGTERM)
    text = self.process.communicate(timeout=20)[0]
    assert self.process.returncode == 0, f'the attack itself failed: {self.process.returncode}'
    return int(text)


def under_attack(tool, until, attacks, inside_dest, before):
  """Copies again and again; the destination is attacked from the first copy on.  Returns the runs, those
  that noticed, and what was found."""
  runs = noticed = 0
  while time.monotonic() < until:
    # Every other time over what is there, with what the attacker put into it.
    if runs % 2 == 0:
      faults.clear('away')
      if os.path.exists('dst'):
        os.rename('dst', 'away')
    run = faults.run(*faults.command(tool, 'src', 'dst', '-j3', '-q', *(('-f',) if runs % 4 > 1 else ())))
    runs += 1
    noticed += bool(run.text)
    if run.hung or run.status not in ((0, 1, 3) if tool == 'pcopy' else faults.STATUSES[tool]):
      return runs, noticed, [f'status {run.status}: {run.text[-300:]}']
    for attack in attacks:  # or we would be led outside ourselves
      attack.stand_still()
    problems = [f'came in: {path}' for path in came_in('dst')]
    problems += [f'changed: {path}' for path, _ in before.items() ^ canaries().items()]
    make_links(inside_dest)
    for attack in attacks:
      attack.go_on()
    if problems:
      return runs, noticed, problems
  return runs, noticed, []


def main():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--long', action='store_true')
  p.add_argument('--caught', action='store_true')
  faults.add_options(p)
  options = p.parse_args()
  faults.need_root()
  if not ATTACK:
    faults.skip('ATTACK is not set')
  with faults.scratch():
    make_source()
    make_canaries()
    dest = pairs('dst', 'precious')
    attacks = [Attack(pairs('src', 'secret')), Attack(dest)]
    until = time.monotonic() + (30 if options.long else 5)
    runs, noticed, problems = under_attack(options.tool, until, attacks, dest, canaries())
    swaps = [attack.end() for attack in attacks]
  print(f'{runs} runs, {noticed} of them noticed; exchanges: {swaps[0]} in the source, {swaps[1]} in the destination')
  for problem in problems[:10]:
    print(problem)
  told = {'came in': 'contents from outside came in', 'changed': 'files outside changed'}
  kinds = sorted({told.get(word, word) for word in (problem.split(':')[0] for problem in problems)})
  faults.write_cases(options, {
    'exchanged on both sides': f'{" and ".join(kinds)}, run {runs}' if kinds else
                               f'nothing came in or changed, {runs} runs'})
  if options.tool != 'pcopy':
    sys.exit(0)
  if options.caught:
    sys.exit(0 if problems else 1)
  if min(swaps) < 1000 or noticed == 0:
    print('FAIL: there was no attack worth the name')
    sys.exit(1)
  sys.exit(1 if problems else 0)


if __name__ == '__main__':
  main()
