#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/view.h"
#include "http_fixture.h"
#include "suites.h"

static const long long HOUR = 3600, DAY = 86400;

#define AT(json, path, expected) ck_assert_str_eq(fixture_at(json, path), expected)

/* The names of an object's members in their order, separated by spaces. */
static void check_keys(const json_t *object, const char *expected)
{
    char keys[1024] = "";
    size_t at = 0;
    void *it = json_object_iter((json_t *)(uintptr_t)object);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)object, it)) {
        at += (size_t)snprintf(keys + at, sizeof keys - at, "%s%s", at ? " " : "", json_object_iter_key(it));
        ck_assert_uint_lt(at, sizeof keys);
    }
    ck_assert_str_eq(keys, expected);
}

#define CERTIFICATE_KEYS                                                                                     \
    "subject issuer serial not_before not_after days_remaining san public_key signature_algorithm "          \
    "key_usage "                                                                                             \
    "extended_key_usage fingerprint_sha256 spki_sha256"

START_TEST(test_tls)
{
    struct fixture f;
    fixture_init(&f);
    f.hello.versions = (struct hello_list){.v = {0x1a1a, 0x0304, 0x0303}, .n = 3, .total = 3};
    f.hello.cipher_suites = (struct hello_list){.v = {0x1301, 0xffff}, .n = 2, .total = 2};
    f.hello.groups = (struct hello_list){.v = {29, 0x11ec}, .n = 2, .total = 2};
    f.hello.signature_algorithms = (struct hello_list){.v = {0x0403}, .n = 1, .total = 1};
    f.hello.extensions = (struct hello_list){.v = {0, 43, 0xfafa}, .n = 3, .total = 3};
    memcpy(f.hello.alpn[0], "h\n\xff", 3);
    f.hello.alpn_len[0] = 3;
    f.hello.alpn_last = 0xff;
    f.hello.n_alpn = f.hello.alpn_total = 1;
    fixture_hello(&f);
    json_t *json = view_tls(&f.tls);
    check_keys(json, "version cipher_suite group post_quantum server_signature client_signature alpn "
                     "server_name resumed extended_master_secret client_hello");
    AT(json, "version", "TLSv1.3");
    AT(json, "cipher_suite", "TLS_AES_128_GCM_SHA256");
    AT(json, "client_signature", "null");
    AT(json, "resumed", "false");
    AT(json, "post_quantum", "false");
    AT(json, "extended_master_secret", "true");
    check_keys(json_object_get(json, "client_hello"),
               "versions cipher_suites groups signature_algorithms alpn extensions ja4");
    AT(json, "client_hello.versions", "[\"GREASE\",\"TLSv1.3\",\"TLSv1.2\"]");
    AT(json, "client_hello.cipher_suites", "[\"TLS_AES_128_GCM_SHA256\",\"0xffff\"]");
    AT(json, "client_hello.groups", "[\"x25519\",\"X25519MLKEM768\"]");
    AT(json, "client_hello.extensions", "[\"server_name\",\"supported_versions\",\"GREASE\"]");
    AT(json, "client_hello.alpn.0", "h\\0A\\FF");
    ck_assert_int_eq(strncmp(fixture_at(json, "client_hello.ja4"), "t13d02026f_", 11), 0);
    json_decref(json);

    /* An old client, and none that could be kept. */
    memset(&f.hello, 0, sizeof f.hello);
    f.hello.legacy_version = 0x0302;
    fixture_hello(&f);
    f.tls.alpn[0] = f.tls.server_name[0] = '\0';
    f.tls.group = NULL;
    json = view_tls(&f.tls);
    AT(json, "client_hello.versions", "[\"TLSv1.1\"]");
    AT(json, "client_hello.groups", "[]");
    AT(json, "alpn", "null");
    AT(json, "server_name", "null");
    AT(json, "group", "null");
    json_decref(json);
    f.tls.client_hello = NULL;
    json = view_tls(&f.tls);
    AT(json, "client_hello", "null");
    json_decref(json);
}
END_TEST

