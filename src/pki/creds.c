#include "pki/creds.h"

#include <gnutls/ocsp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pki/creds_impl.h"
#include "pki/x509file.h"

enum {
    KEY_ID = 32,
    SECRET_FILE_MOST = 4096,
    MOST_NAMES = 256,
    MOST_CHAIN = 16,
    DN_LIST_MOST = 65535,
    DN_LIST_NEAR = 49152
};

/* A certificate or key as it came, and from where. */
struct part {
    gnutls_x509_crt_t crt;
    gnutls_privkey_t key;
    unsigned char id[KEY_ID]; /* of the public key */
    const struct conf_text *from;
    size_t position; /* among all parts: for "in order" */
    bool readable_by_others;
    bool used;
};

/* Everything that the files of a listener hold. */
struct parts {
    struct part *crt, *key;
    size_t n_crts, n_keys;
    struct x509file *file; /* own the objects until they go into the credentials */
    size_t n_files;
};

static void parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->n_files; i++)
        x509file_done(&parts->file[i]);
    free(parts->file);
    free(parts->crt);
    free(parts->key);
}

/* The first line of a file with a password or PIN; NULL when none is configured. 0 or negative. */
static int read_secret(const struct conf_text *from, struct diag *diag, char **out)
{
    struct err err = {0};
    size_t len;
    *out = NULL;
    if (!from->text)
        return 0;
    int rc = x509file_read(from->text, SECRET_FILE_MOST, out, &len, &err);
    if (rc != 0) {
        diag_error(diag, from->src, "%s", err.text);
        return rc;
    }
    (*out)[strcspn(*out, "\r\n")] = '\0';
    return 0;
}

static void wipe_text(char *text)
{
    if (text)
        x509file_wipe(text, strlen(text));
}

static int load_files(const struct conf_listener *listener, struct diag *diag, struct parts *parts)
{
    char *password, *pin = NULL;
    int rc = read_secret(&listener->password_file, diag, &password);
    if (rc == 0)
        rc = read_secret(&listener->pin_file, diag, &pin);
    parts->file = calloc(listener->certificate.n + 1, sizeof *parts->file);
    if (rc == 0 && !parts->file)
        rc = ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < listener->certificate.n; i++) {
        const struct conf_text *from = &listener->certificate.item[i];
        struct x509file *file = &parts->file[i];
        struct err err = {0};
        rc = x509file_load(from->text, password, pin, file, &err);
        if (rc != 0)
            diag_error(diag, from->src, "certificate: %s", err.text);
        parts->n_files = i + 1;
        parts->n_crts += file->n_crts;
        parts->n_keys += file->n_keys;
    }
    wipe_text(password);
    wipe_text(pin);
    return rc;
}

static int key_id(gnutls_privkey_t key, unsigned char id[static KEY_ID])
{
    gnutls_pubkey_t pubkey;
    size_t len = KEY_ID;
    int rc = gnutls_pubkey_init(&pubkey);
    if (rc < 0)
        return rc;
    rc = gnutls_pubkey_import_privkey(pubkey, key, 0, 0);
    if (rc >= 0)
        rc = gnutls_pubkey_get_key_id(pubkey, GNUTLS_KEYID_USE_SHA256, id, &len);
    gnutls_pubkey_deinit(pubkey);
    return rc;
}

