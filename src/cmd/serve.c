/* `mtlsd serve`: the life of the daemon. The main thread waits for signals; workers serve. */
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
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "os/activation.h"
#include "os/notify.h"
#include "os/pid_file.h"
#include "os/places.h"
#include "os/privileges.h"
#include "os/sandbox.h"
#include "os/signals.h"
#include "os/writers.h"
#include "report/access.h"
#include "server/server.h"
#include "server/watch.h"
#include "tls/ecdsa.h"
#include "tls/library.h"
#include "tls/releases.h"
#include "tls/server_name.h"
#include "tls/x25519.h"

static const char USAGE[] = "Usage: mtlsd serve [-c] [FILE] [--ready-file FILE]\n"
                            "Serves in the foreground until SIGTERM or SIGINT. SIGHUP reloads, SIGUSR1\n"
                            "reopens the logs.\n"
                            "\n"
                            "  -c, --config FILE    configuration (default " MTLSD_CONF ")\n"
                            "      --ready-file F   once all listeners are bound, write a line `NAME URL`\n"
                            "                       for each to F\n"
                            "  -h, --help           this text\n";

/* The main thread's things. */
struct life {
    const char *conf_file, *ready_file;
    int ready_fd; /* of the ready file until the start has succeeded, or -1 */
    int signal_fd;
    uint64_t overlooked; /* a bit for each signal that was told of */
    int pid_fd;          /* of the pid_file, or -1 */
    char *pid_file;      /* its path at the start; owned */
    unsigned reloads;    /* how many began */
    int timer_fd;        /* the service manager's watchdog is to be fed; -1: there is none */
    struct server *server;
    struct sandbox *sandbox;
    struct watch *watch;
    struct privileges privileges; /* whom it became */
    struct diag_order early;      /* warnings from before the error log was open */
    struct diag early_to;
    bool has_log; /* the error log has been open: what is said before goes to the standard error */
};

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

/* What `check` says of files that load: here never a reason to refuse. */
static void log_lint(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity;
    log_finding(cls, DIAG_WARNING, src, text);
}

static void lint(const struct life *life)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    struct diag diag = {.emit = log_lint};
    struct diag_order order;
    diag_order_init(&order, &diag);
    snapshot_lint(snapshot, clock_now(), &order.diag);
    places_lint(snapshot->conf, &order.diag);
    writers_lint(snapshot->conf, geteuid(), &order.diag);
    diag_order_flush(&order);
    snapshot_unref(snapshot);
}

/* A finding of the start: to whoever started it by hand, and kept for those who read the error log. */
static void start_finding(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct life *life = cls;
    diag_print(stderr, severity, src, text);
    diag_pass(&life->early.diag, severity, src, text);
}

/* What was said of the start goes to the error log, too, once that is open, unless it is the same stream. */
static void log_early(struct life *life, const struct conf *conf)
{
    if (!life->has_log)
        return;
    const char *to = conf->error_log.text ? conf->error_log.text : "stderr";
    life->early_to.emit = strcmp(to, "stderr") == 0 ? NULL : log_finding;
    diag_order_flush(&life->early);
}

/* Whoever waits for the file must see it whole: it is written aside and renamed. A descriptor, or -1. */
static int write_ready_file(const char *path, const struct buf *lines)
{
    char aside[4096];
    int n = snprintf(aside, sizeof aside, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof aside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    /* A new file of a name that nobody could foresee, and no link: the folder may be everybody's. */
    int fd = mkostemp(aside, O_CLOEXEC);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, 0666 & ~mask) != 0)
        log_debug("the ready file %s is readable for nobody else: %s", path, strerror(errno));
    ssize_t written = write(fd, lines->data, lines->len);
    if (written == (ssize_t)lines->len && rename(aside, path) == 0)
        return fd;
    int why = written >= 0 && written < (ssize_t)lines->len ? ENOSPC : errno;
    unlink(aside);
    close(fd);
    errno = why;
    return -1;
}

