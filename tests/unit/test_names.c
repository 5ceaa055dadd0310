#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"
#include "tls/names.h"

struct row {
    unsigned value;
    const char *name;
};

#define ROW(v, n) {(v), (n)},

static const struct row CIPHER_SUITES[] = {
#define CIPHER_SUITE ROW
#include "tls/names.def"
};
static const struct row GROUPS[] = {
#define GROUP ROW
#include "tls/names.def"
};
static const struct row SIGNATURES[] = {
#define SIGNATURE ROW
#include "tls/names.def"
};
static const struct row EXTENSIONS[] = {
#define EXTENSION ROW
#include "tls/names.def"
};
static const struct row VERSIONS[] = {
#define VERSION ROW
#include "tls/names.def"
};
static const struct row ALERTS[] = {
#define ALERT ROW
#include "tls/names.def"
};
static const struct row MESSAGES[] = {
#define MESSAGE ROW
#include "tls/names.def"
};

static const char *alert(uint16_t v)
{
    return tls_alert_name((uint8_t)v);
}

static const char *message(uint16_t v)
{
    return tls_message_name((uint8_t)v);
}

static const struct kind {
    const char *what;
    const struct row *row;
    size_t n;
    unsigned most;
    const char *(*name)(uint16_t);
} KINDS[] = {
    {"cipher suite", CIPHER_SUITES, ARRAY_LEN(CIPHER_SUITES), 0xffff, tls_cipher_suite_name},
    {"group", GROUPS, ARRAY_LEN(GROUPS), 0xffff, tls_group_name},
    {"signature", SIGNATURES, ARRAY_LEN(SIGNATURES), 0xffff, tls_signature_name},
    {"extension", EXTENSIONS, ARRAY_LEN(EXTENSIONS), 0xffff, tls_extension_name},
    {"version", VERSIONS, ARRAY_LEN(VERSIONS), 0xffff, tls_version_name},
    {"alert", ALERTS, ARRAY_LEN(ALERTS), 0xff, alert},
    {"message", MESSAGES, ARRAY_LEN(MESSAGES), 0xff, message},
};

/* The binary search finds every row, and nothing between the rows, only if they are in order without
 * repetition. */
START_TEST(test_every_number)
{
    const struct kind *kind = &KINDS[_i];
    size_t at = 0;
    for (unsigned v = 0; v <= kind->most; v++) {
        const char *name = kind->name((uint16_t)v);
        if (at < kind->n && kind->row[at].value == v) {
            ck_assert_msg(name && strcmp(name, kind->row[at].name) == 0, "%s 0x%04x is not found", kind->what,
                          v);
            at++;
        } else {
            ck_assert_msg(!name, "%s 0x%04x has the name %s of a row out of order", kind->what, v, name);
        }
    }
    ck_assert_msg(at == kind->n, "%s: row %zu (0x%04x) is out of order", kind->what, at, kind->row[at].value);
}
END_TEST

