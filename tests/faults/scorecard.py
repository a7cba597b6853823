#!/usr/bin/env python3
"""Runs the fault and crash tests for pcopy, and for cp and rsync where the case applies
to them, and writes what came of it into README.md beside it, between its two markers.

    scorecard.py --build=DIR                                all of it
    scorecard.py --build=DIR --quick                        fewer errors, places and kills
    scorecard.py --build=DIR --only=CALL --readme=FILE      a look at one system call
    scorecard.py --from=DIR                                 no run: the tables, of JSON files kept by --json-dir

Nothing is left out of the tables: a script that could not run is there with its
reason.  Status 1 when a case of pcopy went wrong or a script failed.
"""

import argparse
import collections
import datetime
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass

sys.dont_write_bytecode = True  # the source tree stays as it is

import calls

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = '<!-- scorecard: begin -->', '<!-- scorecard: end -->'
WIDTH = 118
TOOLS = {'pcopy': 'pcopy', 'cp': 'cp -a', 'rsync': 'rsync -aHAX'}
EVERY_CALL = 'every_call_failed_once'
SKIPPED = 77


@dataclass
class Script:
  """A test that writes {case: outcome}; @all_ and @few are its arguments without and with --quick."""
  path: str
  title: str
  tools: tuple = ('pcopy', 'cp', 'rsync')
  all_: tuple = ()
  few: tuple = ()
  takes_call: bool = False

  @property
  def name(self):
    return os.path.splitext(os.path.basename(self.path))[0]


SCRIPTS = (
  Script(f'faults/{EVERY_CALL}.py', 'Each system call failed', all_=('--full',), takes_call=True),
  Script('faults/full_disk.py', 'Too little room'),
  Script('faults/broken_device.py', 'Disks that break'),
  Script('faults/broken_file_system.py', 'File systems that fail, fall short or hang'),
  Script('faults/changing_source.py', 'Sources that change while they are copied'),
  Script('faults/symlink_attacker.py', 'Directories and files exchanged with links to the outside', all_=('--long',)),
  Script('crash/random_kills.py', 'Killed at random moments', all_=('--kills=200',)),
  Script('crash/killed_after_each_change.py', 'Killed right after one change of the destination', ('pcopy',),
         few=('--every=5',), takes_call=True),
  Script('crash/two_deaths_on_one_file_name_it.py', 'Two workers die over one file', ('pcopy',)),
  Script('faults/refused_fast_paths.py', 'Newer and faster system calls refused for good', ('pcopy',)),
)

# What a class of outcomes is called in the totals, and the words it stands for; what is good comes first.
GOOD = {
  'complete': ('complete',),
  'contents complete, lost metadata told': ('complete, loss told',),
  'failure, said, with a status that is not 0': ('failure named', 'no space, said', 'not started, said'),
  'an error that no kernel gives there': ('impossible',),
}
WRONG = {
  'hang': ('hang',),
  'died of a signal': ('died of',),
  'silent loss of files or contents: status 0': ('silent loss',),
  'half a file left under its name': ('half a file',),
  'silent loss of metadata: status 0': ('silent loss of metadata',),
  'temporary file left': ('temporary file left',),
  'status not 0, but not all of it named': ('not named',),
  'status not 0, but lost metadata not named': ('metadata not named',),
  'status not 0, and nothing said': ('nothing said',),
}
NOT_REACHED = 'not reached'
OTHERS = 'something else'
ORDER = [word for words in (*WRONG.values(), *GOOD.values()) for word in words]
FINE = re.compile(r'complete|failure named$|no space, said|not started, said|ends in |\d+ workers gone|nothing came in|'
                  r'\d+ kills?: complete|as it was before|not run')


def class_of(word):
  """The line of the totals that @word is counted in."""
  for name, words in {**GOOD, **WRONG}.items():
    if word in words or (word.startswith('died of') and 'died of' in words):
      return name
  return word if word == NOT_REACHED else OTHERS


def is_wrong(word):
  return word != NOT_REACHED and class_of(word) not in GOOD


# -- running ---------------------------------------------------------------------

