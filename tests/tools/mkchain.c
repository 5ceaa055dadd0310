#include "mkchain.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 24 * 3600, LARGE = 40000, MANY_NAMES = 600, TOO_MANY_NAMES = 2100 };

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "mkchain: %s: %s\n", what, gnutls_strerror(rc));
    exit(99);
}

static void set_key(struct mk_pair *pair, unsigned flags)
{
    must(gnutls_x509_privkey_init(&pair->key), "key");
    if ((flags & MK_RSA_1024) != 0)
        must(gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_RSA, 1024, 0), "RSA key");
    else
        must(gnutls_x509_privkey_generate(pair->key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
             "EC key");
    must(gnutls_x509_crt_set_key(pair->crt, pair->key), "public key");
}

static void set_key_ids(const struct mk_pair *pair, const struct mk_pair *issuer, unsigned flags)
{
    unsigned char id[64];
    size_t len = sizeof(id);
    must(gnutls_x509_crt_get_key_id(pair->crt, 0, id, &len), "key identifier");
    if ((flags & MK_NO_SKI) == 0)
        must(gnutls_x509_crt_set_subject_key_id(pair->crt, id, len), "subject key identifier");
    if ((flags & MK_CRITICAL_SKI) != 0) {
        unsigned char value[64 + 2] = {4, (unsigned char)len};
        memcpy(value + 2, id, len);
        must(gnutls_x509_crt_set_extension_by_oid(pair->crt, "2.5.29.14", value, len + 2, 1),
             "critical identifier");
    }
    if ((flags & MK_NO_AKI) != 0)
        return;
    if (issuer != NULL) {
        len = sizeof(id);
        must(gnutls_x509_crt_get_key_id(issuer->crt, 0, id, &len), "issuer's key identifier");
    }
    must(gnutls_x509_crt_set_authority_key_id(pair->crt, id, len), "authority key identifier");
}

static void set_usage(gnutls_x509_crt_t crt, unsigned flags)
{
    unsigned usage = (flags & MK_CA) != 0              ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
                     : (flags & MK_ENCIPHER_ONLY) != 0 ? GNUTLS_KEY_KEY_ENCIPHERMENT
                                                       : GNUTLS_KEY_DIGITAL_SIGNATURE;
    if ((flags & MK_CERT_SIGN) != 0)
        usage |= GNUTLS_KEY_KEY_CERT_SIGN;
    if ((flags & MK_NO_KEY_USAGE) == 0)
        must(gnutls_x509_crt_set_key_usage(crt, usage), "key usage");
    if ((flags & (MK_CA | MK_NO_EKU)) == 0)
        must(gnutls_x509_crt_set_key_purpose_oid(
                 crt, (flags & MK_SERVER_EKU) != 0 ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0),
             "purpose");
}

