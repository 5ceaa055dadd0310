#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/mkchain.h"
#include "base/buf.h"
#include "pki/cert.h"
#include "pki/certinfo.h"
#include "suites.h"

/* ---- names
 * ----------------------------------------------------------------------------------------------------------
 */

/* Puts tag, short or one-octet length, and value. */
static void put_tlv(struct buf *out, unsigned tag, const void *value, size_t n)
{
    buf_putc(out, (char)tag);
    if (n >= 0x80)
        buf_putc(out, (char)0x81);
    buf_putc(out, (char)n);
    buf_put(out, value, n);
}

struct attribute {
    const char *oid; /* DER body */
    unsigned tag;
    const char *value;
    size_t n;
    bool same_rdn; /* as the one before */
};

/* An encoded Name out of attributes; the caller frees it. */
static char *encode_name(const struct attribute *attr, size_t n, size_t *len)
{
    struct buf rdns = {0}, rdn = {0}, name = {0};
    for (size_t i = 0; i < n; i++) {
        struct buf pair = {0};
        put_tlv(&pair, 0x06, attr[i].oid, strlen(attr[i].oid));
        put_tlv(&pair, attr[i].tag, attr[i].value, attr[i].n);
        put_tlv(&rdn, 0x30, pair.data, pair.len);
        buf_done(&pair);
        if (i + 1 < n && attr[i + 1].same_rdn)
            continue;
        put_tlv(&rdns, 0x31, rdn.data, rdn.len);
        buf_done(&rdn);
        buf_init(&rdn, 0);
    }
    put_tlv(&name, 0x30, rdns.data, rdns.len);
    buf_done(&rdn);
    buf_done(&rdns);
    char *der = buf_take(&name, len);
    buf_done(&name);
    return der;
}

#define CN      "\x55\x04\x03"
#define ORG     "\x55\x04\x0a"
#define COUNTRY "\x55\x04\x06"
#define MAIL    "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
#define UNHEARD "\x2a\x03\x04"
#define TEXT(s) s, sizeof(s) - 1
enum { UTF8 = 0x0c, PRINTABLE = 0x13, IA5 = 0x16, T61 = 0x14, BMP = 0x1e, UNIVERSAL = 0x1c, INTEGER = 0x02 };

static const struct {
    struct attribute attr[4];
    size_t n;
    const char *text;
} NAMES[] = {
    {{{CN, UTF8, TEXT("alice"), false}}, 1, "CN=alice"},
    {{{COUNTRY, PRINTABLE, TEXT("DE"), false},
      {ORG, UTF8, TEXT("Acme"), false},
      {CN, UTF8, TEXT("a"), false}},
     3,
     "CN=a,O=Acme,C=DE"},
    {{{ORG, UTF8, TEXT("Acme"), false}, {CN, UTF8, TEXT("a"), false}, {COUNTRY, PRINTABLE, TEXT("DE"), true}},
     3,
     "CN=a+C=DE,O=Acme"},
    {{{CN, UTF8, TEXT("alice,admin"), false}}, 1, "CN=alice\\,admin"},
    {{{CN, UTF8, TEXT("a+b\"c\\d<e>f;g"), false}}, 1, "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g"},
    {{{CN, UTF8, TEXT(" a "), false}}, 1, "CN=\\ a\\ "},
    {{{CN, UTF8, TEXT(" "), false}}, 1, "CN=\\ "},
    {{{CN, UTF8, TEXT("#a#"), false}}, 1, "CN=\\#a#"},
    {{{CN, UTF8, TEXT("a=b"), false}}, 1, "CN=a=b"},
    {{{CN, UTF8, TEXT("good\0evil"), false}}, 1, "CN=good\\00evil"},
    {{{CN, UTF8, TEXT("two\nlines"), false}}, 1, "CN=two\\0Alines"},
    {{{CN, UTF8,
       TEXT("\xe2\x80\xae"
            "left"),
       false}},
     1,
     "CN=\\E2\\80\\AEleft"},
    {{{CN, UTF8, TEXT("bad\xff"), false}}, 1, "CN=bad\\FF"},
    {{{CN, UTF8, TEXT("m\xc3\xbcller"), false}}, 1, "CN=m\xc3\xbcller"},
    {{{CN, T61, TEXT("m\xfcller"), false}}, 1, "CN=m\xc3\xbcller"},
    {{{CN, BMP, TEXT("\0m\0\xfc"), false}}, 1, "CN=m\xc3\xbc"},
    {{{CN, BMP, TEXT("\xd8\x3d\xde\x1c"), false}}, 1, "CN=\xf0\x9f\x98\x9c"},
    {{{CN, BMP, TEXT("\0m\0"), false}}, 1, "CN=#1e03006d00"},
    {{{CN, BMP, TEXT("\xd8\x3d"), false}}, 1, "CN=\\ED\\A0\\BD"},
    {{{CN, UNIVERSAL, TEXT("\0\0\0m"), false}}, 1, "CN=m"},
    {{{CN, UNIVERSAL, TEXT("\0\x11\0\0"), false}}, 1, "CN=#1c0400110000"},
    {{{CN, INTEGER, TEXT("\x05"), false}}, 1, "CN=#020105"},
    {{{UNHEARD, UTF8, TEXT("x"), false}}, 1, "1.2.3.4=#0c0178"},
    {{{MAIL, IA5, TEXT("a@b"), false}}, 1, "emailAddress=a@b"},
    {{{CN, UTF8, TEXT(""), false}}, 1, "CN="},
};

