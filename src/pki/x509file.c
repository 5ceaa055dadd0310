#include "pki/x509file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/pkcs11.h>
#include <gnutls/pkcs12.h>
#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

/* --- collecting
 * ---------------------------------------------------------------------------------------------------- */

static int grow(void **list, size_t n, size_t size, struct err *err)
{
    void *more = realloc(*list, (n + 1) * size);
    if (!more)
        return err_nomem(err);
    *list = more;
    return 0;
}

/* Each takes over its object, success or not. */
static int keep_crt(struct x509file *out, gnutls_x509_crt_t crt, struct err *err)
{
    int rc = grow((void **)&out->crt, out->n_crts, sizeof(gnutls_x509_crt_t), err);
    if (rc == 0)
        out->crt[out->n_crts++] = crt;
    else
        gnutls_x509_crt_deinit(crt);
    return rc;
}

static int keep_crl(struct x509file *out, gnutls_x509_crl_t crl, struct err *err)
{
    int rc = grow((void **)&out->crl, out->n_crls, sizeof(gnutls_x509_crl_t), err);
    if (rc == 0)
        out->crl[out->n_crls++] = crl;
    else
        gnutls_x509_crl_deinit(crl);
    return rc;
}

static int keep_key(struct x509file *out, gnutls_privkey_t key, struct err *err)
{
    int rc = grow((void **)&out->key, out->n_keys, sizeof(gnutls_privkey_t), err);
    if (rc == 0)
        out->key[out->n_keys++] = key;
    else
        gnutls_privkey_deinit(key);
    return rc;
}

void x509file_done(struct x509file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n_crts; i++)
        gnutls_x509_crt_deinit(file->crt[i]);
    for (size_t i = 0; i < file->n_crls; i++)
        gnutls_x509_crl_deinit(file->crl[i]);
    for (size_t i = 0; i < file->n_keys; i++)
        gnutls_privkey_deinit(file->key[i]);
    free(file->crt);
    free(file->crl);
    free(file->key);
    memset(file, 0, sizeof *file);
}

/* --- one object
 * ---------------------------------------------------------------------------------------------------- */

/* GnuTLS's answer to a try: it was that and is kept (0), it is something else (1), or it was that and cannot
 * be used (negative). */
enum { TAKEN = 0, SOMETHING_ELSE = 1 };

static int try_crt(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, struct x509file *out,
                   struct err *err)
{
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) < 0)
        return err_nomem(err);
    int rc = gnutls_x509_crt_import(crt, data, form);
    if (rc >= 0)
        return keep_crt(out, crt, err);
    gnutls_x509_crt_deinit(crt);
    err_set(err, ERR_SYNTAX, "holds a broken certificate: %s", gnutls_strerror(rc));
    return SOMETHING_ELSE;
}

static int try_crl(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, struct x509file *out,
                   struct err *err)
{
    gnutls_x509_crl_t crl;
    if (gnutls_x509_crl_init(&crl) < 0)
        return err_nomem(err);
    int rc = gnutls_x509_crl_import(crl, data, form);
    if (rc >= 0)
        return keep_crl(out, crl, err);
    gnutls_x509_crl_deinit(crl);
    err_set(err, ERR_SYNTAX, "holds a broken CRL: %s", gnutls_strerror(rc));
    return SOMETHING_ELSE;
}

static int password_error(const char *password, struct err *err)
{
    return password
               ? err_set(err, ERR_CRYPTO, "is encrypted, and the password in password_file does not open it")
               : err_set(err, ERR_CRYPTO,
                         "is encrypted: put its password into a file and name it in password_file");
}

static bool is_password_error(int rc)
{
    return rc == GNUTLS_E_DECRYPTION_FAILED || rc == GNUTLS_E_MAC_VERIFY_FAILED ||
           rc == GNUTLS_E_INVALID_PASSWORD;
}

