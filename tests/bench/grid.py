#!/usr/bin/env python3
"""Runs the rows of the performance table and prints it.

    grid.py [OPTION]... [ROW]...       all rows, `syscalls` and `requests` without ROW

All programs of a row take turns in every round, each round in another order,
so that what disturbs the machine disturbs all; medians of at least five rounds
are compared, smallest and largest are shown, and nothing is left out: not an
outlier, not a row that is lost.  Status 1 when a target was missed.
"""

import argparse
import datetime
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field, replace

sys.dont_write_bytecode = True  # the source tree stays as it is

import measure
import places
import roundtrips
import rows

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = '| workload | program | median | smallest .. largest | CPU | pcopy beside it | target | |\n' \
         '|---|---|---:|---:|---:|---:|---:|---|'

ABSENT = 'not installed'


@dataclass
class Tools:
  pcopy: str
  floor: str
  gentree: str
  faultfs: str


@dataclass
class Result:
  runs: dict = field(default_factory=dict)      # program: its Runs, one a round
  failures: dict = field(default_factory=dict)  # program: why it has no result


def find_tools(options):
  build = options.build
  pcopy = options.pcopy or next((path for path in (f'{build}/pcopy', f'{build}/src/pcopy') if os.path.exists(path)), None)
  if not pcopy:
    sys.exit(f'grid: no pcopy in {build}: give --build=DIR or --pcopy=PATH')
  tools = Tools(os.path.abspath(pcopy), f'{build}/tests/bench/floor', f'{build}/tests/bench/gentree',
                f'{build}/tests/support/faultfs')
  for path in (tools.floor, tools.gentree):
    if not os.path.exists(path):
      sys.exit(f'grid: {path} is missing: build it first')
  return tools


def generate(tools, tree, path):
  subprocess.run([tools.gentree, f'--dirs={tree.dirs}', f'--files={tree.files}', f'--size={tree.size}',
                  places.below(path)], check=True)


def census(path):
  """How many entries and bytes; enough to see that a peer copied all of it."""
  entries, size = 0, 0
  pending = [path]
  while pending:
    at = pending.pop()
    if not os.path.isdir(at):
      return 1, os.path.getsize(at)
    with os.scandir(at) as listing:
      for entry in listing:
        entries += 1
        if entry.is_dir(follow_symlinks=False):
          pending.append(entry.path)
        else:
          size += entry.stat(follow_symlinks=False).st_size
  return entries, size


def verify(contestant, source, copy):
  source, copy = places.below(source), places.below(copy)
  if census(source) != census(copy):
    raise measure.Failed(f'copied {census(copy)} entries and bytes of {census(source)}')
  if contestant.whole_metadata:
    diff = subprocess.run([sys.executable, f'{HERE}/../support/treediff.py', '--max=3', source, copy],
                          capture_output=True, text=True, check=False)
    if diff.returncode != 0:
      raise measure.Failed(f'the copy is not equal: {diff.stdout.strip()}')


class Course:
  """One row being run: its place, its source, and a fresh name for each copy."""

  def __init__(self, tools, row, place):
    self.tools, self.row, self.place, self.copies = tools, row, place, 0
    self.source = f'{place}/source'
    generate(tools, row.tree, self.source)
    if row.lone_file:
      self.source += '/f0000000.dat'
    self.memory = 0  # to be touched before each run
    self.finished = None
    if row.into_finished_copy:
      self.finished = f'{place}/finished'
      subprocess.run(['cp', '-a', '-T', places.below(self.source), places.below(self.finished)], check=True)

  def warm_up(self):
    """One untimed copy, before each timed one: what ran just before decides what state the kernel's caches
    and the free memory are in, a tenth of the time, and no order of a few rounds makes that even."""
    copy = f'{self.place}/warm-up'
    subprocess.run(['cp', '-a', '-T', places.below(self.source), places.below(copy)], check=True)
    subprocess.run(['rm', '-rf', places.below(copy)], check=True)

  def run(self, contestant, check):
    first = self.copies
    self.copies += self.row.repeats
    paths = [self.finished or f'{self.place}/copy{n}' for n in range(first, self.copies)]
    commands = [contestant.command(self.tools, self.source, path) for path in paths]
    self.warm_up()
    places.settle(places.below(self.place))
    places.touch_memory(self.memory)
    try:
      if contestant.terminal:
        done = measure.timed_on_terminal(commands[0])
      else:
        done = measure.timed(lambda n: commands[n], self.row.repeats)
      if check:
        verify(contestant, self.source, paths[0])
      return done
    finally:
      if not self.finished:
        # By its own way, not below(): the kernel, and faultfs with it, then lets go of every inode.
        subprocess.run(['rm', '-rf', *paths], check=True)