START_TEST(names_as_text)
{
    size_t len;
    char *der = encode_name(NAMES[_i].attr, NAMES[_i].n, &len);
    gnutls_datum_t datum = {(unsigned char *)der, (unsigned)len};
    struct certname name;
    ck_assert_int_eq(certname_init(&name, &datum, NULL), 0);
    ck_assert_str_eq(name.text, NAMES[_i].text);
    ck_assert_uint_eq(name.n, NAMES[_i].n);
    ck_assert_uint_eq(name.der_len, len);
    ck_assert_int_eq(memcmp(name.der, der, len), 0);
    certname_done(&name);
    free(der);
}
END_TEST

START_TEST(names_keep_raw_values)
{
    const struct attribute attr[] = {{ORG, BMP, TEXT("\0A\0\0"), false},
                                     {CN, UTF8, TEXT("good\0evil"), false},
                                     {UNHEARD, UTF8, TEXT("x"), true},
                                     {CN, INTEGER, TEXT("\x05"), false}};
    size_t len;
    char *der = encode_name(attr, ARRAY_LEN(attr), &len);
    gnutls_datum_t datum = {(unsigned char *)der, (unsigned)len};
    struct certname name;
    ck_assert_int_eq(certname_init(&name, &datum, NULL), 0);
    ck_assert_uint_eq(name.n, 4);
    ck_assert_uint_eq(name.attr[0].len, 2);
    ck_assert_int_eq(memcmp(name.attr[0].value, "A\0", 2), 0);
    ck_assert_uint_eq(name.attr[1].len, 9);
    ck_assert_int_eq(memcmp(name.attr[1].value, "good\0evil", 9), 0);
    ck_assert_str_eq(name.attr[1].oid, "2.5.4.3");
    ck_assert_str_eq(name.attr[1].label, "CN");
    ck_assert_uint_eq(name.attr[1].rdn, 1);
    ck_assert_uint_eq(name.attr[2].rdn, 1);
    ck_assert_str_eq(name.attr[2].label, "1.2.3.4");
    ck_assert(!name.attr[2].is_der);
    ck_assert_uint_eq(name.attr[3].rdn, 2);
    ck_assert(name.attr[3].is_der);
    ck_assert_int_eq(memcmp(name.attr[3].value, "\x02\x01\x05", 3), 0);
    certname_done(&name);
    free(der);
}
END_TEST

static const struct {
    const char *der;
    size_t n;
} BAD_NAMES[] = {
    {TEXT("")},
    {TEXT("\x31\x00")},
    {TEXT("\x30\x01")},
    {TEXT("\x30\x00\x00")},
    {TEXT("\x30\x02\x31\x00")},                                              /* an empty RDN */
    {TEXT("\x30\x80\x00\x00")},                                              /* indefinite length */
    {TEXT("\x30\x81\x00")},                                                  /* a longer length than needed */
    {TEXT("\x30\x07\x31\x05\x30\x03\x06\x01\x55")},                          /* no value */
    {TEXT("\x30\x0b\x31\x09\x30\x07\x06\x02\x55\x84\x0c\x01x")},             /* an OID that does not end */
    {TEXT("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x02x")},         /* a value that passes the end */
    {TEXT("\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x01x\x05\x00")}, /* three parts */
};