START_TEST(test_peer)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_FAILED);
    json_t *json = view_request_peer(&f.request);
    check_keys(
        json,
        "client_auth requested presented verify errors warnings checks verified_at applied_at remembered resumed " CERTIFICATE_KEYS
        " chain anchor accepted_issuers");
    AT(json, "client_auth", "request");
    AT(json, "requested", "true");
    AT(json, "presented", "true");
    AT(json, "verify", "FAILED");
    check_keys(json_array_get(json_object_get(json, "errors"), 0),
               "code title depth reason hint command value expected");
    AT(json, "errors.0.code", "expired");
    AT(json, "errors.0.depth", "0");
    AT(json, "errors.0.hint", "renew it");
    AT(json, "errors.0.value", "2026-06-12T12:00:00Z");
    AT(json, "warnings.0.code", "expires_soon");
    AT(json, "warnings.0.depth", "1");
    AT(json, "warnings.0.hint", "null");
    AT(json, "verified_at", "2026-06-15T12:00:00Z");
    AT(json, "applied_at", "2026-06-15T12:00:00Z");
    AT(json, "remembered", "false");
    AT(json, "subject", "CN=alice");
    AT(json, "not_before", "2026-06-05T12:00:00Z");
    AT(json, "not_after", "2026-07-05T12:00:00Z");
    AT(json, "days_remaining", "20");
    AT(json, "san",
       "{\"dns_names\":[\"alice.example.org\"],\"emails\":[],\"ips\":[],\"uris\":[],\"other_names\":[]}");
    AT(json, "public_key", "{\"algorithm\":\"ECDSA\",\"bits\":256,\"curve\":\"secp256r1\"}");
    AT(json, "key_usage", "[\"digitalSignature\"]");
    AT(json, "extended_key_usage", "[\"clientAuth\"]");
    ck_assert_uint_eq(strlen(fixture_at(json, "fingerprint_sha256")), 64);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "chain")), 2);
    check_keys(json_array_get(json_object_get(json, "chain"), 1), CERTIFICATE_KEYS);
    AT(json, "chain.0.subject", "CN=alice");
    AT(json, "chain.1.subject", "CN=Test CA");
    AT(json, "anchor", "null");
    AT(json, "accepted_issuers", "[\"CN=Test CA\",\"CN=Other CA\"]");
    json_decref(json);

    fixture_present(&f, VERIFY_SUCCESS);
    struct anchor_id root = {.subject = (char[]){"CN=Root"}, .fingerprint_sha256 = "0123"};
    f.peer.anchor = &root;
    json = view_request_peer(&f.request);
    AT(json, "anchor", "{\"subject\":\"CN=Root\",\"fingerprint_sha256\":\"0123\"}");
    AT(json, "verify", "SUCCESS");
    AT(json, "errors", "[]");
    json_decref(json);

    /* A verdict of before: its dates were compared again. */
    f.request.peer_at = f.peer.judged_at + 60;
    json = view_request_peer(&f.request);
    AT(json, "verified_at", "2026-06-15T12:00:00Z");
    AT(json, "applied_at", "2026-06-15T12:01:00Z");
    AT(json, "remembered", "true");
    AT(json, "checks.expired.expected",
       "a time that holds 2026-06-15T12:01:00Z, as that of the CAs above it");
    json_decref(json);
}
END_TEST

