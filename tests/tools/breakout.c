/* Enters the sandbox as the daemon does, with a configuration, and tries what somebody who has taken the
 * daemon over would try. One child for each attempt, and one line: "NAME done", "NAME refused EPERM" or "NAME
 * killed SYS".
 *
 *   breakout CONF INSIDE OUTSIDE LINK LOG [unfenced]
 *
 * unfenced: the filter of system calls alone, as on a kernel without Landlock. INSIDE is a configured file,
 * OUTSIDE one that is not, LINK a link to it in the document root, LOG a file to create in the folder of a
 * log. Exits with 77 and a reason when this system or build has no sandbox at all; the first line says
 * whether files are fenced. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/diag.h"
#include "os/filter.h"
#include "os/privileges.h"
#include "os/sandbox.h"

static const char *inside, *outside, *linked, *log_file;
static char letter[] = "x";
static int tcp = -1;      /* a socket from before, which a start could have left behind */
static int accepted = -1; /* a client's connection */
static int datagrams = -1;
static struct sockaddr_in elsewhere; /* somebody who listens */
static struct sockaddr_un receiver;  /* somebody who takes datagrams, as the system's log does */

static int try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    char byte;
    return fd < 0 || (!(flags & O_WRONLY) && read(fd, &byte, 1) < 0) ? -1 : 0;
}
static int read_inside(void)
{
    return try_open(inside, O_RDONLY);
}
static int write_inside(void)
{
    return try_open(inside, O_WRONLY | O_APPEND);
}
static int read_outside(void)
{
    return try_open(outside, O_RDONLY);
}
static int write_outside(void)
{
    return try_open(outside, O_WRONLY | O_APPEND);
}
static int read_passwd(void)
{
    return try_open("/etc/passwd", O_RDONLY);
}
static int read_by_link(void)
{
    return try_open(linked, O_RDONLY);
}
static int write_log(void)
{
    return try_open(log_file, O_WRONLY | O_CREAT | O_APPEND);
}
static int shorten_log(void) /* half a line is taken back when the disk is full */
{
    int fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    return fd >= 0 && ftruncate(fd, 0) == 0 ? 0 : -1;
}
static int read_log(void)
{
    return try_open(log_file, O_RDONLY);
}
static int execute(void)
{
    char name[] = "true", *argv[] = {name, NULL}, *envp[] = {NULL};
    return execve("/bin/true", argv, envp);
}
static int trace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 0 : -1;
}
static int trace_me(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : -1;
}
static int watch_files(void)
{
    return inotify_init1(IN_CLOEXEC) >= 0 ? 0 : -1;
}
static int fork_one(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid > 0 ? 0 : -1;
}
static int new_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : -1;
}
static int new_socket6(void)
{
    return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : -1;
}
static int new_stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : -1;
}
static int new_raw(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0 ? 0 : -1;
}
static int bind_old(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    return bind(tcp, (struct sockaddr *)&any, sizeof any);
}
static int listen_old(void)
{
    return listen(tcp, 5); /* without bind the kernel would choose a port */
}
static int connect_out(void)
{
    return connect(tcp, (struct sockaddr *)&elsewhere, sizeof elsewhere);
}
static int disconnect(void)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    return connect(accepted, &nobody, sizeof nobody);
}
/* What a client's connection can be made into, however far that comes. */
static int reconnect(void)
{
    (void)disconnect();
    return connect(accepted, (struct sockaddr *)&elsewhere, sizeof elsewhere);
}
static int fast_to(void)
{
    return sendto(tcp, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&elsewhere, sizeof elsewhere) == 1 ? 0 : -1;
}
static int fast_message(void)
{
    struct iovec part = {.iov_base = letter, .iov_len = 1};
    struct msghdr message = {
        .msg_name = &elsewhere, .msg_namelen = sizeof elsewhere, .msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(tcp, &message, MSG_FASTOPEN) == 1 ? 0 : -1;
}
static int fast_messages(void)
{
    struct iovec part = {.iov_base = letter, .iov_len = 1};
    struct mmsghdr message = {
        .msg_hdr = {
            .msg_name = &elsewhere, .msg_namelen = sizeof elsewhere, .msg_iov = &part, .msg_iovlen = 1}};
    return sendmmsg(tcp, &message, 1, MSG_FASTOPEN) == 1 ? 0 : -1;
}
static int fast_again(void)
{
    (void)disconnect();
    return sendto(accepted, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&elsewhere, sizeof elsewhere) == 1 ? 0
                                                                                                        : -1;
}
static int answer(void)
{
    return send(accepted, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE) == 1 ? 0 : -1;
}
static int answer_in_parts(void)
{
    struct iovec part = {.iov_base = letter, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return sendmsg(accepted, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}
static int own_parent(void)
{
    return fcntl(accepted, F_SETOWN, getppid());
}
static int own_parent_ex(void)
{
    struct f_owner_ex owner = {.type = F_OWNER_PID, .pid = getppid()};
    return fcntl(accepted, F_SETOWN_EX, &owner);
}
static int own_parent_ioctl(void)
{
    pid_t parent = getppid();
    return ioctl(accepted, FIOSETOWN, &parent);
}
static int own_parent_group(void)
{
    pid_t parent = getppid();
    return ioctl(accepted, SIOCSPGRP, &parent);
}
static int own_signal(void)
{
    return fcntl(accepted, F_SETSIG, SIGKILL);
}
static int own_input(void)
{
    return fcntl(accepted, F_SETFL, O_NONBLOCK | O_ASYNC);
}
static int do_not_block(void)
{
    return fcntl(accepted, F_SETFL, O_NONBLOCK);
}
static int another_number(void)
{
    return fcntl(accepted, F_DUPFD_CLOEXEC, 0) >= 0 ? 0 : -1;
}
static int move_parent(void)
{
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    return sched_setaffinity(getppid(), sizeof first, &first);
}

static int make_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED ? mprotect(page, 4096, PROT_READ | PROT_EXEC) : 0;
}
static int kill_parent(void)
{
    return kill(getppid(), 0);
}
static int become_root(void)
{
    return setuid(0);
}
static int raise_limit(void)
{
    struct rlimit core = {0, 0};
    return setrlimit(RLIMIT_CORE, &core);
}
static void *nothing(void *cls)
{
    return cls;
}
static int new_thread(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}
static int log_to_system(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && sendto(fd, "<30>x", 5, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&receiver,
                             sizeof receiver) == 5
               ? 0
               : -1;
}

/* The options of a client's connection: `done` means that the kernel was asked, whatever it said of the
 * value. */
static const struct {
    const char *name;
    int level, option;
} OPTIONS_TRIED[] = {
    {"no-delay", IPPROTO_TCP, TCP_NODELAY},
    {"cork", IPPROTO_TCP, TCP_CORK},
    {"send-buffer", SOL_SOCKET, SO_SNDBUF},
    {"repair", IPPROTO_TCP, TCP_REPAIR},
    {"fast-open", IPPROTO_TCP, TCP_FASTOPEN},
    {"fast-connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT},
    {"upper-layer", IPPROTO_TCP, TCP_ULP},
    {"congestion", IPPROTO_TCP, TCP_CONGESTION},
    {"zero-copy", SOL_SOCKET, SO_ZEROCOPY},
    {"attach-bpf", SOL_SOCKET, SO_ATTACH_BPF},
    {"reuse-filter", SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},
    {"to-device", SOL_SOCKET, SO_BINDTODEVICE},
    {"mark", SOL_SOCKET, SO_MARK},
    {"transparent", IPPROTO_IP, IP_TRANSPARENT},
    {"source-route", IPPROTO_IP, IP_OPTIONS},
};

static const struct {
    const char *name;
    int (*attempt)(void);
} ATTEMPTS[] = {
    {"read-inside", read_inside},
    {"write-inside", write_inside},
    {"read-outside", read_outside},
    {"read-passwd", read_passwd},
    {"read-by-link", read_by_link},
    {"write-outside", write_outside},
    {"write-log", write_log},
    {"shorten-log", shorten_log},
    {"read-log", read_log},
    {"execute", execute},
    {"trace", trace},
    {"trace-me", trace_me},
    {"watch-files", watch_files},
    {"fork", fork_one},
    {"new-socket", new_socket},
    {"new-socket6", new_socket6},
    {"new-stream", new_stream},
    {"new-raw", new_raw},
    {"bind", bind_old},
    {"listen", listen_old},
    {"connect", connect_out},
    {"disconnect", disconnect},
    {"reconnect", reconnect},
    {"fast-sendto", fast_to},
    {"fast-sendmsg", fast_message},
    {"fast-sendmmsg", fast_messages},
    {"fast-again", fast_again},
    {"answer", answer},
    {"answer-in-parts", answer_in_parts},
    {"own-parent", own_parent},
    {"own-parent-ex", own_parent_ex},
    {"own-parent-ioctl", own_parent_ioctl},
    {"own-parent-group", own_parent_group},
    {"own-signal", own_signal},
    {"own-input", own_input},
    {"do-not-block", do_not_block},
    {"another-number", another_number},
    {"move-parent", move_parent},
    {"make-code", make_code},
    {"kill", kill_parent},
    {"become-root", become_root},
    {"raise-limit", raise_limit},
    {"new-thread", new_thread},
    {"system-log", log_to_system},
};

/* Somebody who listens on loopback, a connection that came from there, and somebody who takes datagrams. */
static bool make_world(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    receiver.sun_family = AF_UNIX;
    int n = snprintf(receiver.sun_path, sizeof receiver.sun_path, "%s.socket", log_file);
    if (n < 0 || (size_t)n >= sizeof receiver.sun_path)
        return false;
    unlink(receiver.sun_path); /* of the attempt before */
    if (bind(listening, (struct sockaddr *)&here, len) != 0 || listen(listening, 64) != 0 ||
        getsockname(listening, (struct sockaddr *)&here, &len) != 0 ||
        connect(client, (struct sockaddr *)&here, len) != 0)
        return false;
    elsewhere = here;
    accepted = accept(listening, NULL, NULL);
    return accepted >= 0 && tcp >= 0 && bind(datagrams, (struct sockaddr *)&receiver, sizeof receiver) == 0;
}

static bool unfenced;

/* 0, or a negative code: the sandbox could not be entered. */
static int enter(const struct conf *conf, bool *fenced, struct err *err)
{
    struct diag diag = {.emit = diag_print, .cls = stderr};
    struct privileges privileges;
    struct sandbox *sandbox = NULL;
    int rc = privileges_find(conf, true, &diag, &privileges);
    if (rc == 0)
        rc = privileges_drop(&privileges, err);
    if (rc == 0)
        rc = privileges_harden(err);
    if (rc == 0)
        rc = unfenced ? filter_load(false, 0, err) : sandbox_enter(conf, &sandbox, err);
    *fenced = sandbox && sandbox_is_fenced(sandbox);
    return rc;
}

/* In the child. 0: done, otherwise errno. */
static int attempt_one(const struct conf *conf, int (*attempt)(void), int level, int option)
{
    struct err err = {0};
    bool fenced;
    if (!make_world() || enter(conf, &fenced, &err) != 0) {
        fprintf(stderr, "breakout: %s\n", err.code ? err.text : strerror(errno));
        return 255;
    }
    errno = 0;
    if (attempt)
        return attempt() == 0 ? 0 : errno ? errno : 254;
    if (option == 0)
        return fenced ? 0 : 1;
    int value = 0;
    return setsockopt(accepted, level, option, &value, sizeof value) == 0 || errno != EPERM ? 0 : EPERM;
}

static int in_child(const struct conf *conf, int (*attempt)(void), int level, int option)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(attempt_one(conf, attempt, level, option));
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : 255 << 8;
}

static void tell(const char *name, int status)
{
    if (WIFSIGNALED(status))
        printf("%s killed %s\n", name, sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == 0)
        printf("%s done\n", name);
    else
        printf("%s refused %s\n", name, strerrorname_np(WEXITSTATUS(status)));
}

int main(int argc, char **argv)
{
    struct diag diag = {.emit = diag_print, .cls = stderr};
    struct conf *conf = NULL;
#ifdef MTLSD_INSTRUMENTED
    puts("a build with sanitizers or coverage has no sandbox");
    return 77;
#endif
    if (!filter_built()) {
        puts("built without libseccomp");
        return 77;
    }
    unfenced = argc == 7 && strcmp(argv[6], "unfenced") == 0;
    if ((argc != 6 && !unfenced) || conf_load(argv[1], &diag, &conf) != 0)
        return 2;
    inside = argv[2], outside = argv[3], linked = argv[4], log_file = argv[5];
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts(in_child(conf, NULL, 0, 0) == 0 ? "fenced yes" : "fenced no");
    for (size_t i = 0; i < ARRAY_LEN(ATTEMPTS); i++)
        tell(ATTEMPTS[i].name, in_child(conf, ATTEMPTS[i].attempt, 0, 0));
    for (size_t i = 0; i < ARRAY_LEN(OPTIONS_TRIED); i++)
        tell(OPTIONS_TRIED[i].name, in_child(conf, NULL, OPTIONS_TRIED[i].level, OPTIONS_TRIED[i].option));
    conf_free(conf);
    return 0;
}
