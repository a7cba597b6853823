"""What one small file costs: system calls (strace -c), and requests seen by a file system (faultfs)."""

import os
import signal
import subprocess
import tempfile
import time

import measure
import places
from peers import CP, floor, pcopy

DIRS, FILES, SIZE = 100, 2000, 6144
PROGRAMS = (pcopy('-j', '2'), floor(2), CP)


def generate(tools, path):
  subprocess.run([tools.gentree, f'--dirs={DIRS}', f'--files={FILES}', f'--size={SIZE}', path], check=True)


def table(heading, counts):
  """@counts: for each program, calls by name. What none of them makes for every hundredth file is summed up."""
  names = sorted({name for calls in counts.values() for name in calls},
                 key=lambda name: -max(calls.get(name, 0) for calls in counts.values()))
  yield f'| {heading} | ' + ' | '.join(counts) + ' |'
  yield '|---|' + '---:|' * len(counts)
  rest = dict.fromkeys(counts, 0)
  for name in names:
    if max(calls.get(name, 0) for calls in counts.values()) >= FILES / 100:
      yield f'| {name} | ' + ' | '.join(f'{calls.get(name, 0) / FILES:.2f}' for calls in counts.values()) + ' |'
    else:
      for program, calls in counts.items():
        rest[program] += calls.get(name, 0)
  yield '| others | ' + ' | '.join(f'{count / FILES:.2f}' for count in rest.values()) + ' |'
  yield '| **all** | ' + ' | '.join(f'**{sum(calls.values()) / FILES:.2f}**' for calls in counts.values()) + ' |'


def strace_counts(argv):
  with tempfile.NamedTemporaryFile() as out:
    trace = ['strace', '-f', '-c', '-U', 'name,calls', '-o', out.name]
    done = subprocess.run([*trace, *argv], capture_output=True, check=False)
    if done.returncode:
      raise measure.Failed(f'{" ".join(argv)}: {done.stderr.decode(errors="replace")[:300]}')
    counts = {}
    for line in out.read().decode().splitlines():
      words = line.split()
      if len(words) == 2 and words[1].isdigit() and words[0] != 'total':
        counts[words[0]] = int(words[1])
    return counts


def syscalls(tools):
  """Of the whole run, divided by the files: start, directories and scanning are in it."""
  with places.tmpfs(tools) as place:
    generate(tools, f'{place}/source')
    counts = {program.name: strace_counts(program.command(tools, f'{place}/source', f'{place}/copy{n}'))
              for n, program in enumerate(PROGRAMS)}
  yield f'System calls per file ({FILES:,} files of {SIZE} bytes in {DIRS} directories, tmpfs):'
  yield ''
  yield from table('system call', counts)


def faultfs_counts(place):
  """Asks the server for its counts, waits for them, and starts them anew."""
  below = os.path.dirname(place)
  with open(f'{below}/pid', encoding='ascii') as f:
    pid = int(f.read())
  if os.path.exists(f'{below}/stats'):
    os.unlink(f'{below}/stats')
  os.kill(pid, signal.SIGUSR1)
  deadline = time.monotonic() + 10
  while not os.path.exists(f'{below}/stats'):
    if time.monotonic() > deadline:
      raise measure.Failed('faultfs does not answer')
    time.sleep(0.005)
  with open(f'{below}/stats', encoding='ascii') as f:
    counts = {name: int(count) for name, count in map(str.split, f)}
  os.kill(pid, signal.SIGUSR2)
  parts = ('chmod', 'chown', 'truncate', 'utimens', 'requests', 'requests_at_once', 'hanging', 'bytes_read',
           'bytes_written', 'forget')
  return {name: count for name, count in counts.items() if name not in parts}


def requests(tools):
  """Each is a round trip on network storage; setattr is chmod, chown and utimens together."""
  counts = {}
  yield f'Requests per file as a file system sees them ({FILES:,} files in {DIRS} directories, nothing cached):'
  yield ''
  with places.slow(0)(tools) as place:
    generate(tools, places.below(f'{place}/source'))
    faultfs_counts(place)
    for n, program in enumerate(PROGRAMS):
      measure.timed(program.command(tools, f'{place}/source', f'{place}/copy{n}'))
      counts[program.name] = faultfs_counts(place)
  yield from table('request', counts)
