/* OCSP responses to staple: each is checked as a client would, and goes to every chain with a certificate
 * that it is about. */
#include <gnutls/ocsp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pki/creds_impl.h"

enum {
    DAY = 24 * 60 * 60,
    MOST_AGE =
        15 * DAY, /* of a response that does not say how long it is good: what GnuTLS's clients accept */
    MOST_SKEW = 5 * 60,
    MOST_SERIAL = 64,
};

/* What a response says of one certificate. */
struct single {
    unsigned status;
    time_t this_update, next_update; /* next_update (time_t)-1: not said */
};

/* Looks for `crt` among the answers. */
static bool find_single(gnutls_ocsp_resp_t response, gnutls_x509_crt_t crt, struct single *out)
{
    unsigned char serial[MOST_SERIAL];
    size_t serial_len = sizeof serial;
    if (gnutls_x509_crt_get_serial(crt, serial, &serial_len) < 0)
        return false;
    for (unsigned i = 0;; i++) {
        gnutls_datum_t number = {NULL, 0};
        if (gnutls_ocsp_resp_get_single(response, i, NULL, NULL, NULL, &number, &out->status,
                                        &out->this_update, &out->next_update, NULL, NULL) < 0)
            return false;
        bool same = number.size == serial_len && memcmp(number.data, serial, serial_len) == 0;
        gnutls_free(number.data);
        if (same && gnutls_ocsp_resp_check_crt(response, i, crt) >= 0)
            return true;
    }
}

static time_t end_of(const struct single *single)
{
    return single->next_update != (time_t)-1 ? single->next_update : single->this_update + MOST_AGE;
}

/* What clients look at. `issuer` may be NULL: it was not given, and so the signature is theirs to check. */
static bool acceptable(gnutls_ocsp_resp_t response, const struct single *single, gnutls_x509_crt_t issuer,
                       const struct conf_text *from, time_t now, struct diag *diag)
{
    char date[CLOCK_TEXT];
    unsigned verify = 0;
    if (single->status != GNUTLS_OCSP_CERT_GOOD)
        diag_error(diag, from->src, "ocsp_response: %s %s", from->text,
                   single->status == GNUTLS_OCSP_CERT_REVOKED
                       ? "says that the certificate is revoked: get another certificate"
                       : "does not say that the certificate is good");
    else if (single->this_update > now + MOST_SKEW)
        diag_error(diag, from->src, "ocsp_response: %s is not good before %s: is this machine's clock right?",
                   from->text, clock_rfc3339(single->this_update, date));
    else if (end_of(single) < now)
        diag_error(diag, from->src, "ocsp_response: %s is stale since %s: fetch it again", from->text,
                   clock_rfc3339(end_of(single), date));
    else if (issuer && (gnutls_ocsp_resp_verify_direct(response, issuer, &verify, 0) < 0 || verify != 0))
        diag_error(diag, from->src,
                   "ocsp_response: %s is not signed by the certificate's issuer, nor by a responder that the "
                   "issuer named",
                   from->text);
    else
        return true;
    return false;
}

static int put(struct creds_set *set, size_t i, const gnutls_datum_t *der, const struct single *single)
{
    if (!set->staple)
        set->staple = calloc(set->n, sizeof *set->staple);
    if (!set->staple)
        return ERR_NOMEM;
    gnutls_ocsp_data_st *staple = &set->staple[i];
    unsigned char *copy = gnutls_malloc(der->size);
    if (!copy)
        return ERR_NOMEM;
    memcpy(copy, der->data, der->size);
    gnutls_free(staple->response.data); /* a later file takes the place of an earlier one */
    staple->response = (gnutls_datum_t){copy, der->size};
    /* From then on GnuTLS leaves it out. */
    staple->exptime = end_of(single);
    return 0;
}

/* The certificate at a place of a chain, or right above it; NULL: it was not given. */
static gnutls_x509_crt_t crt_at(const struct part_chain *chain, size_t i)
{
    const struct part *part = i < chain->n ? chain->part[i] : chain->above;
    return part ? part->crt : NULL;
}

static int staple(struct creds *creds, gnutls_ocsp_resp_t response, const gnutls_datum_t *der,
                  const struct conf_text *from, time_t now, struct diag *diag)
{
    size_t found = 0;
    for (size_t i = 0; i < creds->n; i++) {
        struct creds_set *set = &creds->set[i];
        for (size_t j = 0; j < set->n; j++) {
            struct single single = {0};
            if (!find_single(response, crt_at(set->from, j), &single))
                continue;
            if (!acceptable(response, &single, crt_at(set->from, j + 1), from, now, diag))
                return ERR_CRYPTO;
            if (put(set, j, der, &single) != 0)
                return ERR_NOMEM;
            found++;
        }
    }
    if (found == 0) {
        diag_error(diag, from->src,
                   "ocsp_response: %s is about none of this listener's certificates: fetch the response for "
                   "one of them",
                   from->text);
        return ERR_MISMATCH;
    }
    return 0;
}

int creds_staple(struct creds *creds, const struct conf_text *from, time_t now, struct diag *diag)
{
    char *data;
    size_t len;
    struct err err = {0};
    int rc = x509file_read(from->text, X509FILE_MAX, &data, &len, &err);
    if (rc != 0) {
        diag_error(diag, from->src, "ocsp_response: %s", err.text);
        return rc;
    }
    gnutls_datum_t der = {(unsigned char *)data, (unsigned)len};
    gnutls_ocsp_resp_t response = NULL;
    int got = gnutls_ocsp_resp_init(&response);
    if (got >= 0)
        got = gnutls_ocsp_resp_import(response, &der);
    if (got < 0) {
        diag_error(diag, from->src, "ocsp_response: %s is no OCSP response in DER: %s", from->text,
                   gnutls_strerror(got));
        rc = ERR_SYNTAX;
    } else if (gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL) {
        diag_error(diag, from->src, "ocsp_response: %s holds no answer, only the responder's error",
                   from->text);
        rc = ERR_SYNTAX;
    } else {
        rc = staple(creds, response, &der, from, now, diag);
    }
    gnutls_ocsp_resp_deinit(response);
    x509file_wipe(data, len);
    return rc;
}
