"""Runs one command and says what it took: seconds, processor seconds, peak memory."""

import os
import pty
import select
import signal
import tempfile
import threading
import time
from dataclasses import dataclass


class Failed(Exception):
  pass


@dataclass
class Run:
  seconds: float
  cpu_seconds: float
  peak_mib: float = 0.0


ENVIRONMENT = dict(os.environ, LC_ALL='C.UTF-8')
SAMPLE_S = 0.05


def usage_seconds(usage):
  return usage.ru_utime + usage.ru_stime


def timed(argv, repeats=1):
  """posix_spawn is cheap (no copy of this process), so that ten tiny files can be timed too. With
  @repeats, argv is a function of the repetition, and the mean of all is returned."""
  with tempfile.TemporaryFile() as said:
    actions = [(os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
               (os.POSIX_SPAWN_DUP2, said.fileno(), 2)]
    commands = [argv(n) for n in range(repeats)] if callable(argv) else [argv]
    cpu, start = 0.0, time.perf_counter()
    for command in commands:
      pid = os.posix_spawnp(command[0], command, ENVIRONMENT, file_actions=actions)
      _, status, usage = os.wait4(pid, 0)
      cpu += usage_seconds(usage)
      if status != 0:
        said.seek(0)
        what = said.read(2000).decode(errors='replace')
        raise Failed(f'{" ".join(command)}: status {os.waitstatus_to_exitcode(status)}: {what}')
    return Run((time.perf_counter() - start) / len(commands), cpu / len(commands))


def timed_on_terminal(argv, size=(24, 100)):
  """In the foreground of a terminal of its own, which is read as fast as it is written."""
  start = time.perf_counter()
  pid, fd = pty.fork()
  if pid == 0:
    os.environ.update(TERM='xterm-256color', LC_ALL='C.UTF-8')
    os.execvp(argv[0], argv)
  said = b''
  try:
    while select.select([fd], [], [])[0]:
      said = (said + os.read(fd, 65536))[-4000:]
  except OSError:  # EIO: the last descriptor of the terminal is closed
    pass
  _, status, usage = os.wait4(pid, 0)
  seconds = time.perf_counter() - start
  os.close(fd)
  if status != 0:
    raise Failed(f'{" ".join(argv)}: status {os.waitstatus_to_exitcode(status)}: {said.decode(errors="replace")}')
  return Run(seconds, usage_seconds(usage))


def group_pss_kib(group):
  """Each shared page is divided among those who have it, so the sum counts it once. A process may end
  while it is read; what is left of it is nothing."""
  total = 0
  for name in os.listdir('/proc'):
    if not name.isdigit():
      continue
    try:
      if os.getpgid(int(name)) != group:
        continue
      with open(f'/proc/{name}/smaps_rollup', encoding='ascii') as f:
        total += next((int(line.split()[1]) for line in f if line.startswith('Pss:')), 0)
    except (OSError, ProcessLookupError):
      continue
  return total


def timed_with_memory(argv):
  """In a process group of its own; all its processes' memory together, looked at every 50 ms."""
  peak, ended = 0, threading.Event()
  start = time.perf_counter()
  null = [(os.POSIX_SPAWN_OPEN, fd, '/dev/null', os.O_RDWR, 0) for fd in (0, 1)]
  pid = os.posix_spawnp(argv[0], argv, ENVIRONMENT, file_actions=null, setpgroup=0)

  def sample():
    nonlocal peak
    while not ended.wait(SAMPLE_S):
      peak = max(peak, group_pss_kib(pid))

  sampler = threading.Thread(target=sample)
  sampler.start()
  try:
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
  except BaseException:
    os.killpg(pid, signal.SIGTERM)
    raise
  finally:
    ended.set()
    sampler.join()
  if status != 0:
    raise Failed(f'{" ".join(argv)}: status {os.waitstatus_to_exitcode(status)}')
  return Run(seconds, usage_seconds(usage), peak / 1024)