/* Lists the parts with the identity of their keys. */
static int list_parts(const struct conf_listener *listener, struct diag *diag, struct parts *parts)
{
    parts->crt = calloc(parts->n_crts + 1, sizeof *parts->crt);
    parts->key = calloc(parts->n_keys + 1, sizeof *parts->key);
    if (!parts->crt || !parts->key)
        return ERR_NOMEM;
    size_t c = 0, k = 0;
    for (size_t i = 0; i < parts->n_files; i++) {
        const struct x509file *file = &parts->file[i];
        const struct conf_text *from = &listener->certificate.item[i];
        int rc = 0;
        for (size_t j = 0; rc >= 0 && j < file->n_crts; j++, c++) {
            size_t len = KEY_ID;
            parts->crt[c] = (struct part){.crt = file->crt[j], .from = from, .position = c};
            rc = gnutls_x509_crt_get_key_id(file->crt[j], GNUTLS_KEYID_USE_SHA256, parts->crt[c].id, &len);
        }
        for (size_t j = 0; rc >= 0 && j < file->n_keys; j++, k++) {
            parts->key[k] = (struct part){
                .key = file->key[j], .from = from, .readable_by_others = file->key_readable_by_others};
            rc = key_id(file->key[j], parts->key[k].id);
        }
        if (rc < 0) {
            diag_error(diag, from->src, "certificate: %s: %s", from->text, gnutls_strerror(rc));
            return ERR_CRYPTO;
        }
    }
    return 0;
}

/* The certificate for a key: of several with the same key (one was renewed) that which ends last. */
static struct part *match(struct parts *parts, const struct part *key, struct diag *diag)
{
    struct part *best = NULL;
    for (size_t i = 0; i < parts->n_crts; i++) {
        struct part *crt = &parts->crt[i];
        if (memcmp(crt->id, key->id, KEY_ID) != 0)
            continue;
        struct part *other = best;
        if (!best ||
            gnutls_x509_crt_get_expiration_time(crt->crt) > gnutls_x509_crt_get_expiration_time(best->crt)) {
            best = crt;
        } else {
            other = crt;
        }
        if (other) {
            other->used = true;
            diag_warning(diag, other->from->src,
                         "certificate: %s is not used: %s is for the same key and ends later",
                         other->from->text, best->from->text);
        }
    }
    return best;
}

/* The issuer of `crt` among what was given, NULL when it is not there or `crt` is self-signed. */
static struct part *issuer_of(struct parts *parts, const struct part *crt)
{
    if (gnutls_x509_crt_check_issuer(crt->crt, crt->crt))
        return NULL;
    for (size_t i = 0; i < parts->n_crts; i++) {
        if (&parts->crt[i] != crt && gnutls_x509_crt_check_issuer(crt->crt, parts->crt[i].crt))
            return &parts->crt[i];
    }
    return NULL;
}

/* The certificates that go out: the leaf and its issuers, without a self-signed root, which a client has or
 * does not believe. */
static size_t build_chain(struct parts *parts, struct part *leaf, struct part *chain[static MOST_CHAIN],
                          struct creds_set *set)
{
    size_t n = 0;
    struct part *next = leaf;
    set->in_order = true;
    while (next && n < MOST_CHAIN) {
        bool root = n > 0 && gnutls_x509_crt_check_issuer(next->crt, next->crt);
        next->used = true;
        if (root) {
            set->complete = true;
            break;
        }
        if (n > 0 && next->position != chain[n - 1]->position + 1)
            set->in_order = false;
        chain[n++] = next;
        next = issuer_of(parts, next);
    }
    set->self_signed = gnutls_x509_crt_check_issuer(leaf->crt, leaf->crt) != 0;
    return n;
}

static bool wants_staple(gnutls_x509_crt_t crt)
{
    gnutls_x509_tlsfeatures_t features;
    bool wants = false;
    if (gnutls_x509_tlsfeatures_init(&features) < 0)
        return false;
    if (gnutls_x509_crt_get_tlsfeatures(crt, features, 0, NULL) >= 0) {
        unsigned feature;
        for (unsigned i = 0; gnutls_x509_tlsfeatures_get(features, i, &feature) >= 0; i++)
            wants = wants || feature == 5; /* status_request */
    }
    gnutls_x509_tlsfeatures_deinit(features);
    return wants;
}

