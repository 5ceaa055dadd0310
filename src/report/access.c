#include "report/access.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* Readers of the combined format take lines of 4095 bytes (GoAccess breaks longer ones in two): what is
 * longer in a field is cut, and ends with "...". The JSON format has all of it, as long as the line is not
 * over ACCESS_MOST_LINE: then its fields are cut to MOST_CUT, of which escapes make six times as many bytes.
 */
enum { MOST_TARGET = 2048, MOST_FIELD = 896, MOST_CUT = 1024 };

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* As Apache does: quotes and backslashes get a backslash, everything but printable ASCII becomes \xHH. */
static void put_escaped(struct buf *out, const char *text, size_t most)
{
    size_t end = out->len + most;
    const unsigned char *p = (const unsigned char *)text;
    while (*p && out->len < end && !buf_failed(out)) {
        size_t plain = 0, room = end - out->len;
        while (plain < room && is_plain(p[plain]))
            plain++;
        if (plain > 0)
            buf_put(out, p, plain);
        else if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else
            buf_printf(out, "\\x%02x", *p);
        p += plain > 0 ? plain : 1;
    }
    if (*p)
        buf_puts(out, "...");
}

static void put_quoted(struct buf *out, const char *text)
{
    if (!text) {
        buf_puts(out, "\"-\"");
        return;
    }
    buf_putc(out, '"');
    put_escaped(out, text, MOST_FIELD);
    buf_putc(out, '"');
}

/* "[::1]:443" -> "::1" */
static void put_host(struct buf *out, const char *remote)
{
    const char *address;
    size_t len;
    text_address(remote, &address, &len, NULL);
    buf_put(out, address, len);
}

/* "[23/Nov/2026:20:00:00 +0000] ", made once a second on each thread. */
static const char *combined_stamp(time_t at)
{
    static _Thread_local time_t made;
    static _Thread_local char stamp[40];
    if (at != made || !stamp[0]) {
        struct tm tm;
        gmtime_r(&at, &tm);
        strftime(stamp, sizeof stamp, "[%d/%b/%Y:%H:%M:%S +0000] ", &tm);
        made = at;
    }
    return stamp;
}

const char *access_end_word(enum tcp_end end)
{
    static const char *const WORDS[TCP_ENDS] = {
        [TCP_END_NONE] = "none",
        [TCP_END_CLIENT] = "client",
        [TCP_END_SERVER] = "server",
        [TCP_END_CLIENT_CUT] = "client_cut",
        [TCP_END_SERVER_CUT] = "server_cut",
        [TCP_END_REFUSED] = "server_refused",
        [TCP_END_IDLE] = "idle",
        [TCP_END_NOT_LET_IN] = "client_not_let_in",
        [TCP_END_UNREACHABLE] = "unreachable",
        [TCP_END_STOPPED] = "stopped",
    };
    return WORDS[end];
}

static void put_combined(struct buf *out, const struct access_record *r)
{
    put_host(out, r->remote);
    buf_puts(out, " - - ");
    buf_puts(out, combined_stamp(r->at));
    buf_putc(out, '"');
    if (r->method) {
        put_escaped(out, r->method, MOST_FIELD);
        buf_putc(out, ' ');
        put_escaped(out, r->target, MOST_TARGET);
        buf_putc(out, ' ');
        /* Without requests there is nothing that says more than how it ended. */
        put_escaped(out, r->end != TCP_END_NONE ? access_end_word(r->end) : r->protocol, MOST_FIELD);
    } else {
        buf_putc(out, '-');
    }
    buf_puts(out, "\" ");
    buf_put_uint(out, r->status);
    buf_putc(out, ' ');
    buf_put_uint(out, r->bytes);
    buf_putc(out, ' ');
    put_quoted(out, r->referer);
    buf_putc(out, ' ');
    put_quoted(out, r->user_agent);
}

/* The first `most` bytes, which do not end within a character. NULL when they are no UTF-8. */
static json_t *cut_string(const char *text, size_t most)
{
    size_t len = strlen(text);
    if (len <= most)
        return json_stringn(text, len);
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return json_sprintf("%.*s...", (int)most, text);
}