def usable(contestant, result):
  if contestant.needs and not shutil.which(contestant.needs):
    result.failures[contestant.name] = ABSENT
    return False
  return True


def run_rounds(row, course, rounds):
  result = Result()
  contestants = [c for c in row.contestants if usable(c, result)]
  for turn in range(rounds):
    shift = turn % len(contestants)
    order = contestants[shift:] + contestants[:shift]
    for contestant in order[::-1] if turn % 2 else order:  # so that nobody always comes after the same one
      if contestant.name in result.failures or turn >= (contestant.rounds or rounds):
        continue
      try:
        result.runs.setdefault(contestant.name, []).append(course.run(contestant, check=turn == 0))
      except measure.Failed as failure:
        result.failures[contestant.name] = str(failure)
        result.runs.pop(contestant.name, None)
  return result


def show_time(seconds):
  return f'{seconds * 1000:.2f} ms' if seconds < 0.1 else f'{seconds:.3f} s'


def lines_of(row, result):
  """A line for each program, and whether all is well with it; its ratio to pcopy where a check names it, one more line for a second check."""
  medians = {name: statistics.median(run.seconds for run in runs) for name, runs in result.runs.items()}
  main = row.contestants[0].name
  for contestant in row.contestants:
    name, shown = contestant.name, contestant.name.replace('|', '\\|')
    if name not in medians:
      why = result.failures[name]
      yield f'| {row.title} | {shown} | – | – | – | – | – | {why.splitlines()[0]} |', why == ABSENT
      continue
    seconds = [run.seconds for run in result.runs[name]]
    cpu = statistics.median(run.cpu_seconds for run in result.runs[name])
    start = f'| {row.title} | {shown} | {show_time(medians[name])} | {show_time(min(seconds))} .. ' \
            f'{show_time(max(seconds))} | {show_time(cpu)} |'
    checks = [c for c in row.checks if name == (c.other[0] if len(c.other) == 1 else c.subject)]
    if not checks:
      ratio = f'{medians[name] / medians[main]:.2f}x' if main in medians and name != main else ''
      yield f'{start} {ratio} | | |', True
    for check in checks:
      if not {check.subject, *check.other} <= medians.keys():
        yield f'{start} | | MISS: nothing to compare |', False
        continue
      ratio, whose = check.ratio(medians), '' if check.subject == main else f' ({check.subject})'
      if len(check.other) > 1:
        whose = ' of the best fixed -j'
      sign, verdict = {'<=': '≤', '>=': '≥'}[check.sense], 'PASS' if check.holds(ratio) else 'MISS'
      yield f'{start} {ratio:.2f}x{whose} | {sign} {check.limit:g}x | {verdict} |', check.holds(ratio)


def memory_lines(tools, row, rounds):
  """Peak memory of all processes together; as many rounds as asked, at most three: a round takes a minute."""
  command, peaks = row.contestants[0].command, []
  limit = rows.MEMORY_BASE_MIB + 2 * rows.MEMORY_WORKER_MIB
  for tree in row.memory_trees:
    with places.tmpfs(tools) as place:
      generate(tools, tree, f'{place}/source')
      runs = []
      for _ in range(min(rounds, 3)):
        runs.append(measure.timed_with_memory(command(tools, f'{place}/source', f'{place}/copy')))
        subprocess.run(['rm', '-rf', f'{place}/copy'], check=True)
    found = sorted(run.peak_mib for run in runs)
    peaks.append(statistics.median(found))
    ok = peaks[-1] <= limit
    yield f'| {tree.files:,} empty files, peak memory | {row.contestants[0].name} | {peaks[-1]:.1f} MiB | ' \
          f'{found[0]:.1f} .. {found[-1]:.1f} MiB | {show_time(statistics.median(r.cpu_seconds for r in runs))} | | ' \
          f'≤ {limit} MiB | {"PASS" if ok else "MISS"} |', ok
  growth = peaks[1] - peaks[0]
  ok = growth <= rows.MEMORY_GROWTH_MIB
  yield f'| more for twice as many files | | | | | {growth:.1f} MiB | ≤ {rows.MEMORY_GROWTH_MIB} MiB | ' \
        f'{"PASS" if ok else "MISS"} |', ok


