#!/usr/bin/env python3
"""^C at random moments while several workers copy ranges of big files, on storage
that makes requests wait: nothing half made is left, and --resume completes it with
another number of workers.

    random_interrupts.py [--interrupts=N] [--seed=N]
"""

import argparse
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'faults'))
import faults

JOBS = (2, 3, 5, 9)


def make_source():
  os.makedirs('src/sub')
  for n in range(1, 7):
    with open(f'src/{"sub/" if n % 3 == 0 else ""}big{n}', 'wb') as f:
      f.write(os.urandom((17 << 20) + 1000 * n))
  with open('src/small', 'wb') as f:
    f.write(b'small')


def copy(rng, *options):
  return faults.Run([faults.PCOPY, '-T', f'-j{rng.choice(JOBS)}', *options, 'src', 'slow/dst'])


def one_interrupt(rng, longest):
  """Returns (was it in time, problems)."""
  faults.clear('back/dst')
  run = copy(rng)
  time.sleep(rng.random() * longest)
  run.process.send_signal(signal.SIGINT)
  run.wait(30)
  problems = [] if run.status in (0, -signal.SIGINT) else [f'status {run.status}']
  if os.path.isdir('back/dst'):
    problems += [f'left: {path}' for path in faults.leftovers('back/dst')]
  again = copy(rng, '--resume').wait(30)
  if again.status != 0 or faults.differences('src', 'slow/dst'):
    problems.append(f'next run: status {again.status}, {faults.differences("src", "slow/dst")}')
  return run.status != 0, problems + ([run.text, again.text] if problems else [])


def main():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--interrupts', type=int, default=30, metavar='N')
  p.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32), metavar='N')
  options = p.parse_args()
  faults.need_faultfs()
  print(f'--seed={options.seed}', flush=True)
  rng = random.Random(options.seed)
  with faults.scratch():
    os.makedirs('back')
    os.makedirs('slow')
    faults.sh(faults.FAULTFS, '--latency-us=300', 'back', 'slow')
    make_source()
    whole = copy(rng).wait()
    assert whole.status == 0, whole.text
    hits = wrong = 0
    for number in range(options.interrupts):
      hit, problems = one_interrupt(rng, whole.seconds)
      hits += hit
      if problems:
        wrong += 1
        print(f'FAIL: interrupt {number}: {"; ".join(problems)}', flush=True)
  print(f'{options.interrupts} moments, {hits} in time, {wrong} wrong')
  sys.exit(1 if wrong or hits < options.interrupts // 4 else 0)


if __name__ == '__main__':
  main()
