/* Handshakes as they were captured.
 *
 * tests/data/record/NAME.tsv: one message a line, "client" or "server" and its bytes as `openssl s_client
 * -msg` shows them, or "ccs"; NAME.json: what is said of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/view.h"
#include "record_fixture.h"
#include "suites.h"

enum { MOST_BODY = 4096 };

static FILE *open_data(const char *name, const char *suffix)
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/data/record/%s.%s", srcdir ? srcdir : ".", name, suffix);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

static size_t from_hex(const char *hex, uint8_t out[static MOST_BODY])
{
    size_t n = 0;
    char digits[3] = "";
    for (; hex[0] && hex[1] && n < MOST_BODY; hex += 2) {
        memcpy(digits, hex, 2);
        out[n++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

/* Calls `use` with every message of a capture; `body` without the header, NULL for a ChangeCipherSpec. */
static void each_message(const char *name,
                         void (*use)(void *cls, enum record_side from, unsigned type, const uint8_t *body,
                                     size_t len),
                         void *cls)
{
    static char line[2 * MOST_BODY + 64];
    static uint8_t message[MOST_BODY];
    FILE *file = open_data(name, "tsv");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *hex = strchr(line, '\t');
        ck_assert_ptr_nonnull(hex);
        *hex++ = '\0';
        enum record_side from = strcmp(line, "client") == 0 ? RECORD_CLIENT : RECORD_SERVER;
        if (strcmp(hex, "ccs") == 0) {
            use(cls, from, 0, NULL, 0);
            continue;
        }
        size_t len = from_hex(hex, message);
        ck_assert_uint_ge(len, 4);
        ck_assert_uint_eq(len - 4, (size_t)message[2] << 8 | message[3]);
        use(cls, from, message[0], message + 4, len - 4);
    }
    fclose(file);
}

static void record_one(void *cls, enum record_side from, unsigned type, const uint8_t *body, size_t len)
{
    if (body)
        send_message(cls, from, type, body, len);
    else
        send_ccs(cls, from);
}

static struct record *captured(const char *name, bool asks)
{
    struct record *record = new_record(asks);
    each_message(name, record_one, record);
    record_end(record);
    return record;
}

static const struct {
    const char *name;
    bool asks;
} CAPTURES[] = {{"tls13-mutual", true},   {"tls13-empty", true},  {"tls13-retry", false},
                {"tls13-resumed", false}, {"tls12-mutual", true}, {"tls12-one-way", false},
                {"tls12-resumed", false}};

START_TEST(test_captured)
{
    const char *name = CAPTURES[_i].name;
    struct record *record = captured(name, CAPTURES[_i].asks);
    json_t *json = view(record);
    FILE *file = open_data(name, "json");
    json_error_t error;
    json_t *expected = json_loadf(file, 0, &error);
    fclose(file);
    ck_assert_msg(expected != NULL, "%s.json:%d: %s", name, error.line, error.text);
    json_t *messages = json_object_get(json, "messages"), *wanted = json_object_get(expected, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        char *text = json_dumps(json_array_get(messages, i), JSON_COMPACT);
        ck_assert_msg(json_equal(json_array_get(messages, i), json_array_get(wanted, i)),
                      "%s: message %zu is %.2000s", name, i, text);
        free(text);
    }
    ck_assert_msg(json_equal(json, expected), "%s: something beside the messages is not as expected", name);
    json_decref(expected);
    json_decref(json);
    record_unref(record);
}
END_TEST

/* No beginning of a message harms, and what is kept of it can be shown. */
static void cut_one(void *cls, enum record_side from, unsigned type, const uint8_t *body, size_t len)
{
    unsigned *shown = cls;
    for (size_t n = 0; body && n < len; n++) {
        /* Exactly n bytes, so that a sanitizer sees a read behind the end. */
        uint8_t *cut = malloc(n ? n : 1);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, body, n);
        struct record *record = new_record(false);
        send_message(record, from, type, cut, n);
        free(cut);
        json_t *json = view(record);
        *shown +=
            json_is_object(json_object_get(json_array_get(json_object_get(json, "messages"), 0), "detail"));
        json_decref(json);
        record_unref(record);
    }
}

START_TEST(test_cut)
{
    unsigned shown = 0;
    each_message(CAPTURES[_i].name, cut_one, &shown);
    ck_assert_uint_gt(shown, 0);
}
END_TEST

/* ---- the other mode ---- */

