/* From files in any order and form to leaves, keys and chains. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "pki/creds_impl.h"

void parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->n_files; i++)
        x509file_done(&parts->file[i]);
    free(parts->file);
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

static void wipe_text(char *text)
{
    if (text)
        x509file_wipe(text, strlen(text));
}

static int load_files(struct parts *parts, const struct conf_listener *listener, struct diag *diag)
{
    char *password = NULL, *pin = NULL;
    int rc = read_secret(&listener->password_file, "password_file", diag, &password);
    if (rc == 0)
        rc = read_secret(&listener->pin_file, "pin_file", diag, &pin);
    if (rc != 0)
        goto out;
    rc = ERR_NOMEM;
    parts->file = calloc(listener->certificate.n + 1, sizeof *parts->file);
    if (!parts->file)
        goto out;
    rc = 0;
    for (size_t i = 0; i < listener->certificate.n; i++) {
        const struct conf_text *from = &listener->certificate.item[i];
        struct x509file *file = &parts->file[i];
        struct err err = {0};
        int one = x509file_load(from->text, password, pin, file, &err);
        if (one != 0)
            diag_error(diag, from->src, "certificate: %s", err.text);
        rc = rc != 0 ? rc : one;
        parts->n_files = i + 1;
        parts->n_crts += file->n_crts;
        parts->n_keys += file->n_keys;
    }
out:
    wipe_text(password);
    wipe_text(pin);
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

/* Chains that share an intermediate come as files that each hold it. */
static const struct part *find_twin(const struct parts *parts, const struct part *part)
{
    for (const struct part *other = parts->crt; other < part; other++) {
        if (memcmp(other->id, part->id, CREDS_KEY_ID) == 0 && gnutls_x509_crt_equals(other->crt, part->crt))
            return other;
    }
    return NULL;
}

static int list_file(struct parts *parts, const struct x509file *file, const struct conf_text *from,
                     size_t *c, size_t *k)
{
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < file->n_crts; i++) {
        struct part *part = &parts->crt[(*c)++];
        size_t len = CREDS_KEY_ID;
        *part = (struct part){.crt = file->crt[i], .from = from, .position = i, .in_pem = file->in_pem};
        rc = gnutls_x509_crt_get_key_id(part->crt, GNUTLS_KEYID_USE_SHA256, part->id, &len);
        if (rc >= 0)
            rc = name_id(part->crt, gnutls_x509_crt_get_raw_dn, part->subject);
        if (rc >= 0)
            rc = name_id(part->crt, gnutls_x509_crt_get_raw_issuer_dn, part->issuer);
        part->twin = rc >= 0 ? find_twin(parts, part) : NULL;
    }
    for (size_t i = 0; rc >= 0 && i < file->n_keys; i++) {
        struct part *part = &parts->key[(*k)++];
        *part = (struct part){
            .key = file->key[i], .from = from, .readable_by_others = file->key_readable_by_others};
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
    return 0;
}

void parts_give_away(struct parts *parts, gnutls_privkey_t key)
{
    for (size_t i = 0; i < parts->n_files; i++) {
        struct x509file *file = &parts->file[i];
        for (size_t j = 0; j < file->n_keys; j++) {
            if (file->key[j] == key)
                file->key[j] = file->key[--file->n_keys];
        }
    }
}

static bool ends_later(const struct part *a, const struct part *b)
{
    return gnutls_x509_crt_get_expiration_time(a->crt) > gnutls_x509_crt_get_expiration_time(b->crt);
}

