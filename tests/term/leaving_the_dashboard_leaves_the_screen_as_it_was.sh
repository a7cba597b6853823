#!/bin/sh
# However --progress=screen ends (l, ^Z, q, ^C, the copy itself), the screen of
# before is back, what was said is there to read, and the terminal is in order.
. "${0%/*}/lib.sh"

mkdir -p src/sub dst/in-the-way
hold src/sub
echo file >src/in-the-way
echo other >src/1
echo other >src/2
sentence="pcopy: cannot overwrite directory 'dst/in-the-way' with non-directory 'src/in-the-way'"

start_terminal 80 24
fill_screen
script 'pcopy -T src dst -j 2 --copy-contents --progress=screen'
dashboard() {
  wait_screen '^p pause  + - workers'
  wait_screen '^  [12] metadata *src/sub/held'
}

# l: the line goes on where the command was typed.
type_line '. ./run; echo "status $?"'
dashboard
wait_screen "^pcopy: cannot overwrite"
press l
wait_screen '^\$ \. \./run'
wait_screen '%'
screen_text | sed -e 's/^.*%.*/BAR/' -e 's/^src.*/NAME/' >seen
diff -u - seen <<END || fail "the screen differs after l"
\$ . ./run; echo "status \$?"
$sentence
BAR
NAME
END
expect_filling

# ^C there, as without the dashboard. The list of commands ends too.
press C-c
wait_screen '^\$$'
type_line 'echo "status $?"'
wait_screen '^status 130$'
expect_sane_terminal
no_temporary_files dst

# q, and it asks.
type_line 'clear; . ./run'
dashboard
wait_screen "^pcopy: cannot overwrite"
press q
wait_screen '^stop copying? y n$'
press y
wait_screen '^\$$'
type_line 'echo "status $?"'
wait_screen '^status 130$'
expect_screen <<END
$sentence
pcopy: interrupted: copied 2 files
pcopy: to go on: pcopy --resume -T -j 2 --copy-contents --progress=screen src dst
\$ echo "status \$?"
status 130
\$
END
expect_sane_terminal

# ^Z, a command, fg; ^Z, bg, a command, fg; ^C.
type_line 'clear; . ./run'
dashboard
press C-z
wait_screen '^\[1\]+  Stopped'
expect_sane_terminal
type_line 'fg'
dashboard
press C-z
wait_screen '^\[1\]+  Stopped'
type_line 'clear; bg'
wait_screen '^\[1\]+ pcopy'
kill -USR1 "$(master_pid)"
wait_screen '^\(\$ \)*pcopy: .*/[0-9]* files'
type_line 'jobs'
wait_screen '^\[1\]+  Running'
! screen | grep -q '^  1 ' || fail_on_screen "drawn from the background"
expect_sane_terminal
type_line 'fg'
dashboard
press C-c
wait_screen '^\$$'
type_line 'echo "status $?"'
wait_screen '^status 130$'
expect_sane_terminal

# kill -9: the shell gives its modes back, and what is typed is seen.
type_line 'clear; . ./run'
dashboard
kill -KILL "$(master_pid)"
wait_screen 'Killed'
expect_sane_terminal