START_TEST(bad_names_are_refused)
{
    /* On the heap in its exact size, so that a sanitizer sees a read past the end. */
    unsigned char *der = malloc(BAD_NAMES[_i].n > 0 ? BAD_NAMES[_i].n : 1);
    memcpy(der, BAD_NAMES[_i].der, BAD_NAMES[_i].n);
    gnutls_datum_t datum = {der, (unsigned)BAD_NAMES[_i].n};
    struct certname name = {.n = 77};
    struct err err;
    ck_assert_int_eq(certname_init(&name, &datum, &err), ERR_SYNTAX);
    ck_assert_uint_eq(name.n, 77);
    free(der);
}
END_TEST

/* ---- certificates
 * --------------------------------------------------------------------------------------------------- */

enum { NOW = 1900000000, DAY = 24 * 3600 };

static struct mk_pair make_named(void)
{
    struct mk_spec spec = {.dn = "CN=alice,O=Acme",
                           .path_len = -1,
                           .not_before = NOW - DAY,
                           .not_after = NOW + DAY,
                           .san_dns = "alice.example.org"};
    struct mk_pair pair = mk_make(&spec, NULL);
    const unsigned char ip4[] = {192, 0, 2, 1}, ip6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    static const char uri[] = "spiffe://example.org/a#b";
    gnutls_x509_crt_t crt = pair.crt;
    ck_assert_int_eq(
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip4, 4, GNUTLS_FSAN_APPEND), 0);
    ck_assert_int_eq(
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip6, 16, GNUTLS_FSAN_APPEND), 0);
    ck_assert_int_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_RFC822NAME, "a@example.org", 13,
                                                          GNUTLS_FSAN_APPEND),
                     0);
    ck_assert_int_eq(
        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, uri, sizeof(uri) - 1, GNUTLS_FSAN_APPEND),
        0);
    gnutls_x509_crt_set_key_purpose_oid(crt, "1.2.3.4.5", 0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, pair.key, GNUTLS_DIG_SHA384, 0), 0);
    return pair;
}

/* GnuTLS writes no NUL into a name, so one takes the place of the '#' afterwards. The signature no longer
 * holds. */
static void put_nul(struct mk_pair *pair)
{
    gnutls_datum_t der = mk_der(pair->crt);
    unsigned char *at = memmem(der.data, der.size, "a#b", 3);
    ck_assert_ptr_nonnull(at);
    at[1] = 0;
    gnutls_x509_crt_deinit(pair->crt);
    ck_assert_int_eq(gnutls_x509_crt_init(&pair->crt), 0);
    ck_assert_int_eq(gnutls_x509_crt_import(pair->crt, &der, GNUTLS_X509_FMT_DER), 0);
    gnutls_free(der.data);
}

/* What is left out is said, so that rules can tell "not there" from "not read". */
static struct certinfo *with_names(struct der names, bool twice)
{
    struct mk_pair pair = make_named();
    gnutls_datum_t der;
    struct cert cert;
    const char *why;
    struct certinfo *info = NULL;
    struct err err;
    ck_assert_int_eq(gnutls_x509_crt_export2(pair.crt, GNUTLS_X509_FMT_DER, &der), 0);
    ck_assert(cert_parse(&der, &cert, &why));
    cert.ext[EXT_SUBJECT_ALT_NAME] = (struct cert_ext){.present = true, .twice = twice, .value = names};
    ck_assert_int_eq(certinfo_from_cert(&cert, &info, &err), 0);
    gnutls_free(der.data);
    mk_free(&pair);
    return info;
}

static void partial_is(const struct certinfo *info, bool wanted)
{
    ck_assert_int_eq(info->dns_names.partial, wanted);
    ck_assert_int_eq(info->emails.partial, wanted);
    ck_assert_int_eq(info->ips.partial, wanted);
    ck_assert_int_eq(info->uris.partial, wanted);
}