static int try_key(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, const char *password,
                   struct x509file *out, struct err *err)
{
    gnutls_privkey_t key;
    if (gnutls_privkey_init(&key) < 0)
        return err_nomem(err);
    int rc = gnutls_privkey_import_x509_raw(key, data, form, password, password ? 0 : GNUTLS_PKCS_PLAIN);
    if (rc < 0 && !password) /* GnuTLS tells an encrypted key apart only when it may try to open it */
        rc = gnutls_privkey_import_x509_raw(key, data, form, NULL, 0);
    if (rc >= 0)
        return keep_key(out, key, err);
    gnutls_privkey_deinit(key);
    if (is_password_error(rc))
        return password_error(password, err);
    err_set(err, ERR_SYNTAX, "holds a broken private key: %s", gnutls_strerror(rc));
    return SOMETHING_ELSE;
}

static int try_pkcs7(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, struct x509file *out,
                     struct err *err)
{
    gnutls_pkcs7_t pkcs7;
    if (gnutls_pkcs7_init(&pkcs7) < 0)
        return err_nomem(err);
    int rc = gnutls_pkcs7_import(pkcs7, data, form);
    if (rc < 0) {
        gnutls_pkcs7_deinit(pkcs7);
        err_set(err, ERR_SYNTAX, "holds a broken PKCS#7 object: %s", gnutls_strerror(rc));
        return SOMETHING_ELSE;
    }
    rc = 0;
    gnutls_datum_t der;
    for (unsigned i = 0; rc == 0 && gnutls_pkcs7_get_crt_raw2(pkcs7, i, &der) >= 0; i++) {
        rc = try_crt(&der, GNUTLS_X509_FMT_DER, out, err);
        gnutls_free(der.data);
    }
    for (unsigned i = 0; rc == 0 && gnutls_pkcs7_get_crl_raw2(pkcs7, i, &der) >= 0; i++) {
        rc = try_crl(&der, GNUTLS_X509_FMT_DER, out, err);
        gnutls_free(der.data);
    }
    gnutls_pkcs7_deinit(pkcs7);
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

/* One bag's element. Bags with other things (secrets, attributes) are passed over. */
static int take_bag_element(gnutls_pkcs12_bag_t bag, unsigned i, const char *password, struct x509file *out,
                            struct err *err)
{
    gnutls_datum_t data;
    gnutls_pkcs12_bag_type_t type = (gnutls_pkcs12_bag_type_t)gnutls_pkcs12_bag_get_type(bag, i);
    if (gnutls_pkcs12_bag_get_data(bag, i, &data) < 0) /* borrowed from the bag */
        return 0;
    int rc = 0;
    if (type == GNUTLS_BAG_PKCS8_KEY || type == GNUTLS_BAG_PKCS8_ENCRYPTED_KEY)
        rc = try_key(&data, GNUTLS_X509_FMT_DER, type == GNUTLS_BAG_PKCS8_KEY ? NULL : password, out, err);
    else if (type == GNUTLS_BAG_CERTIFICATE)
        rc = try_crt(&data, GNUTLS_X509_FMT_DER, out, err);
    else if (type == GNUTLS_BAG_CRL)
        rc = try_crl(&data, GNUTLS_X509_FMT_DER, out, err);
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

static int take_bags(gnutls_pkcs12_t pkcs12, const char *password, struct x509file *out, struct err *err)
{
    int rc = 0;
    for (int b = 0; rc == 0; b++) {
        gnutls_pkcs12_bag_t bag;
        if (gnutls_pkcs12_bag_init(&bag) < 0)
            return err_nomem(err);
        int got = gnutls_pkcs12_get_bag(pkcs12, b, bag);
        if (got >= 0 && gnutls_pkcs12_bag_get_type(bag, 0) == GNUTLS_BAG_ENCRYPTED) {
            got = gnutls_pkcs12_bag_decrypt(bag, password);
            if (got < 0)
                rc = is_password_error(got)
                         ? password_error(password, err)
                         : err_set(err, ERR_CRYPTO, "cannot be decrypted: %s", gnutls_strerror(got));
        }
        int n = got >= 0 ? gnutls_pkcs12_bag_get_count(bag) : 0;
        for (int i = 0; rc == 0 && i < n; i++)
            rc = take_bag_element(bag, (unsigned)i, password, out, err);
        gnutls_pkcs12_bag_deinit(bag);
        if (got == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (got < 0 && rc == 0)
            rc = err_set(err, ERR_SYNTAX, "holds a broken PKCS#12 bag: %s", gnutls_strerror(got));
    }
    return rc;
}

static int try_pkcs12(const gnutls_datum_t *data, gnutls_x509_crt_fmt_t form, const char *password,
                      struct x509file *out, struct err *err)
{
    gnutls_pkcs12_t pkcs12;
    if (gnutls_pkcs12_init(&pkcs12) < 0)
        return err_nomem(err);
    int rc = gnutls_pkcs12_import(pkcs12, data, form, 0);
    if (rc < 0) {
        gnutls_pkcs12_deinit(pkcs12);
        err_set(err, ERR_SYNTAX, "holds a broken PKCS#12 object: %s", gnutls_strerror(rc));
        return SOMETHING_ELSE;
    }
    /* Without a password the empty one is tried; programs write "none" in two ways. */
    const char *used = password ? password : "";
    rc = gnutls_pkcs12_verify_mac(pkcs12, used);
    if (rc < 0 && !password && gnutls_pkcs12_verify_mac(pkcs12, NULL) >= 0) {
        used = NULL;
        rc = 0;
    }
    /* A file without a MAC is legal: decryption then shows whether the password is right. */
    if (rc < 0 && is_password_error(rc))
        rc = password_error(password, err);
    else
        rc = take_bags(pkcs12, used, out, err);
    gnutls_pkcs12_deinit(pkcs12);
    return rc;
}

/* --- PEM
 * -----------------------------------------------------------------------------------------------------------
 */

enum pem_kind { PEM_CRT, PEM_CRL, PEM_KEY, PEM_PKCS7, PEM_PKCS12, PEM_SKIP, PEM_REQUEST };

static const struct {
    const char *label;
    enum pem_kind kind;
} PEM_LABELS[] = {
    {"CERTIFICATE", PEM_CRT},
    {"X509 CERTIFICATE", PEM_CRT},
    {"TRUSTED CERTIFICATE", PEM_CRT},
    {"X509 CRL", PEM_CRL},
    {"PRIVATE KEY", PEM_KEY},
    {"ENCRYPTED PRIVATE KEY", PEM_KEY},
    {"RSA PRIVATE KEY", PEM_KEY},
    {"EC PRIVATE KEY", PEM_KEY},
    {"DSA PRIVATE KEY", PEM_KEY},
    {"PKCS7", PEM_PKCS7},
    {"CMS", PEM_PKCS7},
    {"PKCS12", PEM_PKCS12},
    {"EC PARAMETERS", PEM_SKIP},
    {"DH PARAMETERS", PEM_SKIP},
    {"CERTIFICATE REQUEST", PEM_REQUEST},
    {"NEW CERTIFICATE REQUEST", PEM_REQUEST},
};

static int take_pem(enum pem_kind kind, const gnutls_datum_t *block, const char *password,
                    struct x509file *out, struct err *err)
{
    int rc = 0;
    switch (kind) {
    case PEM_CRT:
        rc = try_crt(block, GNUTLS_X509_FMT_PEM, out, err);
        break;
    case PEM_CRL:
        rc = try_crl(block, GNUTLS_X509_FMT_PEM, out, err);
        break;
    case PEM_KEY:
        rc = try_key(block, GNUTLS_X509_FMT_PEM, password, out, err);
        break;
    case PEM_PKCS7:
        rc = try_pkcs7(block, GNUTLS_X509_FMT_PEM, out, err);
        break;
    case PEM_PKCS12:
        rc = try_pkcs12(block, GNUTLS_X509_FMT_PEM, password, out, err);
        break;
    case PEM_REQUEST:
        return err_set(err, ERR_SYNTAX,
                       "holds a certificate request, not a certificate: have a CA sign it first");
    case PEM_SKIP:
        break;
    }
    return rc == SOMETHING_ELSE ? ERR_SYNTAX : rc;
}

/* "-----BEGIN label-----" at `p`: the label's length, 0 when it is none. */
static size_t pem_label(const char *p, const char *end, const char **label)
{
    static const char BEGIN[] = "-----BEGIN ";
    if ((size_t)(end - p) < sizeof BEGIN - 1 || memcmp(p, BEGIN, sizeof BEGIN - 1) != 0)
        return 0;
    *label = p + sizeof BEGIN - 1;
    const char *dashes = memmem(*label, (size_t)(end - *label), "-----", 5);
    return dashes && dashes - *label < 64 ? (size_t)(dashes - *label) : 0;
}

/* Every object is read or refused: a file that was cut, or with a foreign object in the middle, is not half
 * believed. */
static int parse_pem(const char *data, size_t len, const char *password, struct x509file *out,
                     struct err *err)
{
    const char *end = data + len, *p = data;
    while ((p = memmem(p, (size_t)(end - p), "-----BEGIN ", 11)) != NULL) {
        const char *label = NULL;
        size_t n = pem_label(p, end, &label);
        if (n == 0)
            return err_set(err, ERR_SYNTAX, "holds a PEM header that never ends");
        char last[80];
        int last_len = snprintf(last, sizeof last, "-----END %.*s-----", (int)n, label);
        const char *stop = memmem(label, (size_t)(end - label), last, (size_t)last_len);
        if (!stop)
            return err_set(err, ERR_SYNTAX, "is cut short: %.*s has no end", (int)n, label);
        stop += last_len;
        size_t i = 0;
        while (i < ARRAY_LEN(PEM_LABELS) &&
               (strlen(PEM_LABELS[i].label) != n || memcmp(PEM_LABELS[i].label, label, n) != 0))
            i++;
        if (i == ARRAY_LEN(PEM_LABELS))
            return err_set(err, ERR_SYNTAX,
                           "holds a PEM object \"%.*s\", which is neither certificate, key nor CRL", (int)n,
                           label);
        gnutls_datum_t block = {(unsigned char *)(uintptr_t)p, (unsigned)(stop - p)};
        int rc = take_pem(PEM_LABELS[i].kind, &block, password, out, err);
        if (rc != 0)
            return rc;
        p = stop;
    }
    return 0;
}

/* --- DER
 * -----------------------------------------------------------------------------------------------------------
 */

static int parse_der(const gnutls_datum_t *der, const char *password, struct x509file *out, struct err *err)
{
    struct err ignored;
    int rc = try_crt(der, GNUTLS_X509_FMT_DER, out, &ignored);
    if (rc == SOMETHING_ELSE)
        rc = try_crl(der, GNUTLS_X509_FMT_DER, out, &ignored);
    if (rc == SOMETHING_ELSE)
        rc = try_pkcs12(der, GNUTLS_X509_FMT_DER, password, out, err);
    if (rc == SOMETHING_ELSE)
        rc = try_pkcs7(der, GNUTLS_X509_FMT_DER, out, err);
    if (rc == SOMETHING_ELSE)
        rc = try_key(der, GNUTLS_X509_FMT_DER, password, out, err);
    if (rc != SOMETHING_ELSE)
        return rc;
    gnutls_x509_crq_t request;
    if (gnutls_x509_crq_init(&request) >= 0) {
        bool is_request = gnutls_x509_crq_import(request, der, GNUTLS_X509_FMT_DER) >= 0;
        gnutls_x509_crq_deinit(request);
        if (is_request)
            return take_pem(PEM_REQUEST, der, password, out, err);
    }
    return err_set(
        err, ERR_SYNTAX,
        "is no certificate, key, CRL, PKCS#7 or PKCS#12 file, neither PEM nor DER, or it is cut short");
}

int x509file_parse(const void *data, size_t len, const char *password, struct x509file *out, struct err *err)
{
    struct x509file file = {0};
    int rc;
    if (len == 0)
        return err_set(err, ERR_SYNTAX, "is empty");
    if (len > X509FILE_MAX)
        return err_set(err, ERR_RANGE, "is larger than %d MiB", X509FILE_MAX >> 20);
    if (memmem(data, len, "-----BEGIN ", 11)) {
        rc = parse_pem(data, len, password, &file, err);
    } else {
        gnutls_datum_t der = {(unsigned char *)(uintptr_t)data, (unsigned)len};
        rc = parse_der(&der, password, &file, err);
    }
    if (rc == 0 && file.n_crts + file.n_crls + file.n_keys == 0)
        rc = err_set(err, ERR_SYNTAX, "holds no certificate, key or CRL");
    if (rc == 0)
        *out = file;
    else
        x509file_done(&file);
    return rc;
}

/* --- files and tokens
 * ---------------------------------------------------------------------------------------------- */

static int file_error(const char *path, int error, struct err *err)
{
    int code = error == ENOENT ? ERR_NOTFOUND : error == EACCES || error == EPERM ? ERR_DENIED : ERR_IO;
    return err_set(err, code, "%s: %s", path, strerror(error));
}

static int read_open(int fd, const char *path, size_t most, char **data, size_t *len, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return file_error(path, errno, err);
    if (S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s: is a folder, not a file", path);
    size_t room = most + 1, have = 0;
    if (S_ISREG(st.st_mode)) {
        if ((unsigned long long)st.st_size > most)
            return err_set(err, ERR_RANGE, "%s: is larger than %zu bytes", path, most);
        room = (size_t)st.st_size + 1;
    }
    char *bytes = malloc(room + 1);
    if (!bytes)
        return err_nomem(err);
    ssize_t n = 0;
    while (have < room && ((n = read(fd, bytes + have, room - have)) > 0 || (n < 0 && errno == EINTR)))
        have += n > 0 ? (size_t)n : 0;
    int rc = n < 0         ? file_error(path, errno, err)
             : have > most ? err_set(err, ERR_RANGE, "%s: is larger than %zu bytes", path, most)
                           : 0;
    if (rc != 0) {
        x509file_wipe(bytes, have);
        return rc;
    }
    bytes[have] = '\0';
    *data = bytes;
    *len = have;
    return 0;
}

int x509file_read(const char *path, size_t most, char **data, size_t *len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return file_error(path, errno, err);
    int rc = read_open(fd, path, most, data, len, err);
    close(fd);
    return rc;
}

void x509file_wipe(char *data, size_t len)
{
    if (data)
        explicit_bzero(data, len);
    free(data);
}

/* Nobody is there to be asked. A PIN goes into the URI (RFC 7512 pin-value), because the key keeps it for as
 * long as it lives. */
// NOLINTNEXTLINE(readability-non-const-parameter): the type is GnuTLS's
static int no_pin(void *cls, int attempt, const char *url, const char *label, unsigned flags, char *out,
                  size_t room)
{
    (void)cls, (void)attempt, (void)url, (void)label, (void)flags, (void)out, (void)room;
    return -1;
}

/* The URI with the PIN; NULL when memory is short. The caller wipes it. */
static char *with_pin(const char *uri, const char *pin)
{
    struct buf buf;
    buf_init(&buf, 0);
    buf_puts(&buf, uri);
    if (pin && !strstr(uri, "pin-value=") && !strstr(uri, "pin-source=")) {
        buf_puts(&buf, strchr(uri, '?') ? "&pin-value=" : "?pin-value=");
        for (const unsigned char *p = (const unsigned char *)pin; *p; p++)
            buf_printf(&buf, "%%%02x", *p);
    }
    return buf_take(&buf, NULL);
}

static int token_error(const char *uri, int rc, const char *pin, struct err *err)
{
    if (rc == GNUTLS_E_PKCS11_PIN_ERROR || rc == GNUTLS_E_PKCS11_USER_ERROR ||
        rc == GNUTLS_E_PKCS11_PIN_LOCKED)
        return err_set(err, ERR_CRYPTO,
                       pin ? "%s: the token refuses the PIN in pin_file"
                           : "%s: the token wants a PIN: name a file with it in pin_file",
                       uri);
    if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return err_set(err, ERR_NOTFOUND,
                       "%s: no token has such an object; `p11tool --list-all` shows what there is", uri);
    return err_set(err, ERR_CRYPTO, "%s: %s", uri, gnutls_strerror(rc));
}

static int load_token_crt(const char *uri, const char *pin, struct x509file *out, struct err *err)
{
    char *full = with_pin(uri, pin);
    gnutls_x509_crt_t crt = NULL;
    if (!full || gnutls_x509_crt_init(&crt) < 0) {
        x509file_wipe(full, full ? strlen(full) : 0);
        return err_nomem(err);
    }
    gnutls_x509_crt_set_pin_function(crt, no_pin, NULL);
    int rc = gnutls_x509_crt_import_url(crt, full, 0);
    x509file_wipe(full, strlen(full));
    if (rc < 0) {
        gnutls_x509_crt_deinit(crt);
        return token_error(uri, rc, pin, err);
    }
    return keep_crt(out, crt, err);
}

static int load_token_key(const char *uri, const char *pin, struct x509file *out, struct err *err)
{
    char *full = with_pin(uri, pin);
    gnutls_privkey_t key = NULL;
    if (!full || gnutls_privkey_init(&key) < 0) {
        x509file_wipe(full, full ? strlen(full) : 0);
        return err_nomem(err);
    }
    gnutls_privkey_set_pin_function(key, no_pin, NULL);
    int rc = gnutls_privkey_import_url(key, full, 0);
    x509file_wipe(full, strlen(full));
    if (rc < 0) {
        gnutls_privkey_deinit(key);
        return token_error(uri, rc, pin, err);
    }
    return keep_key(out, key, err);
}

/* A URI that names no type stands for the certificate and, where there is one, its key. */
static int load_token(const char *uri, const char *pin, struct x509file *out, struct err *err)
{
    struct x509file file = {0};
    bool key = strstr(uri, "type=private") != NULL, crt = strstr(uri, "type=cert") != NULL;
    int rc = key ? load_token_key(uri, pin, &file, err) : load_token_crt(uri, pin, &file, err);
    if (rc == 0 && !key && !crt) {
        rc = load_token_key(uri, pin, &file, err);
        if (rc == ERR_NOTFOUND)
            rc = 0;
    }
    if (rc == 0)
        *out = file;
    else
        x509file_done(&file);
    return rc;
}

int x509file_load(const char *path, const char *password, const char *pin, struct x509file *out,
                  struct err *err)
{
    if (strncmp(path, "pkcs11:", 7) == 0)
        return load_token(path, pin, out, err);
    char *data;
    size_t len;
    struct stat st;
    int rc = x509file_read(path, X509FILE_MAX, &data, &len, err);
    if (rc != 0)
        return rc;
    rc = x509file_parse(data, len, password, out, err);
    x509file_wipe(data, len);
    if (rc != 0)
        return err_wrap(err, "%s", path);
    out->key_readable_by_others = out->n_keys > 0 && stat(path, &st) == 0 && (st.st_mode & S_IROTH);
    return 0;
}
