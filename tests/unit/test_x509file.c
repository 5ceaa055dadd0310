#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "suites.h"
#include "x509file_fixture.h"

START_TEST(pem_with_several)
{
    struct buf data = {0};
    struct x509file file = {0};
    struct err err = {0};
    buf_puts(&data, "A text before,\nwith -----dashes----- in it\n");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "subject=CN = leaf\r\n\r\n");
    put_pkcs8(&data, &leaf, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
    put_crl(&data, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_plain_key(&data, &rsa, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "and behind");
    ck_assert_msg(x509file_parse(data.data, data.len, NULL, &file, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(file.n_crts, 2);
    ck_assert(gnutls_x509_crt_equals(file.crt[0], leaf.crt)); /* in its order */
    ck_assert(gnutls_x509_crt_equals(file.crt[1], ca.crt));
    ck_assert_uint_eq(file.n_crls, 1);
    ck_assert_uint_eq(file.n_keys, 2);
    ck_assert_int_eq(gnutls_privkey_get_pk_algorithm(file.key[0], NULL), GNUTLS_PK_ECDSA);
    ck_assert_int_eq(gnutls_privkey_get_pk_algorithm(file.key[1], NULL), GNUTLS_PK_RSA);
    ck_assert(file.in_pem);
    x509file_done(&file);
    x509file_done(&file); /* once more is nothing */
    x509file_done(NULL);
    buf_done(&data);
}
END_TEST

START_TEST(single_objects)
{
    for (size_t i = 0; i < sizeof FORMS / sizeof FORMS[0]; i++) {
        struct buf data = {0};
        put_crt(&data, &leaf, FORMS[i]);
        expect_counts(&data, NULL, "1 0 0");
        put_crl(&data, FORMS[i]);
        expect_counts(&data, NULL, "0 1 0");
        put_plain_key(&data, &leaf, FORMS[i]);
        expect_counts(&data, NULL, "0 0 1");
        put_plain_key(&data, &leaf, FORMS[i]);
        expect_counts(&data, "a password for another file", "0 0 1");
        put_plain_key(&data, &rsa, FORMS[i]);
        expect_counts(&data, NULL, "0 0 1");
        put_plain_key(&data, &rsa, FORMS[i]);
        expect_counts(&data, "a password for another file", "0 0 1");
        put_pkcs8(&data, &rsa, FORMS[i], NULL, GNUTLS_PKCS_PLAIN);
        expect_counts(&data, "a password for another file", "0 0 1");
        put_pkcs7(&data, FORMS[i]);
        expect_counts(&data, NULL, "2 1 0");
    }
}
END_TEST

/* A certificate's DER may hold any text, that of a PEM header too. */
START_TEST(der_with_pem_in_it)
{
    struct mk_spec spec = {
        .dn = "CN=-----BEGIN CERTIFICATE-----,O=x509file", .not_before = NOW - DAY, .not_after = NOW + DAY};
    struct mk_pair odd = mk_make(&spec, &ca);
    struct buf data = {0};
    struct x509file file;
    put_crt(&data, &odd, GNUTLS_X509_FMT_DER);
    ck_assert_int_eq(x509file_parse(data.data, data.len, NULL, &file, NULL), 0);
    ck_assert_uint_eq(file.n_crts, 1);
    x509file_done(&file);
    buf_done(&data);
    mk_free(&odd);
}
END_TEST

START_TEST(refused)
{
    struct buf data = {0};
    expect_refused(&data, NULL, ERR_SYNTAX, "is empty");
    for (int i = 0; i < 1000; i++)
        buf_putc(&data, (char)(i * 37 + i / 251));
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    for (int i = 0; i < 1000; i++)
        buf_putc(&data, (char)(i * 37 + i / 251));
    expect_refused(&data, "password", ERR_SYNTAX, "is no certificate");
    buf_puts(&data, "only a text\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    buf_puts(&data, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds no certificate, key or CRL");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "-----BEGIN SOMETHING ELSE-----\nAAAA\n-----END SOMETHING ELSE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "\"SOMETHING ELSE\"");
    buf_puts(&data, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "give the private key");
    buf_puts(&data, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken certificate");
    buf_puts(&data, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken CRL");
    buf_puts(&data, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken private key");
    buf_puts(&data, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    expect_refused(&data, NULL, ERR_SYNTAX, "holds a broken CERTIFICATE");
    buf_puts(&data, "-----BEGIN nothing behind it");
    expect_refused(&data, NULL, ERR_SYNTAX, "never ends");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_DER);
    buf_puts(&data, "trailing");
    expect_refused(&data, NULL, ERR_SYNTAX, "is no certificate");
    buf_init(&data, 2 * (size_t)X509FILE_MAX);
    while (data.len < X509FILE_MAX)
        buf_puts(&data, "................................................................");
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_RANGE, "64 MiB");
}
END_TEST

/* The second of two objects lost its beginning or the first its end: neither passes for one object. */
START_TEST(cut_in_the_middle)
{
    struct buf one = {0}, data = {0};
    put_crt(&one, &leaf, GNUTLS_X509_FMT_PEM);
    const char *end = strstr(one.data, "-----END");
    ck_assert_ptr_nonnull(end);
    buf_put(&data, one.data, (size_t)(end - one.data));
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_SYNTAX, "is cut short: CERTIFICATE has no end");
    buf_put(&data, one.data, one.len / 2);
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    expect_refused(&data, NULL, ERR_SYNTAX, "is cut short: CERTIFICATE has no end");
    buf_done(&one);
}
END_TEST

/* --- files --- */

/* That of the whole suite: a forked test that fails cleans nothing up, its parent does. */
static char folder[] = "/tmp/mtlsd-x509file.XXXXXX";
static char path[sizeof folder + 16];

static void write_file(const char *data, size_t len, mode_t mode)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static int load(struct x509file *file, struct err *err)
{
    *err = (struct err){0};
    return x509file_load(path, NULL, NULL, file, err);
}

/* Chains that end alike: what came before behind a first certificate is the same object, and nobody frees it
 * twice (valgrind and ASan see that). */
START_TEST(shared)
{
    struct x509file_pool pool = {0};
    struct x509file file[3] = {{0}};
    struct buf data = {0};
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        put_crt(&data, i < 2 ? &leaf : &rsa, GNUTLS_X509_FMT_PEM);
        put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
        write_file(data.data, data.len, 0600);
        buf_done(&data);
        ck_assert_msg(x509file_load_pooled(path, NULL, NULL, &pool, &file[i], &err) == 0, "%s", err.text);
        ck_assert_uint_eq(file[i].n_crts, 2);
        ck_assert(gnutls_x509_crt_equals(file[i].crt[1], ca.crt));
        ck_assert_ptr_eq(file[i].crt[1], file[0].crt[1]);
    }
    ck_assert_ptr_ne(file[0].crt[0], file[1].crt[0]);
    ck_assert_uint_eq(pool.n, 1);
    ck_assert_uint_eq(x509file_pooled(&pool, file[2].crt[1]), 0);
    ck_assert_uint_eq(x509file_pooled(&pool, file[2].crt[0]), pool.n);
    /* A file that is refused leaves to the pool what it had of it, or gave it. */
    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM);
    put_crt(&data, &ca, GNUTLS_X509_FMT_PEM);
    put_crt(&data, &rsa, GNUTLS_X509_FMT_PEM);
    buf_puts(&data, "-----BEGIN CERTIFICATE-----");
    write_file(data.data, data.len, 0600);
    buf_done(&data);
    struct x509file broken;
    ck_assert_int_eq(x509file_load_pooled(path, NULL, NULL, &pool, &broken, &err), ERR_SYNTAX);
    ck_assert_uint_eq(pool.n, 2);
    ck_assert(gnutls_x509_crt_equals(pool.crt[0], ca.crt));
    for (size_t i = 0; i < ARRAY_LEN(file); i++)
        x509file_done(&file[i]);
    x509file_pool_done(&pool);
}
END_TEST

START_TEST(files)
{
    struct x509file file = {0};
    struct err err;
    struct buf data = {0};
    unlink(path);
    ck_assert_int_eq(load(&file, &err), ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, "No such file"), "%s", err.text);
    ck_assert_int_eq(x509file_load(path, NULL, NULL, &file, NULL), ERR_NOTFOUND);

    put_plain_key(&data, &leaf, GNUTLS_X509_FMT_PEM);
    write_file(data.data, data.len, 0600);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert_uint_eq(file.n_keys, 1);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    ck_assert_int_eq(chmod(path, 0604), 0);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(file.key_readable_by_others);
    x509file_done(&file);
    if (geteuid() != 0) {
        ck_assert_int_eq(chmod(path, 0), 0);
        ck_assert_int_eq(load(&file, &err), ERR_DENIED);
        ck_assert_int_eq(chmod(path, 0600), 0);
    }
    write_file(data.data, data.len / 2, 0600);
    ck_assert_int_eq(load(&file, &err), ERR_SYNTAX);
    ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    buf_done(&data);

    put_crt(&data, &leaf, GNUTLS_X509_FMT_PEM); /* which everybody may read */
    write_file(data.data, data.len, 0644);
    ck_assert_int_eq(load(&file, &err), 0);
    ck_assert(!file.key_readable_by_others);
    x509file_done(&file);
    buf_done(&data);

    write_file("", 0, 0600);
    ck_assert_int_eq(load(&file, &err), ERR_SYNTAX);
    ck_assert_msg(strstr(err.text, "is empty"), "%s", err.text);
    ck_assert_int_eq(truncate(path, X509FILE_MAX + 1), 0);
    ck_assert_int_eq(load(&file, &err), ERR_RANGE);
    ck_assert_msg(strstr(err.text, "64 MiB"), "%s", err.text);
    ck_assert_int_eq(x509file_load(folder, NULL, NULL, &file, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, "is a folder"), "%s", err.text);
}
END_TEST