/* The DNS names by which GnuTLS chooses among several sets. The strings are borrowed from `leaf`. */
static int dns_names(const struct certinfo *leaf, const char *names[static MOST_NAMES])
{
    int n = 0;
    for (size_t i = 0; i < leaf->dns_names.n && n < MOST_NAMES; i++) {
        const struct certvalue *value = &leaf->dns_names.v[i];
        if (memchr(value->raw, '\0', value->len) == NULL && strlen(value->text) == value->len)
            names[n++] = value->text;
    }
    return n;
}

/* Hands chain and key to GnuTLS, which owns both when it succeeds. Returns the set's index in the
 * credentials. */
static int install(struct creds *creds, struct part *const *chain, size_t n, struct part *key,
                   const struct certinfo *leaf)
{
    gnutls_pcert_st pcert[MOST_CHAIN];
    const char *names[MOST_NAMES];
    size_t made = 0;
    int rc = 0;
    for (; rc >= 0 && made < n; made++)
        rc = gnutls_pcert_import_x509(&pcert[made], chain[made]->crt, 0);
    if (rc < 0)
        made--;
    if (rc >= 0)
        rc =
            gnutls_certificate_set_key(creds->gnutls, names, dns_names(leaf, names), pcert, (int)n, key->key);
    if (rc < 0) {
        for (size_t i = 0; i < made; i++)
            gnutls_pcert_deinit(&pcert[i]);
    }
    return rc;
}

/* The file forgets a key that now belongs to the credentials. */
static void give_away(struct parts *parts, gnutls_privkey_t key)
{
    for (size_t i = 0; i < parts->n_files; i++) {
        for (size_t j = 0; j < parts->file[i].n_keys; j++) {
            if (parts->file[i].key[j] == key)
                parts->file[i].key[j] = parts->file[i].key[--parts->file[i].n_keys];
        }
    }
}

static int add_set(struct creds *creds, struct parts *parts, struct part *leaf, struct part *key,
                   struct diag *diag)
{
    struct part *chain[MOST_CHAIN];
    struct creds_set *set = &creds->set[creds->n];
    struct err err = {0};
    size_t n = build_chain(parts, leaf, chain, set);
    set->chain = calloc(n, sizeof(struct certinfo *));
    if (!set->chain)
        return ERR_NOMEM;
    creds->n++;
    for (size_t i = 0; i < n; i++) {
        int rc = certinfo_new(chain[i]->crt, &set->chain[i], &err);
        if (rc != 0) {
            diag_error(diag, chain[i]->from->src, "certificate: %s: %s", chain[i]->from->text, err.text);
            return rc;
        }
        set->n++;
    }
    set->must_staple = wants_staple(leaf->crt);
    set->key_readable_by_others = key->readable_by_others;
    set->crt_src = leaf->from->src;
    set->key_src = key->from->src;
    set->crt_file = leaf->from->text;
    set->key_file = key->from->text;
    creds->leaf[creds->n - 1] = set->chain[0];
    int rc = install(creds, chain, n, key, set->chain[0]);
    if (rc < 0) {
        diag_error(diag, leaf->from->src, "certificate: %s with the key in %s: %s", leaf->from->text,
                   key->from->text, gnutls_strerror(rc));
        return ERR_CRYPTO;
    }
    give_away(parts, key->key);
    return 0;
}

/* A key without a certificate, or the other way round: the commonest mistake, so it is told with both names.
 */
static void report_lonely_key(const struct parts *parts, const struct part *key, struct diag *diag)
{
    if (parts->n_crts == 0)
        diag_error(
            diag, key->from->src,
            "certificate: %s holds a private key, but no certificate is given: add its file to the list",
            key->from->text);
    else
        diag_error(diag, key->from->src,
                   "certificate: the private key in %s does not match the certificate in %s: give the key "
                   "that the certificate was made for",
                   key->from->text, parts->crt[0].from->text);
}

