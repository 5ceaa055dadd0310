#include "pki/trust.h"

#include <stdlib.h>
#include <strings.h>

#include "pki/trust_impl.h"

static int compare_subjects(const void *a, const void *b, void *cls)
{
    const struct anchor *anchor = cls;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (anchor[i].hash != anchor[j].hash)
        return anchor[i].hash < anchor[j].hash ? -1 : 1;
    return (i > j) - (i < j); /* the order of the configuration decides between equals */
}

/* Of anchors whose names have one hash all have one name: somebody has made the others so. */
static void sort_by_subject(struct trust *trust)
{
    size_t n = 0;
    for (size_t i = 0; i < trust->n_anchors; i++)
        if (trust->anchor[i].unreadable == NULL)
            trust->by_subject[trust->n_by_subject++] = i;
    qsort_r(trust->by_subject, trust->n_by_subject, sizeof(size_t), compare_subjects, trust->anchor);
    for (size_t i = 0; i < trust->n_by_subject; i++) {
        struct anchor *a = &trust->anchor[trust->by_subject[i]];
        const struct anchor *before = n > 0 ? &trust->anchor[trust->by_subject[n - 1]] : NULL;
        if (before != NULL && before->hash == a->hash && !name_equal(&before->cert.subject, &a->cert.subject))
            a->unreadable = "its name cannot be told from another one's";
        else
            trust->by_subject[n++] = trust->by_subject[i];
    }
    trust->n_by_subject = n;
}

size_t trust_find(const struct trust *trust, const struct der *subject, size_t *first)
{
    uint64_t hash = name_hash(subject);
    size_t low = 0, high = trust->n_by_subject;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (trust->anchor[trust->by_subject[mid]].hash < hash)
            low = mid + 1;
        else
            high = mid;
    }
    *first = low;
    size_t n = 0;
    while (low + n < trust->n_by_subject && trust->anchor[trust->by_subject[low + n]].hash == hash)
        n++;
    return n > 0 && name_equal(&trust->anchor[trust->by_subject[low]].cert.subject, subject) ? n : 0;
}

const struct anchor *trust_holds(const struct trust *trust, const struct cert *cert)
{
    for (size_t i = 0; i < trust->n_anchors; i++) {
        const struct anchor *anchor = &trust->anchor[i];
        if (anchor->der.size == cert->whole.n && anchor->unreadable == NULL &&
            der_equal(&anchor->cert.whole, &cert->whole))
            return anchor;
    }
    return NULL;
}

const char *trust_shared_name(const struct trust *one, const struct trust *other)
{
    for (size_t i = 0; i < one->n_by_subject; i++) {
        const struct anchor *anchor = &one->anchor[one->by_subject[i]];
        size_t first, n = trust_find(other, &anchor->cert.subject, &first);
        for (size_t j = 0; j < n; j++)
            if (!der_equal(&other->anchor[other->by_subject[first + j]].cert.spki, &anchor->cert.spki))
                return anchor->name.text;
    }
    return NULL;
}

bool trust_has(const struct trust *trust, const struct anchor_id *id)
{
    for (size_t i = 0; i < trust->n_anchors; i++)
        if (trust->anchor[i].unreadable == NULL && anchor_id_equal(trust->anchor[i].id, id))
            return true;
    return false;
}

const struct anchor_id *trust_short_of(const struct trust *trust, const struct anchor_set *set,
                                       const struct anchor_id **above)
{
    for (size_t i = 0; i < trust->n_by_subject; i++) {
        const struct anchor *a = &trust->anchor[trust->by_subject[i]];
        if (anchor_set_has(set, a->id))
            continue;
        for (size_t k = 0; k < set->n; k++)
            if (name_equal(&a->cert.issuer, &set->id[k]->name) &&
                !name_equal(&a->cert.subject, &set->id[k]->name)) {
                *above = set->id[k];
                return a->id;
            }
    }
    return NULL;
}

size_t trust_chain_length(const struct trust *trust)
{
    size_t longest = 0;
    for (size_t i = 0; i < trust->n_by_subject; i++) {
        const struct anchor *a = &trust->anchor[trust->by_subject[i]];
        size_t length = 0, first;
        for (unsigned depth = 0; depth <= trust->verify_depth; depth++) {
            length += (a->der.size + 2) / 3 * 4 + strlen("::, ");
            if (name_equal(&a->cert.issuer, &a->cert.subject) ||
                trust_find(trust, &a->cert.issuer, &first) == 0)
                break;
            a = &trust->anchor[trust->by_subject[first]];
        }
        longest = length > longest ? length : longest;
    }
    return longest;
}

const struct certname_attr *trust_attribute(const struct certname *name, const char *label)
{
    for (size_t i = 0; i < name->n; i++)
        if (strcmp(name->attr[i].label, label) == 0)
            return &name->attr[i];
    return NULL;
}

