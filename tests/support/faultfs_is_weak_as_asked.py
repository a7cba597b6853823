#!/usr/bin/env python3
"""Mounts faultfs over a directory, once per knob, and requires what the knob promises."""

import concurrent.futures
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FAULTFS = sys.argv[1]
DEADLINE = 20


def await_that(condition, what):
  end = time.monotonic() + DEADLINE
  while not condition():
    if time.monotonic() > end:
      raise AssertionError(f'waited in vain: {what}')
    time.sleep(0.005)


class Mounted:
  """faultfs over an empty directory; .back is below it, .front is seen through it."""

  def __init__(self, scratch, *options):
    self.dir = tempfile.mkdtemp(dir=scratch)
    self.back, self.front, self.stats_path = (f'{self.dir}/{name}' for name in ('back', 'front', 'stats'))
    self.options = [*options, f'--stats={self.stats_path}', f'--pid-file={self.dir}/pid', f'--control={self.dir}/go']

  def __enter__(self):
    os.mkdir(self.back)
    os.mkdir(self.front)
    subprocess.run([FAULTFS, *self.options, self.back, self.front], check=True)
    with open(f'{self.dir}/pid') as f:
      self.pid = int(f.read())
    return self

  def __exit__(self, *_):
    open(f'{self.dir}/go', 'w').close()
    subprocess.run(['fusermount3', '-u', self.front] if os.geteuid() else ['umount', self.front], check=True)

  def stats(self):
    if os.path.exists(self.stats_path):
      os.unlink(self.stats_path)
    os.kill(self.pid, signal.SIGUSR1)
    await_that(lambda: os.path.exists(self.stats_path), 'stats')
    with open(self.stats_path) as f:
      return {name: int(count) for name, count in map(str.split, f)}

  def write(self, name, data):
    with open(f'{self.back}/{name}', 'wb') as f:
      f.write(data)
    return f'{self.front}/{name}'


def refused(error, call, *arguments, **options):
  try:
    call(*arguments, **options)
  except OSError as e:
    assert e.errno == error, f'{call.__name__}: {e}'
    return
  raise AssertionError(f'{call.__name__} was not refused')


def passes_everything(scratch):
  """Without a knob the nasty tree goes through it, by cp -a, and nothing is lost on either side."""
  with Mounted(scratch) as m:
    source = f'{m.dir}/tree'
    subprocess.run([f'{HERE}/mktree.py', '--files=100', '--deep=20', '--strict', source], check=True)
    subprocess.run(['cp', '-a', source, f'{m.front}/copy'], check=True)
    for side in (m.front, m.back):
      subprocess.run([f'{HERE}/treediff.py', source, f'{side}/copy'], check=True)


def latency_is_side_by_side(scratch):
  """32 requests of 200 ms: all of them wait at once, as the file system itself counts; first for
  names it never heard of, all in one directory, then for known ones."""
  with Mounted(scratch, '--latency-us=200000') as m:
    paths = [m.write(f'file{n}', b'x') for n in range(32)]
    for _ in range(2):
      os.kill(m.pid, signal.SIGUSR2)
      with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda path: os.close(os.open(path, os.O_RDONLY)), paths))
      at_once = m.stats()['requests_at_once']  # would be few if only the lookups came one after the other
      assert at_once >= 24, f'only {at_once} waited at once'


def counts_requests(scratch):
  with Mounted(scratch) as m:
    path = m.write('file', b'x')
    os.kill(m.pid, signal.SIGUSR2)
    await_that(lambda: m.stats()['requests'] == 0, 'zero')
    for _ in range(10):
      os.stat(path)
    before = m.stats()
    assert before['lookup'] == 10 and 'open' not in before, before
    fd = os.open(path, os.O_RDONLY)
    os.close(fd)
    await_that(lambda: m.stats().get('release') == 1, 'release')
    after = m.stats()
    assert after['open'] == 1 and after['flush'] == 1, after


def caches_when_asked(scratch):
  with Mounted(scratch, '--cache=100') as m:
    path = m.write('file', b'x')
    for _ in range(10):
      os.stat(path)
    assert m.stats()['lookup'] == 1, m.stats()


def readdirplus_when_asked(scratch):
  for options, kind in (([], 'readdir'), (['--readdirplus'], 'readdirplus')):
    with Mounted(scratch, *options) as m:
      names = {f'file{n:04}' for n in range(500)}
      for name in names:
        m.write(name, b'')
      assert set(os.listdir(m.front)) == names
      assert kind in m.stats(), m.stats()


def read_fails_after_bytes(scratch):
  with Mounted(scratch, '--fail=read:bad.bin:EIO:65536') as m:
    bad, good = m.write('bad.bin', bytes(1 << 20)), m.write('good.bin', bytes(1 << 20))
    with open(bad, 'rb', buffering=0) as f:
      assert os.pread(f.fileno(), 1 << 20, 0) == bytes(65536)
      refused(errno.EIO, os.pread, f.fileno(), 1, 65536)
    with open(good, 'rb') as f:
      assert f.read() == bytes(1 << 20)
    assert subprocess.run(['cp', bad, f'{m.dir}/copy'], stderr=subprocess.DEVNULL, check=False).returncode == 1


def reads_and_writes_are_short(scratch):
  with Mounted(scratch, '--short=read:short*:1000', '--short=write:short*:700') as m:
    data = os.urandom(100_000)
    path = m.write('short.bin', data)
    fd = os.open(path, os.O_RDWR)
    assert len(os.pread(fd, 4096, 0)) == 1000
    assert os.pwrite(fd, data[:4096], 0) == 700
    os.close(fd)
    subprocess.run(['cp', path, f'{m.dir}/copy'], check=True)
    with open(f'{m.dir}/copy', 'rb') as f:
      assert f.read() == data