static int report_unused(struct parts *parts, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; i < parts->n_crts; i++) {
        const struct part *crt = &parts->crt[i];
        if (crt->used)
            continue;
        unsigned critical;
        if (gnutls_x509_crt_get_basic_constraints(crt->crt, &critical, NULL, NULL) > 0) {
            diag_warning(diag, crt->from->src,
                         "certificate: a CA certificate in %s belongs to no chain here: leave it out",
                         crt->from->text);
        } else {
            diag_error(
                diag, crt->from->src,
                "certificate: %s holds a certificate without its private key: add the key's file to the list",
                crt->from->text);
            rc = ERR_MISMATCH;
        }
    }
    return rc;
}

static int make_sets(struct creds *creds, const struct conf_listener *listener, struct parts *parts,
                     struct diag *diag)
{
    int rc = 0;
    creds->set = calloc(parts->n_keys + 1, sizeof *creds->set);
    creds->leaf = calloc(parts->n_keys + 1, sizeof *creds->leaf);
    if (!creds->set || !creds->leaf)
        return ERR_NOMEM;
    if (parts->n_keys == 0) {
        diag_error(diag, listener->certificate.item[0].src,
                   "certificate: %s comes without its private key: add the key's file to the list",
                   listener->certificate.item[0].text);
        return ERR_MISMATCH;
    }
    for (size_t i = 0; i < parts->n_keys; i++) {
        struct part *key = &parts->key[i], *leaf = match(parts, key, diag);
        int one = ERR_MISMATCH;
        if (leaf && leaf->used)
            one = 0; /* the same key twice */
        else if (leaf)
            one = add_set(creds, parts, leaf, key, diag);
        else
            report_lonely_key(parts, key, diag);
        rc = rc != 0 ? rc : one;
    }
    return rc != 0 ? rc : report_unused(parts, diag);
}

/* --- stapling
 * ------------------------------------------------------------------------------------------------------ */

static int staple_one(struct creds *creds, const struct conf_text *from, struct diag *diag)
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
    unsigned status = 0;
    time_t next_update = (time_t)-1;
    rc = gnutls_ocsp_resp_init(&response);
    if (rc >= 0)
        rc = gnutls_ocsp_resp_import(response, &der);
    if (rc >= 0 && gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL)
        rc = GNUTLS_E_OCSP_RESPONSE_ERROR;
    if (rc >= 0)
        rc = gnutls_ocsp_resp_get_single(response, 0, NULL, NULL, NULL, NULL, &status, NULL, &next_update,
                                         NULL, NULL);
    size_t i = 0;
    if (rc < 0) {
        diag_error(diag, from->src, "ocsp_response: %s is no usable OCSP response in DER: %s", from->text,
                   gnutls_strerror(rc));
    } else if (status != GNUTLS_OCSP_CERT_GOOD) {
        rc = -1;
        diag_error(diag, from->src, "ocsp_response: %s does not say that the certificate is good",
                   from->text);
    } else if (next_update != (time_t)-1 && next_update < clock_now()) {
        char text[CLOCK_TEXT];
        rc = -1;
        diag_error(diag, from->src, "ocsp_response: %s is stale since %s: fetch it again", from->text,
                   clock_rfc3339(next_update, text));
    } else {
        /* GnuTLS accepts it for the certificate that it is about, and no longer sends it when it has become
         * stale. */
        rc = -1;
        for (; i < creds->n && rc < 0; i++)
            rc = gnutls_certificate_set_ocsp_status_request_mem(creds->gnutls, &der, (unsigned)i,
                                                                GNUTLS_X509_FMT_DER);
        if (rc < 0)
            diag_error(diag, from->src, "ocsp_response: %s is about none of the listener's certificates: %s",
                       from->text, gnutls_strerror(rc));
        else
            creds->set[i - 1].stapled = true;
    }
    gnutls_ocsp_resp_deinit(response);
    x509file_wipe(data, len);
    return rc < 0 ? ERR_CRYPTO : 0;
}

/* --- advertised CAs
 * ------------------------------------------------------------------------------------------------ */

