#!/usr/bin/env python3
"""SIGKILL for a process of the run, or for all of them, at random moments.

A worker (which may also crash, of SIGSEGV or SIGBUS): the copy is complete, the
status 0.  The master, or everything: what has a name is whole or can be seen not
to be, and --resume completes it, with nothing lost and no stray name.

    random_kills.py [--kills=N] [--seed=N] [--tool=cp|rsync] [--json=FILE]

Of the others everything is killed each time, they are run again as before, and
nothing is asked of them: what came of it is told.
"""

import argparse
import collections
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'faults'))
import faults
from killed_after_each_change import half_files

JOBS = 4
VARIANTS = {'new': (), 'new, --atomic': ('--atomic',), 'new, --sync=file': ('--sync=file',)}


def start(tool, variant):
  return faults.Run(faults.command(tool, 'src', 'dst', f'-j{JOBS}', *VARIANTS[variant]))


def duration(tool, variant):
  """The shortest of three runs: few kills then come too late."""
  shortest = 60
  for _ in range(3):
    faults.clear('dst')
    run = start(tool, variant).wait()
    assert run.status == 0, run.text
    shortest = min(shortest, run.seconds)
  return shortest


def all_are_gone(pids):
  def gone(pid):
    try:
      with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
        return f.read().rpartition(')')[2].split()[0] in 'ZX'
    except OSError:
      return True
  return lambda: all(map(gone, pids))


def kill_some_workers(rng, run, at):
  """One, and sometimes another one later.  Returns how many."""
  killed = 0
  for _ in range(rng.choice((1, 1, 2, 3))):
    time.sleep(max(0, run.began + at - time.monotonic()))
    victims = run.children()
    if victims and run.process.poll() is None:
      try:
        os.kill(rng.choice(victims), rng.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS)))
        killed += 1
      except ProcessLookupError:
        pass
    at += rng.random() * 0.05
  return killed


def one_kill(tool, rng, how, variant, shortest):
  """Returns (was anything hit, half files that their time gives away, problems)."""
  faults.clear('dst')
  run = start(tool, variant)
  at = rng.random() * shortest
  if how == 'a worker':
    killed = kill_some_workers(rng, run, at)
    run.wait(30)
    # Two of these may have fallen on one file: then it is named, and that is all.
    twice = killed > 1 and 'two workers died on it' in run.text
    problems = faults.Verdict(run, 'src', 'dst', statuses=(0, faults.FAILED) if twice else (0,)).problems
    return killed > 0, [], problems + ([run.text.strip()] if problems else [])
  time.sleep(max(0, run.began + at - time.monotonic()))
  workers = run.children()
  hit = run.process.poll() is None
  if how == 'the master':
    run.process.kill()
  else:
    run.kill_all()
  run.wait(30)
  faults.await_that(all_are_gone(workers), 'the workers to end with their master')
  dated = half_files(variant, 'dst') if os.path.isdir('dst') else []
  undated = set(half_files(variant, 'dst', undated=True)) - set(dated) if os.path.isdir('dst') else ()
  problems = [f'half a file: {path}' for path in dated]
  again = faults.run(*faults.command(tool, 'src', 'dst', f'-j{JOBS}', '--resume'), seconds=30)
  verdict = faults.Verdict(again, 'src', 'dst', ignore=faults.NOT_KEPT[tool], statuses=(0,), mine=tool == 'pcopy')
  problems += [f'next run: {problem}' for problem in verdict.problems]
  return hit, undated, problems + ([again.text.strip()] if problems else [])


class Tally:
  """What came of the kills of one kind, for the scorecard."""

  def __init__(self):
    self.hits, self.undated, self.wrong = 0, 0, collections.Counter()

  def add(self, undated, problems):
    self.hits += 1
    self.undated += bool(undated)
    self.wrong.update({': '.join(problem.split(': ')[:2 if problem.startswith('next run') else 1])
                       for problem in problems[:-1]})  # the last is what was said

  def words(self):
    told = [f'{word} after {count}' for word, count in self.wrong.items()] or ['complete']
    if self.undated:
      told.append(f'undated half files after {self.undated}')
    return f'{self.hits} kill{"s" if self.hits > 1 else ""}: ' + ', '.join(told)


def main():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--kills', type=int, default=40, metavar='N')
  p.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32), metavar='N')
  faults.add_options(p)
  options = p.parse_args()
  mine = options.tool == 'pcopy'
  variants = list(VARIANTS) if mine else ['new']
  ways = ('a worker', 'a worker', 'the master', 'everything') if mine else ('everything',)
  tallies = collections.defaultdict(Tally)
  print(f'--seed={options.seed}', flush=True)
  rng = random.Random(options.seed)
  with faults.scratch():
    faults.sh(sys.executable, os.path.join(faults.SUPPORT, 'mktree.py'), '--seed', str(options.seed), '--files', '250',
              '--dirs', '30', '--deep', '30', 'src')
    shortest = {variant: duration(options.tool, variant) for variant in variants}
    hits = wrong = 0
    for number in range(options.kills):
      how, variant = rng.choice(ways), rng.choice(variants)
      hit, undated, problems = one_kill(options.tool, rng, how, variant, shortest[variant])
      hits += hit
      if hit:
        tallies[f'{how} killed, {variant}'].add(undated, problems)
      if problems and mine:
        wrong += 1
        print(f'FAIL: kill {number}: {how}, {variant}: {"; ".join(problems[:5])}', flush=True)
  faults.write_cases(options, {case: tally.words() for case, tally in sorted(tallies.items())})
  print(f'{options.kills} moments, {hits} hit something, {wrong} wrong')
  sys.exit(1 if wrong or hits < options.kills // 2 else 0)


if __name__ == '__main__':
  main()