static void set_extras(gnutls_x509_crt_t crt, const struct mk_spec *spec)
{
    static const unsigned char null[] = {5, 0};
    /* SEQUENCE { INTEGER 5 }: status_request */
    static const unsigned char feature[] = {0x30, 3, 2, 1, 5};
    if (spec->san_dns != NULL)
        must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->san_dns,
                                                  (unsigned)strlen(spec->san_dns), GNUTLS_FSAN_SET),
             "alternative name");
    if ((spec->flags & MK_UNKNOWN_CRITICAL) != 0)
        must(gnutls_x509_crt_set_extension_by_oid(crt, "1.2.3.4.5", null, sizeof(null), 1), "extension");
    if ((spec->flags & MK_TLS_FEATURE) != 0)
        must(gnutls_x509_crt_set_extension_by_oid(crt, "1.3.6.1.5.5.7.1.24", feature, sizeof(feature), 0),
             "feature");
    /* SEQUENCE { [3] { NULL } } */
    static const unsigned char x400[] = {0x30, 4, 0xa3, 2, 5, 0};
    if ((spec->flags & MK_X400) != 0)
        must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", x400, sizeof(x400), 0), "x400Address");
    if ((spec->flags & MK_LARGE) != 0) {
        unsigned char *large = calloc(1, LARGE);
        if (large == NULL)
            must(GNUTLS_E_MEMORY_ERROR, "large extension");
        must(gnutls_x509_crt_set_extension_by_oid(crt, "1.2.3.4.6", large, LARGE, 0), "large extension");
        free(large);
    }
    if ((spec->flags & (MK_MANY_NAMES | MK_TOO_MANY_NAMES)) != 0) {
        /* SEQUENCE { [2] "a", [2] "a", ... } */
        unsigned n = (spec->flags & MK_MANY_NAMES) != 0 ? MANY_NAMES : TOO_MANY_NAMES;
        unsigned char names[4 + 3 * TOO_MANY_NAMES] = {0x30, 0x82, (unsigned char)(3 * n >> 8),
                                                       (unsigned char)(3 * n)};
        for (size_t i = 0; i < n; i++)
            memcpy(names + 4 + 3 * i,
                   "\x82\x01"
                   "a",
                   3);
        must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", names, 4 + 3 * n, 0), "names");
    }
    /* SEQUENCE { INTEGER 0 }, and SEQUENCE { [1] { SEQUENCE { [2] "x.example" } } } */
    static const unsigned char length[] = {0x30, 3, 2, 1, 0};
    static const unsigned char excluded[] = "\x30\x0f\xa1\x0d\x30\x0b\x82\x09x.example";
    if ((spec->flags & MK_LENGTH_OF_LEAF) != 0)
        must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.19", length, sizeof(length), 1),
             "path length");
    if ((spec->flags & MK_CONSTRAINED) != 0)
        must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.30", excluded, sizeof(excluded) - 1, 1),
             "constraints");
    if (spec->permitted_dns != NULL) {
        gnutls_x509_name_constraints_t nc;
        gnutls_datum_t name = {(unsigned char *)(uintptr_t)spec->permitted_dns,
                               (unsigned)strlen(spec->permitted_dns)};
        must(gnutls_x509_name_constraints_init(&nc), "constraints");
        must(gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_DNSNAME, &name), "constraint");
        must(gnutls_x509_crt_set_name_constraints(crt, nc, 1), "constraints");
        gnutls_x509_name_constraints_deinit(nc);
    }
}

/* The last bytes of a certificate are those of its signature. */
static void break_signature(struct mk_pair *pair)
{
    gnutls_datum_t der = mk_der(pair->crt);
    der.data[der.size - 1] ^= 1;
    gnutls_x509_crt_deinit(pair->crt);
    must(gnutls_x509_crt_init(&pair->crt), "certificate");
    must(gnutls_x509_crt_import(pair->crt, &der, GNUTLS_X509_FMT_DER), "broken certificate");
    gnutls_free(der.data);
}

struct mk_pair mk_make(const struct mk_spec *spec, const struct mk_pair *issuer)
{
    static unsigned serial = 0x1000;
    struct mk_pair pair = {0};
    const struct mk_pair *signer = issuer != NULL ? issuer : &pair;
    const char *bad = NULL;
    unsigned char number[24] = {0x01, (unsigned char)(serial >> 8), (unsigned char)serial};
    size_t octets = (spec->flags & MK_LONG_SERIAL) != 0 ? sizeof(number) : 3;

    serial++;
    must(gnutls_x509_crt_init(&pair.crt), "certificate");
    must(gnutls_x509_crt_set_version(pair.crt, (spec->flags & MK_V1) != 0 ? 1 : 3), "version");
    must(gnutls_x509_crt_set_serial(pair.crt, number, octets), "serial number");
    if ((spec->flags & MK_NAMELESS) == 0)
        must(gnutls_x509_crt_set_dn(pair.crt, spec->dn, &bad), spec->dn);
    must(gnutls_x509_crt_set_activation_time(pair.crt, spec->not_before), "start");
    must(gnutls_x509_crt_set_expiration_time(pair.crt, spec->not_after), "end");
    set_key(&pair, spec->flags);
    if ((spec->flags & MK_V1) == 0) {
        must(gnutls_x509_crt_set_basic_constraints(pair.crt, (spec->flags & MK_CA) != 0, spec->path_len),
             "basic constraints");
        set_key_ids(&pair, issuer, spec->flags);
        set_usage(pair.crt, spec->flags);
        set_extras(pair.crt, spec);
    }
    must(gnutls_x509_crt_sign2(pair.crt, signer->crt, signer->key,
                               (spec->flags & MK_SHA1) != 0 ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256, 0),
         "signature");
    if ((spec->flags & MK_BROKEN_SIGNATURE) != 0)
        break_signature(&pair);
    return pair;
}