const struct anchor *trust_relative(const struct trust *trust, const struct certname *name)
{
    static const char *const kinds[] = {"O", "DC"};
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct certname_attr *mine = trust_attribute(name, kinds[k]);
        if (mine == NULL)
            continue;
        for (size_t i = 0; i < trust->n_by_subject; i++) {
            const struct anchor *anchor = &trust->anchor[trust->by_subject[i]];
            const struct certname_attr *a = trust_attribute(&anchor->name, kinds[k]);
            bool same = a != NULL && a->len == mine->len &&
                        strncasecmp((const char *)a->value, (const char *)mine->value, a->len) == 0;
            if (same)
                return anchor;
        }
    }
    return NULL;
}

static bool have_anchor(const struct trust *trust, const gnutls_datum_t *der)
{
    for (size_t i = 0; i < trust->n_anchors; i++)
        if (trust->anchor[i].der.size == der->size &&
            memcmp(trust->anchor[i].der.data, der->data, der->size) == 0)
            return true;
    return false;
}

/* Takes `crt` over, success or not. */
static int add_anchor(struct trust *trust, gnutls_x509_crt_t crt, struct src src, struct err *err)
{
    struct anchor a = {.crt = crt, .src = src};
    int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &a.der);
    if (rc < 0)
        goto out;
    if (have_anchor(trust, &a.der))
        goto out;
    if (cert_parse(&a.der, &a.cert, &a.unreadable)) {
        gnutls_datum_t subject = {(unsigned char *)(uintptr_t)a.cert.subject.p, (unsigned)a.cert.subject.n};
        int named = certname_init(&a.name, &subject, NULL);
        if (named == ERR_NOMEM)
            rc = GNUTLS_E_MEMORY_ERROR;
        else if (named < 0)
            a.unreadable = "its name cannot be read";
    }
    if (rc < 0)
        goto out;
    if (a.unreadable == NULL) {
        a.hash = name_hash(&a.cert.subject);
        int known = anchor_id_new(&a.cert, &a.id);
        rc = known == ERR_NOMEM ? GNUTLS_E_MEMORY_ERROR : known < 0 ? GNUTLS_E_HASH_FAILED : 0;
        if (rc < 0)
            goto out;
    }
    trust->anchor[trust->n_anchors++] = a;
    return 0;
out:
    certname_done(&a.name);
    gnutls_free(a.der.data);
    gnutls_x509_crt_deinit(crt);
    if (rc == GNUTLS_E_MEMORY_ERROR)
        return err_nomem(err);
    return rc < 0 ? err_set(err, ERR_CRYPTO, "a trusted certificate cannot be used: %s", gnutls_strerror(rc))
                  : 0;
}

static int advertise(struct trust *trust, size_t n)
{
    trust->advertised = calloc(n + 1, sizeof(*trust->advertised));
    trust->advertised_crt = calloc(n + 1, sizeof(gnutls_x509_crt_t));
    if (trust->advertised == NULL || trust->advertised_crt == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        struct anchor *a = &trust->anchor[i];
        bool twice = a->unreadable != NULL;
        a->advertised = !twice;
        for (size_t k = 0; k < trust->n_advertised && !twice; k++) {
            const struct der name = {trust->advertised[k].der, trust->advertised[k].der_len};
            twice = der_equal(&name, &a->cert.subject);
        }
        if (twice)
            continue;
        trust->advertised[trust->n_advertised] = a->name;
        trust->advertised_crt[trust->n_advertised++] = a->crt;
    }
    return 0;
}

bool trust_signed(const struct trust *trust, struct crl *crl)
{
    size_t first, n = trust_find(trust, &crl->issuer, &first);
    for (size_t i = 0; i < n; i++) {
        const struct anchor *a = &trust->anchor[trust->by_subject[first + i]];
        if (crl_signed_by(crl, a->crt, &a->cert))
            return true;
    }
    return false;
}

/* A CRL under the name of a configured CA must be that CA's. One under another name may belong to an
 * intermediate that clients send; it is checked when that intermediate is known. */
static int check_crl(struct trust *trust, struct trust_crl *one, bool keep_forged, struct err *err)
{
    const struct crl *crl = one->crl;
    size_t first, n = trust_find(trust, &crl->issuer, &first);
    bool may = false;
    if (n == 0 || trust_signed(trust, one->crl))
        return 0;
    for (size_t i = 0; i < n; i++)
        may = may || cert_may(&trust->anchor[trust->by_subject[first + i]].cert, GNUTLS_KEY_CRL_SIGN);
    one->problem = may ? "its signature is not that of the CA whose name it bears"
                       : "the CA whose name it bears must not sign CRLs (key usage without cRLSign)";
    if (keep_forged || !may)
        return 0;
    struct certname name;
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)crl->issuer.p, (unsigned)crl->issuer.n};
    if (certname_init(&name, &der, NULL) < 0)
        return err_set(err, ERR_CRYPTO, "a CRL is not signed by the CA whose name it bears");
    int rc =
        err_set(err, ERR_CRYPTO,
                "the CRL of %s is not signed by the configured CA of that name; fetch it again", name.text);
    certname_done(&name);
    return rc;
}