struct part *parts_match(struct parts *parts, const struct part *key, struct diag *diag)
{
    struct part *best = NULL;
    for (size_t i = 0; i < parts->n_crts; i++) {
        struct part *crt = &parts->crt[i];
        if (crt->twin || memcmp(crt->id, key->id, CREDS_KEY_ID) != 0)
            continue;
        if (!best || ends_later(crt, best))
            best = crt;
    }
    if (!best || best->pair) /* the same key came before */
        return best;
    for (size_t i = 0; i < parts->n_crts; i++) {
        struct part *crt = &parts->crt[i];
        if (crt->twin || crt == best || memcmp(crt->id, key->id, CREDS_KEY_ID) != 0)
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

/* --- chains --- */

static bool self_signed(const struct part *part)
{
    return gnutls_x509_crt_check_issuer(part->crt, part->crt) != 0;
}

static bool signed_by(const struct part *crt, const struct part *issuer)
{
    unsigned status = 0;
    return gnutls_x509_crt_verify(crt->crt, &issuer->crt, 1,
                                  GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_ALLOW_BROKEN |
                                      GNUTLS_VERIFY_DISABLE_CA_SIGN,
                                  &status) >= 0 &&
           !(status & (GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_NOT_FOUND));
}

/* Of two that bear the issuer's name: a CA that changed its key, was renewed, or was signed by another root
 * too. One that has to be sent is better than a root, since whoever gave it wants it sent. */
static bool better_issuer(const struct part *crt, const struct part *a, const struct part *b)
{
    bool a_signed = signed_by(crt, a), b_signed = signed_by(crt, b);
    if (a_signed != b_signed)
        return a_signed;
    bool a_root = self_signed(a), b_root = self_signed(b);
    return a_root != b_root ? b_root : ends_later(a, b);
}

static bool contains(const struct part_chain *chain, const struct part *part)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->part[i] == part)
            return true;
    }
    return false;
}

/* The best issuer of `crt` that is not in its chain yet; only among those whose name has the same bytes, when
 * so told. */
static struct part *best_issuer(struct parts *parts, const struct part_chain *chain, const struct part *crt,
                                bool same_bytes, bool *circle)
{
    struct part *best = NULL;
    for (size_t i = 0; i < parts->n_crts; i++) {
        struct part *issuer = &parts->crt[i];
        if (issuer->twin || (same_bytes && memcmp(crt->issuer, issuer->subject, CREDS_KEY_ID) != 0) ||
            !gnutls_x509_crt_check_issuer(crt->crt, issuer->crt))
            continue;
        if (contains(chain, issuer))
            *circle = true;
        else if (!best || better_issuer(crt, issuer, best))
            best = issuer;
    }
    return best;
}

/* The issuer of the chain's last certificate among what was given; NULL when it is not there or there is
 * none above it. GnuTLS's comparison of names that differ (it overlooks the kinds of strings) costs ten
 * microseconds, which thousands of certificates make minutes: it is asked only when no name is the same byte
 * by byte, and once for a certificate that has no issuer here. */
static struct part *find_issuer(struct parts *parts, const struct part_chain *chain)
{
    struct part *crt = chain->part[chain->n - 1];
    if (crt->orphan || self_signed(crt))
        return NULL;
    bool circle = false;
    struct part *best = best_issuer(parts, chain, crt, true, &circle);
    if (!best || !signed_by(crt, best))
        best = best_issuer(parts, chain, crt, false, &circle);
    crt->orphan = !best && !circle;
    return best;
}

/* Whether the PEM file of `crt` has `next`, too, and elsewhere than right behind it. */
static bool misplaced(const struct parts *parts, const struct part *crt, const struct part *next)
{
    bool there = false;
    for (size_t i = 0; crt->in_pem && i < parts->n_crts; i++) {
        const struct part *part = &parts->crt[i];
        if (part->from != crt->from || (part != next && part->twin != next))
            continue;
        if (part->position == crt->position + 1)
            return false;
        there = true;
    }
    return there;
}

void parts_chain(struct parts *parts, struct part *leaf, struct part_chain *out)
{
    *out = (struct part_chain){.part = {leaf}, .n = 1, .in_order = true};
    leaf->used = true;
    for (;;) {
        struct part *next = find_issuer(parts, out);
        if (!next)
            return;
        next->used = true;
        if (self_signed(next) || out->n == CREDS_MOST_CHAIN) {
            out->above = next;
            return;
        }
        if (misplaced(parts, out->part[out->n - 1], next))
            out->in_order = false;
        out->part[out->n++] = next;
    }
}