/* What is not there is null or empty, never left out. */
START_TEST(test_peer_none)
{
    struct fixture f;
    fixture_init(&f);
    for (int off = 0; off < 2; off++) {
        if (off) {
            f.request.peer = NULL;
            f.request.client_auth = CLIENT_AUTH_OFF;
            f.request.cert_requested = false;
            f.request.n_advertised = 0;
        }
        json_t *json = view_request_peer(&f.request);
        check_keys(
            json,
            "client_auth requested presented verify errors warnings checks verified_at applied_at remembered resumed " CERTIFICATE_KEYS
            " chain anchor accepted_issuers");
        AT(json, "client_auth", off ? "off" : "request");
        AT(json, "requested", off ? "false" : "true");
        AT(json, "presented", "false");
        AT(json, "verify", "NONE");
        if (!off)
            AT(json, "errors.0.code", "no_certificate");
        else
            AT(json, "errors", "[]");
        if (!off)
            AT(json, "errors.0.depth", "null");
        AT(json, "verified_at", "null");
        AT(json, "applied_at", "null");
        AT(json, "remembered", "false");
        AT(json, "subject", "null");
        AT(json, "days_remaining", "null");
        AT(json, "san", "{\"dns_names\":[],\"emails\":[],\"ips\":[],\"uris\":[],\"other_names\":[]}");
        AT(json, "public_key", "{\"algorithm\":null,\"bits\":null,\"curve\":null}");
        AT(json, "key_usage", "[]");
        AT(json, "chain", "[]");
        json_decref(json);
    }
    /* `verify` has no mode. */
    struct view_peer_input input = {.peer = &f.peer};
    json_t *json = view_peer(&input);
    ck_assert_ptr_null(json_object_get(json, "client_auth"));
    json_decref(json);
}
END_TEST

static void statuses(const struct fixture *f, const char *expected)
{
    static const char *const NAMES[] = {"possession", "trusted", "expired", "revoked", "fit"};
    char got[512] = "", path[64];
    json_t *json = view_request_peer(&f->request);
    check_keys(json_object_get(json, "checks"), "possession trusted expired revoked fit");
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        snprintf(path, sizeof path, "checks.%s", NAMES[i]);
        check_keys(json_object_get(json_object_get(json, "checks"), NAMES[i]),
                   "status reasons why note value expected");
        snprintf(path, sizeof path, "checks.%s.status", NAMES[i]);
        size_t at = strlen(got);
        at += (size_t)snprintf(got + at, sizeof got - at, "%s%s", at ? " " : "", fixture_at(json, path));
        snprintf(path, sizeof path, "checks.%s.why", NAMES[i]);
        if (strcmp(fixture_at(json, path), "null") != 0)
            snprintf(got + at, sizeof got - at, ":%s", fixture_at(json, path));
    }
    ck_assert_str_eq(got, expected);
    json_decref(json);
}

/* What nobody did is never passed. */
START_TEST(test_checks)
{
    struct fixture f;
    struct anchor_id ca = {.subject = (char *)(uintptr_t) "CN=Test CA"};
    fixture_init(&f);
    statuses(&f,
             "unknown:no_certificate unknown:no_certificate unknown:no_certificate unknown:no_certificate "
             "unknown:no_certificate");
    fixture_present(&f, VERIFY_SUCCESS);
    f.peer.through = &ca;
    f.peer.asked = (struct peer_asked){true, REVOCATION_ASKED, FIXTURE_NOW - DAY, FIXTURE_NOW + DAY};
    statuses(&f, "pass pass pass pass pass");
    json_t *json = view_request_peer(&f.request);
    AT(json, "checks.possession.value", "ecdsa_secp256r1_sha256");
    AT(json, "checks.trusted.value", "CN=Test CA");
    AT(json, "checks.expired.value", "2026-06-05T12:00:00Z to 2026-07-05T12:00:00Z");
    AT(json, "checks.revoked.value", "0a");
    AT(json, "checks.revoked.expected",
       "not on the CRL of CN=Test CA that was made on 2026-06-14T12:00:00Z, its next update due on "
       "2026-06-16T12:00:00Z");
    json_decref(json);
    f.peer.asked.crl_next_update = FIXTURE_NOW - 1;
    statuses(&f, "pass pass pass unknown:crl_over pass");
    static const struct {
        enum revocation state;
        const char *why;
    } ROWS[] = {{REVOCATION_UNPROVEN, "unproven"},
                {REVOCATION_OFF, "crl_check_off"},
                {REVOCATION_NO_CRL, "no_crl"},
                {REVOCATION_PINNED, "trusted_itself"}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char expected[96];
        f.peer.asked.revocation = ROWS[i].state;
        snprintf(expected, sizeof expected, "pass pass pass unknown:%s pass", ROWS[i].why);
        statuses(&f, expected);
    }
    f.tls.resumed = true;
    statuses(&f, "pass:resumed pass pass unknown:trusted_itself pass");
    f.tls.resumed = false;

    fixture_present(&f, VERIFY_FAILED);
    f.peer.asked = (struct peer_asked){0};
    statuses(&f, "pass unknown:no_path fail unknown:no_path pass");
    f.conf.error_detail = ERROR_DETAIL_CODE;
    statuses(&f, "pass unknown:no_path fail unknown:no_path pass");
    json = view_request_peer(&f.request);
    AT(json, "checks.expired.reasons", "[\"expired\"]");
    AT(json, "checks.expired.value", "null");
    json_decref(json);
    f.conf.error_detail = ERROR_DETAIL_NONE;
    statuses(&f, "pass unknown:not_told unknown:not_told unknown:not_told unknown:not_told");
    f.conf.error_detail = ERROR_DETAIL_FULL;
    f.error.code = VERDICT_MALFORMED_CERTIFICATE;
    f.peer.n_chain = 0;
    statuses(&f, "pass unknown:not_read unknown:not_read unknown:not_read fail");
}
END_TEST