void trust_input_drop(struct trust_input *input)
{
    for (size_t i = 0; i < input->n_ca; i++)
        gnutls_x509_crt_deinit(input->ca[i]);
    for (size_t i = 0; i < input->n_crls; i++)
        crl_unref(input->crl[i]);
    input->n_ca = input->n_crls = 0;
}

int trust_new(struct trust_input *input, struct trust **out, struct err *err)
{
    struct trust *trust = calloc(1, sizeof(*trust));
    int rc = ERR_NOMEM;
    size_t used_ca = 0, used_crl = 0, n_advertised = 0;
    if (trust == NULL)
        goto out;
    trust->refs = 1;
    trust->form = input->form;
    trust->crl_check = input->crl_check;
    trust->crl_stale = input->crl_stale;
    trust->crl_grace = input->crl_grace;
    trust->verify_depth = input->verify_depth;
    trust->expires_soon = input->expires_soon;
    trust->every_end = input->every_end;
    trust->anchor = calloc(input->n_ca + 1, sizeof(*trust->anchor));
    trust->by_subject = calloc(input->n_ca + 1, sizeof(*trust->by_subject));
    trust->crl = calloc(input->n_crls + 1, sizeof(*trust->crl));
    if (trust->anchor == NULL || trust->by_subject == NULL || trust->crl == NULL)
        goto out;
    while (used_ca < input->n_ca) {
        struct src src = input->ca_src != NULL ? input->ca_src[used_ca] : (struct src){NULL, 0};
        rc = add_anchor(trust, input->ca[used_ca++], src, err);
        if (rc < 0)
            goto out;
        if (used_ca <= input->n_advertised)
            n_advertised = trust->n_anchors;
    }
    sort_by_subject(trust);
    rc = advertise(trust, n_advertised);
    if (rc < 0)
        goto out;
    while (used_crl < input->n_crls) {
        struct trust_crl *one = &trust->crl[trust->n_crls++];
        one->crl = input->crl[used_crl++];
        one->problem = one->crl->problem != NULL                                       ? one->crl->problem
                       : input->form == CERTIFICATE_FORM_STRICT && one->crl->n_odd > 0 ? one->crl->odd[0]
                                                                                       : NULL;
        rc = check_crl(trust, one, input->keep_forged_crls, err);
        if (rc < 0)
            goto out;
    }
    *out = trust;
    trust = NULL;
    rc = 0;
out:
    for (size_t i = 0; i < used_ca; i++)
        input->ca[i] = NULL;
    for (size_t i = 0; i < used_crl; i++)
        input->crl[i] = NULL;
    trust_input_drop(input);
    trust_unref(trust);
    return rc == ERR_NOMEM ? err_nomem(err) : rc;
}

struct trust *trust_ref(struct trust *trust)
{
    if (trust != NULL)
        __atomic_add_fetch(&trust->refs, 1, __ATOMIC_RELAXED);
    return trust;
}

void trust_unref(struct trust *trust)
{
    if (trust == NULL || __atomic_sub_fetch(&trust->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free(trust->advertised);
    free(trust->advertised_crt);
    for (size_t i = 0; i < trust->n_anchors; i++) {
        gnutls_x509_crt_deinit(trust->anchor[i].crt);
        certname_done(&trust->anchor[i].name);
        anchor_id_unref(trust->anchor[i].id);
        gnutls_free(trust->anchor[i].der.data);
    }
    free(trust->anchor);
    free(trust->by_subject);
    for (size_t i = 0; i < trust->n_crls; i++)
        crl_unref(trust->crl[i].crl);
    free(trust->crl);
    trust_forget_notes(trust);
    free(trust);
}

const struct certname *trust_advertised(const struct trust *trust, size_t *n)
{
    *n = trust->n_advertised;
    return trust->advertised;
}

const gnutls_x509_crt_t *trust_advertised_crts(const struct trust *trust, size_t *n)
{
    *n = trust->n_advertised;
    return trust->advertised_crt;
}

const gnutls_datum_t *trust_anchor(const struct trust *trust, size_t i)
{
    return i < trust->n_anchors ? &trust->anchor[i].der : NULL;
}

bool trust_crl_superseded(const struct trust *trust, const struct crl *crl)
{
    for (size_t i = 0; i < trust->n_crls; i++)
        if (trust->crl[i].problem == NULL && crl_replaces(trust->crl[i].crl, crl))
            return true;
    return false;
}

/* A delta only adds to a complete list, which is good for as long as it says itself. */
time_t trust_crl_next_update(const struct trust *trust)
{
    time_t earliest = 0;
    for (size_t i = 0; i < trust->n_crls; i++) {
        const struct crl *crl = trust->crl[i].crl;
        if (trust->crl[i].problem == NULL && !crl->is_delta && !trust_crl_superseded(trust, crl) &&
            (earliest == 0 || crl->next_update < earliest))
            earliest = crl->next_update;
    }
    return earliest;
}