void mk_free(struct mk_pair *pair)
{
    gnutls_x509_crt_deinit(pair->crt);
    gnutls_x509_privkey_deinit(pair->key);
    *pair = (struct mk_pair){0};
}

gnutls_x509_crl_t mk_crl(const struct mk_pair *issuer, gnutls_x509_crt_t revoked, time_t this_update,
                         time_t next_update)
{
    static unsigned char number = 0;
    unsigned char id[64];
    size_t len = sizeof(id);
    gnutls_x509_crl_t crl;
    number++;
    must(gnutls_x509_crl_init(&crl), "CRL");
    must(gnutls_x509_crl_set_version(crl, 2), "CRL version");
    must(gnutls_x509_crl_set_this_update(crl, this_update), "thisUpdate");
    must(gnutls_x509_crl_set_next_update(crl, next_update), "nextUpdate");
    must(gnutls_x509_crl_set_number(crl, &number, 1), "CRL number");
    must(gnutls_x509_crt_get_key_id(issuer->crt, 0, id, &len), "key identifier");
    must(gnutls_x509_crl_set_authority_key_id(crl, id, len), "CRL's key identifier");
    if (revoked != NULL)
        must(gnutls_x509_crl_set_crt(crl, revoked, this_update - DAY), "revocation");
    must(gnutls_x509_crl_sign2(crl, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), "CRL's signature");
    return crl;
}

gnutls_datum_t mk_der(gnutls_x509_crt_t crt)
{
    gnutls_datum_t der;
    must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der), "DER");
    return der;
}

static struct mk_pair keep(struct mk_world *w, struct mk_pair pair)
{
    if (w->n_pool == sizeof(w->pool) / sizeof(w->pool[0]))
        must(GNUTLS_E_MEMORY_ERROR, "pool");
    w->pool[w->n_pool++] = pair;
    return pair;
}

static struct mk_pair make_ca(struct mk_world *w, const char *dn, const struct mk_pair *issuer,
                              unsigned flags, int path_len, const char *permitted_dns)
{
    struct mk_spec spec = {.dn = dn,
                           .flags = flags | MK_CA,
                           .path_len = path_len,
                           .not_before = w->now - 365 * DAY,
                           .not_after = w->now + 3650LL * DAY,
                           .permitted_dns = permitted_dns};
    return keep(w, mk_make(&spec, issuer));
}

static struct mk_pair make_leaf(struct mk_world *w, const char *dn, const struct mk_pair *issuer,
                                unsigned flags)
{
    struct mk_spec spec = {.dn = dn,
                           .flags = flags,
                           .path_len = -1,
                           .not_before = w->now - 30 * DAY,
                           .not_after = w->now + 365 * DAY};
    return keep(w, mk_make(&spec, issuer));
}

static struct mk_case *add(struct mk_world *w, const char *name, const char *verify, const char *errors,
                           const char *warnings)
{
    if (w->n_cases == MK_MAX_CASES)
        must(GNUTLS_E_MEMORY_ERROR, "cases");
    struct mk_case *c = &w->cases[w->n_cases++];
    *c = (struct mk_case){.name = name, .verify = verify, .errors = errors, .warnings = warnings};
    return c;
}

static void send_leaf(struct mk_case *c, struct mk_pair leaf)
{
    c->leaf = leaf;
    c->chain[c->n_chain++] = leaf.crt;
}

static void send_more(struct mk_case *c, gnutls_x509_crt_t crt)
{
    c->chain[c->n_chain++] = crt;
}

/* A leaf of the intermediate, followed by it. */
static void add_simple(struct mk_world *w, const char *name, const char *errors, const char *warnings,
                       unsigned flags)
{
    struct mk_case *c = add(w, name, errors[0] == 0 ? "SUCCESS" : "FAILED", errors, warnings);
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &w->intermediate, flags));
    send_more(c, w->intermediate.crt);
}

