#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "os/filter.h"

#ifndef HAVE_LIBSECCOMP

bool filter_built(void)
{
    return false;
}

int filter_load(bool only_log, bool tokens, struct err *err)
{
    (void)only_log, (void)tokens;
    return err_set(err, ERR_NOTFOUND, "built without libseccomp");
}

#else

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* What serving, reloading, logging and ending need. A name that this machine's kernel interface does not have
 * is passed over. The way to find a missing one: sandbox = log, and the kernel's log. */
static const char *const ALLOWED[] = {
    /* memory */
    "brk", "madvise", "mremap", "munmap", "mincore", "membarrier", "mlock", "munlock", "get_mempolicy",
    /* threads, time, signals of its own */
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "sched_setaffinity", "gettid",
    "getpid", "exit", "exit_group", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
    "gettimeofday", "time", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait",
    "sigaltstack", "restart_syscall", "timerfd_create", "timerfd_settime", "timerfd_gettime", "getrandom",
    "getcpu", "times", "getrusage", "getrlimit", "ugetrlimit", "sysinfo", "uname", "getuid", "geteuid",
    "getgid", "getegid", "getresuid", "getresgid", "getppid",
    /* files; the fence says which */
    "open", "openat", "openat2", "close", "close_range", "read", "readv", "pread64", "preadv", "write",
    "writev", "pwrite64", "lseek", "_llseek", "stat", "fstat", "lstat", "stat64", "fstat64", "newfstatat",
    "fstatat64", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat",
    "getcwd", "getdents64", "dup", "dup2", "dup3", "fcntl", "fcntl64", "fadvise64", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "ftruncate", "fsync", "fdatasync", "flock", "sendfile", "sendfile64",
    "umask", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    /* connections that come in, and events */
    "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "recv", "send",
    "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "_newselect", "pselect6",
    "eventfd2", "pipe2", "connect", /* of the only sockets that `socket` gives: to the system's log */
};

/* C libraries try these and take something older when the answer is "not known". A new thread can then only
 * come from clone, whose flags can be looked at. */
static const char *const UNKNOWN[] = {"clone3", "futex_waitv", "mseal", "map_shadow_stack"};

/* Nothing in this program ever calls these. Who does has taken it over, and is not to get a second try.
 * Everything else that is not allowed fails with EPERM: also a mistake of this list then ends in a message
 * and a working server instead of an outage. */
static const char *const DEADLY[] = {
    "execve",
    "execveat",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "bpf",
    "userfaultfd",
    "perf_event_open",
    "io_uring_setup",
    "add_key",
    "request_key",
    "keyctl",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "setns",
    "unshare",
    "open_by_handle_at",
    "reboot",
    "swapon",
};

struct rules {
    scmp_filter_ctx context;
    int rc;
};

static void add(struct rules *rules, uint32_t action, const char *const *name, size_t n)
{
    for (size_t i = 0; i < n && rules->rc == 0; i++) {
        int call = seccomp_syscall_resolve_name(name[i]);
        if (call != __NR_SCMP_ERROR && call >= 0)
            rules->rc = seccomp_rule_add_array(rules->context, action, call, 0, NULL);
    }
}

/* Allows `name` when an argument, of which `mask` is looked at, has this value. */
static void allow_if(struct rules *rules, const char *name, unsigned argument, uint64_t mask, uint64_t value)
{
    struct scmp_arg_cmp is = {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
    int call = seccomp_syscall_resolve_name(name);
    if (rules->rc == 0 && call != __NR_SCMP_ERROR && call >= 0)
        rules->rc = seccomp_rule_add_array(rules->context, SCMP_ACT_ALLOW, call, 1, &is);
}

static void allow_checked(struct rules *rules, bool tokens)
{
    const uint64_t all = UINT64_MAX, type = 0xf; /* SOCK_CLOEXEC and its like are above */
    /* A thread, not a process. */
    allow_if(rules, "clone", 0, CLONE_THREAD, CLONE_THREAD);
    /* No new code. */
    static const char *const MAPPING[] = {"mmap", "mmap2", "mprotect"};
    for (size_t i = 0; i < ARRAY_LEN(MAPPING) && !tokens; i++)
        allow_if(rules, MAPPING[i], 2, PROT_EXEC, 0);
    if (tokens)
        add(rules, SCMP_ACT_ALLOW, MAPPING, ARRAY_LEN(MAPPING));
    /* abort() */
    allow_if(rules, "tgkill", 0, all, (uint64_t)getpid());
    /* A limit may be read. */
    allow_if(rules, "prlimit64", 2, all, 0);
    /* PR_SET_NAME, which MHD calls in each thread, and PR_SET_VMA, by which libc names its memory */
    allow_if(rules, "prctl", 0, all, 15);
    allow_if(rules, "prctl", 0, all, 0x53564d41);
    /* FIONREAD, SIOCOUTQ, TCGETS (is it a terminal?) */
    allow_if(rules, "ioctl", 1, all, 0x541b);
    allow_if(rules, "ioctl", 1, all, 0x5411);
    allow_if(rules, "ioctl", 1, all, 0x5401);
    /* The system's log, and the pairs by which workers are asked whether they turn. Neither can listen. */
    const struct scmp_arg_cmp datagram[] = {
        {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_UNIX, .datum_b = 0},
        {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = type, .datum_b = SOCK_DGRAM}};
    if (rules->rc == 0)
        rules->rc = seccomp_rule_add_array(rules->context, SCMP_ACT_ALLOW, SCMP_SYS(socket), tokens ? 1 : 2,
                                           datagram);
    allow_if(rules, "socketpair", 0, all, AF_UNIX);
}

bool filter_built(void)
{
    return true;
}

int filter_load(bool only_log, bool tokens, struct err *err)
{
    struct rules rules = {.context = seccomp_init(only_log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM))};
    if (!rules.context)
        return err_set(err, ERR_NOMEM, "seccomp: no memory for its rules");
    /* One comparison in a tree instead of one for each call; the kernel keeps the answers of most in a bit
     * map. */
    (void)seccomp_attr_set(rules.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add(&rules, SCMP_ACT_ALLOW, ALLOWED, ARRAY_LEN(ALLOWED));
    allow_checked(&rules, tokens);
    if (!only_log) {
        add(&rules, SCMP_ACT_ERRNO(ENOSYS), UNKNOWN, ARRAY_LEN(UNKNOWN));
        add(&rules, SCMP_ACT_KILL_PROCESS, DEADLY, ARRAY_LEN(DEADLY));
    } else {
        add(&rules, SCMP_ACT_ALLOW, UNKNOWN, ARRAY_LEN(UNKNOWN));
    }
    if (rules.rc == 0)
        rules.rc = seccomp_load(rules.context);
    seccomp_release(rules.context);
    if (rules.rc != 0)
        return err_set(err, rules.rc == -EINVAL || rules.rc == -ENOSYS ? ERR_NOTFOUND : ERR_DENIED,
                       "seccomp: %s", strerror(-rules.rc));
    return 0;
}

#endif