/* Before the sandbox, which would otherwise have to leave the file's folder writable for good. The listeners
 * are bound: the kernel takes connections, and the workers will find them. */
static int tell_ready(struct life *life, struct err *err)
{
    if (!life->ready_file)
        return 0;
    struct buf lines;
    buf_init(&lines, 0);
    server_describe(life->server, &lines);
    int rc = 0;
    if (buf_failed(&lines))
        rc = err_nomem(err);
    else if ((life->ready_fd = write_ready_file(life->ready_file, &lines)) < 0)
        rc = err_set(err, ERR_IO, "cannot write the ready file %s: %s", life->ready_file, strerror(errno));
    buf_done(&lines);
    return rc;
}

/* After a start that failed later nobody shall believe the file: empty, it says that nothing listens. */
static void end_ready(struct life *life, bool started)
{
    if (life->ready_fd < 0)
        return;
    if (!started && ftruncate(life->ready_fd, 0) != 0)
        log_error("cannot empty the ready file %s: %s", life->ready_file, strerror(errno));
    close(life->ready_fd);
    life->ready_fd = -1;
}

/* Why a log could not be opened, with its place in the configuration and the remedy. */
static void tell_of_log(const struct life *life, const char *option, const struct conf_text *log,
                        const struct err *err, struct diag *diag)
{
    unsigned before = diag->errors;
    places_check_log(option, log, true, diag);
    /* Rights allow it, and yet it was denied: the sandbox, which knows folders and not their names. */
    bool fenced = err->code == ERR_DENIED && life->sandbox && sandbox_is_fenced(life->sandbox);
    if (diag->errors == before)
        diag_error(diag, log->src, "%s: %s%s", option, err->text,
                   fenced ? "; the sandbox holds the folders that were there at the start, not one that was "
                            "made anew or that a link was turned to: restart"
                          : "");
}

/* Each by itself: one that cannot be opened must not keep the other where it was. */
static int open_logs(struct life *life, struct diag *diag)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    const struct conf *conf = snapshot->conf;
    const char *error_log = conf->error_log.text ? conf->error_log.text : "stderr";
    struct err err = {0};
    int rc = log_open(error_log, (enum log_level)conf->log_level, &err);
    life->has_log = life->has_log || rc == 0;
    if (rc != 0)
        tell_of_log(life, "error_log", &conf->error_log, &err, diag);
    int access = access_open(conf->access_log.text, conf->access_log_format, &err);
    if (access != 0)
        tell_of_log(life, "access_log", &conf->access_log, &err, diag);
    snapshot_unref(snapshot);
    return rc != 0 ? rc : access;
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

/* Before the files are read: what changes from then on is noticed. A configuration that cannot be parsed
 * names none, so those of before are watched on. */
static void watch_anew(struct life *life)
{
    struct diag silent = {0};
    struct conf *conf = NULL;
    struct watch *next = NULL;
    struct err err = {0};
    if (conf_load(life->conf_file, &silent, &conf) != 0)
        return;
    if (watch_new(conf, &next, &err) != 0) {
        log_error("reload = auto: %s; only SIGHUP reloads", err.text);
    } else {
        watch_free(life->watch);
        life->watch = next;
    }
    conf_free(conf);
}

/* What is live says whether anybody watches, also after a reload that failed. */
static void watch_if_wanted(struct life *life)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    if (snapshot->conf->reload != RELOAD_AUTO) {
        watch_free(life->watch);
        life->watch = NULL;
    }
    snapshot_unref(snapshot);
}

/* A path outside of the sandbox looks like one without rights: says which it is, and what to do. */
static void explain(const struct life *life)
{
    struct diag silent = {0}, diag = {.emit = log_finding};
    struct conf *conf = NULL;
    if (conf_load(life->conf_file, &silent, &conf) != 0) {
        sandbox_explain_file(life->sandbox, life->conf_file, &diag);
        return;
    }
    sandbox_explain(life->sandbox, conf, &diag);
    (void)!privileges_check(&life->privileges, conf, &diag); /* what it could not do is among the findings */
    conf_free(conf);
}

