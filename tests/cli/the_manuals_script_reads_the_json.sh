#!/bin/sh
# The script in the manual's EXAMPLES works as it is printed there.
. "${0%/*}/lib.sh"
need jq

sed -n '/^\.Bd -literal/,/^\.Ed/{/^\.[BE]d/d;p;}' "$tests/../man/pcopy.1" | sed 's/\\e/\\/g' >follow
[ "$(wc -l <follow)" -ge 8 ] || fail "the script was not found in the manual"

# Slow enough for progress to be told more than once.
mkdir bin src src/sub
cat >bin/pcopy <<'SLOW'
#!/bin/sh
exec "$PCOPY" --bwlimit=8M "$@"
SLOW
chmod 755 bin/pcopy
PATH=$PWD/bin:$PATH
head -c 12000000 /dev/urandom >src/big
echo two >src/sub/file

sh follow src new >said-of-success 2>"$err"
expect_same_tree src new
grep -qx 'status 0' said-of-success || fail "no status: $(cat said-of-success)"
grep -qx '[0-9]* %' said-of-success || fail "no percentage: $(cat said-of-success)"

mkdir new2 new2/big
sh follow src new2 >said-of-failure 2>"$err"
grep -q "^failed: .*new2/big" said-of-failure || fail "no failure: $(cat said-of-failure)"
grep -qx 'status 1' said-of-failure || fail "no status 1: $(cat said-of-failure)"