static const char *other_text(const struct record *record)
{
    static char text[512];
    struct record_other other[RECORD_MOST_OTHER];
    size_t n = record_other_mode(record, other), at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%c%s after %d", i ? ", " : "",
                               other[i].from == RECORD_CLIENT ? '>' : '<', other[i].name, other[i].after);
    return text;
}

START_TEST(test_other_mode)
{
    static const struct {
        const char *name;
        bool asks;
        const char *other;
    } ROWS[] = {
        {"tls12-one-way", false,
         "<CertificateRequest after 3, >Certificate after 4, >CertificateVerify after 5"},
        {"tls12-mutual", true,
         "<CertificateRequest after 3, >Certificate after 5, >CertificateVerify after 7"},
        {"tls13-retry", false,
         "<CertificateRequest after 6, >Certificate after 9, >CertificateVerify after 9"},
        {"tls13-mutual", true,
         "<CertificateRequest after 3, >Certificate after 8, >CertificateVerify after 9"},
        {"tls13-empty", true, ">Certificate after 9, >CertificateVerify after 9"},
        {"tls13-resumed", false, ""},
        {"tls12-resumed", false, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct record *record = captured(ROWS[i].name, ROWS[i].asks);
        const char *got = other_text(record);
        ck_assert_msg(strcmp(got, ROWS[i].other) == 0, "%s: %s", ROWS[i].name, got);
        record_unref(record);
    }

    /* What never came so far has no place. */
    struct record *record = new_record(false);
    ck_assert_str_eq(other_text(record), "");
    client_hello(record);
    ck_assert_str_eq(other_text(record), "");
    server_hello(record, true, false);
    ck_assert_str_eq(other_text(record), "");
    empty(record, RECORD_SERVER, TLS_ENCRYPTED_EXTENSIONS);
    ck_assert_str_eq(other_text(record), "<CertificateRequest after 2");
    record_unref(record);
}
END_TEST

START_TEST(test_reverified)
{
    struct peer peer = {.verify = VERIFY_SUCCESS, .judged_at = FIXTURE_NOW};
    static const struct {
        const char *name;
        enum verify_state verify;
        const char *at;
        time_t asked;
    } ROWS[] = {{"tls13-resumed", VERIFY_SUCCESS, "2026-06-15T12:00:00Z", 0},
                {"tls12-resumed", VERIFY_FAILED, "2026-06-15T12:00:00Z", 0},
                {"tls13-resumed", VERIFY_SUCCESS, "2026-06-15T12:01:00Z", 1781524800 + 60},
                {"tls13-resumed", VERIFY_NONE, "null", 0},
                {"tls13-mutual", VERIFY_SUCCESS, "null", 0}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct record *record = captured(ROWS[i].name, true);
        peer.verify = ROWS[i].verify;
        json_t *json = view_handshake(record, &peer, ROWS[i].asked);
        AT(json, "reverified_at", ROWS[i].at);
        json_decref(json);
        record_unref(record);
    }
}
END_TEST

START_TEST(test_hello_only)
{
    struct record *record = record_new(BEGUN, true, false);
    struct record *whole = captured("tls13-retry", false);
    each_message("tls13-retry", record_one, record);
    record_alert(record, RECORD_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_CLOSE_NOTIFY, false, now());
    record_end(record);
    ck_assert_uint_eq(record_count(record), 0);
    const struct hello_pack *hello = record_hello(record), *same = record_hello(whole);
    ck_assert_ptr_nonnull(hello);
    ck_assert_uint_eq(hello->n, same->n);
    ck_assert_mem_eq(hello->byte, same->byte, hello->n);
    record_unref(record);
    record_unref(whole);
}
END_TEST

/* An ended record is shared by reference. */
START_TEST(test_shared)
{
    struct record *record = captured("tls13-mutual", true);
    struct record *same = record_ref(record);
    ck_assert_ptr_eq(record, same);
    record_unref(record);
    ck_assert_uint_eq(record_count(same), 14);
    record_unref(same);
}
END_TEST

Suite *suite_record_captured(void)
{
    Suite *suite = suite_create("record_captured");
    TCase *tcase = tcase_create("captured");
    tcase_add_loop_test(tcase, test_captured, 0, (int)ARRAY_LEN(CAPTURES));
    tcase_add_loop_test(tcase, test_cut, 0, (int)ARRAY_LEN(CAPTURES));
    tcase_add_test(tcase, test_other_mode);
    tcase_add_test(tcase, test_reverified);
    tcase_add_test(tcase, test_hello_only);
    tcase_add_test(tcase, test_shared);
    suite_add_tcase(suite, tcase);
    return suite;
}
