"""What the fault and crash tests share: a scratch place, a small tree of every
kind of entry, a run that cannot hang the test, and the verdict on its outcome.

The verdict is the same for every fault.  It knows nothing of the fault: it
looks at the exit status, at what was said and at the destination, and lists
what must never be.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SUPPORT = os.path.join(os.path.dirname(HERE), 'support')
PCOPY = os.path.abspath(os.environ.get('PCOPY', 'pcopy'))
FAULTFS = os.environ.get('FAULTFS', '')
NO_SPACE, LOST, FAILED, NOT_STARTED = 4, 3, 1, 2


def load(name):
  spec = importlib.util.spec_from_file_location(name, os.path.join(SUPPORT, f'{name}.py'))
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


mktree, treediff = load('mktree'), load('treediff')


def skip(why):
  print(f'SKIP: {why}')
  sys.exit(77)


def need(*commands):
  for command in commands:
    if shutil.which(command, path=f'{os.environ.get("PATH", "")}:/usr/sbin:/sbin') is None:
      skip(f'no {command} here')


def need_root():
  if os.geteuid() != 0:
    skip('only root can do this')


def need_faultfs():
  if not FAULTFS or not os.access('/dev/fuse', os.R_OK | os.W_OK):
    skip('no libfuse or no /dev/fuse here')
  need('fusermount3')


def sh(*command, **options):
  """An auxiliary command that must succeed; what it says is kept for its failure."""
  done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                        text=True, check=False, **options)
  if done.returncode:
    raise AssertionError(f'{" ".join(command)}: status {done.returncode}: {done.stdout}')
  return done.stdout


def await_that(condition, what, seconds=20):
  end = time.monotonic() + seconds
  while True:
    value = condition()
    if value:
      return value
    if time.monotonic() > end:
      raise AssertionError(f'waited in vain: {what}')
    time.sleep(0.005)


@contextlib.contextmanager
def scratch(memory=True):
  """A directory of our own, the current one meanwhile; on memory where we may mount.  What is
  mounted below it is unmounted at the end."""
  place = os.path.realpath(tempfile.mkdtemp(prefix='pcopy-faults.', dir=os.environ.get('TMPDIR', '/var/tmp')))
  before = os.getcwd()
  os.umask(0o022)
  os.environ['LC_ALL'] = 'C.UTF-8'
  try:
    os.chmod(place, 0o755)
    if memory and os.geteuid() == 0:
      subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1g,mode=755', 'pcopy-faults', place], check=False,
                     stderr=subprocess.DEVNULL)
    os.chdir(place)
    yield place
  finally:
    os.chdir(before)
    for mounted in mounts_below(place):
      subprocess.run(['umount', '-l', mounted], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(place, ignore_errors=True)


def mounts_below(place):
  """Deepest first: what was mounted later stands later in the table."""
  with open('/proc/self/mounts', encoding='utf-8', errors='surrogateescape') as table:
    points = [line.split()[1].encode().decode('unicode_escape') for line in table]
  return [point for point in reversed(points) if point == place or point.startswith(place + '/')]


def clear(path):
  """rm -rf that may be asked for what is not there."""
  if os.path.islink(path) or os.path.isfile(path):
    os.unlink(path)
  elif os.path.lexists(path):
    subprocess.run(['rm', '-rf', path], check=True)


# -- the tree ----------------------------------------------------------------

def small_tree(root):
  """Every kind of entry, and few of each: a run over it makes every call that matters."""
  os.mkdir(root)
  b = mktree.Builder(os.fsencode(root), 4, ())
  rng = b.rng('faults')
  d = b.dir(b'sub', mode=0o750, owner=(1000, 1000), xattrs={'user.on-directory': b'yes'})
  b.dir(b'sub/deep', mode=0o555)
  b.dir(b'empty', mode=0o700)
  b.dir(b'acl', mode=0o755, xattrs={'system.posix_acl_default': mktree.ACLS[0]})
  for place, sizes in ((b'', (0, 1, 5000, 70_000)), (d + b'/', (10, 4096)), (b'sub/deep/', (7, 300_000))):
    for size in sizes:
      b.file(place + b'file%d' % size, [(0, mktree.bits(rng, size))], mode=0o644)
  b.file(b'big', [(0, mktree.bits(rng, 700_000))], mode=0o600)
  b.file(b'sparse', [(65536, mktree.bits(rng, 65536)), (1 << 20, b'end')], 2 << 20, mode=0o644)
  b.file(b'setuid', [(0, b'#!/bin/true')], mode=0o4755, owner=(1000, 1000))
  b.file(b'xattrs', [(0, b'x')], mode=0o644, xattrs={'user.one': b'1', 'user.two': b'2'})
  b.file(b'acl/inside', [(0, b'x')], mode=0o640, xattrs={'system.posix_acl_access': mktree.ACLS[1]})
  b.link(b.file(b'linked', [(0, b'several names')], mode=0o644), b'sub/link')
  b.link(b'linked', b'empty-not')
  b.symlink(b'symlink', b'file5000', owner=(1000, 1000))
  b.symlink(b'sub/dangling', b'no/where')
  b.node(b'fifo', stat.S_IFIFO, mode=0o640)
  b.node(b'sub/socket', stat.S_IFSOCK, mode=0o600)
  if b.privileged:
    b.node(b'device', stat.S_IFCHR, os.makedev(1, 3), mode=0o660)
  b.close()
  os.utime(root, ns=(1_500_000_000_000_000_001, 1_500_000_000_000_000_002))


def old_tree(source, dest):
  """What a merge meets: another content under the source's names, older."""
  shutil.copytree(source, dest, symlinks=True, ignore=lambda _, names: {'fifo', 'socket', 'device', 'acl'} & set(names))
  for parent, _, names in os.walk(dest):
    for name in names:
      path = os.path.join(parent, name)
      if not os.path.islink(path):
        os.chmod(path, 0o600)
        with open(path, 'wb') as f:
          f.write(b'old contents of ' + name.encode())
      os.utime(path, ns=(10**18, 10**18), follow_symlinks=False)


