#!/usr/bin/env python3
"""Each newer or faster system call refused for good, as an old kernel, a container
or a file system without it does: the copy is complete, the status 0, and nothing
is said.  By a seccomp filter (refuse.c), on memory and on a file system that can
share extents.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults

REFUSE = os.environ.get('REFUSE', '')
SANDBOX = ('ENOSYS', 'EPERM')
# What is refused, with what, and where that says something.
REFUSED = (
  (('copy_file_range',), (*SANDBOX, 'EXDEV', 'EOPNOTSUPP', 'EINVAL', 'EIO')),
  (('FICLONE',), (*SANDBOX, 'ENOTTY', 'EXDEV', 'EOPNOTSUPP', 'EINVAL', 'EIO')),
  (('FICLONE', 'copy_file_range'), (*SANDBOX, 'EXDEV', 'EOPNOTSUPP', 'EINVAL', 'EIO')),
  (('openat2',), SANDBOX),
  (('statx',), SANDBOX),
  (('pidfd_open',), SANDBOX),
  (('close_range',), SANDBOX),
  (('renameat2',), (*SANDBOX, 'EINVAL')),
  (('fchmodat2',), (*SANDBOX, 'EINVAL')),
  (('utimensat_fd',), ('EINVAL',)),
  (('fstatfs',), SANDBOX),
  (('prlimit64',), SANDBOX),
  (('getrandom',), SANDBOX),
  (('openat2', 'statx', 'pidfd_open', 'close_range', 'renameat2', 'fchmodat2', 'FICLONE', 'copy_file_range'), SANDBOX),
)


def sharing_place():
  """A btrfs on a loop device, where both fast ways of copying are tried; None where that cannot be."""
  if os.geteuid() != 0:
    return None
  try:
    faults.need('mkfs.btrfs', 'losetup')
    faults.sh('truncate', '-s', '300M', 'image')
    faults.sh('mkfs.btrfs', '-q', 'image')
    os.mkdir('sharing')
    faults.sh('mount', '-o', 'loop', 'image', 'sharing')
  except (AssertionError, SystemExit) as why:
    print(f'without a file system that shares extents: {why}')
    return None
  return 'sharing'


def check(place, what, error, over):
  """One run, into a new directory or over a copy that is older."""
  source, dest = f'{place}/src', f'{place}/dst'
  faults.clear(dest)
  if over:
    faults.sh('cp', '-a', f'{place}/old', dest)
  run = faults.run(REFUSE, error, *what, '--', faults.PCOPY, '-j3', '-T', source, dest)
  if run.status == 77:
    faults.skip(run.text)
  problems = faults.Verdict(run, source, dest, before=f'{place}/old' if over else None, statuses=(0,)).problems
  if run.text:
    problems.append(f'said: {run.text.strip()}')
  for problem in problems:
    print(f'FAIL: {place}: {error} for {", ".join(what)}: {problem}')
  return not problems


def eventfd_is_named(place):
  """The one that there is no way round: libuv cannot be without it."""
  faults.clear(f'{place}/dst')
  run = faults.run(REFUSE, 'ENOSYS', 'eventfd2', '--', faults.PCOPY, '-T', f'{place}/src', f'{place}/dst')
  good = run.status == faults.NOT_STARTED and 'event loop' in run.text and not os.path.exists(f'{place}/dst')
  if not good:
    print(f'FAIL: without eventfd2: status {run.status}: {run.text}')
  return good


def outcomes(results):
  """{what was refused: what came of it}, of [(what, good)]."""
  total = {}
  for what, good in results:
    total.setdefault(what, []).append(good)
  return {what: f'complete, {len(all_)} runs' if all(all_) else f'wrong in {all_.count(False)} of {len(all_)} runs'
          for what, all_ in total.items()}


def main():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  faults.add_options(p, ('pcopy',))
  options = p.parse_args()
  if not REFUSE:
    faults.skip('REFUSE is not set')
  with faults.scratch():
    os.mkdir('memory')
    results, named = [], []
    for place in filter(None, ('memory', sharing_place())):
      faults.small_tree(f'{place}/src')
      faults.old_tree(f'{place}/src', f'{place}/old')
      results += [(f'{", ".join(what) if len(what) < 3 else "most at once"}: {" ".join(errors)}',
                   check(place, what, error, over))
                  for what, errors in REFUSED for error in errors for over in (False, True)]
      named.append(eventfd_is_named(place))
  faults.write_cases(options, {**outcomes(results), 'eventfd2: ENOSYS': 'failure named' if all(named) else 'not named'})
  wrong = [good for _, good in results].count(False) + named.count(False)
  print(f'{len(results) + len(named)} cases, {wrong} wrong')
  sys.exit(1 if wrong else 0)


if __name__ == '__main__':
  main()
