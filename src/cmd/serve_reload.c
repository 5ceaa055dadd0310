/* `mtlsd serve`: what a reload does, and the logs. */
#include "cmd/serve_impl.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/notify.h"
#include "os/places.h"
#include "os/writers.h"
#include "report/access.h"
#include "tls/library.h"

void serve_log_finding(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)cls;
    enum log_level level = severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
    if (src.file && src.line > 0)
        log_line(level, "%s:%u: %s", src.file, src.line, text);
    else
        log_line(level, "%s%s%s", src.file ? src.file : "", src.file ? ": " : "", text);
}

static void log_lint(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    (void)severity;
    serve_log_finding(cls, DIAG_WARNING, src, text);
}

void serve_lint(const struct life *life)
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

int serve_open_logs(struct life *life, struct diag *diag)
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

void serve_reopen_logs(struct life *life)
{
    struct snapshot *snapshot = server_snapshot(life->server);
    const struct conf *conf = snapshot->conf;
    struct diag diag = {.emit = serve_log_finding};
    struct err err = {0};
    if (log_reopen(&err) != 0)
        tell_of_log(life, "error_log", &conf->error_log, &err, &diag);
    if (access_reopen(&err) != 0)
        tell_of_log(life, "access_log", &conf->access_log, &err, &diag);
    snapshot_unref(snapshot);
}

void serve_watch_anew(struct life *life)
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

void serve_watch_if_wanted(struct life *life)
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
    struct diag silent = {0}, diag = {.emit = serve_log_finding};
    struct conf *conf = NULL;
    if (conf_load(life->conf_file, &silent, &conf) != 0) {
        sandbox_explain_file(life->sandbox, life->conf_file, &diag);
        return;
    }
    sandbox_explain(life->sandbox, conf, &diag);
    (void)!privileges_check(&life->privileges, conf, &diag); /* what it could not do is among the findings */
    conf_free(conf);
}

void serve_say_ready(const struct life *life, const char *status)
{
    notify_send("READY=1\nSTATUS=%s; generation %llu", status,
                (unsigned long long)server_generation(life->server));
}

int serve_check_transport(const struct conf *conf, struct diag *diag)
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
    int rc = serve_check_transport(conf, diag);
    return rc != 0 ? rc : sandbox_admit(life->sandbox, conf, diag);
}

int serve_reload(struct life *life)
{
    struct diag diag = {.emit = serve_log_finding};
    /* Type=notify-reload waits for the stamp; a reload of large files gets the watchdog's whole time. */
    notify_send("RELOADING=1\nMONOTONIC_USEC=%llu\nWATCHDOG=1", (unsigned long long)clock_mono_us());
    serve_watch_anew(life);
    int rc = server_reload(life->server, admit, life, &diag);
    serve_watch_if_wanted(life);
    if (rc != 0) {
        explain(life);
        log_error("the reload failed with %u error%s: the old configuration keeps serving", diag.errors,
                  diag.errors == 1 ? "" : "s");
        serve_say_ready(life, "serving; the last reload failed");
        return rc;
    }
    if (serve_open_logs(life, &diag) != 0) {
        explain(life);
        log_warning("a log stays where it was");
    }
    serve_lint(life);
    serve_say_ready(life, "serving");
    return 0;
}
