/* A certificate's DER: taking it apart, its facts, its names. Besides not crashing: texts are valid visible
 * UTF-8, what GnuTLS reads too agrees with it about the dates, and a name's DER parses to the same name
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "http/view.h"
#include "pki/cert.h"

static void check_text(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0, n = strlen(text); i < n;) {
        uint32_t cp = 0;
        size_t len = text_utf8_char(s + i, n - i, &cp);
        REQUIRE(len > 0 && !text_is_unsafe(cp));
        i += len;
    }
}

static void check_values(const struct certvalues *values)
{
    for (size_t i = 0; i < values->n; i++)
        check_text(values->v[i].text);
}

static void check_name(const struct certname *name)
{
    struct certname again;
    gnutls_datum_t der = {name->der, (unsigned)name->der_len};
    check_text(name->text);
    REQUIRE(certname_init(&again, &der, NULL) == 0);
    REQUIRE(strcmp(again.text, name->text) == 0 && again.n == name->n);
    certname_done(&again);
}

/* The JSON of a certificate can always be made, and read again. */
static void check_view(const struct certinfo *info)
{
    struct buf text;
    buf_init(&text, 0);
    json_t *view = view_certificate(info, 1795452120);
    REQUIRE(view != NULL && view_write(view, &text) == 0);
    json_decref(view);
    view = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    REQUIRE(view != NULL);
    json_decref(view);
    buf_done(&text);
}

static void compare(const gnutls_datum_t *der, const struct certinfo *info)
{
    gnutls_x509_crt_t crt;
    struct certinfo *other = NULL;
    REQUIRE(gnutls_x509_crt_init(&crt) == 0);
    if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0) {
        if (info->not_before >= 0) /* GnuTLS knows no earlier time */
            REQUIRE(gnutls_x509_crt_get_activation_time(crt) == info->not_before);
        REQUIRE(gnutls_x509_crt_get_version(crt) == (int)info->version);
        if (certinfo_new(crt, &other, NULL) == 0)
            REQUIRE(strcmp(other->fingerprint_sha256, info->fingerprint_sha256) == 0);
    }
    certinfo_free(other);
    gnutls_x509_crt_deinit(crt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    gnutls_datum_t der = {copy, (unsigned)size};
    struct certname name;
    struct cert cert;
    const char *why = NULL;
    if (certname_init(&name, &der, NULL) == 0) {
        check_name(&name);
        certname_done(&name);
    }
    if (cert_parse(&der, &cert, &why)) {
        struct certinfo *info = NULL;
        if (certinfo_from_cert(&cert, &info, NULL) == 0) {
            check_name(&info->subject);
            check_name(&info->issuer);
            check_values(&info->dns_names);
            check_values(&info->emails);
            check_values(&info->ips);
            check_values(&info->uris);
            check_values(&info->extended_key_usage);
            compare(&der, info);
            check_view(info);
            certinfo_free(info);
        }
    } else {
        REQUIRE(why != NULL);
    }
    free(copy);
    return 0;
}
