#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "http/view.h"
#include "record_fixture.h"
#include "suites.h"
#include "tls/frames.h"

/* "client ClientHello 45, server ..." with "*" where it is encrypted. */
static const char *summary(const struct record *record)
{
    static char text[8192];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < record_count(record); i++) {
        struct record_item item;
        record_get(record, i, &item);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%c%s%s", i ? " " : "",
                               item.from == RECORD_CLIENT ? '>' : '<', item.name, item.encrypted ? "*" : "");
    }
    return text;
}

START_TEST(test_order_tls12)
{
    /* GnuTLS shows the server's Finished before the record layer shows the ChangeCipherSpec that goes before
     * it. */
    struct record *record = new_record(false);
    client_hello(record);
    server_hello(record, false, false);
    empty(record, RECORD_SERVER, TLS_CERTIFICATE);
    empty(record, RECORD_SERVER, TLS_SERVER_HELLO_DONE);
    empty(record, RECORD_CLIENT, TLS_CLIENT_KEY_EXCHANGE);
    send_ccs(record, RECORD_CLIENT);
    empty(record, RECORD_CLIENT, TLS_FINISHED);
    empty(record, RECORD_SERVER, TLS_FINISHED);
    send_ccs(record, RECORD_SERVER);
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_DECODE_ERROR, false, now());
    ck_assert_str_eq(summary(record),
                     ">ClientHello <ServerHello <Certificate <ServerHelloDone >ClientKeyExchange "
                     ">ChangeCipherSpec >Finished* <ChangeCipherSpec <Finished* >Alert*");
    struct record_item ccs, finished;
    record_get(record, 7, &ccs);
    record_get(record, 8, &finished);
    ck_assert_uint_eq(ccs.at_us, finished.at_us);
    ck_assert(!record_resumed(record));
    record_unref(record);

    /* Before anything was agreed nothing is encrypted. */
    record = new_record(false);
    send_ccs(record, RECORD_CLIENT);
    record_alert(record, RECORD_SERVER, GNUTLS_AL_FATAL, GNUTLS_A_UNEXPECTED_MESSAGE, false, now());
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_UNEXPECTED_MESSAGE, false, now());
    ck_assert_str_eq(summary(record), ">ChangeCipherSpec <Alert >Alert");
    record_unref(record);
}
END_TEST

START_TEST(test_order_tls13)
{
    struct record *record = new_record(false);
    client_hello(record);
    server_hello(record, true, false);
    send_ccs(record, RECORD_SERVER);
    empty(record, RECORD_SERVER, TLS_ENCRYPTED_EXTENSIONS);
    empty(record, RECORD_SERVER, TLS_FINISHED);
    send_ccs(record, RECORD_CLIENT);
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_UNKNOWN_CA, false, now());
    /* A client that could not make keys of the ServerHello says so in the clear. */
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_UNKNOWN_CA, true, now());
    ck_assert_str_eq(summary(record), ">ClientHello <ServerHello <ChangeCipherSpec <EncryptedExtensions* "
                                      "<Finished* >ChangeCipherSpec >Alert* >Alert");
    json_t *json = view(record);
    AT(json, "messages.7.detail", "{\"level\":\"fatal\",\"name\":\"unknown_ca\"}");
    AT(json, "messages.7.bytes", "2");
    AT(json, "version", "TLSv1.3");
    json_decref(json);
    record_unref(record);
}
END_TEST

START_TEST(test_after_the_end)
{
    static const uint8_t ASK[] = {1};
    struct record *record = new_record(false);
    client_hello(record);
    server_hello(record, true, true);
    record_end(record);
    uint64_t duration = record_duration_us(record);
    ck_assert_uint_eq(duration, 2 * STEP);
    send_message(record, RECORD_CLIENT, TLS_KEY_UPDATE, ASK, sizeof ASK);
    send_ccs(record, RECORD_CLIENT); /* of no handshake */
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_WARNING, 201, false, now());
    ck_assert_str_eq(summary(record), ">ClientHello <ServerHello >KeyUpdate* >Alert*");
    json_t *json = view(record);
    AT(json, "resumed", "true");
    AT(json, "messages.2.detail", "{\"update_requested\":true}");
    AT(json, "messages.3.detail", "{\"level\":\"warning\",\"name\":201}");
    AT(json, "duration_us", "200");
    json_decref(json);
    record_end(record);
    ck_assert_uint_eq(record_duration_us(record), duration);
    record_unref(record);
}
END_TEST