static void add_dated(struct mk_world *w, const char *name, const char *errors, const char *warnings,
                      time_t from, time_t to)
{
    struct mk_case *c = add(w, name, errors[0] == 0 ? "SUCCESS" : "FAILED", errors, warnings);
    struct mk_spec spec = {
        .dn = "CN=alice,O=mtlsd practice", .path_len = -1, .not_before = from, .not_after = to};
    send_leaf(c, keep(w, mk_make(&spec, &w->intermediate)));
    send_more(c, w->intermediate.crt);
}

/* A leaf of a CA of its own, followed by that CA. */
static struct mk_case *add_below(struct mk_world *w, const char *name, const char *errors,
                                 const char *warnings, struct mk_pair ca)
{
    struct mk_case *c = add(w, name, errors[0] == 0 ? "SUCCESS" : "FAILED", errors, warnings);
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &ca, 0));
    send_more(c, ca.crt);
    return c;
}

static void add_lengths(struct mk_world *w)
{
    struct mk_pair limited = make_ca(w, "CN=Limited CA,O=mtlsd practice", &w->root, 0, 0, NULL);
    struct mk_pair below = make_ca(w, "CN=CA below the limit,O=mtlsd practice", &limited, 0, -1, NULL);
    send_more(add_below(w, "path-length", "path_length", "", below), limited.crt);

    struct mk_pair up[6] = {make_ca(w, "CN=Level 1,O=mtlsd practice", &w->root, 0, -1, NULL)};
    static const char *const names[] = {NULL,
                                        "CN=Level 2,O=mtlsd practice",
                                        "CN=Level 3,O=mtlsd practice",
                                        "CN=Level 4,O=mtlsd practice",
                                        "CN=Level 5,O=mtlsd practice",
                                        "CN=Level 6,O=mtlsd practice"};
    for (size_t i = 1; i < 6; i++)
        up[i] = make_ca(w, names[i], &up[i - 1], 0, -1, NULL);
    struct mk_case *c = add_below(w, "chain-too-long", "chain_too_long", "", up[5]);
    for (size_t i = 5; i > 0; i--)
        send_more(c, up[i - 1].crt);
    c = add_below(w, "long-enough", "", "", up[4]);
    for (size_t i = 4; i > 0; i--)
        send_more(c, up[i - 1].crt);
}

static void add_revocations(struct mk_world *w)
{
    size_t first = w->n_cases;
    add_simple(w, "good-crl", "", "", 0);
    add_simple(w, "revoked", "revoked", "", 0);
    w->root_crl = mk_crl(&w->root, NULL, w->now - DAY, w->now + 30 * DAY);
    w->intermediate_crl =
        mk_crl(&w->intermediate, w->cases[w->n_cases - 1].leaf.crt, w->now - DAY, w->now + 30 * DAY);
    w->crl[w->n_crls++] = w->root_crl;
    w->crl[w->n_crls++] = w->intermediate_crl;

    struct mk_pair ca = make_ca(w, "CN=CA with a stale CRL,O=mtlsd practice", &w->root, 0, -1, NULL);
    w->crl[w->n_crls++] = mk_crl(&ca, NULL, w->now - 40 * DAY, w->now - 10 * DAY);
    add_below(w, "crl-stale", "crl_stale", "", ca);
    ca = make_ca(w, "CN=CA with a future CRL,O=mtlsd practice", &w->root, 0, -1, NULL);
    w->crl[w->n_crls++] = mk_crl(&ca, NULL, w->now + 10 * DAY, w->now + 40 * DAY);
    add_below(w, "crl-future", "crl_stale", "", ca);
    ca = make_ca(w, "CN=CA with an ending CRL,O=mtlsd practice", &w->root, 0, -1, NULL);
    w->crl[w->n_crls++] = mk_crl(&ca, NULL, w->now - 30 * DAY, w->now + DAY);
    add_below(w, "crl-expires-soon", "", "crl_expires_soon", ca);
    ca = make_ca(w, "CN=CA without a CRL,O=mtlsd practice", &w->root, 0, -1, NULL);
    add_below(w, "crl-missing", "crl_missing", "", ca);
    /* A CRL under the CA's name, signed by another key of that name. */
    ca = make_ca(w, "CN=CA with a forged CRL,O=mtlsd practice", &w->root, 0, -1, NULL);
    struct mk_pair forger = make_ca(w, "CN=CA with a forged CRL,O=mtlsd practice", NULL, 0, -1, NULL);
    w->crl[w->n_crls++] = mk_crl(&forger, NULL, w->now - DAY, w->now + 30 * DAY);
    add_below(w, "crl-forged", "crl_missing", "", ca);
    for (; first < w->n_cases; first++)
        w->cases[first].with_crl = true;
}