def environment(build):
  """What the scripts want to know; what is set already stays."""
  env = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONUNBUFFERED': '1'}
  for name, path in (('PCOPY', 'pcopy'), ('STOP_AT_MAIN', 'tests/faults/stop_at_main.so'),
                     ('REFUSE', 'tests/faults/refuse'), ('ATTACK', 'tests/faults/attack'),
                     ('FAULTFS', 'tests/support/faultfs')):
    path = os.path.join(os.path.abspath(build), path)
    if name not in env and os.path.exists(path):
      env[name] = path
  if not os.access(env.get('PCOPY', ''), os.X_OK):
    sys.exit(f'scorecard: no pcopy in {build}: give --build=DIR, or PCOPY in the environment')
  return env


def run_script(script, tool, options, env, path):
  """Leaves a JSON file at @path whatever happens.  Returns whether nothing is wrong."""
  command = [sys.executable, os.path.join(os.path.dirname(HERE), script.path), f'--json={path}']
  command += script.few if options.quick else script.all_
  if len(script.tools) > 1:
    command.append(f'--tool={tool}')
  if script.takes_call:
    command += [f'--only={call}' for call in options.only]
  print(f'== {script.name} {" ".join(command[3:])}'.rstrip(), flush=True)
  if os.path.exists(path):
    os.unlink(path)
  began, last = time.monotonic(), ''
  process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors='replace')
  try:
    for line in process.stdout:
      print(line, end='', flush=True)
      last = line.strip() or last
    status = process.wait()
  finally:
    if process.poll() is None:
      process.send_signal(signal.SIGINT)  # so that it takes its mounts down
      process.wait()
  print(f'   status {status} after {time.monotonic() - began:.0f} s', flush=True)
  if not os.path.exists(path):
    why = last.removeprefix('SKIP: ') if status == SKIPPED else f'the test itself failed: {last}'
    with open(path, 'w', encoding='utf-8') as f:
      json.dump({'tool': tool, 'not run': why}, f)
  return status in (0, SKIPPED)


def version(command):
  """The first line of --version in few words."""
  if not shutil.which(command):
    return f'no {os.path.basename(command)}'
  line = subprocess.run([command, '--version'], capture_output=True, text=True, check=False).stdout.split('\n')[0]
  return re.sub(r' +-- | +(version )?(?=v?\d)', ' ', line.split(' protocol')[0]).replace(' version', '').strip()


def note_run(options, env, place):
  """Writes what the tables say of the run.  A directory may be filled by several runs of the same kind."""
  known = {'date': str(datetime.date.today()), 'kernel': f'{platform.system()} {platform.release()}',
           'versions': [version(command) for command in (env['PCOPY'], 'cp', 'rsync', 'strace')],
           'quick': options.quick, 'only': options.only, 'scripts': options.scripts, 'tools': options.tools}
  path = f'{place}/run.json'
  if os.path.exists(path):
    with open(path, encoding='utf-8') as f:
      before = json.load(f)
    if any(before[key] != known[key] for key in ('kernel', 'versions', 'quick', 'only')):
      sys.exit('scorecard: that directory holds the results of another kind of run: give an empty one')
    for key in ('scripts', 'tools'):
      known[key] = list(dict.fromkeys(before[key] + known[key]))
  with open(path, 'w', encoding='utf-8') as f:
    json.dump(known, f, indent=1)


def run_all(options, place):
  env = environment(options.build)
  note_run(options, env, place)
  good = True
  for script in SCRIPTS:
    for tool in options.tools:
      if script.name in options.scripts and tool in script.tools:
        good &= run_script(script, tool, options, env, f'{place}/{script.name}.{tool}.json')
  return good


# -- the tables ------------------------------------------------------------------

def load(place, known):
  """{script: {tool: what it wrote}}, of what this run had in it."""
  results = collections.defaultdict(dict)
  for script in SCRIPTS:
    for tool in known['tools']:
      path = f'{place}/{script.name}.{tool}.json'
      if script.name not in known['scripts'] or tool not in script.tools:
        continue
      if not os.path.exists(path):
        results[script.name][tool] = {'not run': 'there is no result'}
        continue
      with open(path, encoding='utf-8') as f:
        results[script.name][tool] = json.load(f)
  return results


def plain(text):
  """One line without the path of any directory, that a table can hold."""
  line = text.strip().split('\n')[0]
  return re.sub(r'(?<![\w.])/(?:[^\s/\'":,]+/)*([^\s/\'":,]*)', r'\1', line).replace('|', '\\|')


def fill(text, **more):
  return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False, **more)


def why_not(results):
  """A line for each program that could not be looked at."""
  for tool, result in results.items():
    if 'not run' in result:
      yield from ['', *fill(f'{TOOLS[tool]}: not run: {plain(result["not run"])}')]


