#include "cmd/trust_files.h"

#include <stdlib.h>
#include <string.h>

#include "pki/x509file.h"

/* Whoever names the CRLs on a command line may have any that a listener can be given. */
enum { EXPIRES_SOON = 30 * 24 * 3600, CRLS_MOST = 1024 * 1024 * 1024 };

/* Room for more objects behind those that are there. */
static int grow(struct trust_input *input, size_t crts, size_t crls, struct err *err)
{
    gnutls_x509_crt_t *ca = realloc(input->ca, (input->n_ca + crts + 1) * sizeof(*ca));
    if (ca != NULL)
        input->ca = ca;
    struct crl **crl = realloc(input->crl, (input->n_crls + crls + 1) * sizeof(*crl));
    if (crl != NULL)
        input->crl = crl;
    return ca != NULL && crl != NULL ? 0 : err_nomem(err);
}

/* Moves what `path` holds to the end of the lists. */
static int take_file(const char *path, bool want_crls, struct trust_input *input, struct err *err)
{
    struct x509file file = {0};
    int rc = want_crls ? x509file_load_crls(path, CRLS_MOST, NULL, NULL, &file, err)
                       : x509file_load(path, NULL, NULL, &file, err);
    if (rc == 0 && (want_crls ? file.n_crls == 0 : file.n_crts == 0))
        rc = err_set(err, ERR_NOTFOUND, "%s: there is no %s in it, but %s%s", path,
                     want_crls ? "CRL" : "certificate", x509file_kind(&file),
                     want_crls && file.n_crts > 0    ? ": name it by --ca"
                     : !want_crls && file.n_crls > 0 ? ": name it by --crl"
                                                     : "");
    if (rc == 0)
        rc = grow(input, file.n_crts, file.n_crls, err);
    if (rc == 0 && want_crls) {
        for (size_t i = 0; i < file.n_crls; i++)
            input->crl[input->n_crls++] = file.crl[i];
        file.n_crls = 0;
    } else if (rc == 0) {
        for (size_t i = 0; i < file.n_crts; i++)
            input->ca[input->n_ca++] = file.crt[i];
        file.n_crts = 0;
    }
    x509file_done(&file);
    return rc;
}

/* Copies the CAs of the system's store. */
static int take_system(struct trust_input *input, struct err *err)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_trust_list_iter_t next = NULL;
    gnutls_x509_crt_t crt;
    if (gnutls_x509_trust_list_init(&list, 0) < 0)
        return err_nomem(err);
    int n = gnutls_x509_trust_list_add_system_trust(list, 0, 0);
    int rc = n > 0 ? 0 : err_set(err, ERR_NOTFOUND, "the system has no store of trusted CAs: give --ca FILE");
    while (rc == 0 && gnutls_x509_trust_list_iter_get_ca(list, &next, &crt) >= 0) {
        rc = grow(input, 1, 0, err);
        if (rc == 0)
            input->ca[input->n_ca++] = crt;
        else
            gnutls_x509_crt_deinit(crt);
    }
    if (next != NULL)
        gnutls_x509_trust_list_iter_deinit(next);
    gnutls_x509_trust_list_deinit(list, 1);
    return rc;
}

bool trust_parse_form(const char *word, enum certificate_form *out)
{
    bool strict = strcmp(word, "strict") == 0;
    if (!strict && strcmp(word, "standard") != 0)
        return false;
    *out = strict ? CERTIFICATE_FORM_STRICT : CERTIFICATE_FORM_STANDARD;
    return true;
}

int trust_from_files(const struct trust_files *files, struct trust **out, struct err *err)
{
    struct trust_input input = {.form = files->form,
                                .crl_check = CRL_CHECK_CHAIN,
                                .crl_stale = CRL_STALE_REFUSE,
                                .verify_depth = files->depth,
                                .expires_soon = EXPIRES_SOON,
                                .keep_forged_crls = true};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < files->n_ca; i++)
        rc = take_file(files->ca[i], false, &input, err);
    if (rc == 0 && files->n_ca == 0 && files->system)
        rc = take_system(&input, err);
    for (size_t i = 0; rc == 0 && i < files->n_crl; i++)
        rc = take_file(files->crl[i], true, &input, err);
    input.n_advertised = input.n_ca;
    if (rc == 0)
        rc = trust_new(&input, out, err);
    trust_input_drop(&input);
    free(input.ca);
    free(input.crl);
    return rc;
}
