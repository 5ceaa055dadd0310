/* From files in any order and form to certificates, keys and pairs of them. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pki/creds_impl.h"

void parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->n_files; i++)
        x509file_done(&parts->file[i]);
    x509file_pool_done(&parts->pool);
    free(parts->file);
    free(parts->by_key);
    free(parts->by_subject);
    free(parts->crt);
    free(parts->key);
}

/* NULL when none is configured. */
static int read_secret(const struct conf_text *from, const char *option, struct diag *diag, char **out)
{
    struct err err = {0};
    if (!from->text)
        return 0;
    int rc = x509file_secret(from->text, out, &err);
    if (rc != 0)
        diag_error(diag, from->src, "%s: %s", option, err.text);
    return rc;
}

/* Beside a certificate and its key a CRL does no harm, but somebody means it to be used. */
static void warn_of_crls(const struct parts *parts, const struct conf_listener *listener, struct diag *diag)
{
    for (size_t i = 0; i < parts->n_files && parts->n_crts + parts->n_keys > 0; i++) {
        const struct conf_text *from = &listener->certificate.item[i];
        const struct x509file *file = &parts->file[i];
        if (file->n_crls > 0 && file->n_crts + file->n_keys == 0)
            diag_warning(diag, from->src,
                         "certificate: %s holds a CRL, neither a certificate nor a key: name it in crl",
                         from->text);
    }
}

static int load_files(struct parts *parts, const struct conf_listener *listener, struct diag *diag)
{
    char *password = NULL, *pin = NULL;
    /* Without a secret only what cannot be read at all is told of: the rest may need it. */
    int secret = read_secret(&listener->password_file, "password_file", diag, &password);
    int rc = read_secret(&listener->pin_file, "pin_file", diag, &pin);
    rc = secret != 0 ? secret : rc;
    secret = rc;
    parts->file = calloc(listener->certificate.n + 1, sizeof *parts->file);
    if (!parts->file) {
        rc = ERR_NOMEM;
        goto out;
    }
    for (size_t i = 0; i < listener->certificate.n; i++) {
        const struct conf_text *from = &listener->certificate.item[i];
        struct x509file *file = &parts->file[i];
        struct err err = {0};
        int one = x509file_load_pooled(from->text, password, pin, &parts->pool, file, &err);
        if (one != 0 && (secret == 0 || one == ERR_NOTFOUND || one == ERR_DENIED))
            diag_error(diag, from->src, "certificate: %s", err.text);
        rc = rc != 0 ? rc : one;
        parts->n_files = i + 1;
        parts->n_crts += file->n_crts;
        parts->n_keys += file->n_keys;
    }
    warn_of_crls(parts, listener, diag);
out:
    x509file_wipe_text(password);
    x509file_wipe_text(pin);
    return rc;
}

static int key_id(gnutls_privkey_t key, unsigned char id[static CREDS_KEY_ID])
{
    gnutls_pubkey_t pubkey;
    size_t len = CREDS_KEY_ID;
    int rc = gnutls_pubkey_init(&pubkey);
    if (rc < 0)
        return rc;
    rc = gnutls_pubkey_import_privkey(pubkey, key, 0, 0);
    if (rc >= 0)
        rc = gnutls_pubkey_get_key_id(pubkey, GNUTLS_KEYID_USE_SHA256, id, &len);
    gnutls_pubkey_deinit(pubkey);
    return rc;
}

static int name_id(gnutls_x509_crt_t crt, int (*name)(gnutls_x509_crt_t, gnutls_datum_t *),
                   unsigned char id[static CREDS_KEY_ID])
{
    gnutls_datum_t der = {0};
    int rc = name(crt, &der);
    if (rc >= 0)
        rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, der.data, der.size, id);
    gnutls_free(der.data);
    return rc;
}

/* Of what a name says, whatever kinds of strings, letters and blanks say it: names that are alike have the
 * same, so that the certificates of a name are found without asking each. */
static int meaning_id(gnutls_x509_crt_t crt, int (*name)(gnutls_x509_crt_t, gnutls_datum_t *),
                      unsigned char id[static CREDS_KEY_ID])
{
    gnutls_datum_t der = {0}, text = {0};
    int rc = name(crt, &der);
    if (rc < 0)
        return rc;
    if (gnutls_x509_rdn_get2(&der, &text, 0) >= 0) {
        unsigned n = 0;
        for (unsigned i = 0; i < text.size; i++) {
            unsigned char c = text.data[i];
            if (c == ' ' && (n == 0 || text.data[n - 1] == ' ' || text.data[n - 1] == '='))
                continue;
            text.data[n++] = (unsigned char)text_lower(c);
        }
        text.size = n;
    }
    const gnutls_datum_t *of = text.data ? &text : &der;
    rc = gnutls_hash_fast(GNUTLS_DIG_SHA256, of->data, of->size, id);
    gnutls_free(text.data);
    gnutls_free(der.data);
    return rc;
}