def other_requests_fail(scratch):
  with Mounted(scratch, '--fail=flush:lost', '--fail=create:no*:ENOSPC', '--fail=fsync:lost:EDQUOT') as m:
    fd = os.open(f'{m.front}/lost', os.O_WRONLY | os.O_CREAT, 0o600)
    refused(errno.EDQUOT, os.fsync, fd)
    refused(errno.EIO, os.close, fd)
    refused(errno.ENOSPC, os.open, f'{m.front}/none', os.O_WRONLY | os.O_CREAT, 0o600)


def rule_follows_a_rename(scratch):
  with Mounted(scratch, '--fail=flush:final') as m:
    fd = os.open(f'{m.front}/temporary', os.O_WRONLY | os.O_CREAT, 0o600)
    os.rename(f'{m.front}/temporary', f'{m.front}/final')
    refused(errno.EIO, os.close, fd)


def hangs_until_released(scratch):
  with Mounted(scratch, '--hang=read:stuck') as m:
    path = m.write('stuck', b'at last')
    child = subprocess.Popen(['cat', path], stdout=subprocess.PIPE)
    await_that(lambda: os.path.exists(f'{m.dir}/go.hanging'), 'a request that hangs')
    assert m.stats()['hanging'] == 1 and child.poll() is None
    # The others go on.
    subprocess.run(['mkdir', f'{m.front}/other'], check=True, timeout=DEADLINE)
    open(f'{m.dir}/go', 'w').close()
    assert child.communicate(timeout=DEADLINE)[0] == b'at last'


def like_vfat(scratch):
  with Mounted(scratch, '--like-vfat') as m:
    path, me = m.write('file', b'x'), os.geteuid()
    os.utime(path, ns=(1_600_000_001_999_999_999, 1_600_000_003_999_999_999))
    st = os.stat(path)
    assert (st.st_atime_ns, st.st_mtime_ns) == (1_600_000_000 * 10**9, 1_600_000_002 * 10**9), st
    os.chmod(path, 0o600)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o755
    refused(errno.EPERM, os.chmod, path, 0o4755)
    os.chown(path, me, -1)
    refused(errno.EPERM, os.chown, path, me + 1, -1)
    refused(errno.EOPNOTSUPP, os.setxattr, path, 'user.x', b'')
    assert os.listxattr(path) == []
    refused(errno.EPERM, os.link, path, path + '2')
    refused(errno.EPERM, os.symlink, 'x', path + '2')
    refused(errno.EPERM, os.mkfifo, path + '2')
    fd = os.open(path, os.O_WRONLY)
    os.ftruncate(fd, 1 << 20)
    assert os.lseek(fd, 0, os.SEEK_HOLE) == 1 << 20
    os.close(fd)


def refuses_what_is_listed(scratch):
  with Mounted(scratch, '--refuse=chmod,utimens,xattr,mknod', '--time-granularity-ns=1000') as m:
    path = m.write('file', b'x')
    refused(errno.EPERM, os.chmod, path, 0o600)
    refused(errno.EPERM, os.utime, path)
    refused(errno.EOPNOTSUPP, os.getxattr, path, 'user.x')
    refused(errno.EPERM, os.mkfifo, path + '2')
    os.symlink('x', path + '3')
    os.utime(f'{m.back}/file', ns=(1, 1_999_999_999))
    assert os.stat(path).st_mtime_ns == 1_999_999_000


def hides_holes(scratch):
  with Mounted(scratch, '--hide-holes') as m:
    path = m.write('sparse', b'')
    os.truncate(f'{m.back}/sparse', 1 << 20)
    assert os.stat(path).st_blocks * 512 == 1 << 20
    with open(path, 'rb') as f:
      assert os.lseek(f.fileno(), 0, os.SEEK_HOLE) == 1 << 20


def offloads_when_asked(scratch):
  for options, count in (([], 0), (['--copy-offload'], 100_000)):
    with Mounted(scratch, *options) as m:
      path = m.write('file', os.urandom(100_000))
      with open(path, 'rb') as a, open(f'{m.front}/copy', 'wb') as b:
        done = 0
        while done < 100_000:
          done += os.copy_file_range(a.fileno(), b.fileno(), 100_000 - done)
      stats = m.stats()
      assert (stats['bytes_read'] == 0) == (count > 0) and stats['copy_file_range'] >= 1, stats


CHECKS = (passes_everything, latency_is_side_by_side, counts_requests, caches_when_asked, readdirplus_when_asked,
          read_fails_after_bytes, reads_and_writes_are_short, other_requests_fail, rule_follows_a_rename,
          hangs_until_released, like_vfat, refuses_what_is_listed, hides_holes, offloads_when_asked)


def main():
  if not os.access('/dev/fuse', os.R_OK | os.W_OK):
    print('skipped: /dev/fuse cannot be opened')
    return 77
  scratch = tempfile.mkdtemp(prefix='faultfs-')
  probe = Mounted(scratch)
  try:
    with probe:
      pass
  except (OSError, subprocess.CalledProcessError) as error:
    shutil.rmtree(scratch)
    print(f'skipped: FUSE cannot be mounted here: {error}')
    return 77
  failed = 0
  for check in CHECKS:
    try:
      check(scratch)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
      failed += 1
      print(f'FAIL {check.__name__}: {type(error).__name__} {error}')
  subprocess.run(f'chmod -R u+rwx {scratch}; rm -rf --one-file-system {scratch}', shell=True,
                 stderr=subprocess.DEVNULL, check=False)
  print(f'{len(CHECKS)} checks, {failed} failed')
  return failed > 0


if __name__ == '__main__':
  sys.exit(main())
