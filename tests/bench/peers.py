"""Command lines of everything that is timed; a peer that is not installed is left out and named."""

import os
import shutil
import sys
from dataclasses import dataclass
from typing import Callable, Optional

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclass
class Contestant:
  name: str
  command: Callable  # (tools, source, copy) -> argv
  needs: Optional[str] = None  # a program on PATH
  rounds: Optional[int] = None  # fewer than the row's, for the very slow
  terminal: bool = False
  whole_metadata: bool = False  # the copy must be equal in everything, not only in contents


def pcopy(*options, name=None, terminal=False):
  label = name or ' '.join(('pcopy',) + options)
  return Contestant(label, lambda t, s, d: [t.pcopy, '-T', '-q', *options, s, d] if not terminal
                    else [t.pcopy, '-T', *options, s, d], terminal=terminal, whole_metadata=True)


def floor(jobs, *options):
  return Contestant(' '.join(('floor',) + options), lambda t, s, d: [t.floor, *options, '-j', str(jobs), s, d],
                    whole_metadata=True)


def shell(text):
  """@text sees the two paths as $1 and $2."""
  return lambda t, s, d: ['sh', '-c', text, 'sh', s, d]


CP = Contestant('cp -a', lambda t, s, d: ['cp', '-a', '-T', s, d], whole_metadata=True)
RSYNC = Contestant('rsync -a', lambda t, s, d: ['rsync', '-a', s + '/', d + '/'], 'rsync', whole_metadata=True)
RCLONE_32 = Contestant('rclone copy --transfers 32',
                       lambda t, s, d: ['rclone', 'copy', '--transfers', '32', '--checkers', '32', s, d], 'rclone')
TEXTBOOK = Contestant('textbook', lambda t, s, d: [sys.executable, f'{HERE}/textbook.py', s, d], rounds=1)


def uutils_cp():
  for program in ('uu-cp', 'uutils-cp', '/usr/lib/cargo/bin/coreutils/cp'):
    if shutil.which(program):
      return [program]
  for program in ('uutils', 'rust-coreutils'):
    if shutil.which(program):
      return [program, 'cp']
  return None


def peers(jobs):
  """The others, each told to use as many workers where it can be told."""
  n = str(jobs)
  found = [
    CP, RSYNC,
    Contestant('rclone copy', lambda t, s, d: ['rclone', 'copy', '--links', '--transfers', n, s, d], 'rclone'),
    Contestant('tar | tar', shell('mkdir "$2" && tar -C "$1" -cf - . | tar -C "$2" -xpf -'), 'tar'),
    Contestant(f'find | xargs -P {n} cp', shell(
      'mkdir "$2" && cd "$1" && find . -type d -print0 | (cd "$2" && xargs -0 mkdir -p) && '
      f'find . ! -type d -print0 | xargs -0 -P {n} -n 200 cp -a --parents -t "$2"'), 'find'),
    Contestant(f'fpsync -n {n}', lambda t, s, d: ['fpsync', '-n', n, s + '/', d + '/'], 'fpsync'),
    Contestant('xcp', lambda t, s, d: ['xcp', '-r', '--no-progress', '-w', n, s, d], 'xcp'),
    Contestant('fcp', lambda t, s, d: ['fcp', s, d], 'fcp'),
    Contestant('cpz', lambda t, s, d: ['cpz', s, d], 'cpz'),
  ]
  uutils = uutils_cp()
  found.append(Contestant('uutils cp -a', lambda t, s, d: [*uutils, '-a', s, d], uutils[0] if uutils else 'uutils'))
  return found