def run_row(tools, row, rounds):
  if row.rounds > rounds:
    row, rounds = replace(row, title=f'{row.title}, {row.rounds} rounds'), row.rounds
  try:
    if row.memory_trees:
      yield from memory_lines(tools, row, rounds)
      return
    with row.place(tools) as place:
      course = Course(tools, row, place)
      with places.ballast(row.tree.memory() * row.repeats) as course.memory:
        result = run_rounds(row, course, rounds)
  except (places.Unavailable, measure.Failed) as error:
    yield f'| {row.title} | – | – | – | – | – | – | not run: {str(error).splitlines()[0]} |', False
    return
  for name, failure in result.failures.items():
    if failure != ABSENT:
      print(f'grid: {row.name}: {name}: {failure}', file=sys.stderr)
  yield from lines_of(row, result)


def machine(options):
  with open('/proc/cpuinfo', encoding='utf-8') as f:
    models = [line.split(':', 1)[1].strip() for line in f if line.startswith('model name')]
  with open('/proc/meminfo', encoding='ascii') as f:
    memory = int(f.readline().split()[1]) / 1048576
  versions = [subprocess.run([peer, '--version'], capture_output=True, text=True, check=False).stdout.split('\n')[0]
              for peer in ('cp', 'rsync', 'rclone') if shutil.which(peer)]
  return f'{datetime.date.today()}; {os.cpu_count()} x {models[0] if models else platform.machine()}, {memory:.0f} GiB, ' \
         f'Linux {platform.release()}; {"; ".join(versions)}; {options.rounds} rounds, load before ' \
         f'{os.getloadavg()[0]:.1f}' \
         f'{", --quick: a tenth of each workload" if options.quick else ""}'


def parse():
  p = argparse.ArgumentParser(description='Runs the performance grid.',
                              epilog='rows: ' + ' '.join(row.name for row in rows.ROWS) + ' syscalls requests')
  p.add_argument('rows', nargs='*', metavar='ROW', help='a name, or what names begin with (small, latency, peers ...)')
  p.add_argument('--build', default='build', metavar='DIR', help='the build directory (build)')
  p.add_argument('--pcopy', default=os.environ.get('PCOPY'), metavar='PATH',
                 help='the program (the one in the build directory)')
  p.add_argument('--rounds', type=int, default=5, metavar='N', help='rounds (5)')
  p.add_argument('--quick', action='store_true', help='a tenth of each workload: a look, not a measurement')
  p.add_argument('--write-results', action='store_true', help='append the tables to RESULTS.md')
  options = p.parse_args()
  everything = not options.rows
  options.reports = [name for name in ('syscalls', 'requests') if everything or name in options.rows]
  wanted = [name for name in options.rows if name not in ('syscalls', 'requests')]
  try:
    options.selected = rows.ROWS if everything else rows.select(wanted)
  except KeyError as unknown:
    p.error(f'no such row: {unknown}')
  return options


def main():
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that mounts are taken down on the way out
  options = parse()
  tools = find_tools(options)
  said, missed = [], 0

  def say(line=''):
    print(line, flush=True)
    said.append(line)

  say(machine(options))
  say()
  if options.selected:
    say(HEADER)
  for row in options.selected:
    for line, good in run_row(tools, row.quick() if options.quick else row, options.rounds):
      say(line)
      missed += not good
  for name in options.reports:
    say()
    try:
      for line in getattr(roundtrips, name)(tools):
        say(line)
    except (places.Unavailable, measure.Failed, OSError) as error:
      say(f'{name}: not run: {error}')
      missed += 1
  if options.write_results:
    with open(f'{HERE}/RESULTS.md', 'a', encoding='utf-8') as f:
      f.write('\n## ' + '\n'.join(said) + '\n')
  return 1 if missed else 0


if __name__ == '__main__':
  sys.exit(main())
