#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki/lab_impl.h"

int lab_file_error(const char *path, struct err *err)
{
    int code = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_IO;
    return err_set(err, code, "%s: %s", path, strerror(errno));
}

int lab_path(char path[static LAB_PATH_ROOM], const struct lab_options *options, const char *stem,
             const char *suffix, struct err *err)
{
    int n = snprintf(path, LAB_PATH_ROOM, "%s/%s%s", options->dir, stem, suffix);
    return n < 0 || n >= LAB_PATH_ROOM ? err_set(err, ERR_RANGE, "the folder's name is too long") : 0;
}

/* Those of the file that is replaced: a service reads its key through the group that it was given to. But a
 * key goes to nobody who could have put a file there in order to get it, and stays narrow. */
static bool set_rights(int fd, const char *folder, const char *path, mode_t mode)
{
    struct stat st, in;
    const bool secret = (mode & S_IRWXO) == 0;
    bool as_before = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (as_before && secret)
        as_before = (st.st_mode & S_IRWXO) == 0 &&
                    (st.st_uid == geteuid() ||
                     (stat(folder, &in) == 0 && st.st_uid == in.st_uid && (in.st_mode & S_IWOTH) == 0));
    if (as_before && fchown(fd, st.st_uid, st.st_gid) == 0)
        mode = st.st_mode & 0777;
    return fchmod(fd, mode) == 0;
}

int lab_write(const struct lab_options *options, const char *stem, const char *suffix, mode_t mode,
              struct buf *data, struct err *err)
{
    char path[LAB_PATH_ROOM], aside[LAB_PATH_ROOM + 16];
    int rc = buf_failed(data) ? err_nomem(err) : lab_path(path, options, stem, suffix, err);
    if (rc == 0) {
        snprintf(aside, sizeof aside, "%s.XXXXXX", path);
        int fd = mkostemp(aside, O_CLOEXEC); /* 0600, so a key is never readable by others */
        bool good = fd >= 0 && buf_write(data, fd) == 0 && set_rights(fd, options->dir, path, mode);
        if (fd >= 0)
            good = close(fd) == 0 && good;
        if (!good || rename(aside, path) != 0) {
            rc = lab_file_error(path, err);
            if (fd >= 0)
                unlink(aside);
        }
    }
    if (data->data)
        explicit_bzero(data->data, data->len);
    buf_done(data);
    return rc;
}

int lab_check_absent(const struct lab_options *options, const char *stem, const char *suffix, struct err *err)
{
    char path[LAB_PATH_ROOM];
    struct stat st;
    int rc = lab_path(path, options, stem, suffix, err);
    if (rc != 0 || lstat(path, &st) != 0)
        return rc;
    return err_set(err, ERR_EXISTS, "%s exists; --force makes it anew, with another key", path);
}

int lab_check_client_absent(const struct lab_options *options, const char *stem, struct err *err)
{
    static const char *const SUFFIXES[] = {".crt", ".key", ".p12"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(SUFFIXES); i++)
        rc = lab_check_absent(options, stem, SUFFIXES[i], err);
    return rc;
}

int lab_write_pair(const struct lab_options *options, const char *stem, const struct lab_pair *pair,
                   gnutls_x509_crt_t intermediate, struct err *err)
{
    struct buf crt = {0}, key = {0};
    int rc = lab_pem_crt(&crt, pair->crt, err);
    if (rc == 0 && intermediate)
        rc = lab_pem_crt(&crt, intermediate, err);
    if (rc == 0)
        rc = lab_pem_key(&key, pair->key, err);
    if (rc == 0)
        rc = lab_write(options, stem, ".crt", LAB_PUBLIC_MODE, &crt, err);
    if (rc == 0)
        rc = lab_write(options, stem, ".key", LAB_KEY_MODE, &key, err);
    if (key.data)
        explicit_bzero(key.data, key.len);
    buf_done(&crt);
    buf_done(&key);
    return rc;
}

int lab_write_client(const struct lab_options *options, const char *stem, const struct lab_pair *pair,
                     gnutls_x509_crt_t intermediate, const char *name, struct err *err)
{
    struct buf p12 = {0};
    int rc = lab_write_pair(options, stem, pair, intermediate, err);
    if (rc == 0)
        rc = lab_pkcs12(&p12, pair, intermediate, name, err);
    if (rc == 0)
        rc = lab_write(options, stem, ".p12", LAB_KEY_MODE, &p12, err);
    buf_done(&p12);
    return rc;
}
