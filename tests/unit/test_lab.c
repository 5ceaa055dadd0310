#include "suites.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pki/lab_impl.h"
#include "pki/verdict.h"
#include "pki/x509file.h"

/* 2026-11-23T12:00:00Z: nothing here depends on today. */
enum { NOW = 1795435200, DAY = 24 * 60 * 60, PATH_ROOM = 512 };

/* Every test's folder lies in one that is the whole suite's: a forked test that fails cleans nothing up, its
 * parent does. */
static char base[64], dir[128];

static void setup_base(void)
{
    snprintf(base, sizeof base, "/tmp/mtlsd-test-lab.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw UNUSED)
{
    return remove(path);
}

static void teardown_base(void)
{
    ck_assert_int_eq(nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "%s/XXXXXX", base);
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static const char *path_of(const char *name, char out[static PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/%s", dir, name);
    return out;
}

static size_t count_files(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static int make(enum lab_key key, bool force, const char *document_root, struct err *err)
{
    const struct lab_options options = {
        .dir = dir, .key = key, .force = force, .now = NOW, .document_root = document_root};
    *err = (struct err){0};
    return lab_make(&options, err);
}

static void must_make(enum lab_key key)
{
    struct err err;
    ck_assert_msg(make(key, false, NULL, &err) == 0, "%s", err.text);
}

static struct x509file load(const char *name, const char *password)
{
    char path[PATH_ROOM];
    struct x509file file = {0};
    struct err err = {0};
    ck_assert_msg(x509file_load(path_of(name, path), password, NULL, &file, &err) == 0, "%s", err.text);
    return file;
}

static char *slurp(const char *name)
{
    char path[PATH_ROOM], *data = NULL;
    size_t len = 0;
    struct err err = {0};
    ck_assert_msg(x509file_read(path_of(name, path), X509FILE_MAX, &data, &len, &err) == 0, "%s", err.text);
    char *text = strndup(data, len);
    x509file_wipe(data, len);
    return text;
}

static void put(const char *name, const char *text)
{
    char path[PATH_ROOM];
    FILE *out = fopen(path_of(name, path), "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* The root and both CRLs, as the lab's mtlsd.conf has them. */
static struct trust *make_trust(void)
{
    struct x509file root = load("root.crt", NULL),
                    crl[] = {load("root.crl", NULL), load("intermediate.crl", NULL)};
    struct crl *crls[] = {crl[0].crl[0], crl[1].crl[0]};
    struct trust_input input = {.ca = root.crt,
                                .n_ca = 1,
                                .n_advertised = 1,
                                .crl = crls,
                                .n_crls = 2,
                                .crl_check = CRL_CHECK_CHAIN,
                                .verify_depth = 5,
                                .expires_soon = 30 * DAY};
    struct trust *trust = NULL;
    struct err err = {0};
    ck_assert_uint_eq(root.n_crts, 1);
    ck_assert_msg(trust_new(&input, &trust, &err) == 0, "%s", err.text);
    root.n_crts = crl[0].n_crls = crl[1].n_crls = 0; /* they are the trust's now */
    x509file_done(&root);
    x509file_done(&crl[0]);
    x509file_done(&crl[1]);
    return trust;
}

static struct peer *judge(const struct trust *trust, const char *name, enum verdict_purpose purpose,
                          const char *hostname)
{
    struct x509file file = load(name, NULL);
    gnutls_datum_t chain[4];
    ck_assert_uint_le(file.n_crts, ARRAY_LEN(chain));
    for (size_t i = 0; i < file.n_crts; i++)
        ck_assert_int_eq(gnutls_x509_crt_export2(file.crt[i], GNUTLS_X509_FMT_DER, &chain[i]), 0);
    const struct verdict_question question = {.trust = trust,
                                              .chain = chain,
                                              .n_chain = (unsigned)file.n_crts,
                                              .at = NOW,
                                              .purpose = purpose,
                                              .hostname = hostname};
    struct peer *peer = NULL;
    struct err err = {0};
    ck_assert_msg(verdict_judge(&question, &peer, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < file.n_crts; i++)
        gnutls_free(chain[i].data);
    x509file_done(&file);
    return peer;
}

static void expect_only(const struct peer *peer, const char *code, const char *who)
{
    ck_assert_msg(peer->n_warnings == 0, "%s: warning %s", who,
                  VERDICT_ROWS[peer->n_warnings ? peer->warnings[0].code : 0].code);
    if (!code) {
        ck_assert_msg(peer->verify == VERIFY_SUCCESS, "%s: %s", who,
                      peer->n_errors ? peer->errors[0].reason : "?");
        return;
    }
    ck_assert_int_eq(peer->verify, VERIFY_FAILED);
    ck_assert_msg(peer->n_errors == 1, "%s: %zu errors", who, peer->n_errors);
    ck_assert_str_eq(VERDICT_ROWS[peer->errors[0].code].code, code);
}

static void check_verdicts(void)
{
    struct trust *trust = make_trust();
    for (size_t i = 0; i < LAB_CLIENT_COUNT; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s.crt", LAB_CLIENTS[i].stem);
        struct peer *peer = judge(trust, name, PURPOSE_CLIENT, NULL);
        expect_only(peer, LAB_CLIENTS[i].code, name);
        if (LAB_CLIENTS[i].revoked)
            ck_assert_msg(strstr(peer->errors[0].reason, "keyCompromise"), "%s", peer->errors[0].reason);
        peer_unref(peer);
    }
    static const char *const NAMES[] = {"localhost", "127.0.0.1", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct peer *peer = judge(trust, "server.crt", PURPOSE_SERVER, NAMES[i]);
        expect_only(peer, NULL, NAMES[i]);
        peer_unref(peer);
    }
    trust_unref(trust);
}

/* The key in a .key and .p12 file is that of the certificate, and both hold the same chain. */
static void check_pairs(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[80];
        unsigned char want[64], got[64];
        size_t want_len = sizeof want, got_len;
        snprintf(name, sizeof name, "%s.crt", LAB_CLIENTS[i].stem);
        struct x509file crt = load(name, NULL);
        snprintf(name, sizeof name, "%s.key", LAB_CLIENTS[i].stem);
        struct x509file key = load(name, NULL);
        snprintf(name, sizeof name, "%s.p12", LAB_CLIENTS[i].stem);
        struct x509file p12 = load(name, LAB_PASSWORD);
        ck_assert_uint_eq(crt.n_crts, LAB_CLIENTS[i].leaf_only ? 1 : 2);
        ck_assert_uint_eq(p12.n_crts, crt.n_crts);
        ck_assert_uint_eq(p12.n_keys, 1);
        ck_assert_uint_eq(key.n_keys, 1);
        ck_assert_int_eq(gnutls_x509_crt_get_key_id(crt.crt[0], 0, want, &want_len), 0);
        const gnutls_privkey_t keys[] = {key.key[0], p12.key[0]};
        for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
            gnutls_pubkey_t pubkey;
            got_len = sizeof got;
            ck_assert_int_eq(gnutls_pubkey_init(&pubkey), 0);
            ck_assert_int_eq(gnutls_pubkey_import_privkey(pubkey, keys[j], 0, 0), 0);
            ck_assert_int_eq(gnutls_pubkey_get_key_id(pubkey, 0, got, &got_len), 0);
            ck_assert_mem_eq(got, want, want_len);
            gnutls_pubkey_deinit(pubkey);
        }
        for (size_t j = 0; j < crt.n_crts; j++)
            ck_assert_msg(gnutls_x509_crt_equals(crt.crt[j], p12.crt[j]), "%s: certificate %zu", name, j);
        x509file_done(&crt);
        x509file_done(&key);
        x509file_done(&p12);
    }
}

START_TEST(each_client_is_what_it_should_be)
{
    must_make((enum lab_key)_i);
    check_verdicts();
    /* To open a PKCS#12 file takes its time: all of them once, then one of each kind of key. */
    check_pairs(_i == LAB_KEY_ECDSA ? LAB_CLIENT_COUNT : 1);
}
END_TEST

static long long days(gnutls_x509_crt_t crt)
{
    return (gnutls_x509_crt_get_expiration_time(crt) - gnutls_x509_crt_get_activation_time(crt)) / DAY;
}

static void check_validity(void)
{
    struct x509file root = load("root.crt", NULL), server = load("server.crt", NULL),
                    alice = load("client.crt", NULL);
    char email[64], *dn;
    size_t len = sizeof email;
    gnutls_datum_t text;
    ck_assert_int_ge(gnutls_x509_crt_get_expiration_time(root.crt[0]), NOW + 3650LL * DAY);
    ck_assert_int_le(days(server.crt[0]), 397);
    ck_assert_int_eq(days(alice.crt[0]), 365);
    ck_assert_int_eq(gnutls_x509_crt_get_dn3(alice.crt[0], &text, 0), 0);
    dn = (char *)text.data;
    ck_assert_msg(strncmp(dn, "CN=alice,", 9) == 0, "%s", dn);
    gnutls_free(text.data);
    ck_assert_int_eq(gnutls_x509_crt_get_subject_alt_name(alice.crt[0], 0, email, &len, NULL),
                     GNUTLS_SAN_RFC822NAME);
    ck_assert_str_eq(email, "alice@example.org");
    x509file_done(&root);
    x509file_done(&server);
    x509file_done(&alice);
}

static void check_modes(void)
{
    size_t n = 0, private = 0;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[PATH_ROOM];
        struct stat st;
        const char *suffix = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.')
            continue;
        ck_assert_int_eq(stat(path_of(e->d_name, path), &st), 0);
        const bool holds_key = strcmp(suffix, ".key") == 0 || strcmp(suffix, ".p12") == 0;
        const mode_t want = holds_key ? 0600 : strcmp(suffix, ".sh") == 0 ? 0755 : 0644;
        ck_assert_msg((st.st_mode & 07777) == want, "%s: %o", e->d_name, (unsigned)(st.st_mode & 07777));
        n++;
        private += holds_key;
    }
    closedir(d);
    ck_assert_uint_eq(private, 3 + 2 * LAB_CLIENT_COUNT); /* the stranger's CA keeps no key */
    ck_assert_uint_eq(n, 11 + 3 * LAB_CLIENT_COUNT);
}

/* Any one of the files is enough, and then nothing at all is written. */
START_TEST(never_overwrites)
{
    static const char *const NAMES[] = {"root.key", "client-weak.p12", "mtlsd.conf", "try.sh",
                                        "intermediate.crl"};
    struct err err;
    put(NAMES[_i], "mine");
    ck_assert_int_eq(make(LAB_KEY_ECDSA, false, NULL, &err), ERR_EXISTS);
    ck_assert_msg(strstr(err.text, NAMES[_i]), "%s", err.text);
    ck_assert_msg(strstr(err.text, "--force"), "%s", err.text);
    ck_assert_uint_eq(count_files(), 1);
    char *text = slurp(NAMES[_i]);
    ck_assert_str_eq(text, "mine");
    free(text);
}
END_TEST

START_TEST(force_makes_it_anew)
{
    struct err err;
    must_make(LAB_KEY_ECDSA);
    const size_t n = count_files();
    char *before = slurp("root.key");
    put("server.key.new", "mine"); /* not the lab's, whatever its name */
    ck_assert_msg(make(LAB_KEY_ED25519, true, NULL, &err) == 0, "%s", err.text);
    char *after = slurp("root.key"), *mine = slurp("server.key.new");
    ck_assert_str_ne(before, after);
    ck_assert_str_eq(mine, "mine");
    ck_assert_uint_eq(count_files(), n + 1);
    char *conf = slurp("mtlsd.conf");
    ck_assert_msg(strstr(conf, "\n# document_root = \""), "where there is no page, how to have one: %s",
                  conf);
    free(conf);
    free(before);
    free(after);
    free(mine);
    struct trust *trust = make_trust();
    struct peer *peer = judge(trust, "client.crt", PURPOSE_CLIENT, NULL);
    expect_only(peer, NULL, "client.crt");
    peer_unref(peer);
    trust_unref(trust);
}
END_TEST

/* A folder in a file's place: rename(2) refuses also for root. */
START_TEST(failing_write)
{
    char path[PATH_ROOM];
    struct err err;
    ck_assert_int_eq(mkdir(path_of("client.key", path), 0755), 0);
    ck_assert_int_eq(make(LAB_KEY_ECDSA, true, NULL, &err), ERR_IO);
    ck_assert_msg(strstr(err.text, path) && strstr(err.text, "directory"), "%s", err.text);
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        ck_assert_msg(strncmp(e->d_name, "client.key.", 11) != 0, "%s is left", e->d_name);
    closedir(d);
}
END_TEST

START_TEST(no_folder)
{
    const struct lab_options options = {.dir = "/nonexistent/lab", .now = NOW};
    struct err err = {0};
    ck_assert_int_lt(lab_make(&options, &err), 0);
    ck_assert_msg(strstr(err.text, "/nonexistent/lab"), "%s", err.text);
}
END_TEST

START_TEST(files)
{
    struct err err;
    const mode_t old = umask(0);
    const int rc = make(LAB_KEY_ECDSA, false, "/a\"b\\c${HOME}", &err);
    umask(old);
    ck_assert_msg(rc == 0, "%s", err.text);
    check_validity();
    check_modes();
    char *conf = slurp("mtlsd.conf");
    ck_assert_msg(strstr(conf, "\ndocument_root = \"/a\\\"b\\\\c\\${HOME}\"\n"), "%s", conf);
    free(conf);
}
END_TEST

static void datum_of(const char *hex, unsigned char room[static 33], gnutls_datum_t *out)
{
    const gnutls_datum_t text = {(unsigned char *)(uintptr_t)hex, (unsigned)strlen(hex)};
    size_t n = 33;
    ck_assert_int_eq(gnutls_hex_decode(&text, room, &n), 0);
    *out = (gnutls_datum_t){room, (unsigned)n};
}

/* What each form says: the number has 32 octets, and is the key's. */
static void expect_octets(const unsigned char *der, size_t n, const unsigned char *number)
{
    static const unsigned char HEAD[] = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
    const unsigned char *at = memmem(der, n, HEAD, sizeof HEAD);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq((size_t)(der + n - at), 121);
    if (number)
        ck_assert_mem_eq(at + sizeof HEAD, number, 32);
}

static void expect_exact(gnutls_x509_privkey_t key, const unsigned char *number)
{
    gnutls_datum_t sec1 = {0}, pkcs8 = {0}, sealed = {0};
    gnutls_x509_privkey_t opened;
    ck_assert_int_ge(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_DER, &sec1), 0);
    expect_octets(sec1.data, sec1.size, number);
    ck_assert_int_ge(
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN, &pkcs8), 0);
    expect_octets(pkcs8.data, pkcs8.size, number);
    /* As in a PKCS#12 file. */
    ck_assert_int_ge(
        gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, "x", GNUTLS_PKCS_PBES2_AES_256, &sealed),
        0);
    ck_assert_int_ge(gnutls_x509_privkey_init(&opened), 0);
    ck_assert_int_ge(gnutls_x509_privkey_import_pkcs8(opened, &sealed, GNUTLS_X509_FMT_DER, "x", 0), 0);
    gnutls_free(sec1.data);
    ck_assert_int_ge(gnutls_x509_privkey_export2(opened, GNUTLS_X509_FMT_DER, &sec1), 0);
    expect_octets(sec1.data, sec1.size, number);
    ck_assert_int_ge(gnutls_x509_privkey_verify_params(key), 0);
    gnutls_x509_privkey_deinit(opened);
    gnutls_free(sec1.data);
    gnutls_free(pkcs8.data);
    gnutls_free(sealed.data);
}

/* The smallest key and the largest: SEC 2 section 2.4.2 has the points. */
START_TEST(exact_keys)
{
    static const char X[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
                      Y[] = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
                      MINUS_Y[] = "b01cbd1c01e58065711814b583f061e9d431cca994cea1313449bf97c840ae0a",
                      LARGEST[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
    unsigned char x[33], y[33], k[33], one[32] = {0};
    one[31] = 1;
    for (int largest = 0; largest < 2; largest++) {
        gnutls_datum_t dx, dy, dk;
        gnutls_x509_privkey_t key;
        datum_of(X, x, &dx);
        datum_of(largest ? MINUS_Y : Y, y, &dy);
        datum_of(largest ? LARGEST : "01", k, &dk);
        ck_assert_int_ge(gnutls_x509_privkey_init(&key), 0);
        ck_assert_int_ge(gnutls_x509_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &dx, &dy, &dk),
                         0);
        ck_assert_int_ge(lab_exact_key(&key), 0);
        expect_exact(key, largest ? k : one);
        gnutls_x509_privkey_deinit(key);
    }
    for (int i = 0; i < 32; i++) { /* half of them would have 33 octets */
        gnutls_x509_privkey_t key;
        ck_assert_int_ge(gnutls_x509_privkey_init(&key), 0);
        ck_assert_int_ge(lab_new_key(&key, LAB_KEY_ECDSA, false), 0);
        expect_exact(key, NULL);
        gnutls_x509_privkey_deinit(key);
    }
}
END_TEST

Suite *suite_lab(void)
{
    Suite *suite = suite_create("lab");
    TCase *tcase = tcase_create("lab");
    tcase_add_unchecked_fixture(tcase, setup_base, teardown_base);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120); /* keys and PKCS#12 are slow under sanitizers */
    tcase_add_loop_test(tcase, each_client_is_what_it_should_be, LAB_KEY_ECDSA, LAB_KEY_ED25519 + 1);
    tcase_add_test(tcase, exact_keys);
    tcase_add_test(tcase, files);
    tcase_add_loop_test(tcase, never_overwrites, 0, 5);
    tcase_add_test(tcase, force_makes_it_anew);
    tcase_add_test(tcase, failing_write);
    tcase_add_test(tcase, no_folder);
    suite_add_tcase(suite, tcase);
    return suite;
}