static void say_ready(const struct life *life, const char *status)
{
    notify_send("READY=1\nSTATUS=%s; generation %llu", status,
                (unsigned long long)server_generation(life->server));
}

/* What needs this server's own transport under libmicrohttpd, where calls do not come to it (tls/preempt.c).
 */
static int check_transport(const struct conf *conf, struct diag *diag)
{
    static const char WHY[] =
        "is not to be had of this build, in which libmicrohttpd speaks TLS by itself: see "
        "transport in `mtlsd --version`";
    const unsigned before = diag->errors;
    if (tls_library_hidden())
        return 0;
    for (size_t i = 0; i < conf->n_listeners; i++) {
        const struct conf_listener *l = &conf->listener[i];
        if (!l->tls && l->mode == LISTENER_HTTP)
            diag_error(diag, l->src, "listen \"%s\": tls = off with redirect %s", l->name, WHY);
        if (conf_wants_http2(l))
            diag_error(diag, l->http2_src, "listen \"%s\": http2 = on %s", l->name, WHY);
    }
    for (size_t i = 0; i < conf->n_locations; i++) {
        const struct conf_location *l = &conf->location[i];
        if (l->backend.text)
            diag_error(diag, l->backend.src, "location \"%s\": a backend %s", l->prefix, WHY);
    }
    return diag->errors > before ? ERR_MISMATCH : 0;
}

static int admit(void *cls, const struct conf *conf, struct diag *diag)
{
    const struct life *life = cls;
    int rc = check_transport(conf, diag);
    return rc != 0 ? rc : sandbox_admit(life->sandbox, conf, diag);
}

static int reload(struct life *life)
{
    struct diag diag = {.emit = log_finding};
    /* Type=notify-reload waits for the stamp; a reload of large files gets the watchdog's whole time. */
    notify_send("RELOADING=1\nMONOTONIC_USEC=%llu\nWATCHDOG=1", (unsigned long long)clock_mono_us());
    watch_anew(life);
    int rc = server_reload(life->server, admit, life, &diag);
    watch_if_wanted(life);
    if (rc != 0) {
        explain(life);
        log_error("the reload failed with %u error%s: the old configuration keeps serving", diag.errors,
                  diag.errors == 1 ? "" : "s");
        say_ready(life, "serving; the last reload failed");
        return rc;
    }
    if (open_logs(life, &diag) != 0) {
        explain(life);
        log_warning("a log stays where it was");
    }
    lint(life);
    say_ready(life, "serving");
    return 0;
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

/* Both, whatever becomes of the other. */
static void reopen_logs(struct life *life)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    const struct conf *conf = snapshot->conf;
    struct diag diag = {.emit = log_finding};
    struct err err = {0};
    if (log_reopen(&err) != 0)
        tell_of_log(life, "error_log", &conf->error_log, &err, &diag);
    if (access_reopen(&err) != 0)
        tell_of_log(life, "access_log", &conf->access_log, &err, &diag);
    snapshot_unref(snapshot);
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
            const int rc = reload(life);
            pid_file_tell_reload(life->pid_fd, life->reloads, rc == 0 ? PID_FILE_DONE : PID_FILE_REFUSED);
        } else if (act == SIGNAL_REOPEN) {
            reopen_logs(life);
        } else if (act == SIGNAL_DRAIN) {
            drain(life, event);
            break;
        } else {
            overlook(life, event);
        }
    }
}

/* With the rights of the start. A server that cannot be found by it serves all the same; two of one file are
 * a mistake. */
static int write_pid_file(struct life *life, const struct conf *conf, struct diag *diag)
{
    struct err err = {0};
    if (!conf->pid_file.text)
        return 0;
    life->pid_fd = pid_file_open(conf->pid_file.text, &err);
    if (life->pid_fd >= 0) {
        life->pid_file = strdup(conf->pid_file.text);
        return 0;
    }
    if (err.code == ERR_EXISTS) {
        diag_error(diag, conf->pid_file.src, "pid_file: %s", err.text);
        return err.code;
    }
    diag_warning(diag, conf->pid_file.src, "pid_file: %s: `mtlsd reload` will not find this server",
                 err.text);
    return 0;
}