START_TEST(test_days)
{
    static const struct {
        long long left;
        const char *days;
    } ROWS[] = {{0, "0"},  {1, "0"},        {DAY - 1, "0"}, {DAY, "1"},           {30 * DAY - 1, "29"},
                {-1, "0"}, {-DAY + 1, "0"}, {-DAY, "-1"},   {-2 * DAY + 1, "-1"}, {-400 * DAY, "-400"}};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        f.leaf.not_after = (time_t)(FIXTURE_NOW + ROWS[i].left);
        json_t *json = view_certificate(&f.leaf, FIXTURE_NOW);
        check_keys(json, CERTIFICATE_KEYS);
        AT(json, "days_remaining", ROWS[i].days);
        json_decref(json);
        /* And the words say the same number. */
        char span[CLOCK_TEXT], days[CLOCK_TEXT];
        if (llabs(ROWS[i].left) >= DAY) {
            snprintf(days, sizeof days, "%s day", ROWS[i].days + (ROWS[i].left < 0));
            ck_assert_msg(strncmp(clock_span(ROWS[i].left, span), days, strlen(days)) == 0, "%s", span);
        }
    }
    /* Without a time of its own the view goes by the verdict's. */
    fixture_present(&f, VERIFY_SUCCESS);
    f.leaf.not_after = (time_t)(FIXTURE_NOW + 9 * DAY);
    f.peer.judged_at = (time_t)(FIXTURE_NOW + 2 * DAY);
    struct view_peer_input input = {.peer = &f.peer};
    json_t *json = view_peer(&input);
    AT(json, "days_remaining", "7");
    json_decref(json);
}
END_TEST

START_TEST(test_error_detail)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_FAILED);
    f.conf.error_detail = ERROR_DETAIL_CODE;
    json_t *json = view_request_peer(&f.request);
    AT(json, "errors.0",
       "{\"code\":\"expired\",\"title\":\"Expired\",\"depth\":0,\"reason\":null,\"hint\":null,\"command\":null,\"value\":null,\"expected\":null}");
    json_decref(json);
    f.conf.error_detail = ERROR_DETAIL_NONE;
    json = view_request_peer(&f.request);
    AT(json, "verify", "FAILED");
    AT(json, "errors", "[]");
    AT(json, "warnings", "[]");
    json_decref(json);
    /* Who is not refused is told all. */
    fixture_present(&f, VERIFY_SUCCESS);
    json = view_request_peer(&f.request);
    AT(json, "warnings.0.reason", "in 20 days");
    json_decref(json);
}
END_TEST