START_TEST(reading)
{
    char *data = NULL;
    size_t len = 0;
    struct err err = {0};
    char text[40000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    static const size_t SIZES[] = {1, 16383, 16384, 16385, 39999, 40000};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        write_file(text, SIZES[i], 0600);
        ck_assert_msg(x509file_read(path, sizeof text, &data, &len, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(len, SIZES[i]);
        ck_assert_int_eq(memcmp(data, text, len), 0);
        ck_assert_int_eq(data[len], '\0');
        x509file_wipe(data, len);
    }
    data = text;
    ck_assert_int_eq(x509file_read(path, sizeof text - 1, &data, &len, &err), ERR_RANGE);
    ck_assert_ptr_eq(data, text);
    x509file_wipe(NULL, 0);

    /* A pipe says nothing of its size. */
    for (size_t most = sizeof text - 1; most <= sizeof text; most++) {
        int ends[2];
        char name[32];
        ck_assert_int_eq(pipe(ends), 0);
        ck_assert_int_eq(write(ends[1], text, sizeof text), (ssize_t)sizeof text);
        close(ends[1]);
        snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
        int rc = x509file_read(name, most, &data, &len, &err);
        close(ends[0]);
        if (most < sizeof text) {
            ck_assert_int_eq(rc, ERR_RANGE);
            continue;
        }
        ck_assert_msg(rc == 0, "%s", err.text);
        ck_assert_uint_eq(len, sizeof text);
        ck_assert_int_eq(memcmp(data, text, len), 0);
        x509file_wipe(data, len);
    }
}
END_TEST

START_TEST(secrets)
{
    static const struct {
        const char *file, *secret;
    } ROWS[] = {
        {"word", "word"},
        {"word\n", "word"},
        {"word\r\n", "word"},
        {"two words \nnext\n", "two words "},
        {"Gr\xc3\xbc\xc3\x9f"
         "e\n",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"", ""},
        {"\nword\n", ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        char *secret = NULL;
        write_file(ROWS[i].file, strlen(ROWS[i].file), 0600);
        ck_assert_int_eq(x509file_secret(path, &secret, NULL), 0);
        ck_assert_str_eq(secret, ROWS[i].secret);
        x509file_wipe(secret, strlen(secret));
    }
    char *untouched = path;
    ck_assert_int_eq(truncate(path, 5000), 0);
    ck_assert_int_eq(x509file_secret(path, &untouched, NULL), ERR_RANGE);
    ck_assert_ptr_eq(untouched, path);
}
END_TEST

START_TEST(uris)
{
    struct x509file file = {.n_keys = 77};
    struct err err = {0};
    ck_assert_int_eq(x509file_load("pkcs11:token=x;object=y?pin-value=s3cret", NULL, NULL, &file, &err),
                     ERR_RANGE);
    ck_assert_msg(strstr(err.text, "name that in pin_file"), "%s", err.text);
    ck_assert_msg(!strstr(err.text, "s3cret"), "%s", err.text);
    ck_assert_int_lt(x509file_load("pkcs11:token=%zz", NULL, NULL, &file, &err), 0);
    ck_assert_int_eq(
        x509file_load("pkcs11:token=mtlsd-no-such-token;object=nothing;type=cert", NULL, NULL, &file, &err),
        ERR_NOTFOUND);
    ck_assert_msg(strstr(err.text, "mtlsd-no-such-token") && strstr(err.text, "p11tool"), "%s", err.text);
    ck_assert_uint_eq(file.n_keys, 77);
}
END_TEST

Suite *suite_x509file(void)
{
    Suite *suite = suite_create("x509file");
    TCase *tc = tcase_create("parse");
    tcase_add_checked_fixture(tc, x509file_set_up, x509file_tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, pem_with_several);
    tcase_add_test(tc, single_objects);
    tcase_add_test(tc, der_with_pem_in_it);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, cut_in_the_middle);
    suite_add_tcase(suite, tc);
    tc = tcase_create("files");
    tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
    tcase_add_checked_fixture(tc, x509file_set_up, x509file_tear_down);
    tcase_add_test(tc, files);
    tcase_add_test(tc, shared);
    tcase_add_test(tc, reading);
    tcase_add_test(tc, secrets);
    tcase_add_test(tc, uris);
    suite_add_tcase(suite, tc);
    return suite;
}
