/* `mtlsd serve`: the life of the daemon. The main thread waits for signals; MHD's workers serve. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "report/access.h"
#include "server/server.h"
#include "server/watch.h"
#include "tls/transport.h"

/* Files that belong together (a certificate and its key) are seldom written in the same instant. */
enum { SETTLE_MS = 500 };

static const char USAGE[] =
    "Usage: mtlsd serve [-c FILE] [--ready-file FILE]\n"
    "Serves in the foreground until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1 reopens the logs.\n"
    "\n"
    "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
    "      --ready-file F   once all listeners accept, write a line `NAME URL` for each to F\n"
    "  -h, --help           this text\n";

/* The log's form of a finding, for a reload. */
static void log_finding(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)cls;
    enum log_level level = severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
    if (src.file && src.line > 0)
        log_line(level, "%s:%u: %s", src.file, src.line, text);
    else
        log_line(level, "%s%s%s", src.file ? src.file : "", src.file ? ": " : "", text);
}

/* Whoever waits for the file must see it whole: it is written aside and renamed. */
static int write_ready_file(const char *path, const struct buf *lines)
{
    char aside[4096];
    int n = snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof aside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    FILE *file = fopen(aside, "we");
    if (!file)
        return -1;
    bool good = fwrite(lines->data, 1, lines->len, file) == lines->len;
    good = fclose(file) == 0 && good;
    if (good && rename(aside, path) == 0)
        return 0;
    unlink(aside);
    return -1;
}

static int open_logs(struct server *server)
{
    struct snapshot *snapshot = server_snapshot(server);
    const struct conf *conf = snapshot->conf;
    struct err err = {0};
    int rc = log_open(conf->error_log.text ? conf->error_log.text : "stderr", (enum log_level)conf->log_level,
                      &err);
    if (rc == 0)
        rc = access_open(conf->access_log.text, conf->access_log_format, &err);
    if (rc != 0)
        log_error("%s", err.text);
    snapshot_unref(snapshot);
    return rc;
}

/* As many connections as the system allows: the soft limit is a default for programs that use select. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_debug("the limit of open files stays: %s", strerror(errno));
}

static struct watch *start_watch(struct server *server)
{
    struct watch *watch = NULL;
    struct snapshot *snapshot = server_snapshot(server);
    struct err err = {0};
    if (snapshot->conf->reload == RELOAD_AUTO && watch_new(snapshot->conf, &watch, &err) != 0)
        log_error("reload = auto: %s; only SIGHUP reloads", err.text);
    snapshot_unref(snapshot);
    return watch;
}

/* True when a watched file changed while the reload was under way: it may have been read before. */
static bool reload(struct server *server, struct watch **watch)
{
    struct diag diag = {.emit = log_finding};
    if (server_reload(server, &diag) != 0) {
        log_error("the reload failed with %u error%s: the old configuration keeps serving", diag.errors,
                  diag.errors == 1 ? "" : "s");
        return false; /* the old files are still watched, so that mending one reloads again */
    }
    if (open_logs(server) != 0)
        log_warning("a log stays where it was");
    struct watch *next = start_watch(server);
    bool changed = *watch && next && watch_read(*watch);
    watch_free(*watch);
    *watch = next;
    return changed;
}

/* Waits for a signal, a change of a watched file or the end of `timeout_ms` (-1: none). Returns the signal's
 * number, 0 for a change, -1 when the time is over. */
static int wait_for_event(int signal_fd, struct watch *watch, int timeout_ms)
{
    for (;;) {
        struct pollfd ready[2] = {{.fd = signal_fd, .events = POLLIN},
                                  {.fd = watch ? watch_fd(watch) : -1, .events = POLLIN}};
        int n = poll(ready, 2, timeout_ms);
        if (n == 0)
            return -1;
        struct signalfd_siginfo info;
        if (n > 0 && ready[0].revents && read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
            return (int)info.ssi_signo;
        if (n > 0 && ready[1].revents && watch_read(watch))
            return 0;
    }
}

/* The main thread's life: everything that comes from outside the connections comes here. */
static void wait_for_the_end(struct server *server, int signal_fd)
{
    struct watch *watch = start_watch(server);
    int settle = -1; /* milliseconds until changed files are believed to be whole */
    for (;;) {
        int event = wait_for_event(signal_fd, watch, settle);
        if (event == 0) {
            settle = SETTLE_MS;
        } else if (event == -1 || event == SIGHUP) {
            if (event == -1)
                log_notice("a file changed");
            settle = reload(server, &watch) ? SETTLE_MS : -1;
        } else if (event == SIGUSR1) {
            struct err err = {0};
            if (log_reopen(&err) != 0 || access_reopen(&err) != 0)
                log_error("%s", err.text);
        } else {
            log_notice("%s: no new connections; waiting for the open ones", strsignal(event));
            break;
        }
    }
    watch_free(watch);
    server_drain(server);
}

static int serve(const char *conf_file, const char *ready_file)
{
    /* Blocked before any thread starts, so that only the descriptor sees them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (signal_fd < 0) {
        fprintf(stderr, "mtlsd: signalfd: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }

    struct diag diag = {.emit = diag_print, .cls = stderr};
    struct server *server = NULL;
    struct buf lines;
    buf_init(&lines, 0);
    int status = EXIT_FAILURE;
    raise_descriptor_limit();
    if (server_new(conf_file, &diag, &server) != 0 || open_logs(server) != 0 ||
        server_start(server, &diag) != 0) {
        fprintf(stderr, "mtlsd: not started; `mtlsd check -c %s` shows all findings\n", conf_file);
        goto out;
    }
    server_describe(server, &lines);
    if (buf_failed(&lines)) {
        log_error("out of memory");
        goto out;
    }
    log_notice("mtlsd %s serves; transport %s", PACKAGE_VERSION,
               transport_preempted() ? "own" : "libmicrohttpd's");
    for (char *line = lines.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        log_notice("listening: %.*s", (int)(end - line), line);
    if (ready_file && write_ready_file(ready_file, &lines) != 0) {
        log_error("cannot write the ready file %s: %s", ready_file, strerror(errno));
        goto out;
    }
    wait_for_the_end(server, signal_fd);
    status = EXIT_SUCCESS;
out:
    buf_done(&lines);
    server_free(server);
    access_close();
    log_close();
    close(signal_fd);
    return status;
}

int cmd_serve(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"config", required_argument, NULL, 'c'},
        {"ready-file", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *conf_file = MTLSD_CONF, *ready_file = NULL;
    for (int c; (c = getopt_long(argc, argv, "c:h", LONG, NULL)) != -1;) {
        switch (c) {
        case 'c':
            conf_file = optarg;
            break;
        case 'r':
            ready_file = optarg;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(USAGE, stderr);
            return CMD_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "mtlsd serve: unexpected argument '%s'\n%s", argv[optind], USAGE);
        return CMD_USAGE;
    }
    return serve(conf_file, ready_file);
}
