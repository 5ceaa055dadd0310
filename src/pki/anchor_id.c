#include "pki/anchor_id.h"

#include <stdlib.h>
#include <string.h>

#include "pki/name_match.h"
#include "pki/x509file.h"

int anchor_id_new(const struct cert *cert, struct anchor_id **out)
{
    const gnutls_datum_t subject = {(unsigned char *)(uintptr_t)cert->subject.p, (unsigned)cert->subject.n};
    struct certname name;
    struct anchor_id *id = malloc(sizeof(*id) + cert->subject.n + cert->spki.n);
    if (id == NULL)
        return ERR_NOMEM;
    int rc = certname_init(&name, &subject, NULL);
    if (rc < 0) {
        free(id);
        return rc;
    }
    id->refs = 1;
    id->subject = name.text;
    name.text = NULL;
    certname_done(&name);
    memcpy(id->bytes, cert->subject.p, cert->subject.n);
    memcpy(id->bytes + cert->subject.n, cert->spki.p, cert->spki.n);
    id->name = (struct der){id->bytes, cert->subject.n};
    id->spki = (struct der){id->bytes + cert->subject.n, cert->spki.n};
    rc = certinfo_fingerprint(&cert->whole, id->fingerprint_sha256);
    if (rc == 0)
        *out = id;
    else
        anchor_id_unref(id);
    return rc;
}

struct anchor_id *anchor_id_ref(struct anchor_id *id)
{
    if (id != NULL)
        __atomic_add_fetch(&id->refs, 1, __ATOMIC_RELAXED);
    return id;
}

void anchor_id_unref(struct anchor_id *id)
{
    if (id == NULL || __atomic_sub_fetch(&id->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free(id->subject);
    free(id);
}

bool anchor_id_equal(const struct anchor_id *a, const struct anchor_id *b)
{
    return a == b || (der_equal(&a->spki, &b->spki) && name_equal(&a->name, &b->name));
}

bool anchor_set_has(const struct anchor_set *set, const struct anchor_id *id)
{
    size_t i = 0;
    while (i < set->n && !anchor_id_equal(set->id[i], id))
        i++;
    return i < set->n;
}

/* Takes `id` over, success or not. */
static int add(struct anchor_set *set, struct anchor_id *id, struct src src)
{
    if (anchor_set_has(set, id)) {
        anchor_id_unref(id);
        return 0;
    }
    struct anchor_id **ids = realloc(set->id, (set->n + 1) * sizeof(struct anchor_id *));
    if (ids != NULL)
        set->id = ids;
    struct src *srcs = realloc(set->src, (set->n + 1) * sizeof(*srcs));
    if (srcs != NULL)
        set->src = srcs;
    if (ids == NULL || srcs == NULL) {
        anchor_id_unref(id);
        return ERR_NOMEM;
    }
    set->id[set->n] = id;
    set->src[set->n++] = src;
    return 0;
}

static int add_certificate(struct anchor_set *set, gnutls_x509_crt_t crt, const struct conf_text *file,
                           struct diag *diag)
{
    gnutls_datum_t der;
    struct cert cert;
    struct anchor_id *id = NULL;
    const char *why = "its name cannot be read";
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
        return ERR_NOMEM;
    int rc = cert_parse(&der, &cert, &why) ? anchor_id_new(&cert, &id) : ERR_SYNTAX;
    if (rc == 0)
        rc = add(set, id, file->src);
    else if (rc != ERR_NOMEM)
        diag_error(diag, file->src, "client_ca: %s: a certificate in it cannot be used: %s", file->text, why);
    gnutls_free(der.data);
    return rc;
}

static int add_file(struct anchor_set *set, const struct conf_text *name, struct diag *diag)
{
    struct x509file file = {0};
    struct err err;
    int rc = x509file_load(name->text, NULL, NULL, &file, &err);
    if (rc < 0) {
        diag_error(diag, name->src, "client_ca: %s%s", err.text,
                   rc == ERR_CRYPTO ? "; a location has none: name a file here that is not encrypted" : "");
        return rc;
    }
    if (file.n_crts == 0) {
        diag_error(diag, name->src, "client_ca: %s holds %s, not a certificate: name the file with the CA's",
                   name->text, x509file_kind(&file));
        rc = ERR_SYNTAX;
    }
    for (size_t i = 0; i < file.n_crts; i++) {
        int one = add_certificate(set, file.crt[i], name, diag);
        rc = rc != 0 ? rc : one;
    }
    x509file_done(&file);
    return rc;
}

int anchor_set_load(const struct conf_list *files, struct diag *diag, struct anchor_set **out)
{
    struct anchor_set *set = calloc(1, sizeof(*set));
    int rc = set != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; set != NULL && i < files->n; i++) {
        int one = add_file(set, &files->item[i], diag);
        rc = rc != 0 ? rc : one;
    }
    if (rc == ERR_NOMEM)
        diag_error(diag, files->n > 0 ? files->item[0].src : (struct src){0}, "out of memory");
    if (rc == 0)
        *out = set;
    else
        anchor_set_free(set);
    return rc;
}

void anchor_set_free(struct anchor_set *set)
{
    for (size_t i = 0; set != NULL && i < set->n; i++)
        anchor_id_unref(set->id[i]);
    if (set != NULL) {
        free(set->id);
        free(set->src);
    }
    free(set);
}
