/* What is done in a lab that is there: one more client, one less, everything of the server's for another
 * year. */
#include <arpa/inet.h>
#include <string.h>

#include "pki/lab_impl.h"
#include "pki/x509file.h"

/* The CAs that keep their keys in the folder, the issuer of clients first. */
static const struct {
    const char *stem, *crl;
} CAS[] = {{"intermediate", "intermediate.crl"}, {"root", "root.crl"}};

static int take_key(gnutls_x509_privkey_t *out, const struct x509file *file, const char *path,
                    struct err *err)
{
    if (file->n_keys == 0)
        return err_set(err, ERR_SYNTAX, "%s holds no private key", path);
    return lab_failed(gnutls_privkey_export_x509(file->key[0], out), path, err);
}

static int take_crt(gnutls_x509_crt_t *out, struct x509file *file, const char *path, struct err *err)
{
    if (file->n_crts == 0)
        return err_set(err, ERR_SYNTAX, "%s holds no certificate", path);
    *out = file->crt[0];
    file->crt[0] = NULL; /* it is the caller's now */
    return 0;
}

static int load_crt(gnutls_x509_crt_t *out, const char *path, struct err *err)
{
    struct x509file file = {0};
    int rc = x509file_load(path, NULL, NULL, &file, err);
    if (rc == 0)
        rc = take_crt(out, &file, path, err);
    x509file_done(&file);
    return rc;
}

/* STEM.crt and STEM.key. The caller has lab_pair_done, also after an error. */
static int load_pair(struct lab_pair *out, const struct lab_options *options, const char *stem,
                     struct err *err)
{
    char path[LAB_PATH_ROOM];
    struct x509file file = {0};
    int rc = lab_path(path, options, stem, ".crt", err);
    if (rc == 0)
        rc = load_crt(&out->crt, path, err);
    if (rc == 0)
        rc = lab_path(path, options, stem, ".key", err);
    if (rc == 0)
        rc = x509file_load(path, NULL, NULL, &file, err);
    if (rc == 0)
        rc = take_key(&out->key, &file, path, err);
    x509file_done(&file);
    return rc == 0 ? 0 : err_wrap(err, "no lab to work in (mtlsd lab DIR makes one)");
}

static int load_crl(gnutls_x509_crl_t *out, const struct lab_options *options, const char *stem,
                    struct err *err)
{
    char path[LAB_PATH_ROOM], *data = NULL;
    size_t len = 0;
    int rc = lab_path(path, options, stem, ".crl", err);
    if (rc == 0)
        rc = x509file_read(path, X509FILE_MAX, &data, &len, err);
    if (rc != 0)
        return rc;
    const gnutls_datum_t bytes = {(unsigned char *)data, (unsigned)len};
    int made = gnutls_x509_crl_init(out);
    if (made >= 0)
        made = gnutls_x509_crl_import(*out, &bytes, GNUTLS_X509_FMT_PEM);
    x509file_wipe(data, len);
    return made < 0 ? err_set(err, ERR_SYNTAX, "%s: %s", path, gnutls_strerror(made)) : 0;
}

/* ---- one more client ---- */

/* It becomes file names and a commonName, and stands in lines that one copies into a shell. */
static int check_name(const char *name, struct err *err)
{
    static const char GOOD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
    static const char *const TAKEN[] = {"root", "intermediate", "server"};
    const size_t n = strlen(name);
    if (n == 0 || n > LAB_NAME_MAX || name[strspn(name, GOOD)] != '\0' || *name == '.' || *name == '-')
        return err_set(
            err, ERR_SYNTAX,
            "\"%s\" cannot be a client's name: give up to %d letters, digits, \"-\", \"_\", \".\" and \"@\", "
            "beginning with neither \"-\" nor \".\"",
            name, LAB_NAME_MAX);
    for (size_t i = 0; i < ARRAY_LEN(TAKEN); i++) {
        if (strcmp(name, TAKEN[i]) == 0)
            return err_set(err, ERR_SYNTAX, "\"%s\" is the name of the lab's own files: take another", name);
    }
    return 0;
}

static int check_request(const struct lab_options *options, const struct lab_request *request,
                         struct err *err)
{
    int rc = check_name(request->name, err);
    for (size_t i = 0; rc == 0 && i < request->n_san; i++)
        rc = lab_check_san(request->san[i], err);
    return rc == 0 && !options->force ? lab_check_client_absent(options, request->name, err) : rc;
}

/* The lab's own client, unless it is what was written. */
static bool is_client_again(const struct lab_options *options, const char *stem, gnutls_x509_crt_t crt)
{
    char path[LAB_PATH_ROOM];
    struct err none;
    gnutls_x509_crt_t client = NULL;
    gnutls_datum_t one = {NULL, 0}, other = {NULL, 0};
    const bool same = strcmp(stem, "client") != 0 && lab_path(path, options, "client", ".crt", &none) == 0 &&
                      load_crt(&client, path, &none) == 0 && gnutls_x509_crt_get_raw_dn(crt, &one) >= 0 &&
                      gnutls_x509_crt_get_raw_dn(client, &other) >= 0 && one.size == other.size &&
                      memcmp(one.data, other.data, one.size) == 0;
    gnutls_free(one.data);
    gnutls_free(other.data);
    if (client)
        gnutls_x509_crt_deinit(client);
    return same;
}

