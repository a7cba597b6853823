#!/usr/bin/env python3
"""Killed right after one system call that changes the destination: each of them in turn.

When everything is killed, what has a name is whole, or can be seen not to be;
and --resume makes a complete copy of it that leaves nothing behind.  When only
the worker is killed, the copy is complete all the same, and the status 0.

The worker is stopped there by strace, so that the moment is exact.

    killed_after_each_change.py [--every=N] [--only=CALL] [--json=FILE]
"""

import argparse
import concurrent.futures
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'faults'))
import every_call_failed_once as traced
import faults

CHANGES = ('openat', 'mkdirat', 'mknodat', 'symlinkat', 'linkat', 'pwrite64', 'ftruncate', 'fsetxattr', 'setxattr',
           'fchown', 'fchownat', 'fchmod', 'utimensat', 'renameat', 'renameat2', 'unlinkat')
SCENES = {'new': (), 'new, --atomic': ('--atomic',), 'merge': ()}


def start(scene, dest, jobs, *strace_options):
  """A run that strace is attached to, from main() on."""
  faults.clear(dest)
  if scene == 'merge':
    faults.sh('cp', '-a', 'old', dest)
  environment = {**os.environ, 'LD_PRELOAD': traced.PRELOAD, 'ASAN_OPTIONS': 'verify_asan_link_order=0'}
  run = faults.Run([faults.PCOPY, f'-j{jobs}', *SCENES[scene], '-T', 'src', dest], env=environment)
  os.waitid(os.P_PID, run.pid, os.WSTOPPED)
  strace = subprocess.Popen(['strace', '-f', '-q', '-o', f'{dest}.log', *strace_options, '-p', str(run.pid)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
  faults.await_that(lambda: traced.is_traced(run.pid) or strace.poll() is not None, 'strace')
  if strace.poll() is not None:
    faults.skip(f'strace cannot: {strace.stderr.read()}')
  os.kill(run.pid, signal.SIGCONT)
  return run, strace


def end_strace(strace):
  try:
    strace.wait(20)
  except subprocess.TimeoutExpired:
    strace.kill()
  strace.stderr.close()


def count_calls(scene):
  """{call: how often the worker makes it}"""
  run, strace = start(scene, 'd', 1, '-e', f'trace={",".join(CHANGES)}', '-e', 'signal=none')
  run.wait(20)
  end_strace(strace)
  assert run.status == 0, run.text
  counts = {}
  with open('d.log', encoding='utf-8', errors='replace') as log:
    for line in log:
      m = traced.CALL.match(line)
      if m and m[2] in CHANGES and int(m[1]) != run.pid:
        counts[m[2]] = counts.get(m[2], 0) + 1
  return counts


def stopped_processes(log):
  """In the order they were; strace says so: in /proc a process that is traced looks stopped at each call.
  The master stood still before its main() too, without a signal that strace saw."""
  signalled, stopped = set(), []
  with open(log, encoding='utf-8', errors='replace') as f:
    for line in f:
      pid, _, event = line.partition('---')
      if event.startswith(' SIGSTOP {'):
        signalled.add(pid)
      elif event == ' stopped by SIGSTOP ---\n' and pid in signalled:
        signalled.remove(pid)
        stopped.append(int(pid))
  return stopped


def half_files(scene, dest, undated=False):
  """Names whose contents are not the source's, nor the old ones, though they look finished; with @undated
  also those whose time gives them away."""
  wrong = []
  for parent, _, names in os.walk(dest):
    for name in names:
      path = os.path.join(parent, name)
      source, before = (os.path.join(top, os.path.relpath(path, dest)) for top in ('src', 'old'))
      if name.startswith('.pcopy-') or os.path.islink(path) or not os.path.isfile(path) or not os.path.isfile(source):
        continue
      with open(path, 'rb') as a, open(source, 'rb') as b:
        made, wanted = a.read(), b.read()
      if made == wanted or (scene == 'merge' and faults.old_is_whole('old', os.path.relpath(path, dest), dest)):
        continue
      # The one exception, which --atomic takes away: a new small file, made in place, that is not dated yet.
      exception = not undated and scene != 'new, --atomic' and not os.path.exists(before if scene == 'merge' else '')
      if not exception or os.stat(path).st_mtime_ns == os.stat(source).st_mtime_ns:
        wrong.append(path)
  return wrong


def stop_after(scene, call, number, dest, jobs):
  """Returns the run, its strace, and the process that stands still: None when the run has ended before."""
  run, strace = start(scene, dest, jobs, '-e', f'trace={call}', '-e', f'inject={call}:signal=SIGSTOP:when={number}')
  try:
    faults.await_that(lambda: run.process.poll() is not None or stopped_processes(f'{dest}.log'), 'the worker to stop')
  except AssertionError:
    run.kill_all()
    raise
  return run, strace, next(iter(stopped_processes(f'{dest}.log')), None)


def kill_everything(scene, call, number, dest):
  """Returns the problems, or None when the run ended before it came to that call."""
  run, strace, stopped = stop_after(scene, call, number, dest, 1)
  run.kill_all()
  run.wait(20)
  end_strace(strace)
  if stopped is None:
    return None
  problems = [f'half a file: {path}' for path in half_files(scene, dest)]
  again = faults.run(faults.PCOPY, '-j2', '--resume', '-T', 'src', dest)
  verdict = faults.Verdict(again, 'src', dest, statuses=(0,))
  problems += [f'--resume: {problem}' for problem in verdict.problems]
  return problems + ([again.text.strip()] if problems else [])


def kill_worker(scene, call, number, dest):
  """The first that comes to that call; the others stop there too, and go on."""
  run, strace, victim = stop_after(scene, call, number, dest, 2)
  if victim not in (None, run.pid):
    os.kill(victim, signal.SIGKILL)
  helped = set()
  end = time.monotonic() + 20
  while run.process.poll() is None and time.monotonic() < end:
    for pid in set(stopped_processes(f'{dest}.log')) - helped - {victim if victim != run.pid else None}:
      os.kill(pid, signal.SIGCONT)
      helped.add(pid)
    time.sleep(0.005)
  run.wait(0)
  end_strace(strace)
  if victim in (None, run.pid):
    return None
  problems = faults.Verdict(run, 'src', dest, statuses=(0,)).problems
  if 'killed by signal 9' not in run.text:
    problems.append('the death was not seen')
  return problems + ([run.text.strip()] if problems else [])


def outcomes(results):
  """{who is killed and where: what came of it}"""
  cases = {}
  for (how, scene, _, _), problems in results:
    cases.setdefault(f'{how.__name__.replace("_", " ")}, {scene}', []).append(problems)
  told = {}
  for case, found in cases.items():
    wrong, reached = sum(map(bool, found)), sum(problems is not None for problems in found)
    told[case] = f'wrong after {wrong} of {reached}' if wrong else f'complete after {reached} of {reached}'
  return told


def main():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--every', type=int, default=1, metavar='N', help='only each Nth point')
  p.add_argument('--only', metavar='CALL')
  faults.add_options(p, ('pcopy',))
  options = p.parse_args()
  faults.need('strace')
  if not traced.PRELOAD:
    faults.skip('STOP_AT_MAIN is not set')
  with faults.scratch():
    faults.small_tree('src')
    faults.old_tree('src', 'old')
    points = [(how, scene, call, number) for scene in SCENES for call, count in sorted(count_calls(scene).items())
              for number in range(1, count + 1) if options.only in (None, call)
              for how in (kill_everything, kill_worker)][::options.every]
    places = [f'd{n}' for n in range(max(2, os.cpu_count() or 1))]

    def one(point):
      place = places.pop()
      try:
        return point, point[0](*point[1:], place)
      finally:
        places.append(place)

    with concurrent.futures.ThreadPoolExecutor(len(places)) as pool:
      results = list(pool.map(one, points))
  faults.write_cases(options, outcomes(results))
  bad = [(point, problems) for point, problems in results if problems]
  for point, problems in bad:
    print(f'FAIL: {point[0].__name__}: {point[1]}: after {point[2]} {point[3]}: {"; ".join(problems)}')
  print(f'{len(results)} points, {sum(problems is None for _, problems in results)} not reached, {len(bad)} wrong')
  sys.exit(1 if bad or not results else 0)


if __name__ == '__main__':
  main()
