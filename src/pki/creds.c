#include "pki/creds.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pki/creds_impl.h"
#include "pki/signer.h"

enum { DN_LIST_MOST = 65535, DN_LIST_NEAR = 49152 };

/* --- sets --- */

static bool wants_staple(gnutls_x509_crt_t crt)
{
    enum { STATUS_REQUEST = 5 };
    gnutls_x509_tlsfeatures_t features;
    bool wants = false;
    if (gnutls_x509_tlsfeatures_init(&features) < 0)
        return false;
    if (gnutls_x509_crt_get_tlsfeatures(crt, features, 0, NULL) >= 0) {
        unsigned feature;
        for (unsigned i = 0; gnutls_x509_tlsfeatures_get(features, i, &feature) >= 0; i++)
            wants = wants || feature == STATUS_REQUEST;
    }
    gnutls_x509_tlsfeatures_deinit(features);
    return wants;
}

/* Hands chain and key to GnuTLS, which then owns them. The choice among sets is ours: a name, whatever it is,
 * keeps GnuTLS from reading the certificate once more for those in it. That the public half of a key is the
 * certificate's was found before; that the secret fits to it GnuTLS proves by a signature that it verifies, a
 * third of what a certificate costs at a reload. Looking at the numbers does, too: then it is `sound`. */
static int install(struct creds *creds, struct creds_set *set, const struct part_chain *chain,
                   gnutls_privkey_t key, bool sound)
{
    const char *names[] = {"unused"};
    size_t made = 0;
    int rc = 0;
    gnutls_certificate_set_flags(creds->gnutls, sound ? GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH : 0);
    while (rc >= 0 && made < chain->n) {
        rc = gnutls_pcert_import_x509(&set->pcert[made], chain->part[made]->crt, 0);
        made += rc >= 0 ? 1 : 0;
    }
    if (rc >= 0)
        set->kind = creds_kind_of(&set->pcert[0]);
    if (rc >= 0)
        rc = gnutls_certificate_set_key(creds->gnutls, names, ARRAY_LEN(names), set->pcert, (int)chain->n,
                                        key);
    if (rc >= 0)
        return 0;
    for (size_t i = 0; i < made; i++)
        gnutls_pcert_deinit(&set->pcert[i]);
    return rc;
}

static int describe_chain(struct creds *creds, struct creds_set *set, const struct part_chain *chain,
                          struct diag *diag)
{
    for (; set->n < chain->n; set->n++) {
        struct part *part = chain->part[set->n];
        struct err err = {0};
        int rc = part->info ? 0 : certinfo_new(part->crt, &creds->info[creds->n_infos], &err);
        if (rc != 0) {
            diag_error(diag, part->from->src, "certificate: %s: %s", part->from->text, err.text);
            return rc;
        }
        if (!part->info)
            part->info = creds->info[creds->n_infos++];
        set->chain[set->n] = part->info;
    }
    return 0;
}

static int add_set(struct creds *creds, const struct parts *parts, struct part *leaf,
                   struct part_chain *chain, struct diag *diag)
{
    struct part *key = leaf->pair;
    parts_chain(parts, leaf, chain);
    struct creds_set *set = &creds->set[creds->n++];
    *set = (struct creds_set){
        .complete = chain->above != NULL,
        .self_signed = part_self_signed(leaf),
        .in_order = chain->in_order,
        .must_staple = wants_staple(leaf->crt),
        .key_readable_by_others = key->readable_by_others,
        .crt_src = leaf->from->src,
        .key_src = key->from->src,
        .crt_file = leaf->from->text,
        .key_file = key->from->text,
        .from = chain,
    };
    set->chain = calloc(chain->n, sizeof *set->chain);
    set->pcert = calloc(chain->n, sizeof(gnutls_pcert_st));
    if (!set->chain || !set->pcert)
        return ERR_NOMEM;
    int rc = describe_chain(creds, set, chain, diag);
    if (rc != 0)
        return rc;
    creds->leaf[creds->n - 1] = set->chain[0];
    bool sound = false;
    gnutls_privkey_t signer = signer_new(key->key, &sound);
    sound = sound || (signer && gnutls_privkey_verify_params(key->key) >= 0);
    rc = install(creds, set, chain, signer ? signer : key->key, sound);
    if (rc < 0) {
        if (signer)
            gnutls_privkey_deinit(signer);
        diag_error(diag, leaf->from->src, "certificate: %s with the key in %s: %s", leaf->from->text,
                   key->from->text, gnutls_strerror(rc));
        return ERR_CRYPTO;
    }
    set->key = signer ? signer : key->key;
    if (!signer)
        parts_give_away(key);
    return 0;
}

/* --- what does not fit together: the commonest mistakes, told with both names --------------------------- */

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

static void report_lonely_crt(const struct part *crt, const struct conf_listener *listener, struct diag *diag)
{
    bool token = text_is_token(crt->from->text) && !listener->pin_file.text;
    diag_error(diag, crt->from->src, "certificate: %s holds a certificate without its private key: %s",
               crt->from->text,
               token ? "name a file with the token's PIN in pin_file" : "add the key's file to the list");
}

static bool is_ca(const struct part *crt)
{
    unsigned critical;
    return gnutls_x509_crt_get_basic_constraints(crt->crt, &critical, NULL, NULL) > 0;
}