/* Any bytes as a JSON string: what is no UTF-8 arrives escaped. */
static json_t *string(const char *text, size_t most)
{
    if (!text)
        return json_null();
    json_t *value = cut_string(text, most);
    if (value)
        return value;
    char *escaped = text_escaped(text, strlen(text));
    value = escaped ? cut_string(escaped, most) : NULL;
    free(escaped);
    return value;
}

/* NULL when memory is short. */
static char *json_text(const struct access_record *r, size_t most)
{
    char stamp[CLOCK_TEXT], id[64];
    snprintf(id, sizeof id, "%08" PRIx32 "-%" PRIu64 "-%" PRIu64, r->run, r->connection_id,
             r->request_number);
    json_t *line = json_object();
    json_object_set_new(line, "time", string(clock_rfc3339(r->at, stamp), most));
    json_object_set_new(line, "remote", string(r->remote, most));
    json_object_set_new(line, "host", string(r->host, most));
    json_object_set_new(line, "method", string(r->method, most));
    json_object_set_new(line, "path", string(r->target, most));
    json_object_set_new(line, "protocol", string(r->protocol, most));
    json_object_set_new(line, "status", json_integer((json_int_t)r->status));
    json_object_set_new(line, "bytes", json_integer((json_int_t)r->bytes));
    json_object_set_new(line, "duration_us", json_integer((json_int_t)r->duration_us));
    json_object_set_new(line, "referer", string(r->referer, most));
    json_object_set_new(line, "user_agent", string(r->user_agent, most));
    json_object_set_new(line, "listener", string(r->listener, most));
    json_object_set_new(line, "tls_version", string(r->tls_version, most));
    json_object_set_new(line, "cipher_suite", string(r->cipher_suite, most));
    json_object_set_new(line, "resumed", json_boolean(r->resumed));
    json_object_set_new(line, "client_verify", string(r->client_verify, most));
    json_object_set_new(line, "client_subject", string(r->client_subject, most));
    json_object_set_new(line, "client_serial", string(r->client_serial, most));
    json_object_set_new(line, "client_fingerprint_sha256", string(r->client_fingerprint_sha256, most));
    if (r->refused_code) {
        json_object_set_new(line, "code", string(r->refused_code, most));
        json_object_set_new(line, "location", string(r->refused_by, most));
    }
    if (r->upstream.name) {
        json_object_set_new(line, "upstream", string(r->upstream.name, most));
        json_object_set_new(line, "upstream_status", json_integer((json_int_t)r->upstream.status));
        json_object_set_new(line, "upstream_connect_us", json_integer((json_int_t)r->upstream.connect_us));
        json_object_set_new(line, "upstream_first_byte_us",
                            json_integer((json_int_t)r->upstream.first_byte_us));
        json_object_set_new(line, "retries", json_integer((json_int_t)r->upstream.retries));
        if (r->upstream.cut)
            json_object_set_new(line, "cut", string(r->upstream.cut, most));
    }
    if (r->end != TCP_END_NONE) {
        json_object_set_new(line, "bytes_received", json_integer((json_int_t)r->received_bytes));
        json_object_set_new(line, "ended", string(access_end_word(r->end), most));
    }
    json_object_set_new(line, "request_id", string(id, most));
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    return text;
}

static void put_json(struct buf *out, const struct access_record *r)
{
    char *text = json_text(r, SIZE_MAX);
    if (text && strlen(text) >= ACCESS_MOST_LINE) {
        free(text);
        text = json_text(r, MOST_CUT);
    }
    buf_puts(out, text ? text : "{\"error\":\"out of memory\"}");
    free(text);
}

void access_format(const struct access_record *record, enum access_format format, struct buf *out)
{
    if (format == ACCESS_FORMAT_JSON)
        put_json(out, record);
    else
        put_combined(out, record);
    buf_putc(out, '\n');
}