START_TEST(test_pcert_cache)
{
    ck_assert_str_eq(tls_cipher_suite_name(0x1301), "TLS_AES_128_GCM_SHA256");
    ck_assert_str_eq(tls_cipher_suite_name(0xc02b), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    ck_assert_str_eq(tls_cipher_suite_name(0xcca9), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    ck_assert_str_eq(tls_cipher_suite_name(0x00ff), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV");
    ck_assert_str_eq(tls_cipher_suite_name(0x5600), "TLS_FALLBACK_SCSV");
    ck_assert_str_eq(tls_group_name(23), "secp256r1");
    ck_assert_str_eq(tls_group_name(29), "x25519");
    ck_assert_str_eq(tls_group_name(0x11ec), "X25519MLKEM768");
    ck_assert_str_eq(tls_group_name(256), "ffdhe2048");
    ck_assert_str_eq(tls_signature_name(0x0403), "ecdsa_secp256r1_sha256");
    ck_assert_str_eq(tls_signature_name(0x0804), "rsa_pss_rsae_sha256");
    ck_assert_str_eq(tls_signature_name(0x0807), "ed25519");
    ck_assert_str_eq(tls_signature_name(0x0202), "dsa_sha1");
    ck_assert_str_eq(tls_signature_name(0x0301), "rsa_pkcs1_sha224");
    ck_assert_str_eq(tls_extension_name(0), "server_name");
    ck_assert_str_eq(tls_extension_name(23), "extended_master_secret");
    ck_assert_str_eq(tls_extension_name(51), "key_share");
    ck_assert_str_eq(tls_extension_name(0xff01), "renegotiation_info");
    ck_assert_str_eq(tls_extension_name(0xfe0d), "encrypted_client_hello");
    ck_assert_str_eq(tls_version_name(0x0304), "TLSv1.3");
    ck_assert_str_eq(tls_alert_name(116), "certificate_required");
    ck_assert_str_eq(tls_alert_name(48), "unknown_ca");
    ck_assert_str_eq(tls_message_name(1), "ClientHello");
    ck_assert_str_eq(tls_message_name(15), "CertificateVerify");
    ck_assert_ptr_null(tls_cipher_suite_name(0x0a0a));
    ck_assert_ptr_null(tls_group_name(0xffff));
}
END_TEST

/* "TLS_RSA_WITH_RC4_128_SHA" and GnuTLS's "TLS_RSA_ARCFOUR_128_SHA1" in one spelling. */
static void plain(const char *name, char *out, size_t room)
{
    static const char *const CHANGES[][2] = {
        {"_WITH_", "_"},        {"RC4", "ARCFOUR"},     {"_anon_", "_ANON_"},
        {"DH_anon", "DH_ANON"}, {"PSK_DHE", "DHE_PSK"}, {"POLY1305_SHA256", "POLY1305"},
    };
    char text[160];
    snprintf(text, sizeof text, "%s", name);
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        char *at = strstr(text, CHANGES[i][0]);
        if (at) {
            char rest[160];
            snprintf(rest, sizeof rest, "%s", at + strlen(CHANGES[i][0]));
            snprintf(at, sizeof text - (size_t)(at - text), "%s%s", CHANGES[i][1], rest);
        }
    }
    size_t n = strlen(text);
    bool sha1 = n > 4 && strcmp(text + n - 4, "_SHA") == 0;
    snprintf(out, room, "%s%s", text, sha1 ? "1" : "");
}

/* A second source for the numbers: every suite that GnuTLS implements has the same name there but for
 * spelling. */
START_TEST(test_against_gnutls)
{
    unsigned char id[2];
    size_t n = 0;
    const char *theirs;
    for (; (theirs = gnutls_cipher_suite_info(n, id, NULL, NULL, NULL, NULL)) != NULL; n++) {
        const char *ours = tls_cipher_suite_name((uint16_t)(id[0] << 8 | id[1]));
        char a[170], b[170];
        ck_assert_msg(ours != NULL, "%s has no name here", theirs);
        plain(ours, a, sizeof a);
        plain(theirs, b, sizeof b);
        ck_assert_str_eq(a, b);
    }
    ck_assert_uint_gt(n, 50);

    for (unsigned v = 0; v < 256; v++) {
        const char *known = gnutls_alert_get_name((gnutls_alert_description_t)v);
        ck_assert_msg(!known || tls_alert_name((uint8_t)v), "alert %u has no name here", v);
    }
}
END_TEST

START_TEST(test_name_or_hex)
{
    char text[TLS_NAME_TEXT];
    ck_assert_str_eq(tls_name_or_hex(tls_group_name, 29, text), "x25519");
    ck_assert_str_eq(tls_name_or_hex(tls_group_name, 0x1a1a, text), "GREASE");
    ck_assert_str_eq(tls_name_or_hex(tls_group_name, 0xfafa, text), "GREASE");
    ck_assert_str_eq(tls_name_or_hex(tls_group_name, 0x0a1a, text), "0x0a1a");
    ck_assert_str_eq(tls_name_or_hex(tls_cipher_suite_name, 0xffff, text), "0xffff");
}
END_TEST

Suite *suite_names(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_add_loop_test(tcase, test_every_number, 0, (int)ARRAY_LEN(KINDS));
    tcase_add_test(tcase, test_pcert_cache);
    tcase_add_test(tcase, test_against_gnutls);
    tcase_add_test(tcase, test_name_or_hex);
    suite_add_tcase(suite, tcase);
    return suite;
}