static int report_unused(struct parts *parts, const struct conf_listener *listener, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; i < parts->n_crts; i++) {
        const struct part *crt = &parts->crt[i];
        if (!crt->used && !crt->twin && !is_ca(crt)) {
            report_lonely_crt(crt, listener, diag);
            rc = ERR_MISMATCH;
        }
    }
    /* An issuer of such a one belongs to no chain only for now. */
    for (size_t i = 0; rc == 0 && i < parts->n_crts; i++) {
        const struct part *crt = &parts->crt[i];
        if (!crt->used && !crt->twin)
            diag_warning(diag, crt->from->src,
                         "certificate: a CA certificate in %s belongs to no chain here: leave it out",
                         crt->from->text);
    }
    return rc;
}

static int pair_up(struct parts *parts, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; i < parts->n_keys; i++) {
        struct part *key = &parts->key[i], *leaf = parts_match(parts, key, diag);
        if (!leaf) {
            report_lonely_key(parts, key, diag);
            rc = ERR_MISMATCH;
        } else {
            leaf->pair = key;
        }
    }
    return rc;
}

static int make_sets(struct creds *creds, struct parts *parts, struct part_chain *chains,
                     const struct conf_listener *listener, struct diag *diag)
{
    int rc = pair_up(parts, diag);
    for (size_t i = 0; i < parts->n_crts; i++) {
        if (parts->crt[i].pair) {
            int one = add_set(creds, parts, &parts->crt[i], &chains[creds->n], diag);
            rc = rc != 0 ? rc : one;
        }
    }
    /* With a key that fits nothing, a certificate without a key is the same mistake. */
    if (rc == 0 && creds->n == 0 && parts->n_crts > 0 && is_ca(&parts->crt[0])) {
        report_lonely_crt(&parts->crt[0], listener,
                          diag); /* a CA's own, which is not unusual in a first try */
        return ERR_MISMATCH;
    }
    if (rc == 0)
        rc = report_unused(parts, listener, diag);
    if (rc == 0 && creds->n == 0) {
        diag_error(diag, listener->certificate.n > 0 ? listener->certificate.item[0].src : listener->src,
                   "certificate: the files hold neither certificate nor private key");
        rc = ERR_MISMATCH;
    }
    return rc;
}

/* --- advertised CAs --- */

static int advertise(struct creds *creds, const struct conf_listener *listener, const struct trust *trust,
                     struct diag *diag)
{
    size_t n, bytes = 0;
    if (listener->client_auth == CLIENT_AUTH_OFF || listener->advertise_ca == ADVERTISE_CA_NONE)
        return 0;
    if (!trust)
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

/* --- life --- */

static int load(struct creds *creds, struct parts *parts, struct part_chain **chains,
                const struct conf_listener *listener, const struct trust *trust, struct diag *diag)
{
    if (gnutls_certificate_allocate_credentials(&creds->gnutls) < 0)
        return ERR_NOMEM;
    int rc = parts_load(parts, listener, diag);
    if (rc != 0)
        return rc;
    creds->set = calloc(parts->n_keys + 1, sizeof *creds->set);
    creds->leaf = calloc(parts->n_keys + 1, sizeof *creds->leaf);
    creds->info = calloc(parts->n_crts + 1, sizeof *creds->info);
    *chains = calloc(parts->n_keys + 1, sizeof **chains);
    if (!creds->set || !creds->leaf || !creds->info || !*chains)
        return ERR_NOMEM;
    rc = make_sets(creds, parts, *chains, listener, diag);
    if (rc == 0)
        rc = creds_index(creds, diag);
    for (size_t i = 0; rc == 0 && i < listener->ocsp_response.n; i++)
        rc = creds_staple(creds, &listener->ocsp_response.item[i], clock_now(), diag);
    if (rc == 0)
        rc = advertise(creds, listener, trust, diag);
    return rc;
}

int creds_load(const struct conf *conf, const struct conf_listener *listener, const struct trust *trust,
               struct diag *diag, struct creds **out)
{
    (void)conf;
    struct parts parts = {0};
    struct part_chain *chains = NULL;
    struct creds *creds = calloc(1, sizeof *creds);
    int rc = ERR_NOMEM;
    if (creds) {
        creds->refs = 1;
        rc = load(creds, &parts, &chains, listener, trust, diag);
    }
    if (rc == ERR_NOMEM)
        diag_error(diag, listener->src, "out of memory");
    for (size_t i = 0; creds && i < creds->n; i++)
        creds->set[i].from = NULL;
    free(chains);
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

static void set_done(struct creds_set *set)
{
    for (size_t i = 0; set->staple && i < set->n; i++)
        gnutls_free(set->staple[i].response.data);
    free(set->chain);
    free(set->pcert);
    free(set->staple);
}

void creds_unref(struct creds *creds)
{
    if (!creds || __atomic_fetch_sub(&creds->refs, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    if (creds->gnutls)
        gnutls_certificate_free_credentials(creds->gnutls);
    for (size_t i = 0; i < creds->n; i++)
        set_done(&creds->set[i]);
    for (size_t i = 0; i < creds->n_infos; i++)
        certinfo_free(creds->info[i]);
    free(creds->info);
    for (size_t i = 0; i < creds->n_names; i++)
        free(creds->name[i].name);
    free(creds->name);
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

time_t creds_ends_soon_from(const struct creds *creds)
{
    time_t earliest = 0;
    for (size_t i = 0; i < creds->n; i++) {
        for (size_t j = 0; j < creds->set[i].n; j++) {
            const struct certinfo *info = creds->set[i].chain[j];
            time_t from =
                info->not_after - (time_t)certinfo_soon(info->not_before, info->not_after, CREDS_SOON);
            if (earliest == 0 || from < earliest)
                earliest = from;
        }
    }
    return earliest;
}
