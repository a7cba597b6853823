"""Which errors can meet which system call, and which calls are left out, and why.

The first two of a line are what the ordinary run uses; the grid uses all.
A call that is in neither table is given OTHERS, so that nothing is left out by
having been forgotten.

Errors by which a kernel makes a statement are not for one call of many, when
it goes on to contradict it: EOPNOTSUPP of listxattr says that a file system has
none, ENOENT of stat that a name just listed is gone, ENODATA of getxattr that
an attribute is, ENXIO of lseek that there is no data.
"""

ERRNOS = {line.split()[0]: line.split()[1:] for line in '''
openat EIO EMFILE ENOSPC EACCES EINTR ENOENT ENFILE ENOMEM EROFS EDQUOT ESTALE EPERM ELOOP
openat2 ENOSYS EIO EPERM EAGAIN EINTR EMFILE ELOOP EXDEV ENOENT EACCES ESTALE
newfstatat EIO ENOMEM EACCES ESTALE
fstat EIO ESTALE ENOMEM
statx EIO ENOSYS EPERM EACCES ESTALE
fstatfs EIO ENOSYS
statfs EIO ENOSYS
getdents64 EIO ESTALE ENOENT EINTR
read EIO EINTR ESTALE
pread64 EIO EINTR ESTALE
write EIO ENOSPC EINTR EDQUOT EFBIG
pwrite64 EIO ENOSPC EINTR EDQUOT EFBIG
writev EIO ENOSPC EINTR
copy_file_range EIO ENOSYS EPERM EXDEV EINVAL EOPNOTSUPP ENOSPC EINTR ETXTBSY
fadvise64 EIO EINVAL
fallocate EOPNOTSUPP ENOSPC EINTR EIO
ftruncate EIO EINTR EPERM ENOSPC EFBIG
lseek EINVAL EIO EOPNOTSUPP
close EIO ENOSPC EINTR EDQUOT
fsync EIO ENOSPC EINTR EDQUOT
syncfs EIO ENOSPC EDQUOT
mkdirat ENOSPC EIO EACCES EROFS EDQUOT EMLINK EPERM
mknodat EPERM ENOSPC EIO EOPNOTSUPP EDQUOT
symlinkat EIO ENOSPC EPERM EOPNOTSUPP EDQUOT
linkat EMLINK EIO EPERM EXDEV EOPNOTSUPP ENOSPC EDQUOT ENOSYS
readlinkat EIO EINVAL ENOENT EACCES
readlink EIO ENOENT EACCES
renameat EIO ENOSPC EACCES EROFS EDQUOT EBUSY
renameat2 EINVAL EIO ENOSYS EOPNOTSUPP EPERM ENOSPC EACCES EDQUOT
fchmod EPERM EIO EOPNOTSUPP EROFS ENOSYS
chmod EPERM EIO EOPNOTSUPP EROFS
fchmodat EPERM EIO EOPNOTSUPP EROFS
fchmodat2 ENOSYS EIO EPERM EOPNOTSUPP EROFS
fchown EPERM EIO EINVAL EOPNOTSUPP EROFS EDQUOT
fchownat EPERM EIO EINVAL EOPNOTSUPP ENOSYS EDQUOT
utimensat EPERM EIO EACCES EROFS ENOSYS
flistxattr EIO EACCES ERANGE E2BIG ENOMEM
listxattr EIO EACCES ERANGE ENOMEM
llistxattr EIO EACCES ERANGE
fgetxattr EOPNOTSUPP EIO ERANGE EPERM ENOMEM
getxattr EOPNOTSUPP EIO ERANGE EPERM
lgetxattr EOPNOTSUPP EIO ERANGE EPERM
fsetxattr ENOSPC EIO EOPNOTSUPP EPERM EDQUOT EACCES E2BIG
setxattr ENOSPC EIO EOPNOTSUPP EPERM EDQUOT
lsetxattr ENOSPC EIO EOPNOTSUPP EPERM EDQUOT
fremovexattr EIO EOPNOTSUPP ENODATA EPERM
removexattr EIO EOPNOTSUPP ENODATA EPERM
ioctl EOPNOTSUPP EIO ENOTTY EXDEV EINVAL EPERM ENOSYS ETXTBSY ENOSPC
fcntl EINTR EMFILE EINVAL
dup EMFILE EINTR
dup3 EMFILE EINTR
pipe2 EMFILE ENFILE
eventfd2 EMFILE ENFILE ENOMEM ENOSYS
epoll_create1 EMFILE ENFILE ENOMEM
epoll_ctl ENOMEM ENOSPC EPERM
epoll_wait EINTR
epoll_pwait EINTR
poll EINTR ENOMEM
ppoll EINTR ENOMEM
pidfd_open ENOSYS EMFILE EPERM ENFILE
pidfd_getfd ENOSYS EPERM
waitid EINTR EINVAL ECHILD
wait4 EINTR
clone EAGAIN ENOMEM
clone3 EAGAIN ENOMEM ENOSYS
vfork EAGAIN ENOMEM
close_range ENOSYS EPERM
mmap ENOMEM EAGAIN
mremap ENOMEM
mprotect ENOMEM
madvise EINVAL ENOMEM
prctl EINVAL EPERM
prlimit64 EPERM EFAULT
getrandom ENOSYS EAGAIN
kill EPERM ESRCH
capget EPERM EINVAL
chdir EIO EACCES
nanosleep EINTR
clock_nanosleep EINTR
socket EMFILE EAFNOSUPPORT EACCES
socketpair EMFILE ENOMEM
bind EACCES EADDRINUSE ENOSPC
listen EADDRINUSE EOPNOTSUPP
accept4 EMFILE ECONNABORTED EINTR
getsockopt ENOPROTOOPT EINVAL
setsockopt ENOPROTOOPT EINVAL
shutdown ENOTCONN EINVAL
connect ECONNREFUSED ENOENT
landlock_create_ruleset ENOSYS EOPNOTSUPP
landlock_add_rule EINVAL EPERM
landlock_restrict_self EPERM E2BIG
ioprio_set EPERM EINVAL
setpriority EPERM EACCES
sched_setscheduler EPERM EINVAL
'''.strip().splitlines()}
OTHERS = ['EPERM', 'EIO', 'ENOMEM']

