#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/h2_session.h"
#include "upstream/h2_client_impl.h"

void h2_client_limits(struct h2_limits *limits)
{
    *limits = (struct h2_limits){
        .most = {[H2_STREAMS] = H2_CLIENT_STREAMS,
                 [H2_RESETS] = 100000, /* as many as it gets requests: some end each call so */
                 [H2_CONTINUATIONS] = 8,
                 [H2_HEADER_LIST] = 256 * 1024,
                 [H2_SETTINGS] = 100,
                 [H2_PINGS] = 10000, /* some measure with each piece of a body how far away we are */
                 [H2_EMPTY_FRAMES] = 1000,
                 [H2_FRAMES] = 10000},
        .header_list = 64 * 1024,
        .window = 1024 * 1024,
    };
}

/* ---- what its owner is told ---------------------------------------------------------------------------- */

void h2_call_note(struct h2_call *call)
{
    struct h2_client *client = call->client;
    if (call->noted)
        return;
    call->noted = true;
    call->next_noted = NULL;
    *(client->noted ? &client->last_noted->next_noted : &client->noted) = call;
    client->last_noted = call;
}

struct h2_call *h2_client_next(struct h2_client *client)
{
    struct h2_call *call = client->noted;
    if (!call)
        return NULL;
    client->noted = call->next_noted;
    call->noted = false;
    return call;
}

static void h2_call_unnote(struct h2_call *call)
{
    struct h2_client *client = call->client;
    struct h2_call *before = NULL, *at = client->noted;
    if (!call->noted)
        return;
    for (; at != call; at = at->next_noted)
        before = at;
    *(before ? &before->next_noted : &client->noted) = call->next_noted;
    if (client->last_noted == call)
        client->last_noted = before;
    call->noted = false;
}

void h2_call_blame(struct h2_call *call, const char *why)
{
    if (!call->why[0] && !call->ended)
        snprintf(call->why, sizeof call->why, "%s", why);
    h2_call_note(call);
}

/* What came of it is no response. */
void h2_call_reject(struct h2_call *call, const char *why)
{
    h2_call_blame(call, why);
    if (!call->closed)
        (void)nghttp2_submit_rst_stream(call->client->session, NGHTTP2_FLAG_NONE, call->id,
                                        NGHTTP2_PROTOCOL_ERROR);
}

void h2_client_fail(struct h2_client *client, const char *why)
{
    if (!client->why[0])
        snprintf(client->why, sizeof client->why, "%s", why);
    client->ending = true;
    for (struct h2_call *call = client->calls; call; call = call->next) {
        const bool sent = call->given_by > 0 && call->given_by <= client->sent;
        call->refused = call->refused || !(sent || call->answered);
        if (!call->ended || !call->closed)
            h2_call_blame(call, client->why);
        call->closed = true;
    }
}