START_TEST(names_that_are_missing)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool twice, partial;
        size_t dns;
    } ROWS[] = {
        {TEXT("\x30\x03\x82\x01"
              "a"),
         false, false, 1},
        {TEXT("\x30\x03\x82\x01"
              "a"),
         true, true, 1},
        {TEXT("\x30\x06\x82\x01"
              "a\x02\x01"
              "b"),
         false, true, 1}, /* no GeneralName */
        {TEXT("\x30\x06\x82\x01"
              "a\x82\x05"
              "b"),
         false, true, 1}, /* cut */
        {TEXT("\x30\x06\x82\x01"
              "a\xa2\x01"
              "b"),
         false, true, 1}, /* constructed */
        {TEXT("\x30\x00"), false, true, 0},
        {TEXT("\x04\x03\x82\x01"
              "a"),
         false, true, 0},
        {TEXT(""), false, true, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct certinfo *info =
            with_names((struct der){(const unsigned char *)ROWS[i].bytes, ROWS[i].n}, ROWS[i].twice);
        partial_is(info, ROWS[i].partial);
        ck_assert_uint_eq(info->dns_names.n, ROWS[i].dns);
        certinfo_free(info);
    }
    struct certinfo *info =
        with_names((struct der){(const unsigned char *)"\x30\x05\x87\x03\0\0\0", 7}, false);
    ck_assert(info->ips.partial && !info->dns_names.partial);
    certinfo_free(info);
}
END_TEST

START_TEST(names_that_are_too_many)
{
    enum { MOST = 4096, EACH = 3 };
    static unsigned char bytes[4 + (MOST + 1) * EACH];
    for (size_t n = MOST; n <= MOST + 1; n++) {
        memcpy(bytes,
               (unsigned char[]){0x30, 0x82, (unsigned char)(n * EACH >> 8), (unsigned char)(n * EACH)}, 4);
        for (size_t i = 0; i < n; i++)
            memcpy(bytes + 4 + i * EACH, "\x82\x01x", EACH);
        struct certinfo *info = with_names((struct der){bytes, 4 + n * EACH}, false);
        ck_assert_uint_eq(info->dns_names.n, MOST);
        ck_assert_int_eq(info->dns_names.partial, n > MOST);
        ck_assert(!info->emails.partial && !info->uris.partial && !info->ips.partial);
        certinfo_free(info);
    }
}
END_TEST