int lab_issue(const struct lab_options *options, const struct lab_request *request, bool *same,
              struct err *err)
{
    struct lab_pair ca = {0}, pair = {0};
    const struct lab_client client = {.stem = request->name,
                                      .cn = request->name,
                                      .to_day = (int)request->days,
                                      .san = request->san,
                                      .n_san = request->n_san};
    int rc = check_request(options, request, err);
    if (rc == 0)
        rc = load_pair(&ca, options, "intermediate", err);
    if (rc == 0)
        rc = lab_issue_client(&pair, &client, &ca, options, err);
    if (rc == 0)
        rc = lab_write_client(options, request->name, &pair, ca.crt, request->name, err);
    *same = rc == 0 && is_client_again(options, request->name, pair.crt);
    lab_pair_done(&pair);
    lab_pair_done(&ca);
    return rc;
}

/* ---- lists ---- */

static bool is_on(gnutls_x509_crl_t crl, gnutls_x509_crt_t crt)
{
    unsigned char serial[64], entry[64];
    size_t n = sizeof serial;
    if (gnutls_x509_crt_get_serial(crt, serial, &n) < 0)
        return false;
    for (int i = 0, count = gnutls_x509_crl_get_crt_count(crl); i < count; i++) {
        size_t m = sizeof entry;
        time_t when;
        if (gnutls_x509_crl_get_crt_serial(crl, (unsigned)i, entry, &m, &when) >= 0 && m == n &&
            memcmp(entry, serial, n) == 0)
            return true;
    }
    return false;
}

/* The list of the CA `stem` anew, with `revoked` (NULL: nobody) on it as well. */
static int next_crl(const struct lab_options *options, const char *stem, const struct lab_pair *ca,
                    gnutls_x509_crt_t revoked, struct err *err)
{
    struct lab_crl what = {.revoked = revoked, .revoked_at = options->now, .from = options->now};
    struct buf out = {0};
    int rc = load_crl(&what.before, options, stem, err);
    if (rc == 0 && revoked && is_on(what.before, revoked))
        rc = err_set(err, ERR_EXISTS, "the certificate is on %s/%s.crl already", options->dir, stem);
    if (rc == 0)
        rc = lab_issue_crl(&out, ca, &what, err);
    if (rc == 0)
        rc = lab_write(options, stem, ".crl", LAB_PUBLIC_MODE, &out, err);
    buf_done(&out);
    if (what.before)
        gnutls_x509_crl_deinit(what.before);
    return rc;
}

int lab_revoke(const struct lab_options *options, const char *file, const char **crl, struct err *err)
{
    gnutls_x509_crt_t crt = NULL;
    int rc = load_crt(&crt, file, err);
    bool found = false;
    for (size_t i = 0; rc == 0 && !found && i < ARRAY_LEN(CAS); i++) {
        struct lab_pair ca = {0};
        rc = load_pair(&ca, options, CAS[i].stem, err);
        found = rc == 0 && gnutls_x509_crt_check_issuer(crt, ca.crt) != 0;
        if (found)
            rc = next_crl(options, CAS[i].stem, &ca, crt, err);
        if (found && rc == 0)
            *crl = CAS[i].crl;
        lab_pair_done(&ca);
    }
    if (rc == 0 && !found)
        rc = err_set(err, ERR_NOTFOUND, "%s was not issued by a CA of this lab", file);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    return rc;
}

int lab_renew(const struct lab_options *options, struct err *err)
{
    struct lab_pair ca = {0}, server = {0}, renewed = {0};
    struct buf pem = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < options->n_server_san; i++)
        rc = lab_check_san(options->server_san[i], err);
    if (rc == 0)
        rc = load_pair(&ca, options, "intermediate", err);
    if (rc == 0)
        rc = load_pair(&server, options, "server", err);
    if (rc == 0) {
        renewed.key = server.key;
        server.key = NULL;
        rc = lab_issue_server(&renewed, &ca, server.crt, options, err);
    }
    if (rc == 0)
        rc = lab_pem_crt(&pem, renewed.crt, err);
    if (rc == 0)
        rc = lab_pem_crt(&pem, ca.crt, err);
    if (rc == 0)
        rc = lab_write(options, "server", ".crt", LAB_PUBLIC_MODE, &pem, err);
    buf_done(&pem);
    lab_pair_done(&renewed);
    lab_pair_done(&server);
    lab_pair_done(&ca);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(CAS); i++) {
        rc = load_pair(&ca, options, CAS[i].stem, err);
        if (rc == 0)
            rc = next_crl(options, CAS[i].stem, &ca, NULL, err);
        lab_pair_done(&ca);
    }
    return rc;
}
