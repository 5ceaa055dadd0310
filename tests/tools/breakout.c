/* Enters the sandbox as the daemon does, with a configuration, and tries what somebody who has taken the
 * daemon over would try. One child for each attempt, and one line: "NAME done", "NAME refused EPERM" or "NAME
 * killed SYS".
 *
 *   breakout CONF INSIDE OUTSIDE LINK LOG
 *
 * INSIDE is a configured file, OUTSIDE one that is not, LINK a link to it in the document root, LOG a file to
 * create in the folder of a log. Exits with 77 and a reason when this system or build has no sandbox at all;
 * the first line says whether files are fenced. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
static int tcp = -1; /* a socket from before, which a start could have left behind */

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
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int rc = connect(tcp, (struct sockaddr *)&to, sizeof to);
    return rc == 0 || errno == ECONNREFUSED ? 0 : -1;
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
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    if (fd < 0)
        return -1;
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == ENOENT || errno == ECONNREFUSED
               ? 0
               : -1;
}

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
    {"fork", fork_one},
    {"new-socket", new_socket},
    {"new-socket6", new_socket6},
    {"new-stream", new_stream},
    {"new-raw", new_raw},
    {"bind", bind_old},
    {"listen", listen_old},
    {"connect", connect_out},
    {"make-code", make_code},
    {"kill", kill_parent},
    {"become-root", become_root},
    {"raise-limit", raise_limit},
    {"new-thread", new_thread},
    {"system-log", log_to_system},
};

/* In the child. 0: done, otherwise errno. */
static int attempt_one(const struct conf *conf, int (*attempt)(void))
{
    struct err err = {0};
    struct diag diag = {.emit = diag_print, .cls = stderr};
    struct privileges privileges;
    struct sandbox *sandbox = NULL;
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (privileges_find(conf, true, &diag, &privileges) != 0 || privileges_drop(&privileges, &err) != 0 ||
        privileges_harden(&err) != 0 || sandbox_enter(conf, &sandbox, &err) != 0) {
        fprintf(stderr, "breakout: %s\n", err.text);
        return 255;
    }
    if (!attempt)
        return sandbox_is_fenced(sandbox) ? 0 : 1;
    errno = 0;
    return attempt() == 0 ? 0 : errno ? errno : 254;
}

static int in_child(const struct conf *conf, int (*attempt)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(attempt_one(conf, attempt));
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : 255 << 8;
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
    if (argc != 6 || conf_load(argv[1], &diag, &conf) != 0)
        return 2;
    inside = argv[2], outside = argv[3], linked = argv[4], log_file = argv[5];
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts(in_child(conf, NULL) == 0 ? "fenced yes" : "fenced no");
    for (size_t i = 0; i < ARRAY_LEN(ATTEMPTS); i++) {
        int status = in_child(conf, ATTEMPTS[i].attempt);
        if (WIFSIGNALED(status))
            printf("%s killed %s\n", ATTEMPTS[i].name, sigabbrev_np(WTERMSIG(status)));
        else if (WEXITSTATUS(status) == 0)
            printf("%s done\n", ATTEMPTS[i].name);
        else
            printf("%s refused %s\n", ATTEMPTS[i].name, strerrorname_np(WEXITSTATUS(status)));
    }
    conf_free(conf);
    return 0;
}
