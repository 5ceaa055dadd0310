#include "tls/record.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include "tls/frames.h"
#include "tls/names.h"

enum { GROW = 8, HEADER = 4, TLS13 = 0x0304 };

enum message_kind { HANDSHAKE, CHANGE_CIPHER_SPEC, ALERT };

struct message {
    uint64_t at_us;
    uint32_t bytes;
    uint16_t detail, detail_len; /* in record.detail */
    uint8_t type;
    uint8_t message_kind, detail_kind; /* of the enums, in one byte each */
    bool from_server, encrypted;
    bool is_hello; /* its detail is record.hello */
};
_Static_assert(RECORD_MOST_DETAIL <= UINT16_MAX, "offsets into details are 16 bits");

struct record {
    atomic_uint refs;
    bool whole, asks, truncated, ended;
    bool psk, server_certificate, server_finished;
    bool covered[2]; /* what that side sends now is encrypted */
    uint16_t version;
    uint16_t detail_len;
    size_t n, room;
    uint64_t begun_us;
    uint64_t duration_us;
    struct message *message; /* `room` of them */
    uint8_t *detail;         /* exactly detail_len bytes */
    struct hello_pack *hello;
};

struct record *record_new(uint64_t begun_us, bool asks, bool whole)
{
    struct record *record = calloc(1, sizeof *record);
    if (!record)
        return NULL;
    atomic_init(&record->refs, 1);
    record->whole = whole;
    record->asks = asks;
    record->begun_us = begun_us;
    return record;
}

void record_for(struct record *record, bool asks)
{
    if (record)
        record->asks = asks;
}