/* Two numbers of one thing: GnuTLS's own, and the random of RFC 8446. */
START_TEST(test_hello_retry)
{
    uint8_t body[] = {3,    3,    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                      0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                      0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c, 0,    0x13, 0x01, 0,    0,
                      12,   0,    43,   0,    2,    3,    4,    0,    51,   0,    2,    0,    24};
    struct record *record = new_record(false);
    send_message(record, RECORD_SERVER, TLS_SERVER_HELLO, body, sizeof body);
    send_message(record, RECORD_SERVER, GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST, body, sizeof body);
    ck_assert_str_eq(summary(record), "<HelloRetryRequest <HelloRetryRequest");
    ck_assert_uint_eq(record_version(record), 0);
    json_t *json = view(record);
    AT(json, "messages.0.detail", "{\"group\":\"secp384r1\"}");
    AT(json, "messages.1.detail", "{\"group\":\"secp384r1\"}");
    json_decref(json);
    body[2]++;
    send_message(record, RECORD_SERVER, TLS_SERVER_HELLO, body, sizeof body);
    ck_assert_str_eq(summary(record), "<HelloRetryRequest <HelloRetryRequest <ServerHello");
    record_unref(record);
}
END_TEST

START_TEST(test_frames)
{
    /* An application record of 300 bytes full of 20s, a ChangeCipherSpec, an empty record, a
     * ChangeCipherSpec, an alert. */
    uint8_t bytes[5 + 300 + 6 + 5 + 6 + 7];
    memset(bytes, 20, sizeof bytes);
    memcpy(bytes, (const uint8_t[]){23, 3, 3, 1, 44}, 5);
    memcpy(bytes + 305,
           (const uint8_t[]){20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 0, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 48},
           24);
    for (size_t piece = 1; piece <= sizeof bytes; piece++) {
        struct frames frames = {0};
        unsigned seen = 0;
        for (size_t at = 0; at < sizeof bytes; at += piece) {
            size_t n = sizeof bytes - at < piece ? sizeof bytes - at : piece;
            ck_assert_int_eq(frames_alert(&frames), -1);
            seen += frames_feed(&frames, bytes + at, n);
        }
        /* Both in one piece are one sign; nobody sends two. */
        ck_assert_uint_eq(seen, piece > 11 && (305 + 4) / piece == (316 + 4) / piece ? 1 : 2);
        ck_assert_int_eq(frames_alert(&frames), 48);
    }
    /* Under the keys of TLS 1.2 it is longer, and says nothing. */
    struct frames frames = {0};
    ck_assert(!frames_feed(&frames, (const uint8_t[]){21, 3, 3, 0, 3, 2, 48, 9}, 8));
    ck_assert_int_eq(frames_alert(&frames), -1);
    ck_assert(!frames_feed(&frames, NULL, 0));
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_most_messages)
{
    struct record *record = new_record(false);
    for (int i = 0; i < RECORD_MOST_MESSAGES; i++)
        empty(record, RECORD_CLIENT, TLS_FINISHED);
    ck_assert(!record_truncated(record));
    empty(record, RECORD_CLIENT, TLS_FINISHED);
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_CLOSE_NOTIFY, false, now());
    send_ccs(record, RECORD_CLIENT);
    ck_assert(record_truncated(record));
    ck_assert_uint_eq(record_count(record), RECORD_MOST_MESSAGES);
    record_unref(record);
}
END_TEST

/* A CertificateRequest of TLS 1.2 with `n` names of 100 bytes; its length. */
static size_t certificate_request(size_t n, uint8_t *out)
{
    static const uint8_t NAME[] = {0x30, 0x60, 0x31, 0x5e, 0x30, 0x5c, 0x06,
                                   0x03, 0x55, 0x04, 0x03, 0x0c, 0x55};
    uint8_t *p = out;
    *p++ = 1, *p++ = 64;
    *p++ = 0, *p++ = 2, *p++ = 4, *p++ = 3;
    *p++ = (uint8_t)(n * 100 >> 8), *p++ = (uint8_t)(n * 100);
    for (size_t i = 0; i < n; i++) {
        *p++ = 0, *p++ = 98;
        memcpy(p, NAME, sizeof NAME);
        memset(p + sizeof NAME, 'a', 85);
        p += 98;
    }
    return (size_t)(p - out);
}