void h2_client_too_much(struct h2_client *client, enum h2_limit limit)
{
    static const char *const WORDS[H2_LIMITS] = {
        [H2_RESETS] = "RST_STREAM", [H2_CONTINUATIONS] = "CONTINUATION", [H2_SETTINGS] = "SETTINGS",
        [H2_PINGS] = "PING",        [H2_EMPTY_FRAMES] = "empty DATA",    [H2_FRAMES] = "unknown or PRIORITY"};
    char why[H2_CALL_WHY];
    if (client->ending)
        return;
    if (WORDS[limit])
        snprintf(why, sizeof why, "it sends more than %u %s frames %s", client->limits.most[limit],
                 WORDS[limit], limit == H2_CONTINUATIONS ? "in a row" : "a second");
    else
        snprintf(why, sizeof why, "the head of its response is more than can be held");
    (void)nghttp2_session_terminate_session(client->session, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_client_fail(client, why);
}

/* ---- what comes ---------------------------------------------------------------------------------------- */

static const char *what_came(const struct h2_client *client)
{
    return client->n_begins >= 5 && memcmp(client->begins, "HTTP/", 5) == 0
               ? "it does not speak HTTP/2: it answers in HTTP/1.1"
               : "what it sends is no HTTP/2";
}

void h2_client_take(struct h2_client *client, const char *bytes, size_t len, uint64_t now_ms)
{
    for (size_t i = 0; i < len && client->n_begins < sizeof client->begins; i++)
        client->begins[client->n_begins++] = bytes[i];
    const enum h2_limit over = h2_frames_feed(&client->frames, &client->limits, bytes, len, now_ms);
    if (over != H2_LIMITS)
        h2_client_too_much(client, over);
    if (client->ending)
        return;
    ssize_t n = nghttp2_session_mem_recv(client->session, (const uint8_t *)bytes, len);
    if (n < 0)
        h2_client_fail(client, n == NGHTTP2_ERR_NOMEM ? "out of memory" : what_came(client));
}

/* ---- calls --------------------------------------------------------------------------------------------- */

struct h2_call *h2_call_new(struct h2_client *client, const char *scheme, void *owner)
{
    struct h2_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->client = client;
    call->scheme = scheme;
    call->owner = owner;
    call->window = H2_CALL_WINDOW;
    buf_init(&call->head, MOST_REQUEST + 1);
    buf_init(&call->up, MOST_UP + 1);
    buf_init(&call->lines, MOST_LINES);
    buf_init(&call->text, MOST_TEXT);
    buf_init(&call->held, MOST_LINES);
    buf_init(&call->data, 2 * (size_t)H2_CALL_WINDOW_MOST);
    call->next = client->calls;
    if (call->next)
        call->next->prev = call;
    client->calls = call;
    client->n_calls++;
    return call;
}

void h2_call_free(struct h2_call *call)
{
    if (!call)
        return;
    struct h2_client *client = call->client;
    if (call->id > 0)
        (void)nghttp2_session_set_stream_user_data(client->session, call->id, NULL);
    if (call->id > 0 && !call->closed)
        (void)nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, call->id,
                                        call->ended ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    h2_call_unnote(call);
    *(call->prev ? &call->prev->next : &client->calls) = call->next;
    if (call->next)
        call->next->prev = call->prev;
    client->n_calls--;
    *client->grown -= call->window - H2_CALL_WINDOW;
    struct buf *const bufs[] = {&call->head, &call->up, &call->lines, &call->text, &call->held, &call->data};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_done(bufs[i]);
    free(call);
}

void *h2_call_owner(const struct h2_call *call)
{
    return call->owner;
}

const char *h2_call_why(const struct h2_call *call)
{
    return call->why;
}

bool h2_call_is_refused(const struct h2_call *call)
{
    return call->refused;
}

bool h2_call_is_answered(const struct h2_call *call)
{
    return call->answered;
}

bool h2_call_is_reset(const struct h2_call *call)
{
    return call->reset;
}

bool h2_call_is_open(const struct h2_call *call)
{
    return call->id > 0 && !call->closed && !call->ended;
}

/* ---- what goes, and its end ---------------------------------------------------------------------------- */

size_t h2_client_give(struct h2_client *client, const char **bytes)
{
    const uint8_t *data = NULL;
    client->giving = NULL;
    ssize_t n = nghttp2_session_mem_send(client->session, &data);
    *bytes = (const char *)data;
    client->given += n > 0 ? (uint64_t)n : 0;
    if (client->giving)
        client->giving->given_by = client->given;
    if (n < 0)
        h2_client_fail(client, "out of memory");
    return n > 0 ? (size_t)n : 0;
}

void h2_client_sent(struct h2_client *client, size_t len)
{
    client->sent += len;
}

bool h2_client_is_full(const struct h2_client *client)
{
    return h2_session_is_full(client->session);
}

bool h2_client_is_over(const struct h2_client *client)
{
    return client->ending || !nghttp2_session_want_read(client->session);
}

const char *h2_client_why(const struct h2_client *client)
{
    return client->why[0] ? client->why : client->parts_why[0] ? client->parts_why : what_came(client);
}

bool h2_client_is_settled(const struct h2_client *client)
{
    return client->settled;
}

bool h2_client_is_parting(const struct h2_client *client)
{
    return client->parting;
}

unsigned h2_client_room(const struct h2_client *client)
{
    const uint32_t own = client->limits.most[H2_STREAMS],
                   peer = nghttp2_session_get_remote_settings(client->session,
                                                              NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const uint32_t most = peer < own ? peer : own;
    if (client->parting || client->ending || client->n_calls >= most ||
        !nghttp2_session_check_request_allowed(client->session))
        return 0;
    return most - client->n_calls;
}

bool h2_client_ping(struct h2_client *client)
{
    enum { MOST = 2 };
    return !client->ending && client->pings < MOST &&
           nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL) == 0 && ++client->pings > 0;
}

void h2_client_part(struct h2_client *client)
{
    client->parting = true;
    if (!client->ending)
        (void)nghttp2_submit_goaway(client->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
}

static void choose(nghttp2_option *option)
{
    nghttp2_option_set_max_reserved_remote_streams(option, 0); /* also before it knows that none is wanted */
    nghttp2_option_set_max_send_header_block_length(option, MOST_REQUEST);
}

struct h2_client *h2_client_new(const struct h2_limits *limits, size_t *grown)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CALL_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_list},
    };
    const struct h2_session_plan plan = {nghttp2_session_client_new2, h2_response_callbacks, choose, settings,
                                         ARRAY_LEN(settings),         limits->window};
    struct h2_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->limits = *limits;
    client->grown = grown;
    client->frames.n_preface = H2_PREFACE; /* a server sends none */
    if (h2_session_new(&client->session, &plan, client) == 0)
        return client;
    h2_client_free(client);
    return NULL;
}

void h2_client_free(struct h2_client *client)
{
    if (!client)
        return;
    while (client->calls) {
        client->calls->closed = true;
        h2_call_free(client->calls);
    }
    nghttp2_session_del(client->session);
    free(client);
}
