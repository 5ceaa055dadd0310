#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "os/filter.h"

#ifndef HAVE_LIBSECCOMP

bool filter_built(void)
{
    return false;
}

int filter_load(bool only_log, unsigned others, struct err *err)
{
    (void)only_log, (void)others;
    return err_set(err, ERR_NOTFOUND, "built without libseccomp");
}

#else

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
    "brk",
    "madvise",
    "mremap",
    "munmap",
    "mincore",
    "membarrier",
    "mlock",
    "munlock",
    "get_mempolicy",
    /* threads, time, signals of its own */
    "futex",
    "set_robust_list",
    "rseq",
    "sched_yield",
    "sched_getaffinity",
    "gettid",
    "getpid",
    "exit",
    "exit_group",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    "restart_syscall",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "getrandom",
    "getcpu",
    "times",
    "getrusage",
    "getrlimit",
    "ugetrlimit",
    "sysinfo",
    "uname",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getppid",
    /* files; the fence says which */
    "open",
    "openat",
    "openat2",
    "close",
    "close_range",
    "read",
    "readv",
    "pread64",
    "preadv",
    "write",
    "writev",
    "pwrite64",
    "lseek",
    "_llseek",
    "stat",
    "fstat",
    "lstat",
    "stat64",
    "fstat64",
    "newfstatat",
    "fstatat64",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "getdents64",
    "dup",
    "dup2",
    "dup3",
    "fadvise64",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "ftruncate",
    "fsync",
    "fdatasync",
    "flock",
    "sendfile",
    "sendfile64",
    "umask",
    /* connections that come in, and events */
    "accept",
    "accept4",
    "recvfrom",
    "recvmsg",
    "recv",
    "shutdown",
    "getsockname",
    "getpeername",
    "getsockopt",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "select",
    "_newselect",
    "pselect6",
    "eventfd2",
    "pipe2",
};

/* When a checked call is allowed. */
enum { WITHOUT_TOKENS = 1, WITH_TOKENS = 2, WITH_BACKENDS = 4, ALWAYS = WITHOUT_TOKENS | WITH_TOKENS };

/* Where it is one of these that matters, the kernel looks at 32 bits of the argument. */
#define INT(argument, value)      BITS(argument, UINT32_MAX, value)
#define NONE_OF(argument, others) BITS(argument, others, 0)
#define BITS(argument, mask, value)                                                                          \
    {                                                                                                        \
        .arg = (argument), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)                   \
    }
#define ANYHOW                                                                                               \
    0,                                                                                                       \
    {                                                                                                        \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }
#define ONE(first)                                                                                           \
    1,                                                                                                       \
    {                                                                                                        \
        first                                                                                                \
    }
#define BOTH(first, second)                                                                                  \
    2,                                                                                                       \
    {                                                                                                        \
        first, second                                                                                        \
    }

enum { SEND_FLAGS = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE, SOCKET_TYPE = 0xf };
#define OTHER_FLAGS (UINT32_MAX & ~(uint32_t)SEND_FLAGS)

/* Calls that are allowed with some arguments only: several rows of one call are alternatives.
 *
 * A connection that came in is a TCP socket, which nothing but connect and MSG_FASTOPEN, or an option that
 * has a later write do it, turns into one that goes out: so `connect` is missing (the system's log is reached
 * by address, base/syslog.h), and flags and options are those that this program and libmicrohttpd use.
 * PKCS#11 modules and backends do need it; there Landlock's rules for TCP remain. */