static int issuer_ids(struct parts *parts, struct part *part)
{
    int rc = name_id(part->crt, gnutls_x509_crt_get_raw_issuer_dn, part->issuer);
    for (size_t i = 0; rc >= 0 && i < parts->n_issuers; i++) {
        const struct part_name *known = &parts->issuer[i];
        if (memcmp(known->id, part->issuer, sizeof known->id) == 0) {
            memcpy(part->issuer_meaning, known->meaning, sizeof known->meaning);
            return 0;
        }
    }
    if (rc >= 0)
        rc = meaning_id(part->crt, gnutls_x509_crt_get_raw_issuer_dn, part->issuer_meaning);
    if (rc >= 0 && parts->n_issuers < PARTS_ISSUERS) {
        struct part_name *known = &parts->issuer[parts->n_issuers++];
        memcpy(known->id, part->issuer, sizeof known->id);
        memcpy(known->meaning, part->issuer_meaning, sizeof known->meaning);
    }
    return rc;
}

static int crt_ids(struct parts *parts, struct part *part)
{
    size_t place = x509file_pooled(&parts->pool, part->crt), len = CREDS_KEY_ID;
    const struct part *first = place < parts->pool.n ? parts->pooled[place] : NULL;
    if (first) {
        memcpy(part->id, first->id, sizeof part->id);
        memcpy(part->subject, first->subject, sizeof part->subject);
        memcpy(part->issuer, first->issuer, sizeof part->issuer);
        memcpy(part->subject_meaning, first->subject_meaning, sizeof part->subject_meaning);
        memcpy(part->issuer_meaning, first->issuer_meaning, sizeof part->issuer_meaning);
        return 0;
    }
    int rc = gnutls_x509_crt_get_key_id(part->crt, GNUTLS_KEYID_USE_SHA256, part->id, &len);
    if (rc >= 0)
        rc = name_id(part->crt, gnutls_x509_crt_get_raw_dn, part->subject);
    if (rc >= 0)
        rc = meaning_id(part->crt, gnutls_x509_crt_get_raw_dn, part->subject_meaning);
    if (rc >= 0)
        rc = issuer_ids(parts, part);
    if (rc >= 0 && place < parts->pool.n)
        parts->pooled[place] = part;
    return rc;
}

static int list_file(struct parts *parts, struct x509file *file, const struct conf_text *from, size_t *c,
                     size_t *k)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < file->n_crts; i++) {
        struct part *part = &parts->crt[(*c)++];
        *part = (struct part){.crt = file->crt[i], .from = from, .position = i, .in_pem = file->in_pem};
        rc = crt_ids(parts, part);
    }
    for (size_t i = 0; rc >= 0 && i < file->n_keys; i++) {
        struct part *part = &parts->key[(*k)++];
        *part = (struct part){.key = file->key[i],
                              .owner = &file->key[i],
                              .from = from,
                              .readable_by_others = file->key_readable_by_others};
        rc = key_id(part->key, part->id);
    }
    return rc;
}

int parts_load(struct parts *parts, const struct conf_listener *listener, struct diag *diag)
{
    size_t c = 0, k = 0;
    int rc = load_files(parts, listener, diag);
    if (rc != 0)
        return rc;
    parts->crt = calloc(parts->n_crts + 1, sizeof *parts->crt);
    parts->key = calloc(parts->n_keys + 1, sizeof *parts->key);
    if (!parts->crt || !parts->key)
        return ERR_NOMEM;
    for (size_t i = 0; i < parts->n_files; i++) {
        const struct conf_text *from = &listener->certificate.item[i];
        int one = list_file(parts, &parts->file[i], from, &c, &k);
        if (one < 0) {
            diag_error(diag, from->src, "certificate: %s: %s", from->text, gnutls_strerror(one));
            return ERR_CRYPTO;
        }
    }
    return parts_index(parts);
}

void parts_give_away(struct part *key)
{
    *key->owner = NULL;
}

struct part *parts_match(const struct parts *parts, const struct part *key, struct diag *diag)
{
    struct part *const *same;
    const size_t n = parts_by_key(parts, key->id, &same);
    if (n == 0)
        return NULL;
    struct part *best = same[0];
    for (size_t i = 1; i < n; i++) {
        if (part_ends_later(same[i], best))
            best = same[i];
    }
    if (best->pair) /* the same key came before */
        return best;
    for (size_t i = 0; i < n; i++) {
        struct part *crt = same[i];
        if (crt == best)
            continue;
        crt->used = true;
        diag_warning(
            diag, crt->from->src,
            "certificate: %s holds a certificate that is not used: one in %s is for the same key and "
            "ends later",
            crt->from->text, best->from->text);
    }
    return best;
}