def sorted_words(counts):
  def place(word):
    return next((n for n, known in enumerate(ORDER) if word == known), -1 if word != NOT_REACHED else len(ORDER))
  return sorted(counts, key=place)


def in_words(counts):
  return '; '.join(f'**{counts[word]} {plain(word)}**' if is_wrong(word) else f'{counts[word]} {word}'
                   for word in sorted_words(counts))


def groups_of(errors):
  """[(errors, {word: count})]: errors that ended in the same words, joined while a line can hold them."""
  groups = []
  for errno, counts in errors.items():
    words = set(counts) - {NOT_REACHED}
    for names, total, known in groups:
      if known == words and len(' '.join(names)) < 42:
        names.append(errno)
        total.update(counts)
        break
    else:
      groups.append(([errno], collections.Counter(counts), words))
  return [(names, total) for names, total, _ in groups]


def totals_of(table):
  total = collections.Counter()
  for errors in table.values():
    for counts in errors.values():
      total.update(counts)
  return total


def left_out(names):
  """Paragraphs: what was not failed, by the reason."""
  reasons = collections.defaultdict(list)
  for name in names:
    reasons[calls.LEFT_OUT.get(name, 'newer than this strace, which cannot name it to fail it')].append(f'`{name}`')
  text = '; '.join(f'{", ".join(called)} ({why.replace(";", ",")})' for why, called in sorted(reasons.items()))
  return fill(f'Left out: {text}.') if text else ['No call was left out.']


def table_of_calls(results):
  """pcopy alone: a row for a call and the errors that ended alike."""
  result = results.get('pcopy')
  if result is None:
    return
  yield '### pcopy: call by call'
  yield from why_not({'pcopy': result})
  if 'not run' in result:
    return
  table = result['table']
  total = totals_of(table)
  pairs = sum(map(len, table.values()))
  yield ''
  yield from fill(f'{total.total()} cases over {len(table)} calls and {pairs} pairs of a call and an error: '
                  f'{in_words(total)}.')
  yield ''
  yield from left_out(result['left_out'])
  yield from ('', '| call | errors | cases and what came of them |', '|---|---|---|')
  for call in sorted(table):
    shown = f'`{call}`'
    for names, counts in groups_of(table[call]):
      yield f'| {shown} | {" ".join(names)} | {in_words(counts)} |'
      shown = ''


def table_of_totals(results):
  """A row for a class of outcomes, a column for a program."""
  ran = {tool: result for tool, result in results.items() if 'not run' not in result}
  yield '### Side by side'
  yield from why_not(results)
  if not ran:
    return
  counted, reached = {}, {}
  for tool, result in ran.items():
    counted[tool] = collections.Counter()
    for word, count in totals_of(result['table']).items():
      counted[tool][class_of(word)] += count
    reached[tool] = counted[tool].total() - counted[tool][NOT_REACHED]

  def row(name, cell):
    return f'| {name} | ' + ' | '.join(str(cell(tool)) for tool in ran) + ' |'

  def share(name):
    return lambda tool: f'{counted[tool][name]} ({counted[tool][name] / max(1, reached[tool]):.1%})' \
      if counted[tool][name] else '0'

  yield from ('', row('', TOOLS.get), '|---|' + '---:|' * len(ran))
  yield row('system calls failed', lambda tool: len(ran[tool]['table']))
  yield row('cases', lambda tool: counted[tool].total())
  yield row('not reached', lambda tool: counted[tool][NOT_REACHED])
  yield row('reached', reached.get)
  for name in GOOD:
    yield row(name, share(name))
  for name in (*WRONG, OTHERS):
    if name != OTHERS or any(counts[OTHERS] for counts in counted.values()):
      yield row(f'**{name}**', share(name))


def cell(tool, outcomes, case):
  """The outcome, cut to its words; bold when it must not be."""
  if case not in outcomes:
    return '–'
  outcome = plain(outcomes[case])
  word = outcome.split(':')[0]
  if is_wrong(word) and (class_of(word) != OTHERS or word == 'not said'):
    outcome = word
  fine = FINE.match(outcome) or (tool != 'pcopy' and re.fullmatch(r'status \d+', outcome))
  return outcome if fine else f'**{outcome}**'