/* Binds; from then on the process is who it stays. Logs are opened after that, so that what could not be
 * opened again, after a rotation, is found now. */
static int bind_and_drop(struct life *life, const struct conf *conf, struct diag *diag)
{
    struct err err = {0};
    int *inherited = calloc(conf->n_listeners, sizeof *inherited);
    int rc = inherited ? check_transport(conf, diag) : err_nomem(&err);
    if (rc == 0)
        rc = privileges_find(conf, true, diag, &life->privileges);
    if (rc == 0)
        rc = write_pid_file(life, conf, diag);
    if (rc == 0)
        rc = activation_match(conf, diag, inherited);
    if (rc == 0)
        rc = server_bind(life->server, inherited, diag);
    if (rc == 0 && life->privileges.change)
        rc = server_give(life->server, life->privileges.uid, life->privileges.gid, &err);
    free(inherited);
    if (rc == 0)
        rc = privileges_drop(&life->privileges, &err);
    if (rc == 0)
        rc = privileges_harden(&err); /* again: a change of the user makes dumps possible */
    if (rc != 0) {
        if (err.code)
            diag_error(diag, (struct src){0}, "%s", err.text);
        return rc;
    }
    rc = open_logs(life, diag);
    log_early(life, conf);
    if (rc == 0)
        lint(life);
    if (rc == 0)
        rc = privileges_check(&life->privileges, conf, diag);
    if (rc == 0 && geteuid() == 0 && !conf->user.text)
        log_warning(
            "runs as root: write user = \"NAME\" to become somebody with fewer rights after the start");
    return rc;
}

/* The order is the point: everything that needs rights, then fewer rights, then the first thread. */
static int start(struct life *life, struct diag *diag)
{
    struct err err = {0};
    int rc = privileges_harden(&err);
    notify_open();
    watch_anew(life);
    (void)x25519_prepare(), (void)ecdsa_prepare(); /* without them, nettle does it */
    if (rc != 0)
        diag_error(diag, (struct src){0}, "%s", err.text);
    else
        rc = server_new(life->conf_file, diag, &life->server);
    if (rc == 0) {
        struct snapshot *snapshot = server_snapshot(life->server);
        rc = bind_and_drop(life, snapshot->conf, diag);
        watch_if_wanted(life);
        if (rc == 0)
            rc = tell_ready(life, &err);
        if (rc == 0)
            rc = sandbox_enter(snapshot->conf, &life->sandbox, &err);
        if (rc == 0) {
            sandbox_ports(life->sandbox, pid_file_tell_ports, life->pid_fd);
            pid_file_tell_ports_end(life->pid_fd);
        }
        if (rc == 0)
            rc = server_start(life->server, diag);
        if (err.code)
            diag_error(diag, (struct src){0}, "%s", err.text);
        log_early(life, snapshot->conf);
        snapshot_unref(snapshot);
    }
    end_ready(life, rc == 0);
    return rc;
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
    say_ready(life, "serving");
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

    struct diag diag = {.emit = start_finding, .cls = &life};
    diag_order_init(&life.early, &life.early_to);
    int status = EXIT_FAILURE;
    raise_descriptor_limit();
    if (start(&life, &diag) != 0) {
        fprintf(stderr, "mtlsd: not started; `mtlsd check -c %s` shows all findings\n", conf_file);
    } else if (announce(&life) == 0) {
        life.timer_fd = start_watchdog(life.server);
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
            fputs(USAGE, stderr);
            return CMD_USAGE;
        }
    }
    conf_file = cmd_conf_file(argc, argv, conf_file, USAGE);
    if (!conf_file)
        return CMD_USAGE;
    return serve(conf_file, ready_file);
}
