#include <string.h>

#include "http/view.h"
#include "http/view_impl.h"
#include "tls/names.h"

/* The name of a number, null for none. */
static json_t *number(uint16_t v, const char *(*name)(uint16_t))
{
    char text[TLS_NAME_TEXT];
    return v ? view_text(tls_name_or_hex(name, v, text)) : json_null();
}

static json_t *list(const struct hello_list *numbers, const char *(*name)(uint16_t))
{
    return view_numbers(numbers->v, numbers->n, name);
}

/* A DER name as text, null for one that cannot be read. */
static json_t *name_text(struct wire der)
{
    struct certname name = {0};
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)der.p, (unsigned)der.n};
    if (der.n == 0 || certname_init(&name, &datum, NULL) != 0)
        return json_null();
    json_t *value = view_text(name.text);
    certname_done(&name);
    return value;
}

static bool put_client_hello(json_t *object, struct wire kept)
{
    struct client_hello hello;
    if (!client_hello_unpack(kept, &hello))
        return false;
    size_t len = strlen(hello.server_name);
    return view_put(object, "versions", view_hello_versions(&hello)) &&
           view_put(object, "cipher_suites", list(&hello.cipher_suites, tls_cipher_suite_name)) &&
           view_put(object, "groups", list(&hello.groups, tls_group_name)) &&
           view_put(object, "signature_algorithms", list(&hello.signature_algorithms, tls_signature_name)) &&
           view_put(object, "server_name", len > 0 ? view_bytes(hello.server_name, len) : json_null()) &&
           view_put(object, "alpn", view_hello_protocols(&hello)) &&
           view_put(object, "key_shares", list(&hello.key_shares, tls_group_name)) &&
           view_put(object, "psk_offered", json_boolean(hello.psk_offered)) &&
           view_put(object, "extensions", list(&hello.extensions, tls_extension_name));
}

static bool put_server_hello(json_t *object, const struct detail *detail)
{
    return view_put(object, "version", number(detail->version, tls_version_name)) &&
           view_put(object, "cipher_suite", number(detail->cipher_suite, tls_cipher_suite_name)) &&
           view_put(object, "group", number(detail->group, tls_group_name)) &&
           view_put(object, "psk_selected", json_boolean(detail->psk_selected));
}

static bool put_hello_retry(json_t *object, const struct detail *detail)
{
    return view_put(object, "group", number(detail->group, tls_group_name));
}

static bool put_encrypted_extensions(json_t *object, const struct detail *detail)
{
    return view_put(object, "alpn",
                    detail->alpn.n > 0 ? view_bytes(detail->alpn.p, detail->alpn.n) : json_null());
}

static bool put_certificate_request(json_t *object, const struct detail *detail)
{
    json_t *signatures = json_array(), *names = json_array();
    struct wire left = detail->signatures, name;
    uint16_t v;
    bool good = true;
    while (good && wire_u16(&left, &v))
        good = view_append(signatures, number(v, tls_signature_name));
    left = detail->items;
    while (good && wire_vector16(&left, &name))
        good = view_append(names, name_text(name));
    bool put = view_put(object, "signature_algorithms", signatures);
    return view_put(object, "ca_names", names) && put && good;
}

static json_t *certificate(const struct detail_certificate *one)
{
    json_t *object = json_object();
    bool good = view_put(object, "subject", name_text(one->subject)) &&
                view_put(object, "issuer", name_text(one->issuer)) &&
                view_put(object, "bytes", json_integer(one->bytes));
    return view_finish(object, good);
}

static bool put_certificates(json_t *object, const struct detail *detail)
{
    json_t *array = json_array();
    struct wire left = detail->items;
    struct detail_certificate one;
    bool good = true;
    while (good && detail_certificate(&left, &one))
        good = view_append(array, certificate(&one));
    return view_put(object, "certificates", array) &&
           view_put(object, "empty", json_boolean(detail->items.n == 0)) && good;
}

static bool put_certificate_verify(json_t *object, const struct detail *detail)
{
    return view_put(object, "algorithm", number(detail->signature, tls_signature_name));
}

static bool put_server_key_exchange(json_t *object, const struct detail *detail)
{
    return view_put(object, "group", number(detail->group, tls_group_name)) &&
           view_put(object, "signature", number(detail->signature, tls_signature_name));
}

static bool put_ticket(json_t *object, const struct detail *detail)
{
    return view_put(object, "lifetime", json_integer(detail->lifetime));
}