static size_t detail_bytes(const struct record *record)
{
    size_t n = 0;
    for (size_t i = 0; i < record_count(record); i++) {
        struct record_item item;
        record_get(record, i, &item);
        n += item.detail.n;
    }
    return n;
}

START_TEST(test_most_detail)
{
    static uint8_t body[20000];
    struct record *record = new_record(true);
    client_hello(record);
    server_hello(record, false, false);
    size_t len = certificate_request(174, body); /* 17 KiB */
    ck_assert_uint_gt(len, 17 * 1024 - 100);
    send_message(record, RECORD_SERVER, TLS_CERTIFICATE_REQUEST, body, len);
    ck_assert(record_truncated(record));
    ck_assert_uint_le(detail_bytes(record), RECORD_MOST_DETAIL);
    ck_assert_uint_gt(detail_bytes(record), RECORD_MOST_DETAIL - 100);
    json_t *json = view(record);
    AT(json, "truncated", "true");
    AT(json, "messages.2.bytes", "17412");
    ck_assert_int_eq(strncmp(fixture_at(json, "messages.2.detail.ca_names.162"), "CN=aaaa", 7), 0);
    size_t names = json_array_size(json_object_get(
        json_object_get(json_array_get(json_object_get(json, "messages"), 2), "detail"), "ca_names"));
    ck_assert_uint_eq(names, 163);
    json_decref(json);

    /* Without room a message is still a message. A cut list of certificates does not become an empty one. */
    static const uint8_t CHAIN[] = {0, 0, 6, 0, 0, 3, 0x30, 1, 0};
    for (int i = 0; i < 20; i++)
        send_message(record, RECORD_CLIENT, TLS_CERTIFICATE, CHAIN, sizeof CHAIN);
    ck_assert_uint_le(detail_bytes(record), RECORD_MOST_DETAIL);
    json = view(record);
    AT(json, "messages.3.detail",
       "{\"certificates\":[{\"subject\":null,\"issuer\":null,\"bytes\":3}],\"empty\":false}");
    AT(json, "messages.22.detail", "null");
    json_decref(json);

    /* The largest goes first. */
    record_end(record);
    record_trim(record, 64);
    ck_assert(record_truncated(record));
    json = view(record);
    AT(json, "messages.2.detail", "null");
    AT(json, "messages.1.detail.cipher_suite", "TLS_AES_128_GCM_SHA256");
    AT(json, "messages.0.detail.cipher_suites.0", "TLS_AES_128_GCM_SHA256");
    AT(json, "messages.3.detail.certificates.0.bytes", "3");
    json_decref(json);
    record_trim(record, 0);
    json = view(record);
    AT(json, "messages.1.detail", "null");
    AT(json, "messages.3.detail", "null");
    json_decref(json);
    record_unref(record);
}
END_TEST