# -- a run -------------------------------------------------------------------

class Run:
  """A program under test, in a process group of its own, its words in a file."""

  def __init__(self, argv, **options):
    self.argv = argv
    self.words = tempfile.TemporaryFile()
    self.began = time.monotonic()
    self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.words, stderr=self.words,
                                    start_new_session=True, **options)
    self.pid = self.process.pid
    self.hung = False

  def wait(self, seconds=20):
    """Waits so long; then it hung, and is killed.  Returns self."""
    try:
      self.process.wait(seconds)
    except subprocess.TimeoutExpired:
      self.hung = True
      self.kill_all()
      self.process.wait()
    self.seconds = time.monotonic() - self.began
    self.status = self.process.returncode
    self.text = self.said_so_far()
    self.words.close()
    return self

  def said_so_far(self):
    return os.pread(self.words.fileno(), 1 << 20, 0).decode('utf-8', 'replace')

  def kill_all(self, sig=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
      os.killpg(self.pid, sig)

  def children(self):
    try:
      with open(f'/proc/{self.pid}/task/{self.pid}/children', encoding='ascii') as f:
        return [int(pid) for pid in f.read().split()]
    except OSError:
      return []


def run(*argv, seconds=20, **options):
  return Run(argv, **options).wait(seconds)


# -- the verdict -------------------------------------------------------------

class Differences(treediff.Comparer):
  """A comparison whose findings are kept: (class, path, what)."""

  def __init__(self, ignore=()):
    super().__init__(argparse.Namespace(ignore=set(ignore), max=0, quiet=True, atime=False, time_slack=1,
                                        holes='kept', hole_slack=treediff.HOLE_SLACK, granularity=4096, no_root=False))
    self.found = []

  def differ(self, kind, name, what):
    if kind not in self.o.ignore:
      self.found.append((kind, self.where(name), what))

  def error(self, name, what):
    self.found.append(('error', self.where(name), what))


def differences(source, dest, ignore=()):
  if not os.path.isdir(dest):
    return [('missing', '.', 'nothing was copied')]
  comparer = Differences(ignore)
  roots = [os.open(side, treediff.DIRECTORY) for side in (source, dest)]
  try:
    comparer.walk(roots)
  finally:
    for fd in roots:
      os.close(fd)
  return comparer.found


TEMPORARY = re.compile(r'^(\.pcopy-|\..*\.[A-Za-z0-9]{6}$)')  # ours, and rsync's
HIDDEN = re.compile(r'/\.([^/"]+)\.(?:[A-Za-z0-9]{6}|\d+)(?=")')  # rsync's, as its messages quote it: it names the file
METADATA = {'owner', 'mode', 'times', 'xattr', 'acl', 'holes', 'links', 'special'}
# A sentence of these about a directory is about all that is in it.
ABOUT_ALL = re.compile(r'directory|cannot open|cannot access|two workers died|changed while|opendir|readdir|mkdir|'
                       r'stat|SKIPPED|change_dir', re.IGNORECASE)


def leftovers(dest):
  return [os.path.join(parent, name) for parent, dirs, names in os.walk(dest) for name in dirs + names
          if TEMPORARY.match(name)]


def lines_about(text, path, sides):
  """The lines that name @path of either side, to its end."""
  ends = [re.escape(f'{side}/{path}' if path != '.' else side) for side in sides]
  ends.append(re.escape(path))
  pattern = re.compile(r'(^|[\s\'"/(‘])(' + '|'.join(ends) + r')/?($|[\s\'":,)’])', re.MULTILINE)
  return [line for line in text.splitlines() if pattern.search(line)]


ABOUT_THE_RUN = ('the copy is not complete', 'the copy cannot go on',
                 'rsync error: error', 'rsync error: unexplained error')  # it gave up; code 23 is another sentence


def is_named(text, path, kind, what, sides, merged):
  if lines_about(text, path, sides) or any(words in text for words in ABOUT_THE_RUN):
    return True
  if kind == 'links' and lines_about(text, what.rpartition(' hard link of ')[2], sides):
    return True
  while path != '.' and (merged or kind in ('missing', 'type', 'links')):
    path = os.path.dirname(path) or '.'
    if any(ABOUT_ALL.search(line) for line in lines_about(text, path, sides)):
      return True
  return False


def old_is_whole(before, path, dest):
  """A file that failed is absent or, as it was before, all there."""
  mine, old = os.path.join(dest, path), os.path.join(before, path) if before else ''
  if not before or not os.path.lexists(old):
    return not os.path.lexists(mine)
  if os.path.islink(mine) or not os.path.isfile(mine):
    return True
  with open(mine, 'rb') as a, open(old, 'rb') as b:
    return a.read() == b.read()


WORST_FIRST = ('hang', 'died', 'silent loss:', 'half a file', 'silent loss of metadata', 'temporary file left')


class Verdict:
  """@problems: what must never be, the worst first.  @word: what came of it, for the table."""

  def __init__(self, run_, source, dest, before=None, ignore=(), statuses=(0, 1, 2, 3, 4), named=None, stuck=False,
               mine=True):
    """@before: what @dest was.  @named: how the source is called in messages, where that is not @source.
    @stuck: the destination lets nothing be removed any more.  @mine: the statuses are pcopy's; those of the
    others mean a failure, whatever their number."""
    self.status = run_.status if mine else min(run_.status, FAILED)
    self.problems = []
    self.found = differences(source, dest, ignore)
    if run_.hung:
      self.problems.append('hang')
    elif run_.status < 0:
      self.problems.append(f'died of {signal.Signals(-run_.status).name}')
    elif run_.status not in statuses:
      self.problems.append(f'status {run_.status}')
    if not stuck and leftovers(dest):
      self.problems.append('temporary file left')
    self.judge_contents(dest, before)
    if not run_.hung:
      self.judge_words(run_, (named or source, dest), before is not None, source)
    self.problems.sort(key=lambda p: next((n for n, words in enumerate(WORST_FIRST) if p.startswith(words)), 99))
    self.word = self.problems[0] if self.problems else {
      0: 'complete', LOST: 'complete, loss told', NOT_STARTED: 'not started, said', NO_SPACE: 'no space, said',
    }.get(self.status, 'failure named')

  def judge_contents(self, dest, before):
    for kind, path, _ in self.found:
      if kind == 'content' and not old_is_whole(before, path, dest):
        self.problems.append(f'half a file: {path}')
      if kind == 'error':
        self.problems.append(f'cannot compare {path}')

  def judge_words(self, run_, sides, merged, source):
    text, status = HIDDEN.sub(r'/\1', run_.text), self.status
    if status == 0 and self.found:
      kind, path, _ = min(self.found, key=lambda f: 2 if f[0] == 'extra' else f[0] in METADATA)
      word = 'too much' if kind == 'extra' else 'silent loss of metadata' if kind in METADATA else 'silent loss'
      if kind != 'extra' or 'temporary file left' not in self.problems:
        self.problems.append(f'{word}: {path} ({kind})')
    elif status == LOST:
      lost = [path for kind, path, _ in self.found if kind not in METADATA and not is_special(source, path)]
      if lost or 'not kept on' not in text:
        self.problems.append(f'silent loss: {lost[0] if lost else "no receipt"}')
    elif status != 0 and not text.strip():
      self.problems.append('nothing said')
    elif status == FAILED:
      for kind, path, what in sorted(self.found, key=lambda f: f[0] in METADATA):
        if not is_named(text, path, kind, what, sides, merged) and not (kind in METADATA and 'not kept on' in text):
          word = 'metadata not named' if kind in METADATA else 'not named'
          self.problems.append(f'{word}: {path} ({kind}: {what})')
          break


# -- the programs compared, and what came of each case ----------------------------

TOOLS = ('pcopy', 'cp', 'rsync')
STATUSES = {'pcopy': (0, 1, 2, 3, 4), 'cp': (0, 1), 'rsync': tuple(range(40))}
NOT_KEPT = {'pcopy': (), 'cp': (), 'rsync': ('holes',)}


def command(tool, source, dest, *options):
  """@options are pcopy's own."""
  if tool == 'cp':
    return ['cp', '-a', '-T', source, dest]
  if tool == 'rsync':
    return ['rsync', '-aHAX', f'{source}/', dest]
  return [PCOPY, *options, '-T', source, dest]


def add_options(parser, tools=TOOLS):
  """Those that scorecard.py gives to each script."""
  parser.add_argument('--tool', choices=tools, default='pcopy', help='the program to look at')
  parser.add_argument('--json', metavar='FILE', help='write what came of it, for scorecard.py')


def write_cases(options, outcomes):
  """@outcomes: {case: words}."""
  if options.json:
    with open(options.json, 'w', encoding='utf-8') as f:
      json.dump({'tool': options.tool, 'cases': outcomes}, f, indent=1)


class Card:
  """Collects the outcome of named cases; for pcopy a problem is a failure of the test."""

  def __init__(self, description):
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(p)
    p.add_argument('--long', action='store_true', help='more of it')
    self.options = p.parse_args()
    self.tool, self.long = self.options.tool, self.options.long
    need(*{self.tool} - {'pcopy'})
    self.outcomes, self.wrong = {}, 0

  def judge(self, case, run_, source, dest, statuses=None, expect=(), **more):
    """@statuses: what pcopy may end with.  @expect: what pcopy must have said.  Returns the verdict."""
    mine = self.tool == 'pcopy'
    verdict = Verdict(run_, source, dest, ignore=NOT_KEPT[self.tool], mine=mine,
                      statuses=statuses if mine and statuses else STATUSES[self.tool], **more)
    if mine:
      verdict.problems += [f'not said: {words}' for words in expect if words not in run_.text]
    self.note(case, verdict.problems[0] if verdict.problems else verdict.word, verdict.problems, run_)
    return verdict

  def note(self, case, outcome, problems, run_=None):
    self.outcomes[case] = outcome
    if not problems or self.tool != 'pcopy':
      print(f'{case}: {outcome}', flush=True)
      return
    self.wrong += 1
    print(f'FAIL: {case}: {"; ".join(problems)}')
    if run_ is not None:
      print(f'      status {run_.status} after {run_.seconds:.1f} s')
      print(''.join(f'      | {line}\n' for line in run_.text.splitlines()[:12]), end='', flush=True)

  def leave_out(self, case, why):
    self.outcomes[case] = f'not run: {why}'
    print(f'{case}: skipped: {why}')

  def end(self):
    write_cases(self.options, self.outcomes)
    print(f'{len(self.outcomes)} cases, {self.wrong} wrong')
    sys.exit(1 if self.wrong else 0)


def is_special(source, path):
  mode = os.lstat(os.path.join(source, path)).st_mode
  return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
