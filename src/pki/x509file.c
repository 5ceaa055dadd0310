#include "pki/x509file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/missing.h"
#include "base/text.h"
#include "pki/x509file_impl.h"

enum { FIRST_ROOM = 16 * 1024, SECRET_MOST = 4096 };

/* --- what files share --- */

size_t x509file_pooled(const struct x509file_pool *pool, gnutls_x509_crt_t crt)
{
    size_t i = 0;
    while (i < pool->n && pool->crt[i] != crt)
        i++;
    return i;
}

void x509file_pool_done(struct x509file_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        gnutls_x509_crt_deinit(pool->crt[i]);
        gnutls_free(pool->der[i].data);
    }
    pool->n = 0;
}

gnutls_x509_crt_t x509file_again(const struct x509file *file, const gnutls_datum_t *der)
{
    const struct x509file_pool *pool = file->pool;
    for (size_t i = 0; pool && i < pool->n; i++) {
        if (pool->der[i].size == der->size && memcmp(pool->der[i].data, der->data, der->size) == 0)
            return pool->crt[i];
    }
    return NULL;
}

/* The first one of a file is rarely another's, too. */
static void share(const struct x509file *file, gnutls_x509_crt_t crt)
{
    struct x509file_pool *pool = file->pool;
    if (!pool || file->n_crts == 0 || pool->n == X509FILE_POOLED || x509file_pooled(pool, crt) < pool->n ||
        gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &pool->der[pool->n]) < 0)
        return;
    pool->crt[pool->n++] = crt;
}

void x509file_drop_crt(const struct x509file *file, gnutls_x509_crt_t crt)
{
    if (!file->pool || x509file_pooled(file->pool, crt) == file->pool->n)
        gnutls_x509_crt_deinit(crt);
}

/* --- the bundle --- */

int x509file_keep_crt(struct x509file *out, gnutls_x509_crt_t crt, struct err *err)
{
    gnutls_x509_crt_t *more = array_more(out->crt, out->n_crts, sizeof *more);
    if (!more) {
        x509file_drop_crt(out, crt);
        return err_nomem(err);
    }
    out->crt = more;
    share(out, crt);
    out->crt[out->n_crts++] = crt;
    return 0;
}

int x509file_keep_crl(struct x509file *out, struct crl *crl, struct err *err)
{
    struct crl **more = array_more(out->crl, out->n_crls, sizeof *more);
    if (!more) {
        crl_unref(crl);
        return err_nomem(err);
    }
    out->crl = more;
    out->crl[out->n_crls++] = crl;
    return 0;
}

int x509file_keep_key(struct x509file *out, gnutls_privkey_t key, struct err *err)
{
    gnutls_privkey_t *more = array_more(out->key, out->n_keys, sizeof *more);
    if (!more) {
        gnutls_privkey_deinit(key);
        return err_nomem(err);
    }
    out->key = more;
    out->key[out->n_keys++] = key;
    return 0;
}

void x509file_done(struct x509file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n_crts; i++)
        x509file_drop_crt(file, file->crt[i]);
    for (size_t i = 0; i < file->n_crls; i++)
        crl_unref(file->crl[i]);
    for (size_t i = 0; i < file->n_keys; i++)
        gnutls_privkey_deinit(file->key[i]);
    free(file->crt);
    free(file->crl);
    free(file->key);
    memset(file, 0, sizeof *file);
}

const char *x509file_kind(const struct x509file *file)
{
    return file->n_crts > 0 ? "a certificate" : file->n_crls > 0 ? "a CRL" : "a private key";
}

/* --- reading --- */

void x509file_wipe(char *data, size_t len)
{
    if (data)
        explicit_bzero(data, len);
    free(data);
}

void x509file_wipe_text(char *text)
{
    x509file_wipe(text, text ? strlen(text) : 0);
}

static void tell_file_error(const char *path, int error, int code, struct err *err)
{
    char hint[MISSING_HINT] = "";
    if (error == ENOENT)
        missing_hint(path, hint);
    else if (error == EACCES)
        denied_hint(path, hint);
    err_put(err, code, "%s: %s%s", path, strerror(error), hint);
}

static int file_error(const char *path, int error, struct err *err)
{
    const int code = error == ENOENT || error == ENOTDIR ? ERR_NOTFOUND
                     : error == EACCES || error == EPERM ? ERR_DENIED
                                                         : ERR_IO;
    tell_file_error(path, error, code, err);
    return code;
}

static int too_large(const char *path, size_t most, struct err *err)
{
    return most % (1024 * 1024) == 0
               ? err_set(err, ERR_RANGE, "%s: is larger than %zu MiB", path, most / (1024 * 1024))
               : err_set(err, ERR_RANGE, "%s: is larger than %zu bytes", path, most);
}