static void add_issuers(struct mk_world *w)
{
    struct mk_case *c = add(w, "self-signed", "FAILED", "self_signed", "");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", NULL, 0));
    c = add(w, "intermediate-missing", "FAILED", "intermediate_missing", "");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &w->intermediate, 0));
    c = add(w, "issuer-unknown", "FAILED", "issuer_unknown", "");
    send_leaf(c, make_leaf(w, "CN=mallory,O=Elsewhere", &w->other_root, 0));
    c = add(w, "unknown-root-sent", "FAILED", "issuer_unknown", "");
    send_leaf(c, make_leaf(w, "CN=mallory,O=Elsewhere", &w->other_root, 0));
    send_more(c, w->other_root.crt);
    struct mk_pair twin = make_ca(w, "CN=mtlsd practice root,O=mtlsd practice", NULL, 0, -1, NULL);
    c = add(w, "other-key-same-name", "FAILED", "issuer_unknown", "");
    send_leaf(c, make_leaf(w, "CN=mallory,O=mtlsd practice", &twin, 0));
    struct mk_pair fake = keep(w, mk_make(&(struct mk_spec){.dn = "CN=No CA,O=mtlsd practice",
                                                            .flags = MK_NO_KEY_USAGE | MK_NO_EKU,
                                                            .path_len = -1,
                                                            .not_before = w->now - DAY,
                                                            .not_after = w->now + 100 * DAY},
                                          &w->root));
    add_below(w, "ca-not-a-ca", "ca_not_a_ca", "", fake);
}

static void add_warnings(struct mk_world *w)
{
    add_simple(w, "no-eku", "", "no_eku", MK_NO_EKU);
    add_simple(w, "many-names", "", "many_names", MK_MANY_NAMES);
    struct mk_case *c = add(w, "superfluous", "SUCCESS", "", "superfluous_certificate");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &w->intermediate, 0));
    send_more(c, w->intermediate.crt);
    send_more(c, w->root.crt);
    struct mk_pair sub = make_ca(w, "CN=Sub CA,O=mtlsd practice", &w->intermediate, 0, -1, NULL);
    c = add(w, "unordered", "SUCCESS", "", "chain_unordered");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &sub, 0));
    send_more(c, w->intermediate.crt);
    send_more(c, sub.crt);
}

/* What only binds the CA that issued. */
static void add_forms(struct mk_world *w)
{
    add_simple(w, "no-authority-key-id", "", "key_identifier", MK_NO_AKI);
    add_simple(w, "version-1", "", "old_version,no_eku", MK_V1);
    add_simple(w, "critical-key-id", "", "critical_flag", MK_CRITICAL_SKI);
    add_simple(w, "long-serial", "", "serial_number", MK_LONG_SERIAL);
    add_simple(w, "no-name", "", "empty_subject", MK_NAMELESS);
    add_simple(w, "cert-sign", "", "key_usage_form", MK_CERT_SIGN);
    add_simple(w, "constrained-leaf", "", "certificate_form", MK_CONSTRAINED);
    struct mk_case *c = add(w, "ca-as-leaf", "SUCCESS", "", "ca_as_leaf,no_eku");
    send_leaf(
        c, make_ca(w, "CN=A CA that connects,O=mtlsd practice", &w->intermediate, MK_NO_KEY_USAGE, -1, NULL));
    send_more(c, w->intermediate.crt);
    struct mk_spec spec = {.dn = "CN=alice,O=mtlsd practice",
                           .path_len = -1,
                           .not_before = w->now - DAY,
                           .not_after = w->now + 100 * DAY,
                           .san_dns = "alice_s_laptop"};
    c = add(w, "name-form", "SUCCESS", "", "name_form");
    send_leaf(c, keep(w, mk_make(&spec, &w->intermediate)));
    send_more(c, w->intermediate.crt);
}