START_TEST(test_malformed)
{
    static const struct {
        unsigned type;
        uint8_t body[16];
        size_t len;
        bool tls13;
        const char *detail;
    } ROWS[] = {
        {TLS_CLIENT_HELLO, {3, 3}, 2, false, "null"},
        {GNUTLS_HANDSHAKE_CLIENT_HELLO_V2, {0}, 4, false, "null"},
        {TLS_SERVER_HELLO, {3, 3}, 2, false, "null"},
        {TLS_ENCRYPTED_EXTENSIONS, {0, 9, 0, 16}, 4, true, "null"},
        {TLS_ENCRYPTED_EXTENSIONS, {0, 0}, 2, true, "{\"alpn\":null}"},
        {TLS_CERTIFICATE_REQUEST, {0, 0, 5, 0, 13, 0, 1, 0}, 8, true, "null"},
        {TLS_CERTIFICATE_REQUEST, {0, 0, 7, 0, 13, 0, 3, 0, 1, 4}, 10, true, "null"}, /* half a number */
        {TLS_CERTIFICATE_REQUEST, {0, 0, 0}, 3, true, "{\"signature_algorithms\":[],\"ca_names\":[]}"},
        {TLS_CERTIFICATE, {0, 0, 0}, 3, false, "{\"certificates\":[],\"empty\":true}"},
        {TLS_CERTIFICATE, {0, 0, 0, 0}, 4, true, "{\"certificates\":[],\"empty\":true}"},
        {TLS_CERTIFICATE, {0, 0, 4, 0, 0, 2, 0x30}, 7, false, "null"},
        {TLS_CERTIFICATE_VERIFY, {4}, 1, true, "null"},
        {TLS_CERTIFICATE_VERIFY, {0xfa, 0xfb, 0, 0}, 4, true, "{\"algorithm\":\"0xfafb\"}"},
        {TLS_SERVER_KEY_EXCHANGE, {1, 0, 23, 0, 4, 3}, 6, false, "null"}, /* no named curve */
        {TLS_SERVER_KEY_EXCHANGE,
         {3, 0, 23, 1, 4, 4, 3, 0, 0},
         9,
         false,
         "{\"group\":\"secp256r1\",\"signature\":\"ecdsa_secp256r1_sha256\"}"},
        {TLS_NEW_SESSION_TICKET, {0, 0, 0x54}, 3, true, "null"},
        {TLS_NEW_SESSION_TICKET, {0, 0, 0x54, 0x60}, 4, true, "{\"lifetime\":21600}"},
        {TLS_KEY_UPDATE, {0}, 0, true, "null"},
        {TLS_SERVER_HELLO_DONE, {0}, 0, false, "{}"},
        {22 /* CertificateStatus */, {1, 2, 3}, 3, false, "null"},
        {77, {1, 2, 3}, 3, false, "null"},
        {7777, {1, 2, 3}, 3, false, "null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct record *record = new_record(false);
        if (ROWS[i].tls13)
            server_hello(record, true, false);
        send_message(record, RECORD_CLIENT, ROWS[i].type, ROWS[i].body, ROWS[i].len);
        ck_assert(!record_truncated(record));
        json_t *json = view(record);
        const char *got = fixture_at(json, ROWS[i].tls13 ? "messages.1.detail" : "messages.0.detail");
        ck_assert_msg(strcmp(got, ROWS[i].detail) == 0, "row %zu: %s, expected %s", i, got, ROWS[i].detail);
        json_decref(json);
        record_unref(record);
    }
}
END_TEST

START_TEST(test_nothing)
{
    struct wire_out out = {0};
    record_message(NULL, RECORD_CLIENT, TLS_FINISHED, NULL, 0, 0);
    record_change_cipher_spec(NULL, RECORD_CLIENT, 0);
    record_alert(NULL, RECORD_CLIENT, 1, 0, false, 0);
    record_end(NULL);
    record_trim(NULL, 0);
    ck_assert_ptr_null(record_ref(NULL));
    record_unref(NULL);
    ck_assert_uint_eq(record_count(NULL), 0);
    ck_assert_ptr_null(record_hello(NULL));
    json_t *json = view_handshake(NULL, NULL, 0);
    ck_assert(json_is_null(json));
    json_decref(json);
    ck_assert_int_eq(detail_keep(TLS_FINISHED, true, NULL, 0, &out), DETAIL_EMPTY);
    ck_assert_int_eq(detail_keep(TLS_CERTIFICATE, false, (const uint8_t *)"\0\0\0", 3, &out),
                     DETAIL_CERTIFICATE);
    ck_assert(!out.full);
}
END_TEST

START_TEST(test_text)
{
    struct record *record = new_record(false);
    struct buf text = {0};
    client_hello(record);
    record_alert(record, RECORD_SERVER, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE, false, now());
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_WARNING, 250, false, BEGUN + 1234567);
    record_text(record, &text);
    ck_assert_str_eq(text.data,
                     "client ClientHello 45 bytes at 0.100 ms, server Alert handshake_failure 2 bytes at "
                     "0.200 ms, client Alert unknown 2 bytes at 1234.567 ms");
    buf_done(&text);
    record_unref(record);
}
END_TEST

Suite *suite_record(void)
{
    Suite *suite = suite_create("record");
    TCase *tcase = tcase_create("by hand");
    tcase_add_test(tcase, test_order_tls12);
    tcase_add_test(tcase, test_order_tls13);
    tcase_add_test(tcase, test_after_the_end);
    tcase_add_test(tcase, test_hello_retry);
    tcase_add_test(tcase, test_frames);
    tcase_add_test(tcase, test_most_messages);
    tcase_add_test(tcase, test_most_detail);
    tcase_add_test(tcase, test_malformed);
    tcase_add_test(tcase, test_nothing);
    tcase_add_test(tcase, test_text);
    suite_add_tcase(suite, tcase);
    return suite;
}