static const struct checked {
    const char *call;
    unsigned when;
    unsigned n;
    struct scmp_arg_cmp is[2];
} CHECKED[] = {
    /* A thread, not a process. */
    {"clone", ALWAYS, ONE(BITS(0, CLONE_THREAD, CLONE_THREAD))},
    /* No new code. */
    {"mmap", WITHOUT_TOKENS, ONE(NONE_OF(2, PROT_EXEC))},
    {"mmap2", WITHOUT_TOKENS, ONE(NONE_OF(2, PROT_EXEC))},
    {"mprotect", WITHOUT_TOKENS, ONE(NONE_OF(2, PROT_EXEC))},
    {"mmap", WITH_TOKENS, ANYHOW},
    {"mmap2", WITH_TOKENS, ANYHOW},
    {"mprotect", WITH_TOKENS, ANYHOW},
    /* A limit may be read. */
    {"prlimit64", ALWAYS, ONE(BITS(2, UINT64_MAX, 0))},
    /* PR_SET_NAME, for each thread, and PR_SET_VMA, by which libc names its memory */
    {"prctl", ALWAYS, ONE(INT(0, 15))},
    {"prctl", ALWAYS, ONE(INT(0, 0x53564d41))},
    /* FIONREAD, SIOCOUTQ, TCGETS (is it a terminal?) */
    {"ioctl", ALWAYS, ONE(INT(1, 0x541b))},
    {"ioctl", ALWAYS, ONE(INT(1, 0x5411))},
    {"ioctl", ALWAYS, ONE(INT(1, 0x5401))},
    /* Copies and modes, but no owner: that one is sent signals. */
    {"fcntl", ALWAYS, ONE(INT(1, F_DUPFD))},
    {"fcntl", ALWAYS, ONE(INT(1, F_DUPFD_CLOEXEC))},
    {"fcntl", ALWAYS, ONE(INT(1, F_GETFD))},
    {"fcntl", ALWAYS, ONE(INT(1, F_SETFD))},
    {"fcntl", ALWAYS, ONE(INT(1, F_GETFL))},
    {"fcntl", ALWAYS, BOTH(INT(1, F_SETFL), NONE_OF(2, O_ASYNC))},
    {"fcntl", WITH_TOKENS, ONE(INT(1, F_GETLK))},
    {"fcntl", ALWAYS, ONE(INT(1, F_SETLK))}, /* on the pid_file: what came of a reload */
    {"fcntl", WITH_TOKENS, ONE(INT(1, F_SETLKW))},
    /* Answers. */
    {"send", ALWAYS, ONE(NONE_OF(3, OTHER_FLAGS))},
    {"sendto", ALWAYS, ONE(NONE_OF(3, OTHER_FLAGS))},
    {"sendmsg", ALWAYS, ONE(NONE_OF(2, OTHER_FLAGS))},
    {"setsockopt", ALWAYS, BOTH(INT(1, IPPROTO_TCP), INT(2, TCP_NODELAY))},
    {"setsockopt", ALWAYS, BOTH(INT(1, IPPROTO_TCP), INT(2, TCP_CORK))},
    {"setsockopt", ALWAYS, BOTH(INT(1, IPPROTO_TCP), INT(2, TCP_NOTSENT_LOWAT))},
    {"setsockopt", ALWAYS, BOTH(INT(1, SOL_SOCKET), INT(2, SO_SNDBUF))},
    {"setsockopt", ALWAYS, BOTH(INT(1, SOL_SOCKET), INT(2, SO_LINGER))},
    {"setsockopt", ALWAYS, BOTH(INT(1, SOL_SOCKET), INT(2, SO_SNDTIMEO))},
    /* Of a listener that is to end (listener.c). */
    {"setsockopt", ALWAYS, BOTH(INT(1, SOL_SOCKET), INT(2, SO_ATTACH_FILTER))},
    /* The system's log. It cannot listen. */
    {"socket", WITHOUT_TOKENS, BOTH(INT(0, AF_UNIX), BITS(1, SOCKET_TYPE, SOCK_DGRAM))},
    {"socket", WITH_TOKENS, ONE(INT(0, AF_UNIX))},
    {"socketpair", WITH_TOKENS, ONE(INT(0, AF_UNIX))},
    /* Backends, over TCP and UNIX sockets; to which ports the fence says, where the kernel can tell. */
    {"connect", WITH_TOKENS | WITH_BACKENDS, ANYHOW},
    {"socket", WITH_BACKENDS, BOTH(INT(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_STREAM))},
    {"socket", WITH_BACKENDS, BOTH(INT(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_STREAM))},
    {"socket", WITH_BACKENDS, BOTH(INT(0, AF_UNIX), BITS(1, SOCKET_TYPE, SOCK_STREAM))},
    /* Their names, as the C library asks for them. */
    {"socket", WITH_BACKENDS, BOTH(INT(0, AF_INET), BITS(1, SOCKET_TYPE, SOCK_DGRAM))},
    {"socket", WITH_BACKENDS, BOTH(INT(0, AF_INET6), BITS(1, SOCKET_TYPE, SOCK_DGRAM))},
    {"setsockopt", WITH_BACKENDS, BOTH(INT(1, SOL_SOCKET), INT(2, SO_KEEPALIVE))},
    {"setsockopt", WITH_BACKENDS, BOTH(INT(1, IPPROTO_IP), INT(2, IP_RECVERR))},
    {"setsockopt", WITH_BACKENDS, BOTH(INT(1, IPPROTO_IPV6), INT(2, IPV6_RECVERR))},
    {"sendmmsg", WITH_BACKENDS, ANYHOW},
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

/* fcntl has a second number where files are larger than addresses. */
static void allow_checked(struct rules *rules, const char *name, const struct checked *checked)
{
    int call = seccomp_syscall_resolve_name(name);
    if (rules->rc == 0 && call != __NR_SCMP_ERROR && call >= 0)
        rules->rc = seccomp_rule_add_array(rules->context, SCMP_ACT_ALLOW, call, checked->n, checked->is);
}

static void allow_all_checked(struct rules *rules, unsigned others)
{
    unsigned now = (others & FILTER_TOKENS ? WITH_TOKENS : WITHOUT_TOKENS) |
                   (others & FILTER_BACKENDS ? WITH_BACKENDS : 0);
    for (size_t i = 0; i < ARRAY_LEN(CHECKED); i++) {
        const struct checked *checked = &CHECKED[i];
        if (!(checked->when & now))
            continue;
        allow_checked(rules, checked->call, checked);
        if (strcmp(checked->call, "fcntl") == 0)
            allow_checked(rules, "fcntl64", checked);
    }
    /* abort() */
    const struct checked self = {.n = 1, .is = {INT(0, (uint64_t)getpid())}};
    allow_checked(rules, "tgkill", &self);
}

bool filter_built(void)
{
    return true;
}

int filter_load(bool only_log, unsigned others, struct err *err)
{
    struct rules rules = {.context = seccomp_init(only_log ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM))};
    if (!rules.context)
        return err_set(err, ERR_NOMEM, "seccomp: no memory for its rules");
    /* One comparison in a tree instead of one for each call; the kernel keeps the answers of most in a bit
     * map. */
    (void)seccomp_attr_set(rules.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add(&rules, SCMP_ACT_ALLOW, ALLOWED, ARRAY_LEN(ALLOWED));
    allow_all_checked(&rules, others);
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