static bool put_key_update(json_t *object, const struct detail *detail)
{
    return view_put(object, "update_requested", json_boolean(detail->update_requested));
}

static bool put_alert(json_t *object, const struct detail *detail)
{
    const char *name = tls_alert_name(detail->description);
    return view_put(object, "level", view_text(detail->level == GNUTLS_AL_FATAL ? "fatal" : "warning")) &&
           view_put(object, "name", name ? view_text(name) : json_integer(detail->description));
}

static bool (*const PUTTERS[DETAIL_COUNT])(json_t *object, const struct detail *detail) = {
    [DETAIL_SERVER_HELLO] = put_server_hello,
    [DETAIL_HELLO_RETRY_REQUEST] = put_hello_retry,
    [DETAIL_ENCRYPTED_EXTENSIONS] = put_encrypted_extensions,
    [DETAIL_CERTIFICATE_REQUEST] = put_certificate_request,
    [DETAIL_CERTIFICATE] = put_certificates,
    [DETAIL_CERTIFICATE_VERIFY] = put_certificate_verify,
    [DETAIL_SERVER_KEY_EXCHANGE] = put_server_key_exchange,
    [DETAIL_NEW_SESSION_TICKET] = put_ticket,
    [DETAIL_KEY_UPDATE] = put_key_update,
    [DETAIL_ALERT] = put_alert,
};

static json_t *detail_object(const struct record_item *item)
{
    struct detail detail;
    if (item->kind == DETAIL_NONE)
        return json_null();
    json_t *object = json_object();
    if (item->kind == DETAIL_EMPTY)
        return object;
    if (item->kind == DETAIL_CLIENT_HELLO)
        return view_finish(object, put_client_hello(object, item->detail));
    bool good = detail_read(item->kind, item->detail, &detail) && PUTTERS[item->kind](object, &detail);
    return view_finish(object, good);
}

static const char *side(enum record_side from)
{
    return from == RECORD_CLIENT ? "client" : "server";
}

static json_t *messages(const struct record *record)
{
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < record_count(record); i++) {
        struct record_item item;
        record_get(record, i, &item);
        json_t *object = json_object();
        good = view_put(object, "from", view_text(side(item.from))) &&
               view_put(object, "message", view_text(item.name)) &&
               view_put(object, "bytes", json_integer(item.bytes)) &&
               view_put(object, "at_us", json_integer((json_int_t)item.at_us)) &&
               view_put(object, "encrypted", json_boolean(item.encrypted)) &&
               view_put(object, "detail", detail_object(&item));
        good = view_append(array, view_finish(object, good));
    }
    return view_finish(array, good);
}

static json_t *other_mode(const struct record *record)
{
    struct record_other other[RECORD_MOST_OTHER];
    size_t n = record_other_mode(record, other);
    json_t *array = json_array();
    bool good = true;
    for (size_t i = 0; good && i < n; i++) {
        json_t *object = json_object();
        good = view_put(object, "from", view_text(side(other[i].from))) &&
               view_put(object, "message", view_text(other[i].name)) &&
               view_put(object, "after", json_integer(other[i].after)) &&
               view_put(object, "detail", json_null());
        good = view_append(array, view_finish(object, good));
    }
    return view_finish(array, good);
}

json_t *view_handshake(const struct record *record, const struct peer *peer, time_t at)
{
    if (!record)
        return json_null();
    bool resumed = record_resumed(record);
    bool judged_again = resumed && peer && peer->verify != VERIFY_NONE;
    bool presented = record_presented(record) || judged_again;
    json_t *object = json_object();
    bool good =
        view_put(object, "mode", view_text(presented ? "mutual" : "one-way")) &&
        view_put(object, "asked", json_boolean(record_asks(record))) &&
        view_put(object, "presented", json_boolean(presented)) &&
        view_put(object, "version", number(record_version(record), tls_version_name)) &&
        view_put(object, "resumed", json_boolean(resumed)) &&
        view_put(object, "messages", messages(record)) &&
        view_put(object, "other_mode", other_mode(record)) &&
        view_put(object, "duration_us", json_integer((json_int_t)record_duration_us(record))) &&
        view_put(object, "truncated", json_boolean(record_truncated(record))) &&
        view_put(object, "reverified_at", judged_again ? view_time(peer_applied_at(peer, at)) : json_null());
    return view_finish(object, good);
}
