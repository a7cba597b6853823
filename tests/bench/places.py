"""Where a workload lives: a tmpfs of our own, a file system in an image on it, or faultfs over it."""

import contextlib
import ctypes
import mmap
import os
import shutil
import subprocess
import tempfile
import time

GIVEN_BACK_S = 2.5
MUCH = 1 << 30
BALLAST_LEAVES = 1 << 30    # besides, for programs and what the kernel wants to have free
BALLAST_MOST = 64 << 30     # a machine with more than that is no small guest

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
  pass


def quietly(*argv):
  done = subprocess.run(argv, capture_output=True, check=False)
  if done.returncode:
    raise Unavailable(f'{" ".join(argv)}: {done.stderr.decode(errors="replace").strip()}')


def settle(path):
  """Writes out what earlier runs left, so that no run pays for another's."""
  fd = os.open(path, os.O_RDONLY)
  libc.syncfs(fd)
  os.close(fd)


def available():
  with open('/proc/meminfo', encoding='ascii') as f:
    return next(int(line.split()[1]) * 1024 for line in f if line.startswith('MemAvailable'))


def taken(size):
  return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)


def touch_memory(size):
  """A virtual machine gets memory when it is touched, a page fault of the host's for each page, and some
  give it back seconds after it was freed. What a run is given would depend on what ran before, and how
  long ago: so as much as it needs is touched before each. Much of it is held until what earlier runs have
  freed is given back (Linux does so two seconds later, and all that is free then goes with it)."""
  touched = taken(min(size, available() // 10 * 9))
  if size >= MUCH:
    time.sleep(GIVEN_BACK_S)
  touched.close()


@contextlib.contextmanager
def ballast(size):
  """Yields how much to touch before each run of a row that needs @size. What was touched is not what the
  next to ask is given while more than that is free: one program copied 2 GiB in 1.0 s and in 5.0 s. So where
  a run needs much, all but that is held meanwhile (the first time, the host takes a minute for it), and what
  is left is touched."""
  spare = available() - size - BALLAST_LEAVES
  if size < MUCH or not 0 < spare < BALLAST_MOST:
    yield size
    return
  held = taken(spare)
  try:
    yield size + BALLAST_LEAVES
  finally:
    held.close()


@contextlib.contextmanager
def tmpfs(_tools):
  """Our own mount when we may; inodes without limit, for the millions. Else a directory in /dev/shm."""
  if os.geteuid() != 0:
    path = tempfile.mkdtemp(prefix='pcopy-bench-', dir='/dev/shm')
    try:
      yield path
    finally:
      shutil.rmtree(path)
    return
  path = tempfile.mkdtemp(prefix='pcopy-bench-')
  quietly('mount', '-t', 'tmpfs', '-o', 'size=90%,nr_inodes=0,mode=755', 'pcopy-bench', path)
  try:
    yield path
  finally:
    subprocess.run(['umount', path], check=True)
    os.rmdir(path)


def image(kind, size='5G'):
  @contextlib.contextmanager
  def place(tools):
    if os.geteuid() != 0:
      raise Unavailable('loop mounts need root')
    with tmpfs(tools) as below:
      disk, path = f'{below}/{kind}.img', f'{below}/{kind}'
      os.mkdir(path)
      quietly('truncate', '-s', size, disk)
      quietly(f'mkfs.{kind}', *(['-q'] if kind != 'btrfs' else ['-q', '-f']), disk)
      quietly('mount', '-o', 'loop', disk, path)
      try:
        yield path
      finally:
        subprocess.run(['umount', path], check=True)
  return place


def slow(latency_us=1000, *options):
  """Every request takes @latency_us, however many there are at once; nothing is cached."""
  @contextlib.contextmanager
  def place(tools):
    if not tools.faultfs or not os.path.exists(tools.faultfs):
      raise Unavailable('faultfs was not built (libfuse3 is missing)')
    with tmpfs(tools) as below:
      back, path = f'{below}/back', f'{below}/front'
      os.mkdir(back)
      os.mkdir(path)
      quietly(tools.faultfs, f'--latency-us={latency_us}', f'--stats={below}/stats', f'--pid-file={below}/pid',
              *options, back, path)
      try:
        yield path
      finally:
        subprocess.run(['umount' if os.geteuid() == 0 else 'fusermount3', *(['-u'] if os.geteuid() else []), path],
                       check=True)
        wait_for_server(below)
  return place


def wait_for_server(below):
  """It writes its counts after the unmount; the tmpfs under it is busy until then."""
  with open(f'{below}/pid', encoding='ascii') as f:
    pid = int(f.read())
  deadline = time.monotonic() + 10
  while os.path.exists(f'/proc/{pid}') and time.monotonic() < deadline:
    time.sleep(0.01)


def below(path):
  """The same directory under faultfs, for making and removing trees without its latency."""
  head, front, tail = path.rpartition('/front')
  return f'{head}/back{tail}' if front else path