static int advertise(struct creds *creds, const struct conf_listener *listener, const struct trust *trust,
                     struct diag *diag)
{
    size_t n, bytes = 0;
    if (listener->client_auth == CLIENT_AUTH_OFF || listener->advertise_ca == ADVERTISE_CA_NONE)
        return 0;
    const struct certname *names = trust_advertised(trust, &n);
    for (size_t i = 0; i < n; i++)
        bytes += names[i].der_len + 2;
    struct src src = listener->client_ca.n > 0 ? listener->client_ca.item[0].src : listener->src;
    if (bytes > DN_LIST_MOST) {
        diag_error(diag, src,
                   "client_ca: the names of %zu CAs need %zu bytes, and a CertificateRequest holds 65535: "
                   "advertise_ca = none leaves them out",
                   n, bytes);
        return ERR_RANGE;
    }
    if (bytes > DN_LIST_NEAR)
        diag_warning(
            diag, src,
            "client_ca: the names of %zu CAs need %zu of the 65535 bytes that a CertificateRequest holds", n,
            bytes);
    /* GnuTLS copies them. It never judges by them: the verify function does, with its own trust. */
    const gnutls_x509_crt_t *crts = trust_advertised_crts(trust, &n);
    int rc =
        n > 0 ? gnutls_certificate_set_x509_trust(creds->gnutls, (gnutls_x509_crt_t *)(uintptr_t)crts, (int)n)
              : 0;
    if (rc < 0) {
        diag_error(diag, src, "client_ca: %s", gnutls_strerror(rc));
        return ERR_CRYPTO;
    }
    return 0;
}

int creds_load(const struct conf *conf, const struct conf_listener *listener, const struct trust *trust,
               struct diag *diag, struct creds **out)
{
    (void)conf;
    struct parts parts = {0};
    struct creds *creds = calloc(1, sizeof *creds);
    int rc = ERR_NOMEM;
    if (!creds)
        goto out;
    creds->refs = 1;
    if (gnutls_certificate_allocate_credentials(&creds->gnutls) < 0)
        goto out;
    gnutls_certificate_set_flags(creds->gnutls, GNUTLS_CERTIFICATE_API_V2);
    rc = load_files(listener, diag, &parts);
    if (rc == 0)
        rc = list_parts(listener, diag, &parts);
    if (rc == 0)
        rc = make_sets(creds, listener, &parts, diag);
    for (size_t i = 0; rc == 0 && i < listener->ocsp_response.n; i++)
        rc = staple_one(creds, &listener->ocsp_response.item[i], diag);
    if (rc == 0)
        rc = advertise(creds, listener, trust, diag);
out:
    parts_done(&parts);
    if (rc == 0)
        *out = creds;
    else
        creds_unref(creds);
    return rc;
}

struct creds *creds_ref(struct creds *creds)
{
    __atomic_fetch_add(&creds->refs, 1, __ATOMIC_RELAXED);
    return creds;
}

void creds_unref(struct creds *creds)
{
    if (!creds || __atomic_fetch_sub(&creds->refs, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    if (creds->gnutls)
        gnutls_certificate_free_credentials(creds->gnutls);
    for (size_t i = 0; i < creds->n; i++) {
        for (size_t j = 0; j < creds->set[i].n; j++)
            certinfo_free(creds->set[i].chain[j]);
        free(creds->set[i].chain);
    }
    free(creds->set);
    free(creds->leaf);
    free(creds);
}

gnutls_certificate_credentials_t creds_gnutls(const struct creds *creds)
{
    return creds->gnutls;
}

const struct certinfo *const *creds_leaves(const struct creds *creds, size_t *n)
{
    *n = creds->n;
    return creds->leaf;
}

time_t creds_not_after(const struct creds *creds)
{
    time_t earliest = 0;
    for (size_t i = 0; i < creds->n; i++) {
        for (size_t j = 0; j < creds->set[i].n; j++) {
            time_t end = creds->set[i].chain[j]->not_after;
            if (earliest == 0 || end < earliest)
                earliest = end;
        }
    }
    return earliest;
}