static void add_limits(struct mk_world *w)
{
    struct mk_case *c = add(w, "chain-too-large", "FAILED", "chain_too_large", "");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &w->intermediate, 0));
    send_more(c, make_ca(w, "CN=Large CA,O=mtlsd practice", &w->root, MK_LARGE, -1, NULL).crt);
    c = add(w, "too-many", "FAILED", "chain_too_long", "");
    send_leaf(c, make_leaf(w, "CN=alice,O=mtlsd practice", &w->intermediate, 0));
    for (size_t i = 0; i < 16; i++)
        send_more(c, w->intermediate.crt);

    add_simple(w, "out-of-bounds", "out_of_bounds", "", MK_TOO_MANY_NAMES);

    struct mk_pair ca = make_ca(w, "CN=Constrained CA,O=mtlsd practice", &w->root, 0, -1, "example.org");
    c = add(w, "name-constraint", "FAILED", "name_constraint", "");
    struct mk_spec spec = {.dn = "CN=alice,O=mtlsd practice",
                           .path_len = -1,
                           .not_before = w->now - DAY,
                           .not_after = w->now + 100 * DAY,
                           .san_dns = "alice.example.com"};
    send_leaf(c, keep(w, mk_make(&spec, &ca)));
    send_more(c, ca.crt);
    spec.san_dns = "alice.example.org";
    c = add(w, "name-permitted", "SUCCESS", "", "");
    send_leaf(c, keep(w, mk_make(&spec, &ca)));
    send_more(c, ca.crt);
}

void mk_world_init(struct mk_world *w, time_t now)
{
    *w = (struct mk_world){.now = now};
    w->root = make_ca(w, "CN=mtlsd practice root,O=mtlsd practice", NULL, 0, -1, NULL);
    w->intermediate = make_ca(w, "CN=mtlsd practice intermediate,O=mtlsd practice", &w->root, 0, -1, NULL);
    w->other_root = make_ca(w, "CN=Another root,O=Elsewhere", NULL, 0, -1, NULL);

    add_simple(w, "good", "", "", 0);
    add(w, "no-certificate", "NONE", "no_certificate", "");
    add_simple(w, "malformed", "malformed_certificate", "", MK_LENGTH_OF_LEAF);
    add_simple(w, "signature-invalid", "signature_invalid", "", MK_BROKEN_SIGNATURE);
    add_simple(w, "wrong-purpose", "wrong_purpose", "", MK_SERVER_EKU);
    add_simple(w, "key-usage", "key_usage", "", MK_ENCIPHER_ONLY);
    add_simple(w, "critical-extension", "unsupported_critical_extension", "", MK_UNKNOWN_CRITICAL);
    add_simple(w, "weak-key", "weak_key", "", MK_RSA_1024);
    add_simple(w, "weak-signature", "weak_signature", "", MK_SHA1);
    add_dated(w, "expired", "expired", "", now - 100 * DAY, now - 10 * DAY);
    add_dated(w, "not-yet-valid", "not_yet_valid", "", now + 10 * DAY, now + 100 * DAY);
    add_dated(w, "expires-soon", "", "expires_soon", now - 100 * DAY, now + 10 * DAY);
    add_issuers(w);
    add_lengths(w);
    add_limits(w);
    add_below(w, "path-refused", "", "", /* but in the strict form */
              make_ca(w, "CN=CA with a TLS feature,O=mtlsd practice", &w->root, MK_TLS_FEATURE, -1, NULL));
    add_warnings(w);
    add_forms(w);
    add_revocations(w);
}

void mk_world_done(struct mk_world *w)
{
    for (size_t i = 0; i < w->n_pool; i++)
        mk_free(&w->pool[i]);
    for (size_t i = 0; i < w->n_crls; i++)
        gnutls_x509_crl_deinit(w->crl[i]);
    *w = (struct mk_world){0};
}

const struct mk_case *mk_find(const struct mk_world *w, const char *name)
{
    for (size_t i = 0; i < w->n_cases; i++)
        if (strcmp(w->cases[i].name, name) == 0)
            return &w->cases[i];
    fprintf(stderr, "mkchain: no case %s\n", name);
    exit(99);
}
