/* `mtlsd serve`: the start. */
#include "cmd/serve_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "os/activation.h"
#include "os/mask.h"
#include "os/notify.h"
#include "os/pid_file.h"
#include "tls/ecdsa.h"
#include "tls/x25519.h"

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
    life->early_to.emit = strcmp(to, "stderr") == 0 ? NULL : serve_log_finding;
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
    if (fchmod(fd, 0666 & ~mask_read()) != 0)
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
    int rc = inherited ? serve_check_transport(conf, diag) : err_nomem(&err);
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
    rc = serve_open_logs(life, diag);
    log_early(life, conf);
    if (rc == 0)
        serve_lint(life);
    if (rc == 0)
        rc = privileges_check(&life->privileges, conf, diag);
    if (rc == 0 && geteuid() == 0 && !conf->user.text)
        log_warning(
            "runs as root: write user = \"NAME\" to become somebody with fewer rights after the start");
    return rc;
}

static int start(struct life *life, struct diag *diag)
{
    struct err err = {0};
    int rc = privileges_harden(&err);
    notify_open();
    serve_watch_anew(life);
    (void)x25519_prepare(), (void)ecdsa_prepare(); /* without them, nettle does it */
    if (rc != 0)
        diag_error(diag, (struct src){0}, "%s", err.text);
    else
        rc = server_new(life->conf_file, diag, &life->server);
    if (rc == 0) {
        struct snapshot *snapshot = server_snapshot(life->server);
        rc = bind_and_drop(life, snapshot->conf, diag);
        serve_watch_if_wanted(life);
        if (rc == 0)
            rc = tell_ready(life, &err);
        if (rc == 0)
            rc = sandbox_enter(snapshot->conf, &life->sandbox, &err);
        if (rc == 0)
            sandbox_closed_ports(life->sandbox, pid_file_tell_closed_ports, life->pid_fd);
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

int serve_start(struct life *life)
{
    struct diag diag = {.emit = start_finding, .cls = life};
    diag_order_init(&life->early, &life->early_to);
    return start(life, &diag);
}
