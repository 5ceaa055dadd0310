#include "http_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { DAY = 24 * 60 * 60 };

/* Strings in the structs are not const; tests never write through them. */
#define TEXT(s) ((char *)(uintptr_t)(s))

static const char *header(const struct request *request, const char *name)
{
    const struct fixture *f = request->header_cls;
    for (size_t i = 0; i < f->n_headers; i++) {
        if (text_equal_nocase(f->header[i].name, name))
            return f->header[i].value;
    }
    return NULL;
}

static void look(const struct request *request, struct health *out)
{
    const struct fixture *f = request->server;
    *out = f->health;
}

static void describe(struct certinfo *info, const char *subject, const char *serial)
{
    *info = (struct certinfo){
        .version = 3,
        .subject = {.text = TEXT(subject)},
        .issuer = {.text = TEXT("CN=Test CA")},
        .serial = TEXT(serial),
        .not_before = FIXTURE_NOW - 10 * DAY,
        .not_after = FIXTURE_NOW + 20 * DAY,
        .key_algorithm = TEXT("ECDSA"),
        .key_bits = 256,
        .curve = TEXT("secp256r1"),
        .signature_algorithm = TEXT("ECDSA-SHA256"),
        .has_key_usage = true,
        .key_usage = GNUTLS_KEY_DIGITAL_SIGNATURE,
        .path_len = -1,
    };
    memset(info->fingerprint_sha256, 'f', 64);
    memset(info->spki_sha256, 'e', 64);
}

void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->conf.error_detail = ERROR_DETAIL_FULL;
    f->conf.hsts = true;
    f->tls = (struct tls_facts){
        .tls13 = true,
        .version = "TLSv1.3",
        .cipher_suite = "TLS_AES_128_GCM_SHA256",
        .group = "x25519",
        .server_signature = "ecdsa_secp256r1_sha256",
        .alpn = "http/1.1",
        .server_name = "localhost",
        .extended_master_secret = true,
    };
    f->hello.legacy_version = 0x0303;
    fixture_hello(f);
    describe(&f->leaf, "CN=alice", "0a");
    describe(&f->ca, "CN=Test CA", "01");
    f->dns_name.text = TEXT("alice.example.org");
    f->leaf.dns_names.v = &f->dns_name;
    f->leaf.dns_names.n = f->leaf.n_san = 1;
    f->usage.text = TEXT("clientAuth");
    f->leaf.has_extended_key_usage = true;
    f->leaf.extended_key_usage.v = &f->usage;
    f->leaf.extended_key_usage.n = 1;
    f->chain[0] = &f->leaf;
    f->chain[1] = &f->ca;
    f->error =
        (struct verdict_finding){.code = VERDICT_NO_CERTIFICATE, .depth = -1, .reason = TEXT("none came")};
    f->peer = (struct peer){
        .refs = 1, .verify = VERIFY_NONE, .errors = &f->error, .n_errors = 1, .judged_at = FIXTURE_NOW};
    f->advertised[0].text = TEXT("CN=Test CA");
    f->advertised[1].text = TEXT("CN=Other CA");
    f->listener[0] = (struct health_listener){.name = "public",
                                              .certificate_not_after = FIXTURE_NOW + 90 * DAY,
                                              .certificate_soon_from = FIXTURE_NOW + 60 * DAY,
                                              .crl_next_update = FIXTURE_NOW + 5 * DAY};
    f->listener[1] = (struct health_listener){.name = "plain",
                                              .certificate_not_after = FIXTURE_NOW + 90 * DAY,
                                              .certificate_soon_from = FIXTURE_NOW + 60 * DAY};
    f->health = (struct health){
        .now = FIXTURE_NOW, .uptime = 42, .generation = 1, .listener = f->listener, .n_listeners = 2};
    f->request = (struct request){
        .method = METHOD_GET,
        .method_text = "GET",
        .host = "localhost",
        .authority = "localhost:8443",
        .header = header,
        .header_cls = f,
        .now = FIXTURE_NOW,
        .connection_id = 7,
        .number = 3,
        .remote = "192.0.2.1:54321",
        .listener = "public",
        .client_auth = CLIENT_AUTH_REQUEST,
        .cert_requested = true,
        .tls = &f->tls,
        .peer = &f->peer,
        .advertised = f->advertised,
        .n_advertised = 2,
        .conf = &f->conf,
        .look = look,
        .server = f,
        .document_root = -1,
    };
    fixture_path(f, "/api/peer");
    fixture_header(f, "Host", "localhost:8443");
    reply_init(&f->reply);
}

void fixture_done(struct fixture *f)
{
    reply_done(&f->reply);
}

void fixture_present(struct fixture *f, enum verify_state verify)
{
    f->peer.verify = verify;
    f->peer.chain = f->chain;
    f->peer.n_chain = 2;
    f->peer.n_errors = verify == VERIFY_FAILED;
    f->error = (struct verdict_finding){.code = VERDICT_EXPIRED,
                                        .depth = 0,
                                        .reason = TEXT("expired 3 days ago"),
                                        .hint = TEXT("renew it"),
                                        .value = TEXT("2026-06-12T12:00:00Z"),
                                        .expected = TEXT("a time in the future")};
    f->warning =
        (struct verdict_finding){.code = VERDICT_EXPIRES_SOON, .depth = 1, .reason = TEXT("in 20 days")};
    f->peer.warnings = &f->warning;
    f->peer.n_warnings = 1;
    f->tls.client_signature = "ecdsa_secp256r1_sha256";
}

void fixture_hello(struct fixture *f)
{
    struct hello_pack *pack = (struct hello_pack *)(void *)f->pack;
    struct wire_out out = {.p = pack->byte, .room = HELLO_PACK_MOST};
    ck_assert(client_hello_pack(&f->hello, &out));
    pack->n = (uint16_t)out.n;
    f->tls.client_hello = pack;
}

void fixture_path(struct fixture *f, const char *path)
{
    f->request.path = path;
    f->request.target = path;
}

void fixture_header(struct fixture *f, const char *name, const char *value)
{
    size_t i = 0;
    while (i < f->n_headers && strcmp(f->header[i].name, name) != 0)
        i++;
    ck_assert_uint_lt(i, FIXTURE_HEADERS);
    f->header[i].name = name;
    f->header[i].value = value;
    if (i == f->n_headers)
        f->n_headers++;
}

const char *fixture_reply_header(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->reply.n_headers; i++) {
        if (text_equal_nocase(f->reply.header[i].name, name))
            return f->reply.header[i].value;
    }
    return NULL;
}

json_t *fixture_reply_json(const struct fixture *f)
{
    json_error_t error;
    json_t *json = json_loadb(f->reply.body.data ? f->reply.body.data : "", f->reply.body.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    ck_assert_msg(json != NULL, "%s in %s", error.text, f->reply.body.data ? f->reply.body.data : "nothing");
    return json;
}

const char *fixture_at(const json_t *json, const char *path)
{
    static char text[2048];
    char part[64];
    const json_t *at = json;
    for (const char *p = path; *p && at; p += *p == '.') {
        size_t n = strcspn(p, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, p);
        at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
        p += n;
    }
    ck_assert_msg(at != NULL, "there is no %s", path);
    if (json_is_string(at)) {
        snprintf(text, sizeof text, "%s", json_string_value(at));
        return text;
    }
    char *dump = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT);
    ck_assert_ptr_nonnull(dump);
    snprintf(text, sizeof text, "%s", dump);
    free(dump);
    return text;
}
