#!/bin/sh
# Every line of --progress=json is valid by man/progress.schema.json, and has no
# member the schema does not list; every kind of event was seen.
. "${0%/*}/lib.sh"
need jq
for python in python3 /usr/bin/python3; do
  "$python" -c 'import jsonschema' 2>/dev/null && break
  python=
done
[ -n "$python" ] || skip "no python3-jsonschema here"

cat >validate.py <<'PYTHON'
import json
import sys

import jsonschema

def closed(schema):
  """The schema without its leave to add members."""
  if isinstance(schema, dict):
    if 'properties' in schema and schema.get('type') == 'object' and '$defs' not in schema:
      schema['additionalProperties'] = False
    for part in schema.values():
      closed(part)
  elif isinstance(schema, list):
    for part in schema:
      closed(part)
  return schema

with open(sys.argv[1], encoding='utf-8') as f:
  schema = closed(json.load(f))
schema['unevaluatedProperties'] = False
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
bad = False
for number, line in enumerate(sys.stdin, 1):
  for error in validator.iter_errors(json.loads(line)):
    bad = True
    print(f'line {number}: {error.message}\n  {line}', end='')
sys.exit(bad)
PYTHON

valid() {
  [ -s "$1" ] || fail "no JSON"
  "$python" validate.py "$tests/../man/progress.schema.json" <"$1" || fail "not valid: $1"
}

# The check can fail: a missing member, one too many, a wrong type.
refused() {
  printf '%s\n' "$1" >wrong
  ! "$python" validate.py "$tests/../man/progress.schema.json" <wrong >/dev/null || fail "taken for valid: $1"
}
refused '{"v":1,"event":"phase","t":0.5}'
refused '{"v":1,"event":"phase","t":0.5,"phase":"copy","more":1}'
refused '{"v":1,"event":"phase","t":"soon","phase":"copy"}'
refused '{"v":2,"event":"phase","t":0.5,"phase":"copy"}'

mktree --seed 7 --files 40 --dirs 6 src 2>/dev/null
python3 -c 'import os; os.close(os.open(b"src/\xff\xfe.bin", os.O_CREAT | os.O_WRONLY))'
expect_status 0 pcopy -T -j3 --sync=end --progress=json --progress-fd=1 src dst
mv "$out" whole.json
valid whole.json

# Failures, a name that is not UTF-8 among them; and all is there already.
mkdir new "new/$(printf '\377\376.bin')"
expect_status 1 pcopy -T -j3 --progress=json --progress-fd=1 src new
mv "$out" failed.json
valid failed.json
[ -n "$(jq -s 'map(select(.event == "failure" and .path_bytes)) | first // empty' failed.json)" ] ||
  fail "no failure with path_bytes"
expect_status 0 pcopy -T --resume --progress=json --progress-fd=1 src dst
mv "$out" again.json
valid again.json

# Slow enough for progress with a name; SIGUSR1 for a message; ended by SIGTERM.
mkdir big
head -c 6000000 /dev/urandom >big/file
"$PCOPY" -T -j2 --bwlimit=300K --progress=json --progress-fd=3 big slow 3>slow.json 2>"$err" &
master=$!
named() {
  jq -s -e 'map(select(.event == "progress" and .path != null)) | length > 0' slow.json >/dev/null 2>&1
}
wait_until 30 named
kill -USR1 $master
told() {
  grep -q '"event":"message"' slow.json
}
wait_until 30 told
kill -TERM $master
wait $master || :
valid slow.json

[ "$(cat ./*.json | jq -r .event | sort -u | tr '\n' ' ')" = 'failure message phase progress start summary ' ] ||
  fail "not every event was seen: $(cat ./*.json | jq -r .event | sort -u)"
