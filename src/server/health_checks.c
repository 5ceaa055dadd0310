#include "server/health_checks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/conf_backend.h"
#include "tls/proxy_header_write.h"
#include "upstream/pool.h"
#include "upstream/response.h"

/* One server that is asked. */
struct server_check {
    struct link_user user;
    struct wheel_timer timer; /* the end of the check under way, which is when the next one begins */
    struct health_checks *all;
    struct backend *backend; /* of `all`'s snapshot */
    unsigned server;
    struct link_shelf shelf; /* keeps a session of TLS to resume; no link stays there */
    struct link *link;       /* NULL: none is under way */
    struct response response;
    struct buf request;
    size_t sent;
};

struct health_checks {
    struct links *links;
    struct live *live;
    struct wheel_timer begin;  /* the worker's first turn */
    struct snapshot *snapshot; /* whose servers are asked; a reference; NULL: nobody's yet */
    struct server_check *item;
    size_t n;
};

static struct backend_server *server_of(const struct server_check *check)
{
    return &check->backend->server[check->server];
}

/* --- one check ------------------------------------------------------------------------------------------ */

/* `why`: what is wrong; NULL: it is well. */
static void end(struct server_check *check, const char *why)
{
    struct origin *origin = server_of(check)->origin;
    bool was = atomic_load_explicit(&origin->state.check_failed, memory_order_relaxed);
    if (why && !was)
        log_warning("backend \"%s\", %s: its check failed: %s: it gets no requests while others are well",
                    origin->backend, origin->name, why);
    else if (!why && was)
        log_notice("backend \"%s\", %s: its check succeeds again", origin->backend, origin->name);
    balance_checked(&origin->state, !why, clock_mono_ms());
    atomic_fetch_add_explicit(&origin->checks[why != NULL], 1, memory_order_relaxed);
    link_close(check->link);
    check->link = NULL;
}

static void judge(struct server_check *check)
{
    char why[40];
    unsigned status = check->response.status;
    snprintf(why, sizeof why, "the answer was %u", status);
    end(check, status >= 200 && status <= 299 ? NULL : why);
}

/* True: there is more to read. */
static bool take(struct server_check *check, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct response_piece piece = response_feed(&check->response, bytes + at, len - at);
        if (check->response.why) {
            end(check, check->response.why);
            return false;
        }
        if (piece.events & RESPONSE_HEAD) {
            judge(check);
            return false;
        }
        at += piece.used;
    }
    return true;
}

static void go_on(struct server_check *check)
{
    char bytes[4096];
    ssize_t n = 1;
    while (check->sent < check->request.len && n > 0) {
        n = link_write(check->link, check->request.data + check->sent, check->request.len - check->sent);
        check->sent += n > 0 ? (size_t)n : 0;
    }
    /* Where it takes no more it may have said why. */
    while ((n = link_read(check->link, bytes, sizeof bytes)) > 0) {
        if (!take(check, bytes, (size_t)n))
            return;
    }
    if (n != -EAGAIN)
        end(check, n == 0                ? "it closed the connection without an answer"
                   : check->link->why[0] ? check->link->why
                                         : strerror((int)-n));
}

static bool is_connect(const struct conf_backend *conf)
{
    return conf->check.text && strcmp(conf->check.text, CONF_CHECK_CONNECT) == 0;
}

static void on_link(struct link_user *user, enum link_event event)
{
    struct server_check *check = (struct server_check *)(void *)user;
    if (event == LINK_FAILED)
        end(check, check->link->why);
    else if (is_connect(check->backend->conf))
        end(check, NULL); /* it is up, with TLS where that is spoken */
    else
        go_on(check);
}

static struct link *open_link(struct server_check *check, const struct link_first *opening,
                              char why[static LINK_WHY])
{
    const struct link_target target = {check->all->links, &check->shelf, check->backend, check->server};
    const struct mux_wish wish = {.alone = true, .check = true, .first = *opening};
    bool fresh;
    return upstream_open(&target, &check->user, &wish, &fresh, why);
}

