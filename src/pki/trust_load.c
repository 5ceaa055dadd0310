/* A listener's CAs and CRLs from their files. */
#include <malloc.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "pki/bounds.h"
#include "pki/trust.h"
#include "pki/trust_impl.h"
#include "pki/verdict_impl.h"
#include "pki/x509file.h"

struct load {
    struct diag *diag;
    struct trust_input input;
    struct crl_shelf *shelf; /* borrowed, may be NULL */
    size_t max_crl_size;
    struct src *ca_src, *crl_src; /* where each CA and each CRL stands, for what is said after the build */
    char *password, *pin;
};

/* NULL without one. */
static char *read_secret(struct load *load, const char *option, const struct conf_text *file)
{
    char *line = NULL;
    struct err err;
    if (file->text != NULL && x509file_secret(file->text, &line, &err) < 0)
        diag_error(load->diag, file->src, "%s: %s", option, err.text);
    return line;
}

static bool grow(void **list, size_t n, size_t more, size_t size)
{
    void *bigger = realloc(*list, (n + more + 1) * size);
    if (bigger == NULL)
        return false;
    *list = bigger;
    return true;
}

static int open_file(struct load *load, const char *option, const struct conf_text *name,
                     struct x509file *file)
{
    struct err err;
    int rc = x509file_load(name->text, load->password, load->pin, file, &err);
    if (rc < 0)
        diag_error(load->diag, name->src, "%s: %s", option, err.text);
    return rc;
}

static char *name_of(const struct der *name)
{
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)name->p, (unsigned)name->n};
    struct certname parsed;
    if (certname_init(&parsed, &der, NULL) < 0)
        return NULL;
    char *text = parsed.text;
    parsed.text = NULL;
    certname_done(&parsed);
    return text;
}

static void lint_ca(struct load *load, const char *option, const struct conf_text *file,
                    gnutls_x509_crt_t crt)
{
    gnutls_datum_t der;
    struct cert cert;
    const char *why;
    char date[CLOCK_TEXT];
    time_t now = clock_now();
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) < 0)
        return;
    if (!cert_parse(&der, &cert, &why)) {
        diag_error(load->diag, file->src, "%s: %s: a certificate in it cannot be used: %s", option,
                   file->text, why);
        gnutls_free(der.data);
        return;
    }
    char *name = name_of(&cert.subject);
    const char *who = name != NULL && name[0] != 0 ? name : "a certificate without a name";
    if (!cert_issues(&cert))
        diag_warning(
            load->diag, file->src,
            "%s: %s: %s is not a CA certificate (no basicConstraints CA:TRUE); it is trusted for itself alone. "
            "Name the certificate of the CA that issues to clients where others are to be let in",
            option, file->text, who);
    if (now > cert.not_after)
        diag_warning(load->diag, file->src, "%s: %s: %s expired on %s; nothing that it issued is accepted",
                     option, file->text, who, clock_rfc3339(cert.not_after, date));
    else if (now < cert.not_before)
        diag_warning(load->diag, file->src, "%s: %s: %s is valid only from %s", option, file->text, who,
                     clock_rfc3339(cert.not_before, date));
    struct bound_excess excess = {0};
    if (!bounds_key_holds(&cert, &excess))
        diag_warning(
            load->diag, file->src,
            "%s: %s: the key of %s has %zu %s, more than %zu: each certificate that bears its name, also a "
            "stranger's, costs more to check than a handshake",
            option, file->text, who, excess.found, excess.bound->what, excess.most);
    free(name);
    gnutls_free(der.data);
}

static int load_cas(struct load *load, const char *option, const struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct x509file file = {0};
        if (open_file(load, option, &list->item[i], &file) < 0)
            continue;
        if (file.n_crts == 0)
            diag_error(load->diag, list->item[i].src,
                       "%s: %s holds %s, not a certificate: name the file with the CA's certificate here%s",
                       option, list->item[i].text, x509file_kind(&file),
                       file.n_crls > 0 ? ", and this one in crl" : "; the CA's key belongs on no server");
        if (!grow((void **)&load->input.ca, load->input.n_ca, file.n_crts, sizeof(gnutls_x509_crt_t)) ||
            !grow((void **)&load->ca_src, load->input.n_ca, file.n_crts, sizeof(struct src))) {
            x509file_done(&file);
            return ERR_NOMEM;
        }
        for (size_t k = 0; k < file.n_crts; k++) {
            lint_ca(load, option, &list->item[i], file.crt[k]);
            load->ca_src[load->input.n_ca] = list->item[i].src;
            load->input.ca[load->input.n_ca++] = file.crt[k];
        }
        file.n_crts = 0; /* they are the input's now */
        x509file_done(&file);
    }
    return 0;
}

