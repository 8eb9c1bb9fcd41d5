/**
 * The system calls that a sandbox may make: what Node, Python, git, compilers and agents need to work, and no more.
 * Names that a kernel or libseccomp does not know are passed over by runc.
 */

export const allowed: Record<string, readonly string[]> = {
  files: words(`
    access faccessat faccessat2 chdir fchdir chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown close close_range
    copy_file_range creat dup dup2 dup3 fadvise64 fallocate fcntl fdatasync flock fsync ftruncate truncate getcwd getdents
    getdents64 fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr
    removexattr setxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl link linkat lseek mkdir mkdirat
    mknod mknodat newfstatat fstat lstat stat statx fstatfs statfs open openat openat2 pipe pipe2 pread64 preadv preadv2
    pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile splice
    symlink symlinkat sync sync_file_range syncfs tee umask unlink unlinkat utime utimensat utimes futimesat vmsplice write
    writev cachestat`),
  memory: words(`
    brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock munlockall munmap
    pkey_alloc pkey_free pkey_mprotect shmat shmctl shmdt shmget semctl semget semop semtimedop msgctl msgget msgrcv msgsnd`),
  processes: words(`
    arch_prctl capget capset execve execveat exit exit_group fork vfork getegid geteuid getgid getgroups getpgid getpgrp
    getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid kill pidfd_open
    pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_get_priority_max sched_get_priority_min
    sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list get_robust_list set_tid_address setfsgid
    setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid tgkill
    tkill wait4 waitid ioprio_get ioprio_set getcpu sysinfo uname times`),
  signalsAndWaiting: words(`
    alarm eventfd eventfd2 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait futex futex_requeue
    futex_wait futex_waitv futex_wake getitimer setitimer pause poll ppoll pselect6 select rt_sigaction rt_sigpending
    rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd
    signalfd4 timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
    timerfd_settime`),
  clocks: words('clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time'),
  connections: words(`
    accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg
    shutdown`),
  /** These only ever take rights away from the caller. */
  selfRestriction: words('landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp getrandom'),
}

/**
 * Answered with ENOSYS rather than EPERM, because runtimes take that for "old kernel" and fall back:
 * clone3 hides its flags behind a pointer that seccomp cannot follow; io_uring does its work out of the filter's sight.
 */
export const absent = words(`
  clone3 io_uring_setup io_uring_enter io_uring_register io_setup io_submit io_getevents io_pgetevents io_cancel
  io_destroy memfd_secret statmount listmount map_shadow_stack`)

/** Runs code that is in no file; left out where nothing but the image's own programs may run. */
export const memoryFile = 'memfd_create'

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}
