#include <gnutls/abstract.h>
#include <string.h>

#include "pki/der.h"
#include "pki/lab_impl.h"

static void put_tlv(struct buf *out, unsigned tag, const void *value, size_t n)
{
    der_put_header(out, tag, n);
    buf_put(out, value, n);
}

/* TBSCertList: version, signature, issuer, thisUpdate, nextUpdate, then what may be missing: the list and the
 * extensions. */
enum { BEFORE_LIST = 5 };

/* The entries of a list; empty when it has none. */
static struct der entries_of(struct der tbs)
{
    struct der value, whole;
    unsigned tag, n = 0;
    while (der_any(&tbs, &tag, &value, &whole)) {
        if (++n > BEFORE_LIST && tag == DER_SEQUENCE)
            return value;
    }
    return (struct der){NULL, 0};
}

static struct der tbs_of(struct der crl)
{
    struct der value, tbs;
    return der_take(&crl, DER_SEQUENCE, &value) && der_take(&value, DER_SEQUENCE, &tbs)
               ? tbs
               : (struct der){NULL, 0};
}

/* The TBSCertList with the entries `before` and then its own, which gets keyCompromise as the reason (RFC
 * 5280 section 5.3.1). */
static bool put_entries(struct buf *out, struct der tbs, struct der before)
{
    static const char REASON[] = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x01";
    struct buf fields = {0}, entry = {0}, list = {0};
    struct der own = entries_of(tbs), value, whole;
    unsigned tag, n = 0;
    buf_put(&list, before.p, before.n);
    if (der_take(&own, DER_SEQUENCE, &value)) {
        buf_put(&entry, value.p, value.n);
        buf_put(&entry, REASON, sizeof REASON - 1);
        put_tlv(&list, DER_SEQUENCE, entry.data, entry.len);
    }
    while (der_any(&tbs, &tag, &value, &whole)) {
        if (++n <= BEFORE_LIST || tag != DER_SEQUENCE)
            buf_put(&fields, whole.p, whole.n);
        if (n == BEFORE_LIST && list.len > 0)
            put_tlv(&fields, DER_SEQUENCE, list.data, list.len);
    }
    put_tlv(out, DER_SEQUENCE, fields.data, fields.len);
    bool good = tbs.n == 0 && n >= BEFORE_LIST && !buf_failed(&fields) && !buf_failed(&entry) &&
                !buf_failed(&list) && !buf_failed(out);
    buf_done(&fields);
    buf_done(&entry);
    buf_done(&list);
    return good;
}

static int sign_data(const struct lab_pair *issuer, const struct buf *data, gnutls_datum_t *signature)
{
    gnutls_privkey_t key;
    int rc = gnutls_privkey_init(&key);
    if (rc < 0)
        return rc;
    rc = gnutls_privkey_import_x509(key, issuer->key, 0);
    if (rc >= 0) {
        const gnutls_datum_t bytes = {(unsigned char *)data->data, (unsigned)data->len};
        const gnutls_sign_algorithm_t how = gnutls_pk_to_sign(
            (gnutls_pk_algorithm_t)gnutls_x509_privkey_get_pk_algorithm(issuer->key), lab_digest(issuer));
        rc = gnutls_privkey_sign_data2(key, how, 0, &bytes, signature);
    }
    gnutls_privkey_deinit(key);
    return rc;
}

/* GnuTLS writes no reasons, and takes no entries from another list: its own becomes the whole one and is
 * signed anew. */
