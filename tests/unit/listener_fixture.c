#include "listener_fixture.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct listener_fixture lf;

struct mk_pair lf_make(const char *dn, unsigned flags, const struct mk_pair *issuer, const char *san)
{
    struct mk_spec spec = {.dn = dn,
                           .flags = flags | (flags & MK_CA ? 0 : MK_SERVER_EKU),
                           .path_len = -1,
                           .not_before = LF_NOW - 10 * LF_DAY,
                           .not_after = LF_NOW + (flags & MK_CA ? 1000 : 100) * (time_t)LF_DAY,
                           .san_dns = san};
    return mk_make(&spec, issuer);
}

void lf_sign_for(struct mk_pair *pair, gnutls_x509_privkey_t key, const struct mk_pair *issuer)
{
    ck_assert_int_ge(gnutls_x509_crt_set_key(pair->crt, key), 0);
    ck_assert_int_ge(gnutls_x509_crt_sign2(pair->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), 0);
}

void lf_rekey(struct mk_pair *pair, gnutls_pk_algorithm_t algorithm, unsigned bits,
              const struct mk_pair *issuer)
{
    gnutls_x509_privkey_deinit(pair->key);
    ck_assert_int_ge(gnutls_x509_privkey_init(&pair->key), 0);
    ck_assert_int_ge(gnutls_x509_privkey_generate(pair->key, algorithm, bits, 0), 0);
    lf_sign_for(pair, pair->key, issuer);
}

void lf_make_folder(void)
{
    strcpy(lf.folder, "/tmp/mtlsd-creds.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(lf.folder));
}

void lf_remove_folder(void)
{
    char path[sizeof lf.folder + 8];
    for (unsigned i = 0; i < LF_MOST_FILES; i++) {
        snprintf(path, sizeof path, "%s/%u", lf.folder, i);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(lf.folder), 0);
}

void lf_set_up(void)
{
    struct trust_input nobody = {.verify_depth = 5};
    memset(lf.file, 0, sizeof lf.file);
    lf.listener = (struct conf_listener){.name = (char *)(uintptr_t) "test", .src = {"test.conf", 99}};
    lf.listener.certificate.item = lf.file;
    ck_assert_int_eq(trust_new(&nobody, &lf.trust, NULL), 0);
    lf.root = lf_make("CN=root,O=creds", MK_CA, NULL, NULL);
    lf.intermediate = lf_make("CN=intermediate,O=creds", MK_CA, &lf.root, NULL);
    lf.leaf = lf_make("CN=leaf,O=creds", 0, &lf.intermediate, "localhost");
    lf.other = lf_make("CN=other,O=creds", MK_RSA_1024, &lf.intermediate, "other.example");
}

void lf_forget_files(void)
{
    for (size_t i = 0; i < lf.listener.certificate.n; i++) {
        unlink(lf.file[i].text);
        free(lf.file[i].text);
        lf.file[i].text = NULL;
    }
    lf.listener.certificate.n = 0;
}

/* Before another load: the files stay. */
static void forget(void)
{
    creds_unref(lf.creds);
    lf.creds = NULL;
    buf_done(&lf.findings);
}

void lf_tear_down(void)
{
    forget();
    lf_forget_files();
    trust_unref(lf.trust);
    mk_free(&lf.root);
    mk_free(&lf.intermediate);
    mk_free(&lf.leaf);
    mk_free(&lf.other);
}

void lf_add_bytes(const void *data, size_t len)
{
    struct conf_text *file = &lf.file[lf.listener.certificate.n];
    ck_assert_uint_lt(lf.listener.certificate.n, LF_MOST_FILES);
    ck_assert_int_gt(asprintf(&file->text, "%s/%zu", lf.folder, lf.listener.certificate.n), 0);
    file->src = (struct src){"test.conf", (unsigned)++lf.listener.certificate.n};
    FILE *out = fopen(file->text, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(data, 1, len, out), len);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(chmod(file->text, 0600), 0);
}

static void put_crt(struct buf *out, gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem;
    ck_assert_int_ge(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    buf_put(out, pem.data, pem.size);
    gnutls_free(pem.data);
}

void lf_add_crts(size_t n, ...)
{
    struct buf pem = {0};
    va_list list;
    va_start(list, n);
    for (size_t i = 0; i < n; i++)
        put_crt(&pem, va_arg(list, struct mk_pair *)->crt);
    va_end(list);
    lf_add_bytes(pem.data, pem.len);
    buf_done(&pem);
}
void lf_add_crt(struct mk_pair *pair)
{
    lf_add_crts(1, pair);
}

void lf_add_key(const struct mk_pair *pair)
{
    gnutls_datum_t pem;
    ck_assert_int_ge(
        gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), 0);
    lf_add_bytes(pem.data, pem.size);
    gnutls_free(pem.data);
}

static void note(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct buf *out = cls;
    buf_printf(out, "%s %u: %s\n", severity == DIAG_ERROR ? "error" : "warning", src.line, text);
}

int lf_load_with(const struct trust *with)
{
    static const struct conf conf;
    struct diag diag = {.emit = note, .cls = &lf.findings};
    forget();
    int rc = creds_load(&conf, &lf.listener, with, &diag, &lf.creds);
    ck_assert_msg((rc == 0) == (lf.creds != NULL), "%d", rc);
    ck_assert_msg((rc != 0) == (diag.errors > 0), "%d, and %u errors: %s", rc, diag.errors, lf.findings.data);
    return rc;
}

int lf_load(void)
{
    return lf_load_with(lf.trust);
}

void lf_expect_chain(size_t n, const struct mk_pair *const *chain)
{
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    int rc = lf_load();
    ck_assert_msg(rc == 0 && !lf.findings.data, "%s", lf.findings.data);
    creds_choose(lf.creds, &offer, &choice);
    ck_assert_uint_eq(choice.n, n);
    for (size_t i = 0; i < n; i++) {
        gnutls_datum_t der = mk_der(chain[i]->crt);
        ck_assert_uint_eq(choice.pcert[i].cert.size, der.size);
        ck_assert_int_eq(memcmp(choice.pcert[i].cert.data, der.data, der.size), 0);
        gnutls_free(der.data);
    }
    ck_assert_uint_eq(choice.n_staples, 0);
    ck_assert_ptr_nonnull(choice.key);
}

void lf_expect_finding(const char *where, const char *says)
{
    ck_assert_msg(lf.findings.data != NULL, "nothing is said, not %s ... %s", where, says);
    for (const char *line = lf.findings.data; (line = strstr(line, where)) != NULL; line++) {
        const char *end = strchr(line, '\n'), *hit = strstr(line, says);
        if ((line == lf.findings.data || line[-1] == '\n') && hit && hit < end)
            return;
    }
    ck_abort_msg("no %s ... %s in: %s", where, says, lf.findings.data);
}
size_t lf_count_findings(void)
{
    size_t n = 0;
    for (size_t i = 0; i < lf.findings.len; i++)
        n += lf.findings.data[i] == '\n';
    return n;
}
void lf_expect_only(const char *where, const char *says)
{
    lf_expect_finding(where, says);
    ck_assert_msg(lf_count_findings() == 1, "more than that: %s", lf.findings.data);
}

void lf_lint(void)
{
    struct diag diag = {.emit = note, .cls = &lf.findings};
    int rc = lf_load();
    ck_assert_msg(rc == 0 && !lf.findings.data, "%s", lf.findings.data);
    creds_lint(lf.creds, &lf.listener, LF_NOW, &diag);
}