LEFT_OUT = {
  'exit': 'never returns', 'exit_group': 'never returns', 'execve': 'is the test that starts the program',
  'rt_sigreturn': 'never returns', 'restart_syscall': "the kernel's own, after a stop",
  'getpid': 'cannot fail', 'getppid': 'cannot fail', 'gettid': 'cannot fail', 'getuid': 'cannot fail',
  'geteuid': 'cannot fail', 'getgid': 'cannot fail', 'getegid': 'cannot fail', 'umask': 'cannot fail',
  'set_tid_address': 'cannot fail', 'sched_yield': 'cannot fail', 'alarm': 'cannot fail',
  'brk': 'fails by its value, which strace cannot fake; mmap stands for it',
  'set_robust_list': "the C library's, after a fork; fails only for a wrong size",
  'rseq': "the C library's; has its own fallback", 'arch_prctl': "the loader's",
  'futex': 'only ever wakes, in one thread', 'rt_sigaction': 'fails for numbers that do not exist only',
  'rt_sigprocmask': 'fails for bad arguments only', 'sigaltstack': 'fails for bad arguments only',
  'munmap': 'fails for bad arguments only', 'uname': 'fails for bad arguments only',
  'clock_gettime': 'fails for bad arguments only', 'gettimeofday': 'fails for bad arguments only',
  'sched_getaffinity': 'fails for bad arguments only', 'tgkill': 'raises a signal in itself',
  'pause': 'ends by a signal only', 'select': "rsync's wait for its own pipes",
  'pselect6': "rsync's wait for its own pipes",
}

# On these a kernel gives no other errors; strace, which does not know what a
# descriptor is, does.
INTERNAL = ('pipe:', 'anon_inode:', 'socket:', 'UNIX-')
INTERNAL_ERRNOS = {
  'read': {'EINTR'}, 'write': {'EINTR', 'EPIPE'}, 'close': {'EINTR'}, 'fcntl': {'EINTR'}, 'ioctl': set(),
}


def errnos_of(call):
  return ERRNOS.get(call, OTHERS)


def is_impossible(call, errno, path):
  """True when no kernel could have answered so on what the call was about."""
  allowed = INTERNAL_ERRNOS.get(call)
  return allowed is not None and errno not in allowed and path.startswith(INTERNAL)