/* --- CRLs --- */

struct shelved {
    char *path;
    struct crl **crl; /* a reference each */
    size_t n;
    struct shelved *next;
};

struct crl_shelf {
    struct shelved *first;
};

struct crl_shelf *crl_shelf_new(void)
{
    return calloc(1, sizeof(struct crl_shelf));
}

void crl_shelf_free(struct crl_shelf *shelf)
{
    while (shelf != NULL && shelf->first != NULL) {
        struct shelved *one = shelf->first;
        shelf->first = one->next;
        for (size_t i = 0; i < one->n; i++)
            crl_unref(one->crl[i]);
        free(one->crl);
        free(one->path);
        free(one);
    }
    free(shelf);
}

static const struct shelved *shelf_find(const struct crl_shelf *shelf, const char *path)
{
    const struct shelved *one = shelf != NULL ? shelf->first : NULL;
    while (one != NULL && strcmp(one->path, path) != 0)
        one = one->next;
    return one;
}

/* When memory is short the file is only read again. */
static void shelf_put(struct crl_shelf *shelf, const char *path, struct crl *const *crl, size_t n)
{
    struct shelved *one = shelf != NULL ? calloc(1, sizeof(*one)) : NULL;
    if (one == NULL)
        return;
    one->path = strdup(path);
    one->crl = calloc(n + 1, sizeof(*one->crl));
    if (one->path == NULL || one->crl == NULL) {
        free(one->path);
        free(one->crl);
        free(one);
        return;
    }
    for (; one->n < n; one->n++)
        one->crl[one->n] = crl_ref(crl[one->n]);
    one->next = shelf->first;
    shelf->first = one;
}

static int add_crls(struct load *load, const struct conf_text *name, struct crl *const *crl, size_t more)
{
    size_t n = load->input.n_crls;
    if (!grow((void **)&load->input.crl, n, more, sizeof(struct crl *)) ||
        !grow((void **)&load->crl_src, n, more, sizeof(struct src)))
        return ERR_NOMEM;
    for (size_t k = 0; k < more; k++) {
        load->input.crl[n + k] = crl_ref(crl[k]);
        load->crl_src[n + k] = name->src;
    }
    load->input.n_crls += more;
    return 0;
}

static int load_crl_file(struct load *load, const struct conf_text *name)
{
    const struct shelved *known = shelf_find(load->shelf, name->text);
    struct x509file file = {0};
    struct err err;
    if (known != NULL)
        return add_crls(load, name, known->crl, known->n);
    int rc = x509file_load_crls(name->text, load->max_crl_size, load->password, load->pin, &file, &err);
    if (rc < 0) {
        diag_error(load->diag, name->src, "crl: %s", err.text);
        return 0;
    }
    if (file.n_crls == 0)
        diag_error(
            load->diag, name->src,
            "crl: %s holds %s, not a CRL: name the file with the CA's list of revoked certificates here%s",
            name->text, x509file_kind(&file), file.n_crts > 0 ? ", and a CA's certificate in client_ca" : "");
    rc = add_crls(load, name, file.crl, file.n_crls);
    if (rc == 0 && file.n_crls > 0)
        shelf_put(load->shelf, name->text, file.crl, file.n_crls);
    x509file_done(&file);
    return rc;
}

static int load_crls(struct load *load, const struct conf_list *list)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->n; i++)
        rc = load_crl_file(load, &list->item[i]);
    return rc;
}

