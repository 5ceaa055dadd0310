/* Which of several certificates a client gets. GnuTLS's own choice takes names for equal only when they are
 * so letter by letter, so that a wildcard certificate would be nobody's. */
#include <gnutls/abstract.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pki/creds_impl.h"

enum { MOST_NAME = 255 };

/* RFC 8446 section 4.2.3: with what a key signs. In TLS 1.2 a hash says nothing about the curve, and PKCS#1
 * v1.5 is still there. */
static const struct {
    enum creds_kind kind;
    uint16_t signature_algorithm;
    bool only_tls12;
} SIGNS[] = {
    {CREDS_P256, 0x0403, false},    {CREDS_P256, 0x0503, true},     {CREDS_P256, 0x0603, true},
    {CREDS_ED25519, 0x0807, false}, {CREDS_P384, 0x0503, false},    {CREDS_P384, 0x0403, true},
    {CREDS_P384, 0x0603, true},     {CREDS_P521, 0x0603, false},    {CREDS_P521, 0x0403, true},
    {CREDS_P521, 0x0503, true},     {CREDS_RSA_PSS, 0x0809, false}, {CREDS_RSA_PSS, 0x080a, false},
    {CREDS_RSA_PSS, 0x080b, false}, {CREDS_RSA, 0x0804, false},     {CREDS_RSA, 0x0805, false},
    {CREDS_RSA, 0x0806, false},     {CREDS_RSA, 0x0401, true},      {CREDS_RSA, 0x0501, true},
    {CREDS_RSA, 0x0601, true},
};

/* The suites of TLS 1.2 that the server speaks name the kind of key. */
static const struct {
    uint16_t suite;
    bool rsa;
} SUITES[] = {
    {0xc02b, false}, {0xc02c, false}, {0xcca9, false}, /* ECDHE_ECDSA: AES-GCM, ChaCha20 */
    {0xc02f, true},  {0xc030, true},  {0xcca8, true},  /* ECDHE_RSA */
};

/* RFC 8422 section 5.1.1 */
static const struct {
    enum creds_kind kind;
    uint16_t group;
} CURVES[] = {{CREDS_P256, 23}, {CREDS_P384, 24}, {CREDS_P521, 25}};

enum creds_kind creds_kind_of(const gnutls_pcert_st *leaf)
{
    gnutls_ecc_curve_t curve;
    switch (gnutls_pubkey_get_pk_algorithm(leaf->pubkey, NULL)) {
    case GNUTLS_PK_RSA:
        return CREDS_RSA;
    case GNUTLS_PK_RSA_PSS:
        return CREDS_RSA_PSS;
    case GNUTLS_PK_EDDSA_ED25519:
        return CREDS_ED25519;
    case GNUTLS_PK_ECDSA:
        if (gnutls_pubkey_export_ecc_raw(leaf->pubkey, &curve, NULL, NULL) < 0)
            return CREDS_UNUSABLE;
        return curve == GNUTLS_ECC_CURVE_SECP256R1   ? CREDS_P256
               : curve == GNUTLS_ECC_CURVE_SECP384R1 ? CREDS_P384
               : curve == GNUTLS_ECC_CURVE_SECP521R1 ? CREDS_P521
                                                     : CREDS_UNUSABLE;
    default:
        return CREDS_UNUSABLE;
    }
}

/* --- the index --- */

static int by_name(const void *left, const void *right)
{
    const struct creds_name *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = (int)a->kind - (int)b->kind;
    return order != 0 ? order : a->set < b->set ? -1 : a->set > b->set;
}

static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)text_lower((unsigned char)*text);
}

static int check_kinds(const struct creds *creds, struct diag *diag)
{
    int rc = 0;
    for (size_t i = 0; i < creds->n; i++) {
        const struct creds_set *set = &creds->set[i];
        const struct certinfo *leaf = set->chain[0];
        if (set->kind != CREDS_UNUSABLE)
            continue;
        diag_error(diag, set->crt_src,
                   "certificate: the key of %s (%s%s%s) is of a kind that TLS does not use here: ECDSA with "
                   "P-256 is good, P-384, P-521, Ed25519 and RSA are there too",
                   set->crt_file, leaf->key_algorithm, leaf->curve ? ", " : "",
                   leaf->curve ? leaf->curve : "");
        rc = ERR_CRYPTO;
    }
    return rc;
}

int creds_index(struct creds *creds, struct diag *diag)
{
    size_t names = 0;
    int rc = check_kinds(creds, diag);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < creds->n; i++)
        names += creds->leaf[i]->dns_names.n;
    creds->name = calloc(names + 1, sizeof *creds->name);
    if (!creds->name)
        return ERR_NOMEM;
    for (size_t i = 0; i < creds->n; i++) {
        for (size_t j = 0; j < creds->leaf[i]->dns_names.n; j++) {
            /* Escaped where it is no name that a client could send. */
            char *name = strdup(creds->leaf[i]->dns_names.v[j].text);
            if (!name)
                return ERR_NOMEM;
            lower(name);
            creds->name[creds->n_names++] = (struct creds_name){name, creds->set[i].kind, i};
        }
    }
    qsort(creds->name, creds->n_names, sizeof *creds->name, by_name);
    return 0;
}

