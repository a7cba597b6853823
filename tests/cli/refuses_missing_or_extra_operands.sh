#!/bin/sh
# Missing or extra operands, and combinations that make no sense, are refused
# in one sentence with status 2, and nothing is copied.
. "${0%/*}/lib.sh"

mkdir src dir
echo one >src/file

# refused SENTENCE ARGUMENT...
refused() {
  sentence=$1
  shift
  expect_status 2 pcopy "$@"
  printf '%s\n' "pcopy: $sentence" "pcopy: Try 'pcopy --help' for more information." >../wanted
  cmp -s ../wanted "$err" || fail "pcopy $* should say: $sentence"
  [ ! -s "$out" ] || fail "pcopy $* wrote to stdout"
  [ "$(find . | wc -l)" = 4 ] || fail "pcopy $* made something"
}

refused "missing file operand"
refused "missing file operand" -v
refused "missing file operand" -t dir
refused "missing destination file operand after 'src'" src
refused "missing destination file operand after 'src'" -T src
refused "missing destination file operand" --files-from=src/file
refused "extra operand 'c'" -T a b c
refused "extra operand 'c'" a -T b c d
refused "cannot combine --target-directory (-t) and --no-target-directory (-T)" -T src -t dir
refused "multiple target directories specified" src -t dir -t dir
refused "option requires an argument -- 't'" src -t
refused "option '--suffix' requires an argument" src new --suffix
refused "option '--link' doesn't allow an argument" src new --link=yes
refused "unrecognized option '--frobnicate'" --frobnicate src new
refused "invalid option -- 'Z'" -Z src new
refused "a parallel copy cannot ask: use -n or --update in place of -i" -i src new
refused "a parallel copy cannot ask: use -n or --update in place of -i" src new --interactive
refused "cannot make both hard and symbolic links" -l -s src new
refused "--backup is mutually exclusive with -n or --update=none-fail" -b -n src new
refused "--reflink can be used only with --sparse=auto" --reflink --sparse=always src new
refused "invalid argument 'sometimes' for '--reflink': it can be auto, always, never" \
  --reflink=sometimes src new
refused "invalid argument 'size' for '--preserve': it can be mode, timestamps, ownership, links, context, xattr, all" \
  --preserve=mode,size src new
refused "descriptor '77' of '--progress-fd' is not open for writing" --progress-fd=77 src new
