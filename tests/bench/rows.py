"""The rows of the grid: a workload, who runs it, and what is promised."""

from dataclasses import dataclass, field, replace
from typing import Callable, Optional

import places
from peers import CP, RCLONE_32, RSYNC, TEXTBOOK, Contestant, floor, pcopy, peers


@dataclass
class Tree:
  dirs: int
  files: int
  size: int

  def memory(self):
    """What a copy of it takes in memory, about: contents in whole pages, an inode, a name; and some more."""
    return (256 << 20) + (self.dirs + self.files) * 2048 + self.files * -(-self.size // 4096) * 4096

  def quick(self):
    return Tree(self.dirs // 10, max(self.files // 10, 1) if self.files > 10 else self.files,
                self.size // 8 if self.size >= 1 << 28 else self.size)


@dataclass
class Check:
  """`<=`: @subject takes at most @limit times as long as @other; `>=`: @other takes at least @limit
  times as long as @subject. Of several others the best counts."""
  subject: str
  sense: str
  limit: float
  other: tuple

  def ratio(self, medians):
    best = min(medians[name] for name in self.other)
    mine = medians[self.subject]
    return mine / best if self.sense == '<=' else best / mine

  def holds(self, ratio):
    return ratio <= self.limit if self.sense == '<=' else ratio >= self.limit


@dataclass
class Row:
  name: str
  title: str
  place: Callable
  tree: Tree
  contestants: list
  checks: list = field(default_factory=list)
  repeats: int = 1                # copies in one measurement: for what is too short to be timed once
  rounds: int = 0                 # at least so many, where single runs differ much
  into_finished_copy: bool = False
  lone_file: bool = False         # the one file is the operand, not its directory
  memory_trees: Optional[tuple] = None  # measure peak memory instead of time, on each of these

  def quick(self):
    trees = self.memory_trees and tuple(tree.quick() for tree in self.memory_trees)
    return replace(self, tree=self.tree.quick(), memory_trees=trees, rounds=0)


def at_most(subject, limit, *other):
  return Check(subject, '<=', limit, other)


def at_least(subject, limit, *other):
  return Check(subject, '>=', limit, other)


J1, J2, J8 = pcopy('-j', '1'), pcopy('-j', '2'), pcopy('-j', '8')
J16, J32 = pcopy('-j', '16'), pcopy('-j', '32')
AUTO = pcopy(name='pcopy')
SMALL = Tree(3000, 60_000, 6144)
FLAT = Tree(0, 20_000, 1024)
BIG4 = Tree(0, 4, 512 << 20)
SLOW = Tree(100, 1000, 4096)


def small_on(kind, times_cp, *more):
  return Row(f'small-{kind}', f'60,000 files of 6 KB in 3,000 directories, loop {kind}', places.image(kind), SMALL,
             [J2, floor(2), CP, *more], [at_most(J2.name, 1.10, 'floor'), at_least(J2.name, times_cp, CP.name)])


def fixed(*jobs):
  return [pcopy('-j', str(n)) for n in jobs]


def names(contestants):
  return [c.name for c in contestants]


def resuming(contestant):
  return replace(contestant, name=contestant.name + ' --resume',
                 command=lambda t, s, d: [t.pcopy, '--resume', '-T', '-q', '-j', '2', s, d])


def display(face):
  return pcopy('-j', '2', f'--progress={face}', name=f'pcopy -j 2 --progress={face}', terminal=True)


RESUME = resuming(J2)
LINE, NO_DISPLAY = display('line'), display('none')
TMPFS_FIXED, SLOW_FIXED = fixed(1, 2, 4, 8), fixed(8, 16, 32, 64)
ONE_MILLION = Tree(1000, 1_000_000, 0)
TWO_MILLION = Tree(1000, 2_000_000, 0)

ROWS = [
  Row('small-tmpfs', '60,000 files of 6 KB in 3,000 directories, tmpfs', places.tmpfs, SMALL,
      [J2, floor(2), CP, RSYNC],
      [at_most(J2.name, 1.10, 'floor'), at_least(J2.name, 2.1, CP.name), at_least(J2.name, 3, RSYNC.name)]),
  small_on('ext4', 1.6),
  # Where small files are cloned, also a floor that does so, and a copy that does not.
  small_on('xfs', 1.5, floor(2, '-c'), pcopy('-j', '2', '--reflink=never')),
  small_on('btrfs', 1.2, floor(2, '-c'), pcopy('-j', '2', '--reflink=never')),
  Row('flat', 'one flat directory, 20,000 files of 1 KB, tmpfs', places.tmpfs, FLAT, [J2, CP],
      [at_least(J2.name, 1.5, CP.name)]),
  Row('big4', '4 files of 512 MiB, tmpfs', places.tmpfs, BIG4, [J2, J1, CP],
      [at_least(J2.name, 1.5, CP.name), at_least(J1.name, 0.95, CP.name)]),
  # Single runs differ most here: by what the host does with so much memory.
  Row('one-big', 'one file of 2 GiB, tmpfs', places.tmpfs, Tree(0, 1, 2 << 30), [J2, J1, J8, CP],
      [at_least(j.name, 0.95, CP.name) for j in (J2, J1, J8)], lone_file=True, rounds=15),
  Row('latency', '1,000 files of 4 KB in 100 directories, 1 ms per request', places.slow(), SLOW,
      [J32, J1, CP, RCLONE_32],
      [at_least(J32.name, 36, CP.name), at_least(J32.name, 2.5, RCLONE_32.name),
       at_least(J32.name, 0.8 * 32, J1.name)]),
  Row('latency-big', 'one file of 256 MiB, 1 ms per request', places.slow(), Tree(0, 1, 256 << 20), [J16, CP],
      [at_least(J16.name, 8, CP.name)], lone_file=True),
  Row('tiny', 'ten files of 100 bytes, tmpfs', places.tmpfs, Tree(0, 10, 100), [pcopy('-j', '5'), CP],
      [at_most('pcopy -j 5', 2, CP.name)], repeats=20),
  Row('resume', '60,000 files of 6 KB, all up to date, tmpfs', places.tmpfs, SMALL, [RESUME, RSYNC],
      [at_least(RESUME.name, 2, RSYNC.name)], into_finished_copy=True),
  Row('memory', 'peak memory, 1,000,000 and 2,000,000 empty files, tmpfs', places.tmpfs, ONE_MILLION, [J2],
      memory_trees=(ONE_MILLION, TWO_MILLION)),
  Row('display', '60,000 files of 6 KB, on a terminal, tmpfs', places.tmpfs, SMALL, [LINE, NO_DISPLAY],
      [at_most(LINE.name, 1.03, NO_DISPLAY.name)]),
  Row('auto-tmpfs', '60,000 files of 6 KB, the default -j beside fixed ones, tmpfs', places.tmpfs, SMALL,
      [AUTO, *TMPFS_FIXED], [at_most(AUTO.name, 1.10, *names(TMPFS_FIXED))]),
  Row('auto-latency', '1,000 files of 4 KB, the default -j beside fixed ones, 1 ms per request', places.slow(), SLOW,
      [AUTO, *SLOW_FIXED], [at_least(AUTO.name, 0.7, *names(SLOW_FIXED))]),
  Row('peers-small', '60,000 files of 6 KB in 3,000 directories, tmpfs', places.tmpfs, SMALL, [J2, *peers(2)]),
  Row('peers-flat', 'one flat directory, 20,000 files of 1 KB, tmpfs', places.tmpfs, FLAT, [J2, *peers(2)]),
  Row('peers-big', '4 files of 512 MiB, tmpfs', places.tmpfs, BIG4, [J2, *peers(2)]),
  Row('textbook', '60,000 files of 6 KB in 3,000 directories, tmpfs', places.tmpfs, SMALL, [J2, TEXTBOOK],
      [at_least(J2.name, 100, TEXTBOOK.name)]),
]

# Peak memory of all processes together: so much, and more for each worker; "the same" for twice the files
# leaves room for the noise of pages.
MEMORY_BASE_MIB, MEMORY_WORKER_MIB, MEMORY_GROWTH_MIB = 64, 1, 1


def select(wanted):
  """By name, or by what a name begins with (`small`, `peers`); in the order of the table."""
  unknown = [w for w in wanted if not any(row.name == w or row.name.startswith(w + '-') for row in ROWS)]
  if unknown:
    raise KeyError(', '.join(unknown))
  return [row for row in ROWS if any(row.name == w or row.name.startswith(w + '-') for w in wanted)]
