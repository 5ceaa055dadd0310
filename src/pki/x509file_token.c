/* Certificates and keys in a token, by a `pkcs11:` URI (RFC 7512). */
#include <gnutls/pkcs11.h>
#include <string.h>

#include "base/buf.h"
#include "pki/x509file_impl.h"

/* Nobody is there to be asked. The PIN goes into the URI (pin-value), because the key keeps that for as long
 * as it lives and may have to log in again. */
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
    if (pin) {
        buf_puts(&buf, strchr(uri, '?') ? "&pin-value=" : "?pin-value=");
        for (const unsigned char *p = (const unsigned char *)pin; *p; p++)
            buf_printf(&buf, "%%%02x", *p);
    }
    return buf_take(&buf, NULL);
}

static int not_there(const char *uri, struct err *err)
{
    return err_set(err, ERR_NOTFOUND,
                   "%s: no token has such an object; `p11tool --list-all` with this URI shows what there is",
                   uri);
}

static int token_error(const char *uri, int rc, const char *pin, struct err *err)
{
    switch (rc) {
    case GNUTLS_E_PKCS11_PIN_ERROR:
    case GNUTLS_E_PKCS11_USER_ERROR:
        return err_set(err, ERR_CRYPTO,
                       pin ? "%s: the token refuses the PIN in pin_file"
                           : "%s: the token wants a PIN: name a file with it in pin_file",
                       uri);
    case GNUTLS_E_PKCS11_PIN_LOCKED:
        return err_set(err, ERR_CRYPTO, "%s: the token is locked after too many wrong PINs", uri);
    case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE:
        return not_there(uri, err);
    default:
        return err_set(err, ERR_CRYPTO, "%s: %s", uri, gnutls_strerror(rc));
    }
}

static int keep_token_crt(gnutls_pkcs11_obj_t object, const char *uri, struct x509file *out, struct err *err)
{
    gnutls_x509_crt_t crt;
    if (gnutls_x509_crt_init(&crt) < 0)
        return err_nomem(err);
    int rc = gnutls_x509_crt_import_pkcs11(crt, object);
    if (rc >= 0)
        return x509file_keep_crt(out, crt, err);
    gnutls_x509_crt_deinit(crt);
    return token_error(uri, rc, NULL, err);
}

/* By the URI of this one object, with the PIN, so that the key can open the token again by itself. */
static int keep_token_key(gnutls_pkcs11_obj_t object, const char *uri, const char *pin, struct x509file *out,
                          struct err *err)
{
    char *own = NULL;
    gnutls_privkey_t key;
    int rc = gnutls_pkcs11_obj_export_url(object, GNUTLS_PKCS11_URL_GENERIC, &own);
    if (rc < 0)
        return token_error(uri, rc, pin, err);
    char *full = with_pin(own, pin);
    gnutls_free(own);
    if (!full || gnutls_privkey_init(&key) < 0) {
        x509file_wipe_text(full);
        return err_nomem(err);
    }
    gnutls_privkey_set_pin_function(key, no_pin, NULL);
    rc = gnutls_privkey_import_url(key, full, 0);
    x509file_wipe_text(full);
    if (rc >= 0)
        return x509file_keep_key(out, key, err);
    gnutls_privkey_deinit(key);
    return token_error(uri, rc, pin, err);
}

/* Every object of one class that the URI fits. */
static int load_class(const char *uri, const char *pin, bool keys, struct x509file *out, struct err *err)
{
    gnutls_pkcs11_obj_t *object = NULL;
    unsigned n = 0;
    char *full = with_pin(uri, keys ? pin : NULL);
    if (!full)
        return err_nomem(err);
    int rc = gnutls_pkcs11_obj_list_import_url4(
        &object, &n, full,
        keys ? GNUTLS_PKCS11_OBJ_FLAG_PRIVKEY | GNUTLS_PKCS11_OBJ_FLAG_LOGIN : GNUTLS_PKCS11_OBJ_FLAG_CRT);
    x509file_wipe_text(full);
    if (rc < 0)
        return token_error(uri, rc, pin, err);
    rc = 0;
    for (unsigned i = 0; i < n; i++) {
        if (rc == 0)
            rc = keys ? keep_token_key(object[i], uri, pin, out, err)
                      : keep_token_crt(object[i], uri, out, err);
        gnutls_pkcs11_obj_deinit(object[i]);
    }
    gnutls_free(object);
    return rc;
}

/* A URI that names no type stands for certificates and, where a PIN opens the token, keys: CAs are taken from
 * tokens without one. */
int x509file_load_token(const char *uri, const char *pin, struct x509file *out, struct err *err)
{
    struct x509file file = {0};
    int rc = 0;
    if (strstr(uri, "pin-value="))
        return err_set(
            err, ERR_RANGE,
            "%.*s: a PIN does not belong into the URI: put it into a file and name that in pin_file",
            (int)strcspn(uri, "?"), uri);
    bool only_keys = strstr(uri, "type=private") != NULL, only_crts = strstr(uri, "type=cert") != NULL;
    if (!only_keys)
        rc = load_class(uri, pin, false, &file, err);
    if (rc == 0 && (only_keys || (pin && !only_crts)))
        rc = load_class(uri, pin, true, &file, err);
    if (rc == 0 && file.n_crts + file.n_keys == 0)
        rc = not_there(uri, err);
    if (rc == 0)
        *out = file;
    else
        x509file_done(&file);
    return rc;
}