/* Writes the value and reads it again. */
static json_t *round_trip(json_t *json)
{
    struct buf text = {0};
    ck_assert_ptr_nonnull(json);
    ck_assert_int_eq(view_write(json, &text), 0);
    ck_assert_int_eq(text.data[text.len - 1], '\n');
    json_t *again = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(again);
    ck_assert(json_equal(json, again));
    /* The bytes are those that jansson would write. */
    char *dump = json_dumps(json, JSON_INDENT(2));
    ck_assert_ptr_nonnull(dump);
    text.data[text.len - 1] = '\0';
    ck_assert_str_eq(text.data, dump);
    free(dump);
    buf_done(&text);
    text = (struct buf){0};
    ck_assert_int_eq(view_write_as(json, true, &text), 0);
    ck_assert_int_eq(text.data[text.len - 1], '\n');
    text.data[text.len - 1] = '\0';
    dump = json_dumps(json, JSON_COMPACT);
    ck_assert_ptr_nonnull(dump);
    ck_assert_str_eq(text.data, dump);
    free(dump);
    buf_done(&text);
    json_decref(json);
    return again;
}

/* Text that is no UTF-8 by mistake of a caller does not cost the object. */
START_TEST(test_bad_text)
{
    struct fixture f;
    fixture_init(&f);
    fixture_present(&f, VERIFY_FAILED);
    char bad[] = "CN=a\xff\xc0\xaf<b>\"'&\\";
    f.leaf.subject.text = bad;
    f.error.reason = bad;
    f.advertised[0].text = bad;
    f.request.remote = bad;
    json_t *json = round_trip(view_connection(&f.request));
    AT(json, "peer.subject", "CN=a\\FF\\C0\\AF<b>\"'&\\\\");
    AT(json, "peer.errors.0.reason", "CN=a\\FF\\C0\\AF<b>\"'&\\\\");
    AT(json, "peer.accepted_issuers.0", "CN=a\\FF\\C0\\AF<b>\"'&\\\\");
    AT(json, "remote", "CN=a\\FF\\C0\\AF<b>\"'&\\\\");
    json_decref(json);
}
END_TEST

/* A certificate whose subject is as hostile as it can be, from DER to JSON and back. */
START_TEST(test_hostile_certificate)
{
    static char CN[] = "a\0b\n<script>\"'&\x1b[2J\xff\xc0\xaf\xe2\x80?\xe2\x80\xa8 \xf0\x9f\x94\x91";
    char *override = memchr(CN, '?', sizeof CN);
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    struct certinfo *info;
    struct err err;
    *override = '\xae'; /* U+202E; in a literal it would turn this line around in some editors */
    ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_version(crt, 3), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_serial(crt, "\x0a", 1), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_activation_time(crt, (time_t)(FIXTURE_NOW - DAY)), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(crt, (time_t)(FIXTURE_NOW + DAY)), 0);
    ck_assert_int_eq(
        gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, CN, (unsigned)sizeof CN - 1), 0);
    /* subjectAltName by hand, since GnuTLS writes no such address: SEQUENCE { [1] address } */
    unsigned char san[sizeof CN + 3] = {0x30, sizeof CN - 1 + 2, 0x81, sizeof CN - 1};
    memcpy(san + 4, CN, sizeof CN - 1);
    ck_assert_int_eq(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", san, sizeof san, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_key(crt, key), 0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_msg(certinfo_new(crt, &info, &err) == 0, "%s", err.text);

    json_t *json = round_trip(view_certificate(info, FIXTURE_NOW));
    const char *subject = fixture_at(json, "subject");
    ck_assert_msg(strstr(subject, "a\\00b\\0A") != NULL, "%s", subject);
    ck_assert_ptr_nonnull(strstr(subject, "script"));
    ck_assert_ptr_nonnull(strstr(subject, "\\1B[2J\\FF\\C0\\AF\\E2\\80\\AE\\E2\\80\\A8"));
    ck_assert_ptr_nonnull(strstr(subject, "\xf0\x9f\x94\x91"));
    AT(json, "san.emails.0",
       "a\\00b\\0A<script>\"'&\\1B[2J\\FF\\C0\\AF\\E2\\80\\AE\\E2\\80\\A8 \xf0\x9f\x94\x91");
    json_decref(json);
    certinfo_free(info);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}
