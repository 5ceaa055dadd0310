/* `mtlsd serve`: the life of the daemon. The main thread waits for signals; workers serve. */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/serve_impl.h"
#include "os/notify.h"
#include "os/pid_file.h"
#include "os/signals.h"
#include "report/access.h"
#include "tls/library.h"
#include "tls/releases.h"
#include "tls/seal.h"
#include "tls/server_name.h"

static const char USAGE[] = "Usage: mtlsd serve [-c] [FILE] [--ready-file FILE]\n"
                            "Serves in the foreground until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1\n"
                            "reopens the logs.\n"
                            "\n"
                            "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
                            "      --ready-file F   once all listeners are bound, write a line `NAME URL`\n"
                            "                       for each to F\n"
                            "  -h, --help           this text\n";

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

/* Only a server whose every thread has moved since the last time is said to be alive. */
static void feed_watchdog(struct life *life)
{
    uint64_t times;
    if (read(life->timer_fd, &times, sizeof times) != (ssize_t)sizeof times)
        return;
    if (server_turns(life->server))
        notify_send("WATCHDOG=1");
    else
        log_warning("a thread has not moved for some time; the service manager's watchdog is not fed");
}

/* Three times within the time that the manager allows, so that one slow turn does no harm. */
static int start_watchdog(struct server *server)
{
    uint64_t ms = notify_watchdog_ms() / 3;
    if (ms == 0)
        return -1;
    struct timespec every = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    struct itimerspec spec = {every, every};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) != 0)
        log_error("watchdog: %s", strerror(errno));
    (void)server_turns(server); /* asks for the first */
    return fd;
}

/* Milliseconds until a watched file is to be looked at, -1: none is. */
static int until_look(const struct life *life)
{
    if (!life->watch)
        return -1;
    uint64_t now_ms = clock_mono_ms(), due_ms = watch_due_ms(life->watch);
    return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

/* Waits for a signal or a change of a watched file. Returns the signal's number, 0 for a change. */
static int wait_for_event(struct life *life)
{
    for (;;) {
        struct pollfd ready[2] = {{.fd = life->signal_fd, .events = POLLIN},
                                  {.fd = life->timer_fd, .events = POLLIN}};
        int n = poll(ready, 2, until_look(life));
        int number = n > 0 && ready[0].revents ? signals_read(life->signal_fd) : 0;
        if (number > 0)
            return number;
        if (n > 0 && ready[1].revents)
            feed_watchdog(life);
        if (until_look(life) == 0 && watch_turn(life->watch, clock_mono_ms()))
            return 0;
    }
}

static void drain(struct life *life, int signal_number)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    long long timeout = snapshot->conf->drain_timeout;
    snapshot_unref(snapshot);
    log_notice("%s: no new connections; waiting for the open ones", strsignal(signal_number));
    notify_send("STOPPING=1\nSTATUS=waiting for open connections\nEXTEND_TIMEOUT_USEC=%lld",
                (timeout + 5) * 1000000);
    server_drain(life->server);
}

static void overlook(struct life *life, int signal_number)
{
    uint64_t bit = (uint64_t)1 << (signal_number - 1);
    if (!(life->overlooked & bit))
        log_notice("%s: means nothing here; SIGHUP reloads, SIGUSR1 reopens the logs, SIGTERM ends",
                   strsignal(signal_number));
    life->overlooked |= bit;
}

/* The main thread's life: everything that comes from outside the connections comes here. */
static void wait_for_the_end(struct life *life)
{
    for (;;) {
        int event = wait_for_event(life);
        enum signal_act act = event > 0 ? signals_act(event) : SIGNAL_RELOAD;
        if (act == SIGNAL_RELOAD) {
            if (event == 0)
                log_notice("%s has changed", watch_what(life->watch));
            pid_file_tell_reload(life->pid_fd, ++life->reloads, PID_FILE_BEGUN);
            const int rc = serve_reload(life);
            pid_file_tell_reload(life->pid_fd, life->reloads, rc == 0 ? PID_FILE_DONE : PID_FILE_REFUSED);
        } else if (act == SIGNAL_REOPEN) {
            serve_reopen_logs(life);
        } else if (act == SIGNAL_DRAIN) {
            drain(life, event);
            break;
        } else {
            overlook(life, event);
        }
    }
}

static int announce(struct life *life)
{
    struct buf lines;
    buf_init(&lines, 0);
    int rc = ERR_NOMEM;
    server_describe(life->server, &lines);
    if (buf_failed(&lines)) {
        log_error("out of memory");
        goto out;
    }
    log_notice("mtlsd %s serves; transport %s", PACKAGE_VERSION,
               tls_library_hidden() ? "own" : "libmicrohttpd's");
    char untried[RELEASES_BYTES];
    releases_untried(untried);
    if (untried[0])
        log_notice("mtlsd %s was not tried with %s", PACKAGE_VERSION, untried);
    for (char *line = lines.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        log_notice("listening: %.*s", (int)(end - line), line);
    serve_say_ready(life, "serving");
    rc = 0;
out:
    buf_done(&lines);
    return rc;
}

static int serve(const char *conf_file, const char *ready_file)
{
    server_name_prepare();
    memory_prepare();
    struct life life = {
        .conf_file = conf_file, .ready_file = ready_file, .ready_fd = -1, .pid_fd = -1, .timer_fd = -1};
    struct err err = {0};
    life.signal_fd = signals_open(&err);
    if (life.signal_fd < 0) {
        fprintf(stderr, "mtlsd: %s\n", err.text);
        return EXIT_FAILURE;
    }

    int status = EXIT_FAILURE;
    raise_descriptor_limit();
    if (serve_start(&life) != 0) {
        fprintf(stderr, "mtlsd: not started; `mtlsd check -c %s` shows all findings\n", conf_file);
    } else if (announce(&life) == 0) {
        life.timer_fd = start_watchdog(life.server);
        (void)seal_prepare(); /* without it, GnuTLS seals */
        wait_for_the_end(&life);
        status = EXIT_SUCCESS;
    }
    life.early_to.emit = NULL;
    diag_order_flush(&life.early);
    watch_free(life.watch);
    server_free(life.server);
    if (status == EXIT_SUCCESS)
        log_notice("ended");
    sandbox_free(life.sandbox);
    pid_file_close(life.pid_fd, life.pid_file);
    free(life.pid_file);
    access_close();
    log_close();
    notify_close();
    if (life.timer_fd >= 0)
        close(life.timer_fd);
    close(life.signal_fd);
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
    const char *conf_file = NULL, *ready_file = NULL;
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
            return cmd_see_help("mtlsd serve");
        }
    }
    conf_file = cmd_conf_file(argc, argv, conf_file);
    if (!conf_file)
        return CMD_USAGE;
    return serve(conf_file, ready_file);
}