/* A configured CA without a CRL while others have one: everything that it issued is refused. */
static void lint_coverage(struct trust *trust, const struct anchor *a, struct diag *diag)
{
    bool own = false, below = false;
    if (a->unreadable != NULL || !cert_issues(&a->cert) || trust->n_crls == 0 ||
        trust->crl_check == CRL_CHECK_OFF)
        return;
    for (size_t i = 0; i < trust->n_crls; i++) {
        size_t first;
        if (name_equal(&trust->crl[i].crl->issuer, &a->cert.subject))
            own = true;
        else if (trust_find(trust, &trust->crl[i].crl->issuer, &first) == 0)
            below = true; /* of an intermediate, which clients send */
    }
    for (size_t i = 0; i < trust->n_anchors; i++) /* or one that is configured itself */
        below = below || (trust->anchor[i].unreadable == NULL && !cert_self_issued(&trust->anchor[i].cert) &&
                          name_equal(&trust->anchor[i].cert.issuer, &a->cert.subject));
    if (!own)
        trust_warn_crl(
            trust, a->src, TRUST_NOTE_NEVER, diag,
            "there are CRLs, but none of %s; certificates that it issued are refused (crl_missing)",
            a->name.text);
    else if (!below && a->cert.path_len != 0)
        trust_warn_crl(trust, a->src, TRUST_NOTE_NEVER, diag,
                       "there is a CRL of %s, but none of a CA below it: clients whose certificate such a CA "
                       "issued are refused (crl_missing); add the CRL of each, or crl_check = off",
                       a->name.text);
}

static bool has_base(const struct trust *trust, const struct crl *delta)
{
    for (size_t i = 0; i < trust->n_crls; i++)
        if (trust->crl[i].problem == NULL && crl_combines(trust->crl[i].crl, delta))
            return true;
    return false;
}

/* A complete list has what the delta adds. */
static bool overtaken(const struct trust *trust, const struct crl *delta)
{
    for (size_t i = 0; i < trust->n_crls; i++)
        if (trust->crl[i].problem == NULL && crl_overtakes(trust->crl[i].crl, delta))
            return true;
    return false;
}

/* What a complete CRL that is over then does: as check_freshness in verdict_crl.c decides. */
static void stale_means(const struct trust *trust, const struct crl *crl, time_t now, struct buf *out)
{
    char date[CLOCK_TEXT];
    const time_t until = crl->next_update + (time_t)trust->crl_grace;
    if (trust->crl_check == CRL_CHECK_OFF)
        buf_puts(out, "no certificate is checked against it (crl_check = off)");
    else if (trust->crl_stale == CRL_STALE_ACCEPT)
        buf_puts(out, "it counts all the same (crl_stale = accept)");
    else if (trust->crl_stale == CRL_STALE_GRACE && now <= until)
        buf_printf(out, "it counts until %s, then certificates of that issuer are refused (crl_stale)",
                   clock_rfc3339(until, date));
    else
        buf_puts(out, "certificates of that issuer are refused (crl_stale)");
}

static void lint_dates(struct trust *trust, const struct crl *crl, const char *who, struct src src,
                       time_t now, struct diag *diag)
{
    char date[CLOCK_TEXT];
    const char *kind = crl->is_delta ? "delta CRL" : "CRL";
    if (crl->this_update > now)
        trust_warn_crl(trust, src, crl->this_update, diag,
                       "the %s of %s comes from the future (%s); is the clock right?", kind, who,
                       clock_rfc3339(crl->this_update, date));
    else if (crl->next_update < now && !trust_crl_superseded(trust, crl)) {
        struct buf means;
        buf_init(&means, 0);
        if (!crl->is_delta)
            stale_means(trust, crl, now, &means);
        diag_warning(diag, src, "the %s of %s is stale since %s%s%s; fetch it again", kind, who,
                     clock_rfc3339(crl->next_update, date), means.len > 0 ? ": " : "",
                     means.len > 0 ? means.data : "");
        buf_done(&means);
    }
}

static void lint_crl(struct trust *trust, const struct trust_crl *one, struct src src, time_t now,
                     struct diag *diag)
{
    const struct crl *crl = one->crl;
    size_t first;
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)crl->issuer.p, (unsigned)crl->issuer.n};
    struct certname name = {0};
    const char *who = certname_init(&name, &der, NULL) == 0 ? name.text : "an issuer";
    if (one->problem != NULL)
        trust_warn_crl(trust, src, TRUST_NOTE_NEVER, diag,
                       "the CRL of %s is not used: %s; certificates of that issuer are refused", who,
                       one->problem);
    else
        lint_dates(trust, crl, who, src, now, diag);
    for (size_t i = 0; one->problem == NULL && i < crl->n_odd; i++)
        diag_warning(diag, src, "the CRL of %s is used, but %s", who, crl->odd[i]);
    /* One that a new complete list has overtaken is nothing unusual either. */
    if (one->problem == NULL && crl->is_delta && !has_base(trust, crl) && !overtaken(trust, crl))
        trust_warn_crl(
            trust, src, TRUST_NOTE_NEVER, diag,
            "the delta CRL of %s fits none of the complete CRLs here: whom it lists is refused, but "
            "nobody whom it takes off a list is let in; fetch the complete CRL again",
            who);
    /* That of an intermediate, which clients send, is nothing unusual; that of a stranger probably is a
     * mistake. */
    if (trust_find(trust, &crl->issuer, &first) == 0 && trust_relative(trust, &name) == NULL)
        diag_warning(
            diag, src,
            "the CRL of %s is of no configured CA; it only counts when a client sends a CA of that name",
            who);
    certname_done(&name);
}

