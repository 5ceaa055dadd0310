/* What `mtlsd setup` writes: a folder, copies of the operator's files, a configuration. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "cmd/setup_impl.h"
#include "config/conf.h"
#include "config/conf_paths.h"
#include "pki/lab.h"

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, OWN_MODE = 0600 };

int setup_fail(const char *what, const char *why)
{
    fprintf(stderr, "mtlsd setup: %s: %s\n", what, why);
    return -1;
}

const char *setup_base_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

int setup_place(const struct setup *s, const char *name, char out[static SETUP_PLACE])
{
    int n = snprintf(out, SETUP_PLACE, "%s/%s", s->dir, name);
    return n < 0 || n >= SETUP_PLACE ? setup_fail(s->dir, "the name is too long") : 0;
}

/* ---- the folder and the files ---- */

static bool is_empty(const char *dir)
{
    DIR *stream = opendir(dir);
    size_t n = 0;
    // cppcheck-suppress readdirCalled ; the only thread, and a stream of its own
    while (stream && n < 3 && readdir(stream))
        n++;
    if (stream)
        closedir(stream);
    return stream && n == 2; /* "." and ".." */
}

/* One that is there with something in it belongs to somebody: its mode stays. */
int setup_make_folder(struct setup *s)
{
    s->made_dir = mkdir(s->dir, FOLDER_MODE) == 0;
    if (!s->made_dir && errno != EEXIST)
        return setup_fail(s->dir, errno == EACCES
                                      ? "permission denied: run it as root, or give a DIR of your own"
                                      : strerror(errno));
    if (!s->made_dir && !is_empty(s->dir))
        return 0;
    if ((s->root && chown(s->dir, 0, s->gid) != 0) || chmod(s->dir, FOLDER_MODE) != 0)
        return setup_fail(s->dir, strerror(errno));
    return 0;
}

/* A new file that never was readable by more than it is to be. */
static int put_file(struct setup *s, const char *name, const struct buf *data)
{
    char path[SETUP_PLACE];
    if (setup_place(s, name, path) != 0)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, OWN_MODE);
    if (fd < 0)
        return setup_fail(path, errno == EACCES
                                    ? "permission denied: run it as root, or give a DIR of your own"
                                    : strerror(errno));
    snprintf(s->made[s->n_made++], SETUP_PLACE, "%s", path);
    int rc = buf_write(data, fd);
    if (rc == 0 && s->root)
        rc = fchown(fd, 0, s->gid) == 0 ? fchmod(fd, FILE_MODE) : -1;
    if (rc != 0)
        setup_fail(path, strerror(errno));
    if (close(fd) != 0 && rc == 0)
        rc = setup_fail(path, strerror(errno));
    return rc == 0 ? 0 : -1;
}

