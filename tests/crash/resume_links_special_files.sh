#!/bin/sh
# Two names of one FIFO, copied as two FIFOs by a run that was killed: --resume
# makes them one again, and so it does with a regular file.
. "${0%/*}/../cli/lib.sh"

mkdir src
mkfifo src/fifo1
echo contents >src/file1
ln src/fifo1 src/fifo2
ln src/file1 src/file2
expect_status 0 pcopy -T src dst
rm dst/fifo2 dst/file2
mkfifo -m 644 dst/fifo2
cp -p src/file1 dst/file2
touch -r src/fifo1 dst/fifo2
touch -r src dst
expect_status 0 pcopy --resume -T src dst
expect_same_tree src dst