struct record *record_ref(struct record *record)
{
    if (record)
        atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

void record_unref(struct record *record)
{
    if (!record || atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(record->message);
    free(record->detail);
    free(record->hello);
    free(record);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static uint64_t since(const struct record *record, uint64_t now_us)
{
    return now_us > record->begun_us ? now_us - record->begun_us : 0;
}

static enum record_side side_of(const struct message *message)
{
    return message->from_server ? RECORD_SERVER : RECORD_CLIENT;
}

static bool grow(struct record *record)
{
    if (record->n == RECORD_MOST_MESSAGES)
        return false;
    if (record->n < record->room)
        return true;
    struct message *message = realloc(record->message, (record->n + GROW) * sizeof *message);
    if (!message)
        return false;
    record->message = message;
    record->room = record->n + GROW;
    return true;
}

static bool keep_bytes(struct record *record, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return true;
    uint8_t *detail = realloc(record->detail, record->detail_len + n);
    if (!detail)
        return false;
    memcpy(detail + record->detail_len, bytes, n);
    record->detail = detail;
    record->detail_len = (uint16_t)(record->detail_len + n);
    return true;
}

/* Puts a message at place `at`, those from there on move. */
static void add(struct record *record, size_t at, struct message message, const struct wire_out *detail)
{
    if (!grow(record) || !record->message) {
        record->truncated = true;
        return;
    }
    record->truncated = record->truncated || detail->full;
    message.detail = record->detail_len;
    message.detail_len = (uint16_t)detail->n;
    if (!keep_bytes(record, detail->p, detail->n)) {
        record->truncated = true;
        message.detail_len = 0;
        message.detail_kind = DETAIL_NONE;
    }
    memmove(&record->message[at + 1], &record->message[at], (record->n - at) * sizeof message);
    record->message[at] = message;
    record->n++;
}

static size_t room_left(const struct record *record)
{
    size_t used = record->detail_len + (record->hello ? record->hello->n : 0u);
    return used < RECORD_MOST_DETAIL ? RECORD_MOST_DETAIL - used : 0;
}

/* After a HelloRetryRequest a second one comes; the first is what the client offered. */
static bool keep_hello(struct record *record, const uint8_t *body, size_t len)
{
    struct client_hello hello;
    if (record->hello || client_hello_parse(body, len, &hello, NULL) != 0)
        return false;
    record->hello = hello_pack_new(&hello);
    return record->hello != NULL;
}

/* What a message changes for those after it. */
static void follow(struct record *record, enum record_side from, const struct message *message,
                   const struct wire_out *kept)
{
    struct detail detail;
    switch (message->type) {
    case TLS_SERVER_HELLO:
        if (message->detail_kind != DETAIL_SERVER_HELLO ||
            !detail_read(DETAIL_SERVER_HELLO, (struct wire){kept->p, kept->n}, &detail))
            break;
        record->version = detail.version;
        record->psk = detail.psk_selected;
        if (record->version >= TLS13)
            record->covered[RECORD_CLIENT] = record->covered[RECORD_SERVER] = true;
        break;
    case TLS_CERTIFICATE:
        record->server_certificate = record->server_certificate || from == RECORD_SERVER;
        break;
    case TLS_FINISHED:
        record->server_finished = record->server_finished || from == RECORD_SERVER;
        record->covered[from] = true;
        break;
    default:
        break;
    }
}

/* GnuTLS has a number of its own for the ServerHello that asks for another ClientHello. */
static uint8_t type_of(unsigned type, const uint8_t *body, size_t len)
{
    if (type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST ||
        (type == TLS_SERVER_HELLO && detail_is_hello_retry(body, len)))
        return TLS_HELLO_RETRY_REQUEST;
    if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO_V2)
        return TLS_CLIENT_HELLO;
    return type <= UINT8_MAX ? (uint8_t)type : UINT8_MAX;
}

void record_message(struct record *record, enum record_side from, unsigned gnutls_type, const uint8_t *body,
                    size_t len, uint64_t now_us)
{
    if (!record || (!record->whole && record->hello))
        return;
    uint8_t type = type_of(gnutls_type, body, len);
    bool first =
        type == TLS_CLIENT_HELLO && from == RECORD_CLIENT && record->n == 0 && keep_hello(record, body, len);
    if (!record->whole)
        return;

    uint8_t bytes[RECORD_MOST_DETAIL];
    struct wire_out kept = {.p = bytes, .room = room_left(record)};
    struct message message = {
        .at_us = since(record, now_us),
        .bytes = (uint32_t)len + HEADER, /* a handshake message has less than 2^24 */
        .type = type,
        .message_kind = HANDSHAKE,
        .from_server = from == RECORD_SERVER,
        /* Finished is the first message under new keys in TLS 1.2. */
        .encrypted = record->covered[from] || type == TLS_FINISHED,
        .is_hello = first,
    };
    enum detail_kind kind =
        first ? DETAIL_CLIENT_HELLO : detail_keep(type, record->version >= TLS13, body, len, &kept);
    message.detail_kind = (uint8_t)kind;
    follow(record, from, &message, &kept);
    add(record, record->n, message, &kept);
}

void record_change_cipher_spec(struct record *record, enum record_side from, uint64_t now_us)
{
    if (!record || !record->whole || record->ended)
        return;
    struct message message = {
        .at_us = since(record, now_us),
        .bytes = 1,
        .type = FRAME_CHANGE_CIPHER_SPEC,
        .message_kind = CHANGE_CIPHER_SPEC,
        .from_server = from == RECORD_SERVER,
        .detail_kind = DETAIL_EMPTY,
    };
    size_t at = record->n;
    /* In TLS 1.2 the server writes it together with its Finished, which the hook showed when it was made. */
    const struct message *last = at > 0 ? &record->message[at - 1] : NULL;
    if (last && record->version < TLS13 && side_of(last) == from && last->message_kind == HANDSHAKE &&
        last->type == TLS_FINISHED) {
        message.at_us = last->at_us;
        at--;
    }
    if (record->version != 0 && record->version < TLS13)
        record->covered[from] = true;
    add(record, at, message, &(struct wire_out){0});
}

void record_alert(struct record *record, enum record_side from, int level, int description, bool visible,
                  uint64_t now_us)
{
    if (!record || !record->whole)
        return;
    uint8_t bytes[] = {(uint8_t)level, (uint8_t)description};
    struct wire_out kept = {.p = bytes, .n = sizeof bytes, .room = sizeof bytes};
    if (room_left(record) < kept.n)
        kept = (struct wire_out){.full = true};
    struct message message = {
        .at_us = since(record, now_us),
        .bytes = sizeof bytes,
        .type = FRAME_ALERT,
        .message_kind = ALERT,
        .from_server = from == RECORD_SERVER,
        .encrypted = record->covered[from] && !(visible && record->version >= TLS13),
        .detail_kind = kept.n > 0 ? DETAIL_ALERT : DETAIL_NONE,
    };
    add(record, record->n, message, &kept);
}

void record_end(struct record *record)
{
    if (!record || record->ended)
        return;
    record->ended = true;
    /* It lives as long as its connection, which may be idle for long. */
    struct message *exact = record->n > 0 ? realloc(record->message, record->n * sizeof *exact) : NULL;
    if (exact) {
        record->message = exact;
        record->room = record->n;
    }
    record->duration_us = record->n > 0 ? record->message[record->n - 1].at_us : 0;
}

/* Takes one detail out; those behind it move up. */
static void drop(struct record *record, struct message *gone)
{
    uint16_t at = gone->detail, n = gone->detail_len;
    memmove(record->detail + at, record->detail + at + n, (size_t)(record->detail_len - at - n));
    for (size_t i = 0; i < record->n; i++) {
        if (record->message[i].detail > at)
            record->message[i].detail = (uint16_t)(record->message[i].detail - n);
    }
    record->detail_len = (uint16_t)(record->detail_len - n);
    gone->detail_len = 0;
    gone->detail_kind = DETAIL_NONE;
    record->truncated = true;
}

void record_trim(struct record *record, size_t most)
{
    if (!record || record->detail_len <= most)
        return;
    while (record->detail_len > most) {
        struct message *largest = &record->message[0];
        for (size_t i = 1; i < record->n; i++) {
            if (record->message[i].detail_len > largest->detail_len)
                largest = &record->message[i];
        }
        drop(record, largest);
    }
    uint8_t *detail = realloc(record->detail, record->detail_len > 0 ? record->detail_len : 1);
    if (detail)
        record->detail = detail;
}

/* --- reading -------------------------------------------------------------------------------------------- */

const struct hello_pack *record_hello(const struct record *record)
{
    return record ? record->hello : NULL;
}

size_t record_bytes(const struct record *record)
{
    return record ? sizeof *record + record->room * sizeof *record->message + record->detail_len +
                        (record->hello ? sizeof *record->hello + record->hello->n : 0)
                  : 0;
}

size_t record_count(const struct record *record)
{
    return record ? record->n : 0;
}

static const char *name_of(const struct message *message)
{
    if (message->message_kind == CHANGE_CIPHER_SPEC)
        return "ChangeCipherSpec";
    if (message->message_kind == ALERT)
        return "Alert";
    const char *name = tls_message_name(message->type);
    return name ? name : "unknown";
}

void record_get(const struct record *record, size_t i, struct record_item *out)
{
    const struct message *message = &record->message[i];
    *out = (struct record_item){
        .from = side_of(message),
        .name = name_of(message),
        .bytes = (uint32_t)message->bytes,
        .at_us = message->at_us,
        .encrypted = message->encrypted,
        .kind = (enum detail_kind)message->detail_kind,
    };
    if (message->is_hello)
        out->detail = (struct wire){record->hello->byte, record->hello->n};
    else if (message->detail_len > 0)
        out->detail = (struct wire){record->detail + message->detail, message->detail_len};
}

bool record_truncated(const struct record *record)
{
    return record && record->truncated;
}

uint64_t record_duration_us(const struct record *record)
{
    return record ? record->duration_us : 0;
}

uint16_t record_version(const struct record *record)
{
    return record ? record->version : 0;
}

bool record_asks(const struct record *record)
{
    return record && record->asks;
}

/* The place of a handshake message, or -1. */
static int place(const struct record *record, enum record_side from, enum tls_message type)
{
    for (size_t i = 0; i < record->n; i++) {
        const struct message *message = &record->message[i];
        if (message->message_kind == HANDSHAKE && message->type == type && side_of(message) == from)
            return (int)i;
    }
    return -1;
}

/* With its header an empty list takes 8 bytes in TLS 1.3 (RFC 8446 section 4.4.2), 7 before; details may be
 * gone. */
enum { EMPTY_CERTIFICATE = 8 };

static bool empty_certificate(const struct message *message)
{
    return message->bytes <= EMPTY_CERTIFICATE;
}

bool record_presented(const struct record *record)
{
    int i = record ? place(record, RECORD_CLIENT, TLS_CERTIFICATE) : -1;
    return i >= 0 && !empty_certificate(&record->message[i]);
}

bool record_resumed(const struct record *record)
{
    if (!record || record->version == 0)
        return false;
    return record->version >= TLS13 ? record->psk : record->server_finished && !record->server_certificate;
}

static bool only_mutual(const struct message *message)
{
    if (message->message_kind != HANDSHAKE)
        return false;
    if (message->from_server)
        return message->type == TLS_CERTIFICATE_REQUEST;
    return message->type == TLS_CERTIFICATE || message->type == TLS_CERTIFICATE_VERIFY;
}

size_t record_other_mode(const struct record *record, struct record_other out[static RECORD_MOST_OTHER])
{
    size_t n = 0;
    if (!record || record_resumed(record))
        return 0;
    if (record->asks && !record_presented(record)) {
        int empty = place(record, RECORD_CLIENT, TLS_CERTIFICATE);
        int share = place(record, RECORD_CLIENT, TLS_CLIENT_KEY_EXCHANGE);
        if (empty < 0)
            return 0;
        out[n++] = (struct record_other){RECORD_CLIENT, tls_message_name(TLS_CERTIFICATE), empty};
        out[n++] = (struct record_other){RECORD_CLIENT, tls_message_name(TLS_CERTIFICATE_VERIFY),
                                         share > empty ? share : empty};
        return n;
    }
    if (record->asks) {
        for (size_t i = 0; i < record->n && n < RECORD_MOST_OTHER; i++) {
            const struct message *message = &record->message[i];
            if (only_mutual(message))
                out[n++] = (struct record_other){side_of(message), name_of(message), (int)i - 1};
        }
        return n;
    }
    /* RFC 8446 section 2, RFC 5246 section 7.3: each stands next to a message that every full handshake has.
     */
    bool tls13 = record->version >= TLS13;
    int request = tls13 ? place(record, RECORD_SERVER, TLS_ENCRYPTED_EXTENSIONS)
                        : place(record, RECORD_SERVER, TLS_SERVER_HELLO_DONE) - 1;
    int certificate = place(record, RECORD_CLIENT, tls13 ? TLS_FINISHED : TLS_CLIENT_KEY_EXCHANGE) - 1;
    int verify = tls13 ? certificate : certificate + 1;
    if (request >= 0)
        out[n++] = (struct record_other){RECORD_SERVER, tls_message_name(TLS_CERTIFICATE_REQUEST), request};
    if (certificate >= 0) {
        out[n++] = (struct record_other){RECORD_CLIENT, tls_message_name(TLS_CERTIFICATE), certificate};
        out[n++] = (struct record_other){RECORD_CLIENT, tls_message_name(TLS_CERTIFICATE_VERIFY), verify};
    }
    return n;
}

void record_text(const struct record *record, struct buf *out)
{
    for (size_t i = 0; i < record_count(record); i++) {
        struct record_item item;
        struct detail detail;
        record_get(record, i, &item);
        buf_printf(out, "%s%s %s", i ? ", " : "", item.from == RECORD_CLIENT ? "client" : "server",
                   item.name);
        if (item.kind == DETAIL_ALERT && detail_read(item.kind, item.detail, &detail)) {
            const char *name = tls_alert_name(detail.description);
            buf_printf(out, " %s", name ? name : "unknown");
        }
        buf_printf(out, " %u bytes at %llu.%03llu ms", item.bytes, (unsigned long long)(item.at_us / 1000),
                   (unsigned long long)(item.at_us % 1000));
    }
    if (record_truncated(record))
        buf_puts(out, ", and more");
}