def table_of_cases(script, results):
  """A row for a case, a column for a program."""
  yield f'### {script.title}'
  yield from why_not(results)
  outcomes = {tool: results.get(tool, {}).get('cases', {}) for tool in TOOLS}
  cases = list(dict.fromkeys(case for by_case in outcomes.values() for case in by_case))
  if cases:
    yield from ('', '| case | ' + ' | '.join(TOOLS.values()) + ' |', '|---|' + '---|' * len(TOOLS))
  elif not any('not run' in result for result in results.values()):
    yield from ('', 'It had no case.')
  for case in cases:
    yield f'| {plain(case)} | ' + ' | '.join(cell(tool, outcomes[tool], case) for tool in TOOLS) + ' |'


def tables(place):
  """The lines between the markers."""
  with open(f'{place}/run.json', encoding='utf-8') as f:
    known = json.load(f)
  results = load(place, known)
  yield from fill(f'{known["date"]}; {known["kernel"]}; {", ".join(known["versions"])}.')
  limits = ['fewer errors, places and kills (`--quick`)'] if known['quick'] else []
  limits += [f'of the calls only {", ".join(known["only"])}'] if known['only'] else []
  missing = [script.name for script in SCRIPTS if script.name not in known['scripts']]
  limits += [f'without {", ".join(missing)}'] if missing else []
  limits += [f'without {tool}' for tool in TOOLS if tool not in known['tools']]
  if limits:
    yield from ['', *fill(f'**Only a part:** {"; ".join(limits)}.')]
  every_call = results.pop(EVERY_CALL, {})
  if every_call:
    yield from ('', '## Each system call failed', '')
    yield from table_of_totals(every_call)
    yield ''
    yield from table_of_calls(every_call)
  if results:
    yield from ('', '## The named cases')
  for script in SCRIPTS:
    if script.name in results:
      yield ''
      yield from table_of_cases(script, results[script.name])


def write_readme(path, lines):
  """Puts @lines between the markers; what stands around them stays."""
  template = path if os.path.exists(path) else f'{HERE}/README.md'
  with open(template, encoding='utf-8') as f:
    before, begin, rest = f.read().partition(BEGIN)
  _, end, after = rest.partition(END)
  if not begin or not end:
    sys.exit(f'scorecard: {os.path.basename(template)} has not the two markers {BEGIN} and {END}')
  with open(path, 'w', encoding='utf-8') as f:
    f.write(f'{before}{BEGIN}\n\n' + '\n'.join(lines) + f'\n\n{END}{after}')
  print(f'written: {os.path.basename(path)}')


def list_of(known):
  def split(text):
    found = [name for name in text.split(',') if name]
    unknown = [name for name in found if name not in known]
    if unknown or not found:
      raise argparse.ArgumentTypeError(f'not of {", ".join(known)}: {", ".join(unknown) or "nothing"}')
    return found
  return split


def parse():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument('--build', default='build', metavar='DIR', help='the build directory (build)')
  p.add_argument('--tools', type=list_of(tuple(TOOLS)), default=list(TOOLS), metavar='LIST', help='pcopy,cp,rsync')
  p.add_argument('--quick', action='store_true', help='fewer errors, places and kills')
  p.add_argument('--only', action='append', default=[], metavar='CALL',
                 help='only this system call, and without --scripts nothing but the table of calls')
  p.add_argument('--scripts', type=list_of([script.name for script in SCRIPTS]), metavar='LIST',
                 help='only these: ' + ' '.join(script.name for script in SCRIPTS))
  p.add_argument('--json-dir', metavar='DIR', help='keep the JSON files there')
  p.add_argument('--from', dest='from_', metavar='DIR', help='run nothing: make the tables of the JSON files there')
  p.add_argument('--readme', default=f'{HERE}/README.md', metavar='FILE', help='write that one instead of README.md')
  options = p.parse_args()
  if not options.scripts:
    options.scripts = [EVERY_CALL] if options.only else [script.name for script in SCRIPTS]
  return options


def main():
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the script under way is ended too
  options = parse()
  if options.from_:
    write_readme(options.readme, list(tables(options.from_)))
    return 0
  with tempfile.TemporaryDirectory(prefix='pcopy-scorecard.') as place:
    if options.json_dir:
      os.makedirs(options.json_dir, exist_ok=True)
      place = os.path.abspath(options.json_dir)
    good = run_all(options, place)
    write_readme(options.readme, list(tables(place)))
  return 0 if good else 1


if __name__ == '__main__':
  sys.exit(main())
