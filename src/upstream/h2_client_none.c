/* Where there is no nghttp2 there is no engine. */
#include "config.h"

#ifndef HAVE_LIBNGHTTP2

#include <errno.h>

#include "upstream/h2_client.h"

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

struct h2_client *h2_client_new(const struct h2_limits *limits, size_t *grown)
{
    (void)limits, (void)grown;
    return NULL;
}

void h2_client_free(struct h2_client *client)
{
    (void)client;
}

/* Nobody has an engine, so the others are never called. */
void h2_client_take(struct h2_client *client, const char *bytes, size_t len, uint64_t now_ms)
{
    (void)client, (void)bytes, (void)len, (void)now_ms;
}

size_t h2_client_give(struct h2_client *client, const char **bytes)
{
    (void)client, (void)bytes;
    return 0;
}

bool h2_client_is_full(const struct h2_client *client)
{
    (void)client;
    return true;
}

bool h2_client_is_over(const struct h2_client *client)
{
    (void)client;
    return true;
}

const char *h2_client_why(const struct h2_client *client)
{
    (void)client;
    return NULL;
}

bool h2_client_is_settled(const struct h2_client *client)
{
    (void)client;
    return false;
}

bool h2_client_is_parting(const struct h2_client *client)
{
    (void)client;
    return true;
}

unsigned h2_client_room(const struct h2_client *client)
{
    (void)client;
    return 0;
}

struct h2_call *h2_client_next(struct h2_client *client)
{
    (void)client;
    return NULL;
}

void h2_client_fail(struct h2_client *client, const char *why)
{
    (void)client, (void)why;
}

bool h2_client_ping(struct h2_client *client)
{
    (void)client;
    return false;
}

void h2_client_part(struct h2_client *client)
{
    (void)client;
}

struct h2_call *h2_call_new(struct h2_client *client, const char *scheme, void *owner)
{
    (void)client, (void)scheme, (void)owner;
    return NULL;
}

void h2_call_free(struct h2_call *call)
{
    (void)call;
}

void *h2_call_owner(const struct h2_call *call)
{
    (void)call;
    return NULL;
}

const char *h2_call_why(const struct h2_call *call)
{
    (void)call;
    return "";
}

bool h2_call_is_refused(const struct h2_call *call)
{
    (void)call;
    return false;
}

bool h2_call_is_open(const struct h2_call *call)
{
    (void)call;
    return false;
}

bool h2_call_is_answered(const struct h2_call *call)
{
    (void)call;
    return false;
}

bool h2_call_is_reset(const struct h2_call *call)
{
    (void)call;
    return false;
}

ssize_t h2_call_write(struct h2_call *call, const char *bytes, size_t len)
{
    (void)call, (void)bytes, (void)len;
    return -EPIPE;
}

ssize_t h2_call_read(struct h2_call *call, char *out, size_t size)
{
    (void)call, (void)out, (void)size;
    return -EPROTO;
}

#else

typedef int h2_client_is_built;

#endif