START_TEST(facts_of_a_certificate)
{
    struct mk_pair pair = make_named();
    struct certinfo *info = NULL;
    struct err err;
    put_nul(&pair);
    ck_assert_int_eq(certinfo_new(pair.crt, &info, &err), 0);
    ck_assert_uint_eq(info->version, 3);
    ck_assert_str_eq(info->subject.text, "CN=alice,O=Acme");
    ck_assert_str_eq(info->issuer.text, "CN=alice,O=Acme");
    ck_assert_int_eq(info->not_before, NOW - DAY);
    ck_assert_int_eq(info->not_after, NOW + DAY);
    ck_assert_str_eq(info->key_algorithm, "ECDSA");
    ck_assert_uint_eq(info->key_bits, 256);
    ck_assert_str_eq(info->curve, "secp256r1");
    ck_assert_str_eq(info->signature_algorithm, "ECDSA-SHA384");
    ck_assert_uint_eq(info->n_san, 5);
    ck_assert_uint_eq(info->dns_names.n, 1);
    ck_assert_str_eq(info->dns_names.v[0].text, "alice.example.org");
    ck_assert_uint_eq(info->ips.n, 2);
    ck_assert_str_eq(info->ips.v[0].text, "192.0.2.1");
    ck_assert_uint_eq(info->ips.v[0].len, 4);
    ck_assert_str_eq(info->ips.v[1].text, "2001:db8::1");
    ck_assert_uint_eq(info->emails.n, 1);
    ck_assert_str_eq(info->emails.v[0].text, "a@example.org");
    ck_assert_uint_eq(info->uris.n, 1);
    ck_assert_uint_eq(info->uris.v[0].len, 24);
    ck_assert_int_eq(memcmp(info->uris.v[0].raw, "spiffe://example.org/a\0b", 24), 0);
    ck_assert_str_eq(info->uris.v[0].text, "spiffe://example.org/a\\00b");
    ck_assert(info->has_key_usage);
    ck_assert_uint_eq(info->key_usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
    ck_assert_uint_eq(info->extended_key_usage.n, 2);
    ck_assert_str_eq(info->extended_key_usage.v[0].text, "clientAuth");
    ck_assert_str_eq(info->extended_key_usage.v[1].text, "1.2.3.4.5");
    ck_assert(!info->is_ca);
    ck_assert(info->has_basic_constraints);
    ck_assert_int_eq(info->path_len, -1);
    ck_assert_ptr_nonnull(info->subject_key_id);
    ck_assert_str_eq(info->subject_key_id, info->authority_key_id);
    certinfo_free(info);
    mk_free(&pair);
}
END_TEST

static void check_hash(const char *hex, const unsigned char *hash)
{
    for (size_t i = 0; i < 32; i++) {
        char two[3];
        snprintf(two, sizeof(two), "%02x", hash[i]);
        ck_assert_int_eq(memcmp(hex + 2 * i, two, 2), 0);
    }
    ck_assert_uint_eq(strlen(hex), 64);
}

/* GnuTLS computes the same two fingerprints its own way. */
START_TEST(fingerprints)
{
    struct mk_pair pair = make_named();
    struct certinfo *info = NULL;
    unsigned char hash[32];
    size_t len = sizeof(hash);
    ck_assert_int_eq(certinfo_new(pair.crt, &info, NULL), 0);
    ck_assert_int_eq(gnutls_x509_crt_get_fingerprint(pair.crt, GNUTLS_DIG_SHA256, hash, &len), 0);
    check_hash(info->fingerprint_sha256, hash);
    len = sizeof(hash);
    ck_assert_int_eq(gnutls_x509_crt_get_key_id(pair.crt, GNUTLS_KEYID_USE_SHA256, hash, &len), 0);
    check_hash(info->spki_sha256, hash);
    certinfo_free(info);
    mk_free(&pair);
}
END_TEST

START_TEST(serial_without_the_octet_of_the_sign)
{
    static const struct {
        unsigned char raw[4];
        size_t n;
        const char *text;
    } rows[] = {{{0x00, 0xc3, 0x01}, 3, "c301"}, {{0x01}, 1, "01"}, {{0x0a, 0xbc}, 2, "0abc"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mk_pair pair = make_named();
        struct certinfo *info = NULL;
        gnutls_x509_crt_set_serial(pair.crt, rows[i].raw, rows[i].n);
        gnutls_x509_crt_sign2(pair.crt, pair.crt, pair.key, GNUTLS_DIG_SHA256, 0);
        ck_assert_int_eq(certinfo_new(pair.crt, &info, NULL), 0);
        ck_assert_str_eq(info->serial, rows[i].text);
        certinfo_free(info);
        mk_free(&pair);
    }
}
END_TEST

START_TEST(key_usage_words)
{
    const char *words[9];
    ck_assert_uint_eq(certinfo_key_usage_words(0, words), 0);
    ck_assert_uint_eq(certinfo_key_usage_words(GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_DECIPHER_ONLY, words),
                      2);
    ck_assert_str_eq(words[0], "keyCertSign");
    ck_assert_str_eq(words[1], "decipherOnly");
}
END_TEST

/* Every certificate with one byte changed or cut off is read or refused, never misread past its end. */
START_TEST(damaged_certificates)
{
    struct mk_pair pair = make_named();
    gnutls_datum_t der = mk_der(pair.crt);
    struct cert cert;
    const char *why;
    for (unsigned i = 0; i < der.size; i++) {
        unsigned char *part = malloc(i > 0 ? i : 1);
        memcpy(part, der.data, i);
        gnutls_datum_t cut = {part, i};
        ck_assert(!cert_parse(&cut, &cert, &why));
        ck_assert_ptr_nonnull(why);
        free(part);
        der.data[i] ^= 0x41;
        if (cert_parse(&der, &cert, &why)) {
            struct certinfo *info = NULL;
            if (certinfo_from_cert(&cert, &info, NULL) == 0)
                certinfo_free(info);
        }
        der.data[i] ^= 0x41;
    }
    ck_assert(cert_parse(&der, &cert, &why));
    gnutls_free(der.data);
    mk_free(&pair);
}
END_TEST

Suite *suite_certinfo(void)
{
    Suite *suite = suite_create("certinfo");
    TCase *names = tcase_create("names");
    tcase_add_loop_test(names, names_as_text, 0, ARRAY_LEN(NAMES));
    tcase_add_test(names, names_keep_raw_values);
    tcase_add_loop_test(names, bad_names_are_refused, 0, ARRAY_LEN(BAD_NAMES));
    suite_add_tcase(suite, names);
    TCase *certs = tcase_create("certificates");
    tcase_add_test(certs, facts_of_a_certificate);
    tcase_add_test(certs, names_that_are_missing);
    tcase_add_test(certs, names_that_are_too_many);
    tcase_add_test(certs, fingerprints);
    tcase_add_test(certs, serial_without_the_octet_of_the_sign);
    tcase_add_test(certs, key_usage_words);
    tcase_add_test(certs, damaged_certificates);
    suite_add_tcase(suite, certs);
    return suite;
}