END_TEST

START_TEST(test_connection)
{
    struct fixture f;
    fixture_init(&f);
    json_t *json = view_connection(&f.request);
    check_keys(json, "listener remote id requests tls peer handshake server_chain listeners verify_route");
    AT(json, "listener", "public");
    AT(json, "remote", "192.0.2.1:54321");
    AT(json, "id", "7");
    AT(json, "requests", "3");
    AT(json, "tls.version", "TLSv1.3");
    AT(json, "peer.verify", "NONE");
    AT(json, "handshake", "null");
    json_decref(json);
}
END_TEST

/* What `mtlsd check` says of CAs and CRLs, in its words, while it holds; and no entry when there is nothing.
 */
START_TEST(test_health_ca)
{
    static const char *const CHECKS[] = {"ca:odd", "ca:refused", "crl:coverage", "ca:validity"};
    struct fixture f;
    const char *status;
    fixture_init(&f);
    json_t *json = view_health(&f.health, &status);
    ck_assert_str_eq(status, "pass");
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
        ck_assert_ptr_null(json_object_get(json_object_get(json, "checks"), CHECKS[i]));
    json_decref(json);
    struct trust_note note = {.text = (char[]){"every certificate that CN=x issued will be refused: weak"}};
    const time_t now = f.health.now;
    f.listener[1].note = &note;
    f.listener[1].n_notes = 1;
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++) {
        for (int from = -1; from < 2; from++) {
            note.kind = (enum trust_note_kind)i;
            note.from = now + from;
            note.until = now + from + 2; /* it holds from -1 and from 0 on */
            json = view_health(&f.health, &status);
            ck_assert_str_eq(status, i > 0 && from < 1 ? "warn" : "pass");
            json_t *entry = json_array_get(json_object_get(json_object_get(json, "checks"), CHECKS[i]), 0);
            ck_assert(from < 1 ? entry != NULL : entry == NULL);
            if (entry) {
                AT(entry, "status", i > 0 ? "warn" : "pass");
                AT(entry, "componentId", "plain");
                AT(entry, "output", "every certificate that CN=x issued will be refused: weak");
            }
            json_decref(json);
        }
    }
    note.until = now; /* no longer */
    json = view_health(&f.health, &status);
    ck_assert_str_eq(status, "pass");
    json_decref(json);
    fixture_done(&f);
}
END_TEST

