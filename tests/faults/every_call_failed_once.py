#!/usr/bin/env python3
"""Each system call the program makes, failed with each error that can meet it, at
its first, second and last time; after each the outcome must be a complete copy
or a failure that is named.

The list of calls is not written down: it is what strace saw of a run without a
fault.  strace counts in each process apart, so "the first" is the first of the
master and of each worker.  It is attached once the program's libraries are
loaded (stop_at_main.c), or the first openat would be the loader's.

    every_call_failed_once.py [--full] [--tool=cp|rsync] [--only=CALL] [--json=FILE]
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls
import faults

PRELOAD = os.environ.get('STOP_AT_MAIN', '')
TOOLS = {
  'pcopy': lambda jobs, merge: [faults.PCOPY, f'-j{jobs}', '--sync=file', '-T'],
  'cp': lambda jobs, merge: ['cp', '-a', '-T'],
  'rsync': lambda jobs, merge: ['rsync', '-aHAX'],
}
FEW = 12
CALL = re.compile(r'^(\d+) +([a-z_0-9]+)\((?:\d+<([^>]*)>)?')
Case = collections.namedtuple('Case', 'scene call errno position when jobs')


def traced(tool, scene, jobs, dest, log, *strace_options):
  """Runs the tool from its main() on under strace.  Returns its Run, ended."""
  source = 'src/' if tool == 'rsync' else 'src'
  environment = {**os.environ, 'LD_PRELOAD': PRELOAD, 'ASAN_OPTIONS': 'verify_asan_link_order=0'}
  run = faults.Run([*TOOLS[tool](jobs, scene == 'merge'), source, dest], env=environment)
  os.waitid(os.P_PID, run.pid, os.WSTOPPED)
  strace = subprocess.Popen(['strace', '-f', '-y', '-q', '-o', log, *strace_options, '-p', str(run.pid)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
  try:
    faults.await_that(lambda: is_traced(run.pid) or strace.poll() is not None, 'strace')
    if strace.poll() is not None:
      faults.skip(f'strace cannot: {strace.stderr.read().decode()}')
    os.kill(run.pid, signal.SIGCONT)
    return run.wait(20)
  finally:
    run.kill_all()
    try:
      strace.wait(20)
    except subprocess.TimeoutExpired:
      strace.kill()
    strace.stderr.close()


def is_traced(pid):
  with open(f'/proc/{pid}/status', encoding='ascii') as f:
    return 'TracerPid:\t0\n' not in f.read()


def prepare(scene, dest):
  faults.clear(dest)
  if scene == 'merge':
    subprocess.run(['cp', '-a', 'old', dest], check=True)


def profile(tool, scene, jobs):
  """The calls of an ordinary run: {call: [times in each process]}."""
  prepare(scene, 'd')
  run = traced(tool, scene, jobs, 'd', 'profile.log', '-e', 'signal=none')
  verdict = faults.Verdict(run, 'src', 'd', ignore=ignored(tool))
  assert run.status == 0 and not verdict.problems, f'without a fault: {run.status} {verdict.problems} {run.text}'
  times = collections.defaultdict(collections.Counter)
  with open('profile.log', encoding='utf-8', errors='replace') as log:
    for line in log:
      if (m := CALL.match(line)):
        times[m[2]][m[1]] += 1
  return {call: sorted(by_process.values()) for call, by_process in times.items()}


def ignored(tool):
  """What the peers do not promise to keep."""
  return () if tool == 'pcopy' else ('holes', 'links', 'acl')


def plan(tool, full, only):
  """The cases, and the calls left out."""
  cases, left_out = [], set()
  for scene in ('fresh', 'merge') if full else ('fresh',):
    several, one = profile(tool, scene, 2), profile(tool, scene, 1)
    for call in sorted(several.keys() | one.keys()):
      if only and call not in only:
        continue
      if call in calls.LEFT_OUT or call.startswith('syscall_'):  # newer than this strace
        left_out.add(call)
        continue
      for errno in calls.errnos_of(call)[:None if full else 2]:
        cases += [Case(scene, call, errno, *place) for place in places(sorted(set(one.get(call, ()))), full)]
  return cases, left_out


def places(times, full):
  """(position, when, workers): the first with two workers at it, the others with one, whose calls are
  the same in each run.  The last of the master and that of the worker differ.  Of what is called a few
  times only, the grid has each time."""
  most = times[-1] if times else 0
  last = [('last', n, 1) for n in times if n > 2]
  if not full:
    return [('first', 1, 2)] + last[-1:]
  second = [('second', 2, 1)] if most > 1 else []
  between = [('between', n, 1) for n in range(3, most) if n not in times] if most <= FEW else []
  return [('first', 1, 2)] + second + between + last


class Outcome:
  def __init__(self, case, run, verdict, hits):
    self.case, self.run, self.verdict, self.hits = case, run, verdict, hits
    # A pipe that says EIO is no kernel's: how the program ends then is its own affair, but it ends.
    self.impossible = [path for path in hits if calls.is_impossible(case.call, case.errno, path)]
    self.reached = bool(hits)
    bad = verdict.problems
    if self.impossible:
      bad = [p for p in bad if p.startswith(('silent', 'hang', 'half'))]
    self.problems = bad if self.reached else []

  def word(self):
    if not self.reached:
      return 'not reached'
    if self.impossible:
      return 'impossible' if not self.problems else self.problems[0]
    return self.problems[0] if self.problems else self.verdict.word


def attempt(tool, case, dest):
  prepare(case.scene, dest)
  log = f'{dest}.log'
  run = traced(tool, case.scene, case.jobs, dest, log, '-e', f'trace={case.call}', '-e', 'signal=none', '-e',
               f'inject={case.call}:error={case.errno}:when={case.when}')
  with open(log, encoding='utf-8', errors='replace') as f:
    hits = [(m[3] or '') if (m := CALL.match(line)) else '' for line in f if '(INJECTED)' in line]
  verdict = faults.Verdict(run, 'src', dest, before='old' if case.scene == 'merge' else None,
                           ignore=ignored(tool), statuses=faults.STATUSES[tool], mine=tool == 'pcopy')
  return Outcome(case, run, verdict, hits)


def perform(tool, cases):
  places = [f'd{n}' for n in range(max(2, os.cpu_count() or 1))]

  def one(case):
    place = places.pop()
    try:
      return attempt(tool, case, place)
    finally:
      places.append(place)

  with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
    for n, outcome in enumerate(pool.map(one, cases)):
      if outcome.problems and tool == 'pcopy':
        c = outcome.case
        print(f'FAIL: {c.scene}: {c.call} {c.errno}, {c.position} ({c.when}, -j{c.jobs}): '
              + '; '.join(outcome.problems))
        print(f'      status {outcome.run.status}, hit {outcome.hits}')
        print(''.join(f'      | {line}\n' for line in outcome.run.text.splitlines()[:8]), end='', flush=True)
      yield outcome


def summary(outcomes):
  """{call: {errno: {word: how often}}}"""
  table = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
  for outcome in outcomes:
    table[outcome.case.call][outcome.case.errno][outcome.word().split(':')[0]] += 1
  return table


def parse():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--full', action='store_true', help='every error, the second time too, and over an existing copy')
  p.add_argument('--tool', choices=TOOLS, default='pcopy')
  p.add_argument('--only', action='append', metavar='CALL')
  p.add_argument('--json', metavar='FILE', help='write what came of it, for scorecard.py')
  return p.parse_args()


def main():
  options = parse()
  faults.need('strace', options.tool if options.tool != 'pcopy' else 'strace')
  if not PRELOAD:
    faults.skip('STOP_AT_MAIN is not set')
  with faults.scratch():
    faults.small_tree('src')
    faults.old_tree('src', 'old')
    cases, left_out = plan(options.tool, options.full, options.only)
    outcomes = list(perform(options.tool, cases))
  words = collections.Counter(outcome.word().split(':')[0] for outcome in outcomes)
  print(f'{len(outcomes)} cases over {len({o.case.call for o in outcomes})} calls: '
        + ', '.join(f'{count} {word}' for word, count in words.most_common()))
  print(f'left out: {", ".join(sorted(left_out))}')
  if options.json:
    with open(options.json, 'w', encoding='utf-8') as f:
      json.dump({'tool': options.tool, 'table': summary(outcomes), 'left_out': sorted(left_out)}, f, indent=1)
  sys.exit(1 if options.tool == 'pcopy' and any(outcome.problems for outcome in outcomes) else 0)


if __name__ == '__main__':
  main()