static int copy_file(struct setup *s, const char *file)
{
    struct buf data;
    char block[16384];
    ssize_t n = 0;
    buf_init(&data, 128U << 20);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd >= 0 && !buf_failed(&data) && (n = read(fd, block, sizeof block)) != 0) {
        if (n > 0)
            buf_put(&data, block, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    explicit_bzero(block, sizeof block);
    int rc = fd < 0 || n < 0     ? setup_fail(file, strerror(errno))
             : buf_failed(&data) ? setup_fail(file, "larger than 128 MiB, or memory is short")
                                 : put_file(s, setup_base_name(file), &data);
    if (fd >= 0)
        close(fd);
    if (data.data)
        explicit_bzero(data.data, data.len);
    buf_done(&data);
    return rc;
}

/* ---- the configuration ---- */

static void put_files(struct buf *out, const char *option, const struct setup *s, enum setup_kind kind)
{
    if (s->kind[kind].n == 0)
        return;
    buf_printf(out, "    %-11s = {", option);
    for (size_t i = 0; i < s->kind[kind].n; i++) {
        const char *file = s->kind[kind].file[i];
        buf_puts(out, i > 0 ? ", " : " ");
        conf_put_quoted(out, text_is_token(file) ? file : setup_base_name(file));
    }
    buf_puts(out, " }\n");
}

/* The application, which has everything: for clients whose certificate is good where they are asked for one.
 */
static void put_backend(struct buf *out, const struct setup *s, bool asks)
{
    if (s->n_backend == 0)
        return;
    buf_puts(out, "\n# The application behind it.\nbackend \"app\" { server = {");
    for (size_t i = 0; i < s->n_backend; i++) {
        buf_puts(out, i > 0 ? ", " : " ");
        conf_put_quoted(out, s->backend[i]);
    }
    buf_printf(out, " } }\nlocation \"/\" {\n    client_cert = %s\n    backend     = \"app\"\n",
               asks ? "verified" : "none");
    if (asks)
        buf_puts(out, "    # Who of them, if not all:\n"
                      "    # allow     = { \"subject:CN=alice,*\", \"san.email:*@example.org\" }\n"
                      "    # What the application is told of its client; `mtlsd variables` has more.\n"
                      "    set_header  = { \"X-User: ${subject.cn}\" }\n");
    buf_puts(out, "}\n");
}

static void put_conf(struct buf *out, const struct setup *s)
{
    const bool asks = s->kind[SETUP_CLIENT_CA].n > 0;
    buf_puts(out,
             "# Made by `mtlsd setup`. `man mtlsd.conf` tells about every option, `mtlsd options --sample` "
             "prints all.\n"
             "# Names of files are relative to this folder.\n");
    if (s->document_root) {
        buf_puts(out, "document_root = ");
        conf_put_quoted(out, s->document_root);
        buf_puts(out, "\n");
    }
    if (s->root && !s->service) {
        buf_puts(out, "user = ");
        conf_put_quoted(out, s->reader);
        buf_puts(out, "\n");
    }
    buf_puts(out, "# access_log = \"/var/log/mtlsd/access.log\"\n"
                  "\nlisten \"public\" {\n    address     = ");
    conf_put_quoted(out, s->address);
    buf_puts(out, "\n");
    put_files(out, "certificate", s, SETUP_CERTIFICATE);
    if (s->kind[SETUP_PASSWORD].n > 0) {
        buf_puts(out, "    password_file = ");
        conf_put_quoted(out, setup_base_name(s->kind[SETUP_PASSWORD].file[0]));
        buf_puts(out, "\n");
    }
    buf_printf(out, "    # off, request, optional or require: see mtlsd.conf(5).\n    client_auth = %s\n",
               asks ? "request" : "off");
    put_files(out, "client_ca", s, SETUP_CLIENT_CA);
    put_files(out, "crl", s, SETUP_CRL);
    buf_puts(out, "}\n");
    put_backend(out, s, asks);
    if (asks && s->n_backend == 0)
        buf_puts(out, "\n# Only for clients whose certificate is good; \"/\" is everything.\n"
                      "location \"/secure/\" {\n"
                      "    client_cert = verified\n"
                      "    # Who of them, if not all:\n"
                      "    # allow = { \"subject:CN=alice,*\", \"san.email:*@example.org\" }\n"
                      "}\n");
}

int setup_make_own(struct setup *s)
{
    struct buf text = {0};
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < SETUP_KINDS; k++) {
        for (size_t i = 0; rc == 0 && i < s->kind[k].n; i++)
            rc = text_is_token(s->kind[k].file[i]) ? 0 : copy_file(s, s->kind[k].file[i]);
    }
    if (rc == 0) {
        put_conf(&text, s);
        rc = buf_failed(&text) ? setup_fail(s->dir, "out of memory") : put_file(s, "mtlsd.conf", &text);
    }
    buf_done(&text);
    return rc;
}

/* Files of the practice PKI that the server reads; the CAs' and the clients' keys stay their owner's. */
static int give(void *cls, const struct option *option, const struct conf_text *path)
{
    const struct setup *s = cls;
    const size_t n = strlen(s->dir);
    if ((option && (option->flags & (OPTION_FOLDER | OPTION_WRITTEN))) || strncmp(path->text, s->dir, n) != 0)
        return 0;
    return chown(path->text, 0, s->gid) != 0 || chmod(path->text, FILE_MODE) != 0
               ? setup_fail(path->text, strerror(errno))
               : 0;
}

/* Behind what the lab has written. */
static int append_backend(const struct setup *s, const char *conf_file)
{
    struct buf text = {0};
    put_backend(&text, s, true);
    int fd = open(conf_file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    errno = buf_failed(&text) ? ENOMEM : errno;
    int rc = fd < 0 || buf_failed(&text) ? -1 : buf_write(&text, fd);
    if (fd >= 0 && close(fd) != 0)
        rc = -1;
    buf_done(&text);
    return rc;
}

int setup_make_practice(const struct setup *s, const char *conf_file)
{
    struct err err = {0};
    struct diag silent = {0};
    struct conf *conf = NULL;
    const struct lab_options options = {.dir = s->dir,
                                        .now = clock_now(),
                                        .document_root = s->document_root,
                                        .application = s->n_backend > 0};
    if (lab_make(&options, &err) != 0)
        return setup_fail("--practice", err.text);
    if (s->n_backend > 0 && append_backend(s, conf_file) != 0)
        return setup_fail(conf_file, strerror(errno));
    if (!s->root)
        return 0;
    if (conf_load(conf_file, &silent, &conf) != 0)
        return setup_fail(conf_file, "cannot be read");
    int rc = conf_paths(conf, give, (void *)(uintptr_t)s);
    conf_free(conf);
    return rc;
}

void setup_undo(const struct setup *s)
{
    for (size_t i = 0; i < s->n_made; i++)
        unlink(s->made[i]);
    if (s->made_dir)
        rmdir(s->dir);
}
