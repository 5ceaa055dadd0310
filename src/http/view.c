#include "http/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "http/handlers.h"
#include "http/view_impl.h"

json_t *view_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    return value ? value : view_bytes(text, strlen(text));
}

json_t *view_bytes(const void *bytes, size_t len)
{
    char *text = text_escaped(bytes, len);
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return value;
}

json_t *view_time(time_t t)
{
    char text[CLOCK_TEXT];
    return json_string_nocheck(clock_rfc3339(t, text));
}

bool view_put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new_nocheck(object, key, value) == 0;
}

bool view_append(json_t *array, json_t *value)
{
    return json_array_append_new(array, value) == 0;
}

json_t *view_finish(json_t *value, bool good)
{
    if (good)
        return value;
    json_decref(value);
    return NULL;
}

/* What the server showed of itself: everybody who asks for a connection gets it. */
static json_t *server_chain(const struct request *request)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < request->n_shown; i++)
        good = view_append(array, view_certificate(request->shown[i], request->now));
    return view_finish(array, good);
}

static json_t *listeners(const struct request *request)
{
    struct beside beside[BESIDE_MOST];
    const bool full = request->conf->error_detail == ERROR_DETAIL_FULL;
    size_t n = full && request->beside ? request->beside(request, beside) : 0;
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < n; i++) {
        json_t *object = json_object();
        bool one = view_put(object, "name", view_text(beside[i].name)) &&
                   view_put(object, "port", json_integer(beside[i].port)) &&
                   view_put(object, "client_auth", view_text(conf_client_auth_word(beside[i].client_auth))) &&
                   view_put(object, "here", json_boolean(beside[i].here));
        good = view_append(array, view_finish(object, one));
    }
    return view_finish(array, good);
}

json_t *view_connection(const struct request *request)
{
    json_t *object = json_object();
    bool good =
        view_put(object, "listener", view_text(request->listener)) &&
        view_put(object, "remote", view_text(request->remote)) &&
        view_put(object, "id", json_integer((json_int_t)request->connection_id)) &&
        view_put(object, "requests", json_integer((json_int_t)request->number)) &&
        view_put(object, "tls", view_tls(request->tls)) &&
        view_put(object, "peer", view_request_peer(request)) &&
        view_put(object, "handshake", view_handshake(request->record, request->peer, request->peer_at)) &&
        view_put(object, "server_chain", server_chain(request)) &&
        view_put(object, "listeners", listeners(request)) &&
        view_put(object, "verify_route", view_text(verify_exists(request) ? "/api/verify" : NULL));
    if (request->served_as)
        good = good && view_put(object, "host", view_text(request->served_as));
    return view_finish(object, good);
}

json_t *view_connection_brief(const struct request *request)
{
    json_t *object = json_object();
    bool good = view_put(object, "id", json_integer((json_int_t)request->connection_id)) &&
                view_put(object, "resumed", json_boolean(request->tls->resumed));
    return view_finish(object, good);
}

/* The library's own writer decodes every character on its way out and takes three times as long as making the
 * value did. Strings in a value are valid UTF-8 already, so this one copies runs and looks only for what JSON
 * must escape. A test holds the bytes against json_dumps. */

static void write_string(struct buf *out, const char *s, size_t n)
{
    static const char SHORT[32] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    size_t begin = 0;
    buf_putc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_put(out, s + begin, i - begin);
        begin = i + 1;
        if (c >= 0x20)
            buf_put(out, (const char[]){'\\', (char)c}, 2);
        else if (SHORT[c])
            buf_put(out, (const char[]){'\\', SHORT[c]}, 2);
        else
            buf_printf(out, "\\u%04X", c);
    }
    buf_put(out, s + begin, n - begin);
    buf_putc(out, '"');
}

/* As deep as this, what stands below is on one line, without white space. */
enum { DEPTH_COMPACT = 1000 };

static void write_indent(struct buf *out, size_t depth)
{
    static const char SPACES[] = "\n                                ";
    size_t n = 2 * depth + 1;
    if (depth >= DEPTH_COMPACT)
        return;
    buf_put(out, SPACES, n < sizeof SPACES ? n : sizeof SPACES - 1);
}

static void write_value(struct buf *out, const json_t *value, size_t depth);

static void write_array(struct buf *out, const json_t *array, size_t depth)
{
    size_t n = json_array_size(array);
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        write_indent(out, depth + 1);
        write_value(out, json_array_get(array, i), depth + 1);
    }
    if (n > 0)
        write_indent(out, depth);
    buf_putc(out, ']');
}

static void write_object(struct buf *out, json_t *object, size_t depth)
{
    bool first = true;
    buf_putc(out, '{');
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        if (!first)
            buf_putc(out, ',');
        first = false;
        write_indent(out, depth + 1);
        write_string(out, key, strlen(key));
        buf_put(out, ": ", depth >= DEPTH_COMPACT ? 1 : 2);
        write_value(out, json_object_iter_value(it), depth + 1);
    }
    if (!first)
        write_indent(out, depth);
    buf_putc(out, '}');
}

/* Views nest a handful of levels; what nests deeper is a mistake, and ends as memory that is short would. */
enum { DEPTH_MOST = 16 };

static void write_value(struct buf *out, const json_t *value, size_t depth)
{
    if (depth % DEPTH_COMPACT > DEPTH_MOST) {
        out->failed = true;
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(out, (json_t *)(uintptr_t)value, depth);
        break;
    case JSON_ARRAY:
        write_array(out, value, depth);
        break;
    case JSON_STRING:
        write_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        buf_printf(out, "%.17g", json_real_value(value));
        break;
    case JSON_TRUE:
        buf_puts(out, "true");
        break;
    case JSON_FALSE:
        buf_puts(out, "false");
        break;
    case JSON_NULL:
        buf_puts(out, "null");
        break;
    }
}

void view_write_at(json_t *value, size_t depth, struct buf *out)
{
    write_indent(out, depth);
    if (value)
        write_value(out, value, depth);
    else
        out->failed = true;
    json_decref(value);
}

int view_write_as(json_t *value, bool compact, struct buf *out)
{
    write_value(out, value, compact ? DEPTH_COMPACT : 0);
    buf_putc(out, '\n');
    return buf_failed(out) ? ERR_NOMEM : 0;
}

int view_write(json_t *value, struct buf *out)
{
    return view_write_as(value, false, out);
}