/* The newest list of the same kind is the one that counts. */
static bool has_newer(const struct trust *trust, const struct crl *crl)
{
    for (size_t i = 0; i < trust->n_crls; i++)
        if (trust->crl[i].problem == NULL && crl_is_older(crl, trust->crl[i].crl))
            return true;
    return false;
}

void trust_warn_older_crls(const struct trust *old, const struct trust *trust, struct src src,
                           struct diag *diag)
{
    for (size_t i = 0; i < trust->n_crls; i++) {
        const struct crl *crl = trust->crl[i].crl;
        if (trust->crl[i].problem != NULL || has_newer(trust, crl) || !has_newer(old, crl))
            continue;
        char *name = name_of(&crl->issuer);
        diag_warning(
            diag, src,
            "crl: the CRL of %s is older than the one before, its CRL number went backwards: whoever "
            "was revoked in between is let in again",
            name != NULL ? name : "an issuer");
        free(name);
    }
}

static void lint(struct trust *trust, const struct load *load)
{
    time_t now = clock_now();
    for (size_t i = 0; i < trust->n_anchors; i++)
        lint_coverage(trust, &trust->anchor[i], load->diag);
    for (size_t i = 0; i < trust->n_crls; i++)
        lint_crl(trust, &trust->crl[i], load->crl_src[i], now, load->diag);
}

static bool any_location_chooses(const struct conf *conf)
{
    size_t i = 0;
    while (i < conf->n_locations && conf->location[i].client_ca.n == 0)
        i++;
    return i < conf->n_locations;
}

int trust_load(const struct conf *conf, const struct conf_listener *listener, struct crl_shelf *shelf,
               struct diag *diag, struct trust **out)
{
    struct load load = {
        .diag = diag,
        .shelf = shelf,
        .max_crl_size = (size_t)conf->max_crl_size,
        .input = {.form = listener->certificate_form,
                  .crl_check = listener->crl_check,
                  .crl_stale = listener->crl_stale_mode,
                  .crl_grace = listener->crl_grace,
                  .verify_depth = (unsigned)listener->verify_depth,
                  .expires_soon = conf->expires_soon,
                  .every_end = any_location_chooses(conf)},
    };
    struct trust *trust = NULL;
    struct err err;
    unsigned errors = diag->errors;
    load.password = read_secret(&load, "password_file", &listener->password_file);
    load.pin = read_secret(&load, "pin_file", &listener->pin_file);
    int rc = load_cas(&load, "client_ca", &listener->client_ca);
    load.input.n_advertised = load.input.n_ca;
    if (rc == 0)
        rc = load_cas(&load, "trusted_ca", &listener->trusted_ca);
    if (rc == 0)
        rc = load_crls(&load, &listener->crl);
    if (rc < 0) {
        diag_error(diag, listener->src, "out of memory");
        goto out;
    }
    rc = ERR_SYNTAX;
    if (diag->errors > errors)
        goto out;
    load.input.ca_src = load.ca_src;
    rc = trust_new(&load.input, &trust, &err);
    if (rc < 0) {
        diag_error(diag, listener->crl.n > 0 ? listener->crl.item[0].src : listener->src, "%s", err.text);
        goto out;
    }
    lint(trust, &load);
    rc = trust_take_notes(trust, clock_now());
    if (rc < 0) {
        trust_unref(trust);
        diag_error(diag, listener->src, "out of memory");
        goto out;
    }
    *out = trust;
out:
    trust_input_drop(&load.input);
    free(load.input.ca);
    free(load.input.crl);
    if (listener->crl.n > 0) /* the file was held in the heap, and may have been large */
        malloc_trim(0);
    free(load.ca_src);
    free(load.crl_src);
    x509file_wipe_text(load.password);
    x509file_wipe_text(load.pin);
    return rc;
}