static void begin(struct server_check *check)
{
    static const struct proxy_said OWN = {0};
    const struct conf_backend *conf = check->backend->conf;
    struct buf first = {0};
    char why[LINK_WHY];
    proxy_write_header(conf->send_proxy == SEND_PROXY_OFF  ? 0
                       : conf->send_proxy == SEND_PROXY_V1 ? PROXY_V1
                                                           : PROXY_V2,
                       &OWN, &first);
    const struct link_first opening = {first.data, first.len, NULL};
    response_init(&check->response, false, false);
    check->sent = 0;
    check->link = open_link(check, &opening, why);
    buf_done(&first);
    if (!check->link && !check->all->links->lacks) /* else the server has not been asked */
        end(check, why);
}

static void on_time(struct wheel_timer *timer)
{
    struct server_check *check =
        (struct server_check *)(void *)((char *)timer - offsetof(struct server_check, timer));
    if (check->link)
        end(check, "it did not answer within check_interval");
    wheel_set(check->all->links->wheel, timer,
              clock_mono_ms() + (uint64_t)check->backend->conf->check_interval * 1000);
    begin(check);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static void drop(struct health_checks *checks)
{
    for (size_t i = 0; i < checks->n; i++) {
        struct server_check *check = &checks->item[i];
        wheel_stop(&check->timer);
        link_close(check->link);
        upstream_shelf_done(&check->shelf);
        buf_done(&check->request);
    }
    free(checks->item);
    checks->item = NULL;
    checks->n = 0;
    snapshot_unref(checks->snapshot);
    checks->snapshot = NULL;
}

static void put_request(const struct conf_backend *conf, const struct conf_server *server, struct buf *out)
{
    buf_printf(out, "GET %s HTTP/1.1\r\nHost: ", conf->check.text);
    if (conf->server_name.text)
        buf_puts(out, conf->server_name.text);
    else
        buf_printf(out, server->ipv6 ? "[%s]" : "%s", server->host);
    if (!server->path && server->port != (conf_server_is_tls(server) ? 443 : 80))
        buf_printf(out, ":%u", server->port);
    buf_puts(out, "\r\nUser-Agent: mtlsd\r\nConnection: close\r\n\r\n");
}

static void add(struct health_checks *checks, struct backend *backend, unsigned server)
{
    struct server_check *check = &checks->item[checks->n++];
    *check = (struct server_check){
        .user.event = on_link, .timer.fire = on_time, .all = checks, .backend = backend, .server = server};
    put_request(backend->conf, backend->server[server].conf, &check->request);
    wheel_set(checks->links->wheel, &check->timer, clock_mono_ms());
}

/* Who is not asked any more is not held to be ill for ever. */
static void forget(struct backend *backend)
{
    for (unsigned i = 0; i < backend->n; i++)
        atomic_store(&backend->server[i].origin->state.check_failed, false);
}

void health_checks_follow(struct health_checks *checks)
{
    if (checks->snapshot && checks->snapshot->generation == live_generation(checks->live))
        return;
    struct snapshot *snapshot = live_snapshot(checks->live);
    const struct conf *conf = snapshot->conf;
    size_t n = 0;
    drop(checks);
    for (size_t i = 0; i < conf->n_backends; i++)
        n += conf->backend[i].check.text ? snapshot->backend[i]->n : 0;
    checks->snapshot = snapshot;
    checks->item = n > 0 ? calloc(n, sizeof *checks->item) : NULL;
    if (n > 0 && !checks->item)
        log_error("backends are not checked: out of memory");
    for (size_t i = 0; i < conf->n_backends; i++) {
        struct backend *backend = snapshot->backend[i];
        if (!conf->backend[i].check.text || !checks->item)
            forget(backend);
        for (unsigned j = 0; conf->backend[i].check.text && checks->item && j < backend->n; j++)
            add(checks, backend, j);
    }
}

static void on_begin(struct wheel_timer *timer)
{
    health_checks_follow(
        (struct health_checks *)(void *)((char *)timer - offsetof(struct health_checks, begin)));
}

struct health_checks *health_checks_new(struct links *links, struct live *live)
{
    struct health_checks *checks = calloc(1, sizeof *checks);
    if (!checks)
        return NULL;
    *checks = (struct health_checks){.links = links, .live = live, .begin.fire = on_begin};
    wheel_set(links->wheel, &checks->begin, clock_mono_ms());
    return checks;
}

void health_checks_free(struct health_checks *checks)
{
    if (!checks)
        return;
    wheel_stop(&checks->begin);
    drop(checks);
    free(checks);
}