/* realloc would leave a copy of a secret behind. */
static bool widen(char **data, size_t have, size_t *room)
{
    char *wider = malloc(*room * 2 + 1);
    if (!wider)
        return false;
    memcpy(wider, *data, have);
    x509file_wipe(*data, have);
    *data = wider;
    *room *= 2;
    return true;
}

/* What a file says of its size is a hint: pipes and files of /proc say none, others grow. */
static int read_all(int fd, const struct stat *st, const char *path, size_t most, char **data, size_t *len,
                    struct err *err)
{
    size_t have = 0, room = FIRST_ROOM;
    if (S_ISREG(st->st_mode) && st->st_size >= (off_t)room)
        room = (size_t)st->st_size + 1;
    char *bytes = malloc(room + 1);
    if (!bytes)
        return err_nomem(err);
    int rc = 0;
    for (ssize_t n = 1; rc == 0 && n != 0;) {
        n = read(fd, bytes + have, room - have);
        if (n < 0 && errno != EINTR)
            rc = file_error(path, errno, err);
        have += n > 0 ? (size_t)n : 0;
        if (have > most)
            rc = too_large(path, most, err);
        else if (rc == 0 && have == room && !widen(&bytes, have, &room))
            rc = err_nomem(err);
    }
    if (rc != 0) {
        x509file_wipe(bytes, have);
        return rc;
    }
    bytes[have] = '\0';
    *data = bytes;
    *len = have;
    return 0;
}

static int read_file(const char *path, size_t most, char **data, size_t *len, mode_t *mode, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return file_error(path, errno, err);
    int rc;
    if (fstat(fd, &st) != 0)
        rc = file_error(path, errno, err);
    else if (S_ISDIR(st.st_mode))
        rc = err_set(err, ERR_IO,
                     "%s: is a folder, not a file: name each file that is in it, or put them into one (cat "
                     "%s/*.crt >all.crt)",
                     path, path);
    else if (S_ISREG(st.st_mode) && (unsigned long long)st.st_size > most)
        rc = too_large(path, most, err);
    else
        rc = read_all(fd, &st, path, most, data, len, err);
    close(fd);
    if (rc == 0)
        *mode = st.st_mode;
    return rc;
}

int x509file_read(const char *path, size_t most, char **data, size_t *len, struct err *err)
{
    mode_t mode;
    return read_file(path, most, data, len, &mode, err);
}

int x509file_secret(const char *path, char **secret, struct err *err)
{
    char *data;
    size_t len;
    int rc = x509file_read(path, SECRET_MOST, &data, &len, err);
    if (rc != 0)
        return rc;
    char *line = strndup(data, strcspn(data, "\r\n"));
    x509file_wipe(data, len);
    if (!line)
        return err_nomem(err);
    *secret = line;
    return 0;
}

static int load_file(const char *path, size_t most, const char *password, struct x509file_pool *pool,
                     struct x509file *out, struct err *err)
{
    char *data;
    size_t len;
    mode_t mode;
    int rc = read_file(path, most, &data, &len, &mode, err);
    if (rc != 0)
        return rc;
    rc = x509file_parse_own(data, len, most, password, pool, out, err);
    x509file_wipe(data, len);
    if (rc != 0) {
        err_wrap(err, "%s", path);
        return rc;
    }
    out->key_readable_by_others = out->n_keys > 0 && (mode & S_IROTH) != 0;
    return 0;
}

int x509file_load_pooled(const char *path, const char *password, const char *pin, struct x509file_pool *pool,
                         struct x509file *out, struct err *err)
{
    return text_is_token(path) ? x509file_load_token(path, pin, out, err)
                               : load_file(path, X509FILE_MAX, password, pool, out, err);
}

int x509file_load(const char *path, const char *password, const char *pin, struct x509file *out,
                  struct err *err)
{
    return x509file_load_pooled(path, password, pin, NULL, out, err);
}

int x509file_load_crls(const char *path, size_t most, const char *password, const char *pin,
                       struct x509file *out, struct err *err)
{
    if (text_is_token(path))
        return x509file_load_token(path, pin, out, err);
    int rc = load_file(path, most, password, NULL, out, err);
    if (rc != ERR_RANGE)
        return rc;
    struct stat st;
    unsigned long long mib = 1ULL << 20, size = stat(path, &st) == 0 ? (unsigned long long)st.st_size : 0;
    return size > most
               ? err_set(err, rc,
                         "%s: has %llu bytes, more than max_crl_size lets a file of CRLs have: set it to "
                         "%llum or more",
                         path, size, (size + mib - 1) / mib)
               : err_set(err, rc, "%s: is larger than max_crl_size lets a file of CRLs be", path);
}