START_TEST(test_health)
{
    static const struct {
        const char *what;
        long long certificate, crl, refuses_from; /* seconds from now; refuses_from 0: never */
        bool draining, reload_failed;
        const char *status, *certificate_status, *crl_status;
    } ROWS[] = {
        {"good", 31 * DAY, 2 * DAY, 0, false, false, "pass", "pass", "pass"},
        {"certificate at its limit", 30 * DAY, 2 * DAY, 0, false, false, "pass", "pass", "pass"},
        {"certificate soon", 30 * DAY - 1, 2 * DAY, 0, false, false, "warn", "warn", "pass"},
        {"certificate in its last second", 0, 2 * DAY, 0, false, false, "warn", "warn", "pass"},
        {"certificate over", -1, 2 * DAY, 0, false, false, "fail", "fail", "pass"},
        {"CRL soon", 31 * DAY, DAY - 1, DAY - 1, false, false, "warn", "pass", "warn"},
        {"CRL over, refused", 31 * DAY, -1, -1, false, false, "fail", "pass", "fail"},
        {"CRL over, in its grace", 31 * DAY, -1, DAY, false, false, "warn", "pass", "warn"},
        {"CRL over, accepted", 31 * DAY, -1, 0, false, false, "warn", "pass", "warn"},
        {"reload refused", 31 * DAY, 2 * DAY, 0, false, true, "warn", "pass", "pass"},
        {"draining", 31 * DAY, 2 * DAY, 0, true, false, "fail", "pass", "pass"},
        {"the worst counts", -1, HOUR, 0, false, true, "fail", "fail", "warn"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct fixture f;
        const char *status = NULL;
        fixture_init(&f);
        f.listener[0].certificate_not_after = (time_t)(FIXTURE_NOW + ROWS[i].certificate);
        f.listener[0].certificate_soon_from = f.listener[0].certificate_not_after - (time_t)(30 * DAY);
        f.listener[0].crl_next_update = (time_t)(FIXTURE_NOW + ROWS[i].crl);
        f.listener[0].crl_refuses_from =
            ROWS[i].refuses_from == 0 ? 0 : (time_t)(FIXTURE_NOW + ROWS[i].refuses_from);
        f.health.draining = ROWS[i].draining;
        f.health.reload_failed = ROWS[i].reload_failed;
        json_t *json = view_health(&f.health, &status);
        ck_assert_msg(strcmp(status, ROWS[i].status) == 0, "%s: %s", ROWS[i].what, status);
        AT(json, "status", ROWS[i].status);
        AT(json, "checks.certificate:expiry.0.status", ROWS[i].certificate_status);
        AT(json, "checks.certificate:expiry.0.componentId", "public");
        AT(json, "checks.certificate:expiry.1.componentId", "plain");
        AT(json, "checks.certificate:expiry.1.status", "pass");
        AT(json, "checks.crl:expiry.0.status", ROWS[i].crl_status);
        ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(json, "checks"), "crl:expiry")), 1);
        AT(json, "checks.draining.0.observedValue", ROWS[i].draining ? "true" : "false");
        AT(json, "checks.configuration:generation.0.status", "pass");
        AT(json, "checks.configuration:refused_reloads.0.status", ROWS[i].reload_failed ? "warn" : "pass");
        AT(json, "checks.uptime.0.observedValue", "42");
        AT(json, "checks.uptime.0.time", "2026-06-15T12:00:00Z");
        json_decref(json);
    }
}
END_TEST

START_TEST(test_write)
{
    char all[0x81];
    for (int i = 0; i < 0x80; i++)
        all[i] = (char)(i + 1);
    all[0x7f] = all[0x80] = '\0';
    json_decref(
        round_trip(json_pack("{s:s, s:[], s:{}, s:[i, [b, b], n], s:{s:{s:[{}]}}, s:I}", "text", all, "empty",
                             "none", "mixed", -1, 1, 0, "a", "b", "c", "big", (json_int_t)INT64_MIN)));
}
END_TEST

START_TEST(test_write_limit)
{
    struct fixture f;
    struct buf text;
    fixture_init(&f);
    buf_init(&text, 64);
    json_t *json = view_connection(&f.request);
    ck_assert_int_eq(view_write(json, &text), ERR_NOMEM);
    buf_done(&text);
    json_decref(json);
}
END_TEST

START_TEST(test_write_depth)
{
    for (int levels = 16; levels <= 17; levels++) {
        struct buf text = {0};
        json_t *json = json_array();
        for (int i = 0; i < levels; i++)
            json = json_pack("[o]", json);
        ck_assert_ptr_nonnull(json);
        ck_assert_int_eq(view_write(json, &text), levels == 16 ? 0 : ERR_NOMEM);
        buf_done(&text);
        json_decref(json);
    }
}
END_TEST

Suite *suite_view(void)
{
    Suite *suite = suite_create("view");
    TCase *tcase = tcase_create("view");
    tcase_add_test(tcase, test_tls);
    tcase_add_test(tcase, test_peer);
    tcase_add_test(tcase, test_peer_none);
    tcase_add_test(tcase, test_checks);
    tcase_add_test(tcase, test_days);
    tcase_add_test(tcase, test_error_detail);
    tcase_add_test(tcase, test_bad_text);
    tcase_add_test(tcase, test_hostile_certificate);
    tcase_add_test(tcase, test_connection);
    tcase_add_test(tcase, test_health);
    tcase_add_test(tcase, test_health_ca);
    tcase_add_test(tcase, test_write);
    tcase_add_test(tcase, test_write_limit);
    tcase_add_test(tcase, test_write_depth);
    suite_add_tcase(suite, tcase);
    return suite;
}
