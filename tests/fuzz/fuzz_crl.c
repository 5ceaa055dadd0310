/* A CRL's DER. Besides not crashing: memory is bounded by the input's size, every entry that was read is
 * found again, and what GnuTLS reads too has the same dates, issuer and number of entries. */
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pki/crl.h"

static void check_entries(const struct crl *crl)
{
    const struct serials *s = &crl->serials;
    struct crl_entry entry;
    struct der before = {0};
    for (size_t i = 0; i < s->n; i++) {
        REQUIRE(s->at[i] < s->used);
        struct der serial = {s->octets + s->at[i] + 1, s->octets[s->at[i]]};
        REQUIRE(crl_find(crl, &serial, &entry));
        REQUIRE(entry.reason >= REASON_NONE && entry.reason < 255);
        REQUIRE(i == 0 || before.n < serial.n ||
                (before.n == serial.n && memcmp(before.p, serial.p, serial.n) <= 0));
        before = serial;
    }
}

static void compare(const gnutls_datum_t *der, const struct crl *crl)
{
    gnutls_x509_crl_t other;
    gnutls_datum_t issuer = {0};
    REQUIRE(gnutls_x509_crl_init(&other) == 0);
    if (gnutls_x509_crl_import(other, der, GNUTLS_X509_FMT_DER) == 0) {
        if (crl->this_update >= 0) /* GnuTLS knows no earlier time */
            REQUIRE(gnutls_x509_crl_get_this_update(other) == crl->this_update);
        if (gnutls_x509_crl_get_raw_issuer_dn(other, &issuer) == 0)
            REQUIRE(issuer.size == crl->issuer.n && memcmp(issuer.data, crl->issuer.p, issuer.size) == 0);
        gnutls_free(issuer.data);
        int n = gnutls_x509_crl_get_crt_count(other);
        REQUIRE(n < 0 || crl->problem != NULL || (size_t)n == crl->serials.n);
    }
    gnutls_x509_crl_deinit(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);
    struct crl *crl = NULL;
    struct err err = {0};
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    gnutls_datum_t der = {copy, (unsigned)size};
    if (crl_new((struct der){copy, size}, &crl, &err) == 0) {
        REQUIRE(crl_is_one((struct der){copy, size}));
        REQUIRE(crl->serials.octets_room + crl->serials.at_room <= size);
        compare(&der, crl);
        memset(copy, 0xff, size); /* nothing of it is needed any more */
        check_entries(crl);
        (void)crl_combines(crl, crl);
        (void)crl_is_older(crl, crl);
        crl_unref(crl);
    } else {
        REQUIRE(err.text[0] != 0);
    }
    free(copy);
    return 0;
}