static int put_list(gnutls_x509_crl_t *crl, const struct lab_pair *issuer, struct der before)
{
    struct buf tbs = {0}, body = {0}, bits = {0}, all = {0};
    gnutls_datum_t der = {NULL, 0}, signature = {NULL, 0};
    gnutls_x509_crl_t made = NULL;
    struct der in, list, value, algorithm = {NULL, 0};
    unsigned tag;
    int rc = gnutls_x509_crl_export2(*crl, GNUTLS_X509_FMT_DER, &der);
    if (rc < 0)
        goto out;
    in = (struct der){der.data, der.size};
    rc = GNUTLS_E_ASN1_GENERIC_ERROR;
    if (!der_take(&in, DER_SEQUENCE, &value) || !der_take(&value, DER_SEQUENCE, &list) ||
        !der_any(&value, &tag, &in, &algorithm) || !put_entries(&tbs, list, before))
        goto out;
    rc = sign_data(issuer, &tbs, &signature);
    if (rc < 0)
        goto out;
    buf_putc(&bits, 0); /* of the signature's bits, none is unused */
    buf_put(&bits, signature.data, signature.size);
    buf_put(&body, tbs.data, tbs.len);
    buf_put(&body, algorithm.p, algorithm.n);
    put_tlv(&body, DER_BIT_STRING, bits.data, bits.len);
    put_tlv(&all, DER_SEQUENCE, body.data, body.len);
    rc = buf_failed(&bits) || buf_failed(&body) || buf_failed(&all) ? GNUTLS_E_MEMORY_ERROR
                                                                    : gnutls_x509_crl_init(&made);
    if (rc >= 0) {
        const gnutls_datum_t bytes = {(unsigned char *)all.data, (unsigned)all.len};
        rc = gnutls_x509_crl_import(made, &bytes, GNUTLS_X509_FMT_DER);
    }
    if (rc >= 0) {
        gnutls_x509_crl_deinit(*crl);
        *crl = made;
        made = NULL;
    }
out:
    if (made)
        gnutls_x509_crl_deinit(made);
    gnutls_free(der.data);
    gnutls_free(signature.data);
    buf_done(&tbs);
    buf_done(&body);
    buf_done(&bits);
    buf_done(&all);
    return rc;
}

/* The number after that of `before` (RFC 5280 section 5.2.3: at most 20 octets), or 1. */
static int set_number(gnutls_x509_crl_t crl, gnutls_x509_crl_t before)
{
    unsigned char number[21] = {0};
    size_t n = sizeof number - 1;
    if (!before || gnutls_x509_crl_get_number(before, number + 1, &n, NULL) < 0)
        n = 0;
    size_t i = n;
    while (i > 0 && ++number[i] == 0)
        i--;
    if (i == 0)
        number[0]++;
    /* As an INTEGER it is positive: an octet of zeros goes before a high bit. */
    bool longer = number[0] != 0 || number[1] >= 0x80 || n == 0;
    return gnutls_x509_crl_set_number(crl, number + !longer, n + longer);
}

int lab_issue_crl(struct buf *out, const struct lab_pair *issuer, const struct lab_crl *what, struct err *err)
{
    unsigned char id[LAB_KEY_ID];
    size_t len = sizeof id;
    gnutls_datum_t pem = {NULL, 0}, old = {NULL, 0};
    gnutls_x509_crl_t crl = NULL;
    struct der before = {NULL, 0};
    int rc = gnutls_x509_crl_init(&crl);
    if (rc >= 0 && what->before)
        rc = gnutls_x509_crl_export2(what->before, GNUTLS_X509_FMT_DER, &old);
    if (rc >= 0 && what->before)
        before = entries_of(tbs_of((struct der){old.data, old.size}));
    if (rc >= 0)
        rc = gnutls_x509_crl_set_version(crl, 2);
    if (rc >= 0)
        rc = gnutls_x509_crl_set_this_update(crl, what->from);
    if (rc >= 0)
        rc = gnutls_x509_crl_set_next_update(crl, what->from + 365 * (time_t)LAB_DAY);
    if (rc >= 0)
        rc = set_number(crl, what->before);
    if (rc >= 0)
        rc = gnutls_x509_crt_get_key_id(issuer->crt, 0, id, &len);
    if (rc >= 0)
        rc = gnutls_x509_crl_set_authority_key_id(crl, id, len);
    if (rc >= 0 && what->revoked)
        rc = gnutls_x509_crl_set_crt(crl, what->revoked, what->revoked_at);
    if (rc >= 0)
        rc = gnutls_x509_crl_sign2(crl, issuer->crt, issuer->key, lab_digest(issuer), 0);
    if (rc >= 0 && (what->revoked || before.n > 0))
        rc = put_list(&crl, issuer, before);
    if (rc >= 0)
        rc = gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem);
    if (rc >= 0)
        buf_put(out, pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_free(old.data);
    if (crl)
        gnutls_x509_crl_deinit(crl);
    return lab_failed(rc, "a CRL", err);
}