/* --- the choice --- */

static bool lists(const struct creds_list *list, uint16_t number)
{
    for (size_t i = 0; i + 1 < list->n; i += 2) {
        if (list->p[i] == number >> 8 && list->p[i + 1] == (number & 0xff))
            return true;
    }
    return false;
}

static bool can_sign(enum creds_kind kind, const struct creds_hello *hello, bool tls13)
{
    for (size_t i = 0; i < ARRAY_LEN(SIGNS); i++) {
        if (SIGNS[i].kind == kind && !(SIGNS[i].only_tls12 && tls13) &&
            lists(&hello->signature_algorithms, SIGNS[i].signature_algorithm))
            return true;
    }
    return false;
}

/* In TLS 1.3 neither suites nor groups speak of certificates. */
static bool has_suite(enum creds_kind kind, const struct creds_hello *hello)
{
    bool rsa = kind == CREDS_RSA || kind == CREDS_RSA_PSS;
    for (size_t i = 0; i < ARRAY_LEN(SUITES); i++) {
        if (SUITES[i].rsa == rsa && lists(&hello->cipher_suites, SUITES[i].suite))
            return true;
    }
    return false;
}

static bool has_curve(enum creds_kind kind, const struct creds_hello *hello)
{
    for (size_t i = 0; hello->has_groups && i < ARRAY_LEN(CURVES); i++) {
        if (CURVES[i].kind == kind)
            return lists(&hello->groups, CURVES[i].group);
    }
    return true;
}

unsigned creds_kinds(const struct creds_hello *hello, bool tls13)
{
    unsigned kinds = 0;
    for (unsigned kind = 0; kind < CREDS_UNUSABLE; kind++) {
        if (can_sign(kind, hello, tls13) && (tls13 || (has_suite(kind, hello) && has_curve(kind, hello))))
            kinds |= 1u << kind;
    }
    return kinds;
}

static bool fits(const struct creds_set *set, const struct creds_offer *offer)
{
    return (offer->kinds & 1u << set->kind) != 0;
}

/* The first of the sorted names that is not before `name`. */
static size_t first_name(const struct creds *creds, const char *name)
{
    size_t low = 0, high = creds->n_names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(creds->name[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The best set for this name that the client can use. */
static const struct creds_set *choose_named(const struct creds *creds, const char *name,
                                            const struct creds_offer *offer)
{
    for (size_t i = first_name(creds, name); i < creds->n_names && strcmp(creds->name[i].name, name) == 0;
         i++) {
        const struct creds_set *set = &creds->set[creds->name[i].set];
        if (fits(set, offer))
            return set;
    }
    return NULL;
}

/* By a name as a client or a certificate has it. */
static const struct creds_set *choose_by(const struct creds *creds, const char *server_name,
                                         const struct creds_offer *offer)
{
    char name[MOST_NAME + 1];
    size_t len = strlen(server_name);
    if (len == 0 || len > MOST_NAME)
        return NULL;
    memcpy(name, server_name, len + 1);
    lower(name);
    const struct creds_set *set = choose_named(creds, name, offer);
    char *dot = strchr(name, '.');
    if (!set && dot && dot > name) { /* RFC 6125 section 6.4.3: the star stands for one whole label */
        dot[-1] = '*';
        set = choose_named(creds, dot - 1, offer);
    }
    return set;
}

static const struct creds_set *choose(const struct creds *creds, const struct creds_offer *offer)
{
    const struct creds_set *set = choose_by(creds, offer->server_name, offer);
    /* Who asks for nobody, or for somebody unknown, gets what is configured first, of whatever kind it can
     * use. */
    const struct certvalues *first = &creds->leaf[0]->dns_names;
    if (!set && first->n > 0)
        set = choose_by(creds, first->v[0].text, offer);
    for (size_t i = 0; !set && i < creds->n; i++) {
        if (fits(&creds->set[i], offer))
            set = &creds->set[i];
    }
    return set ? set : &creds->set[0];
}

bool creds_several(const struct creds *creds)
{
    return creds->n > 1;
}

void creds_choose(const struct creds *creds, const struct creds_offer *offer, struct creds_choice *out)
{
    const struct creds_set *set = creds_several(creds) ? choose(creds, offer) : &creds->set[0];
    *out = (struct creds_choice){
        .pcert = set->pcert,
        .chain = (const struct certinfo *const *)set->chain,
        .n = (unsigned)set->n,
        .staple = set->staple,
        .n_staples = set->staple ? (unsigned)set->n : 0,
        .key = set->key,
    };
}

bool creds_cover(const struct creds *creds, const char *name)
{
    const struct creds_offer any = {.server_name = name, .kinds = ~0U};
    const size_t len = strlen(name);
    bool covers = choose_by(creds, name, &any) != NULL;
    for (size_t i = 0; *name == '*' && !covers && i < creds->n_names; i++) {
        const size_t n = strlen(creds->name[i].name);
        covers = n >= len && strcmp(creds->name[i].name + n - (len - 1), name + 1) == 0;
    }
    return covers;
}
