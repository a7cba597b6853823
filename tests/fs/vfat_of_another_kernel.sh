# vfat_of_another_kernel.sh TEST [ARG]...: a test that needs vfat, where this kernel
# has none: under User-mode Linux, a kernel that is a program and has this
# machine's files for its root, to read only. TEST is relative to tests/.
. "${0%/*}/../cli/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

modprobe -q vfat 2>/dev/null || :
! grep -qw vfat /proc/filesystems || skip "this kernel has vfat"
need linux.uml mkfs.ext4 mkfs.vfat python3
! grep -q __asan_init "$PCOPY" || skip "a sanitizer's memory does not fit there"

# The scratch directory is an ext4: the tmpfs of old kernels keeps no xattrs. The
# status goes by the console, as nothing else leads out.
printf '#!/bin/sh\nexport PATH="%s" PCOPY="%s" tests="%s" test="%s"\n' "$PATH" "$PCOPY" "$tests" "$*" >"$TEST_DIR/init"
cat >>"$TEST_DIR/init" <<'EOF'
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs scratch /mnt
for name in fat vfat nls_cp437 nls_ascii nls_iso8859-1 loop; do
  find "/usr/lib/uml/modules/$(uname -r)" -name "$name.ko" -exec insmod {} \;
done
truncate -s 1g /mnt/image
mkdir /mnt/scratch
mkfs.ext4 -q /mnt/image
mount -o loop /mnt/image /mnt/scratch
echo "the test begins"
status=0
TMPDIR=/mnt/scratch sh "$tests/"$test 2>&1 || status=$?
echo "the test ended with $status"
echo o >/proc/sysrq-trigger
while :; do :; done # until it is off
EOF
chmod 755 "$TEST_DIR/init"

HOME=$TEST_DIR timeout 240 linux.uml mem=1g rootfstype=hostfs rootflags=/ ro "init=$TEST_DIR/init" con=null con0=null,fd:1 \
  quiet >"$out" 2>&1 || :
status=$(sed -n 's/^the test ended with \([0-9]*\).*/\1/p' "$out")
[ "$status" = 0 ] && exit
cat "$out"
[ "$status" = 77 ] && skip "not in that kernel either"
grep -q 'the test begins' "$out" || skip "that kernel does not come up here"
fail "status '$status'"
