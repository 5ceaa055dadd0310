/* A small service manager: it binds listening sockets, hands them to a program that it starts (LISTEN_FDS),
 * and keeps them while the program is stopped and started anew; it is told what goes on by NOTIFY_SOCKET.
 *
 *   activate [-a] [-w MS] NAME=PORT... -- PROGRAM ARGUMENT...
 *
 * PORT 0 is any free one of 127.0.0.1, "/PATH" a UNIX socket; the name "-" hands the sockets over without
 * names. -a: the notify socket has an abstract name. -w: the watchdog's time. It prints "NAME PORT" for each
 * socket, then takes commands from stdin, each answered by one line:
 *
 *   start        -> "ready", once READY=1 came, or "ended STATUS"
 *   stop         SIGTERM -> "ended STATUS"
 *   signal N     -> "signal N"
 *   wait TEXT    -> the next message with that text, its line ends as spaces, or "nothing" after 15 seconds
 *   pid          -> "pid N"
 *   lend         -> "lend": another program gets the sockets, too, as systemd hands them over: they block
 *
 * At the end of stdin the program is killed if it still runs. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 3, MOST = 8, PATIENCE_MS = 15000, LINE = 1024 };

static int sockets[MOST];
static char names[LINE];
static int n_sockets;
static int notify = -1;
static char notify_name[108];
static const char *watchdog_ms;
static pid_t child = -1;

static long now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0)
        return -1;
    printf("%s\n", path);
    return fd;
}

static int listen_on(const char *port)
{
    if (port[0] == '/')
        return listen_at(port);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof at;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return -1;
    printf("%u\n", ntohs(at.sin_port));
    return fd;
}

static int add_socket(const char *word)
{
    const char *port = strchr(word, '=');
    if (!port || n_sockets == MOST)
        return -1;
    printf("%.*s ", (int)(port - word), word);
    if (word[0] != '-')
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.*s", n_sockets ? ":" : "",
                 (int)(port - word), word);
    sockets[n_sockets] = listen_on(port + 1);
    return sockets[n_sockets++] < 0 ? -1 : 0;
}

static int open_notify(bool abstract)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *folder = getenv("TMPDIR");
    if (abstract)
        snprintf(notify_name, sizeof notify_name, "@mtlsd-activate-%ld", (long)getpid());
    else
        snprintf(notify_name, sizeof notify_name, "%s/activate-%ld", folder ? folder : "/tmp",
                 (long)getpid());
    memcpy(at.sun_path, notify_name, sizeof notify_name);
    if (abstract)
        at.sun_path[0] = '\0';
    notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return notify < 0 ? -1
                      : bind(notify, (struct sockaddr *)&at,
                             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(notify_name)));
}

static void be_the_program(char **argv)
{
    char text[32];
    /* Above all that is to be moved, so that nothing is overwritten on the way. */
    int aside[MOST];
    for (int i = 0; i < n_sockets; i++)
        aside[i] = fcntl(sockets[i], F_DUPFD, FIRST + MOST);
    for (int i = 0; i < n_sockets; i++)
        dup2(aside[i], FIRST + i);
    for (int fd = FIRST + n_sockets; fd < 256; fd++)
        close(fd);
    snprintf(text, sizeof text, "%ld", (long)getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("WATCHDOG_PID", text, 1);
    snprintf(text, sizeof text, "%d", n_sockets);
    setenv("LISTEN_FDS", text, 1);
    if (names[0])
        setenv("LISTEN_FDNAMES", names, 1);
    setenv("NOTIFY_SOCKET", notify_name, 1);
    if (watchdog_ms) {
        snprintf(text, sizeof text, "%s000", watchdog_ms);
        setenv("WATCHDOG_USEC", text, 1);
    }
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

/* "ended 0", "ended 1", "ended signal 9" */
static bool say_end(int options)
{
    int status;
    if (child <= 0 || waitpid(child, &status, options) != child)
        return false;
    child = -1;
    if (WIFSIGNALED(status))
        printf("ended signal %d\n", WTERMSIG(status));
    else
        printf("ended %d\n", WEXITSTATUS(status));
    return true;
}

/* The next message with `text` in it, in `out`. */
static bool await(const char *text, char out[static LINE])
{
    long until = now_ms() + PATIENCE_MS;
    while (now_ms() < until) {
        struct pollfd ready = {.fd = notify, .events = POLLIN};
        if (poll(&ready, 1, 50) == 1) {
            ssize_t n = recv(notify, out, LINE - 1, 0);
            out[n < 0 ? 0 : n] = '\0';
            for (char *p = out; *p; p++)
                *p = *p == '\n' ? ' ' : *p;
            if (strstr(out, text))
                return true;
        } else {
            siginfo_t info = {0};
            if (child > 0 && waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                info.si_pid)
                return false;
        }
    }
    return false;
}

static void start(char **argv)
{
    char message[LINE];
    fflush(stdout);
    child = fork();
    if (child == 0)
        be_the_program(argv);
    if (await("READY=1", message))
        puts("ready");
    else if (!say_end(WNOHANG))
        puts("silent");
}

static void obey(char *line, char **argv)
{
    char message[LINE];
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "start") == 0) {
        start(argv);
    } else if (strcmp(line, "stop") == 0 && child > 0) {
        kill(child, SIGTERM);
        say_end(0);
    } else if (strncmp(line, "signal ", 7) == 0 && child > 0) {
        kill(child, atoi(line + 7));
        puts(line);
    } else if (strncmp(line, "wait ", 5) == 0) {
        puts(await(line + 5, message) ? message : "nothing");
    } else if (strcmp(line, "pid") == 0) {
        printf("pid %ld\n", (long)child);
    } else if (strcmp(line, "lend") == 0) {
        for (int i = 0; i < n_sockets; i++)
            (void)fcntl(sockets[i], F_SETFL, fcntl(sockets[i], F_GETFL) & ~O_NONBLOCK);
        puts(line);
    } else {
        puts("what?");
    }
}

int main(int argc, char **argv)
{
    bool abstract = false;
    int i = 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-a") == 0)
            abstract = true;
        else if (strcmp(argv[i], "-w") == 0 && i + 1 < argc)
            watchdog_ms = argv[++i];
        else if (add_socket(argv[i]) != 0)
            return 2;
    }
    if (i + 1 >= argc || open_notify(abstract) != 0)
        return 2;
    char line[LINE];
    while (fgets(line, sizeof line, stdin))
        obey(line, argv + i + 1);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    if (!abstract)
        unlink(notify_name);
    return 0;
}
