/* How sets of certificates, chain and key are put together out of what files hold, and which of them a client
 * gets. */
#include "suites.h"

#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "mkchain.h"
#include "pki/creds.h"

enum { NOW = 1781524800, DAY = 24 * 3600, MOST_FILES = 16 };

/* --- a listener with its files in a folder --- */

/* That of the whole suite: a forked test that fails cleans nothing up, its parent does. */
static char folder[] = "/tmp/mtlsd-creds.XXXXXX";
static struct conf_text files[MOST_FILES];
static struct conf_listener listener;
static struct conf conf;
static struct trust *trust;
static struct buf findings; /* "error 3: text" lines */
static struct creds *creds;

static struct mk_pair root, intermediate, leaf, other;

static struct mk_pair make(const char *dn, unsigned flags, const struct mk_pair *issuer, const char *san)
{
    struct mk_spec spec = {.dn = dn,
                           .flags = flags | (flags & MK_CA ? 0 : MK_SERVER_EKU),
                           .path_len = -1,
                           .not_before = NOW - 10 * DAY,
                           .not_after = NOW + (flags & MK_CA ? 1000 : 100) * (time_t)DAY,
                           .san_dns = san};
    return mk_make(&spec, issuer);
}

/* The same certificate for this key, signed anew. */
static void sign_for(struct mk_pair *pair, gnutls_x509_privkey_t key, const struct mk_pair *issuer)
{
    ck_assert_int_ge(gnutls_x509_crt_set_key(pair->crt, key), 0);
    ck_assert_int_ge(gnutls_x509_crt_sign2(pair->crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0), 0);
}

static void rekey(struct mk_pair *pair, gnutls_pk_algorithm_t algorithm, unsigned bits,
                  const struct mk_pair *issuer)
{
    gnutls_x509_privkey_deinit(pair->key);
    ck_assert_int_ge(gnutls_x509_privkey_init(&pair->key), 0);
    ck_assert_int_ge(gnutls_x509_privkey_generate(pair->key, algorithm, bits, 0), 0);
    sign_for(pair, pair->key, issuer);
}

static void make_folder(void)
{
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char path[sizeof folder + 8];
    for (unsigned i = 0; i < MOST_FILES; i++) {
        snprintf(path, sizeof path, "%s/%u", folder, i);
        unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

static void set_up(void)
{
    struct trust_input nobody = {.verify_depth = 5};
    memset(files, 0, sizeof files);
    listener = (struct conf_listener){.name = (char *)(uintptr_t) "test", .src = {"test.conf", 99}};
    listener.certificate.item = files;
    ck_assert_int_eq(trust_new(&nobody, &trust, NULL), 0);
    root = make("CN=root,O=creds", MK_CA, NULL, NULL);
    intermediate = make("CN=intermediate,O=creds", MK_CA, &root, NULL);
    leaf = make("CN=leaf,O=creds", 0, &intermediate, "localhost");
    other = make("CN=other,O=creds", MK_RSA_1024, &intermediate, "other.example");
}

static void forget_files(void)
{
    for (size_t i = 0; i < listener.certificate.n; i++) {
        unlink(files[i].text);
        free(files[i].text);
        files[i].text = NULL;
    }
    listener.certificate.n = 0;
}

/* Before another load: the files stay. */
static void forget(void)
{
    creds_unref(creds);
    creds = NULL;
    buf_done(&findings);
}

static void tear_down(void)
{
    forget();
    forget_files();
    trust_unref(trust);
    mk_free(&root);
    mk_free(&intermediate);
    mk_free(&leaf);
    mk_free(&other);
}

/* Files are called 0, 1, ... and stand in lines 1, 2, ... of the configuration. */
static void add_bytes(const void *data, size_t len)
{
    struct conf_text *file = &files[listener.certificate.n];
    ck_assert_uint_lt(listener.certificate.n, MOST_FILES);
    ck_assert_int_gt(asprintf(&file->text, "%s/%zu", folder, listener.certificate.n), 0);
    file->src = (struct src){"test.conf", (unsigned)++listener.certificate.n};
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

/* A PEM file with these certificates. */
static void add_crts(size_t n, ...)
{
    struct buf pem = {0};
    va_list list;
    va_start(list, n);
    for (size_t i = 0; i < n; i++)
        put_crt(&pem, va_arg(list, struct mk_pair *)->crt);
    va_end(list);
    add_bytes(pem.data, pem.len);
    buf_done(&pem);
}
static void add_crt(struct mk_pair *pair)
{
    add_crts(1, pair);
}

static void add_key(const struct mk_pair *pair)
{
    gnutls_datum_t pem;
    ck_assert_int_ge(
        gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), 0);
    add_bytes(pem.data, pem.size);
    gnutls_free(pem.data);
}

static void note(void *cls, enum diag_severity severity, struct src src, const char *text)
{
    struct buf *out = cls;
    buf_printf(out, "%s %u: %s\n", severity == DIAG_ERROR ? "error" : "warning", src.line, text);
}

static int load(void)
{
    struct diag diag = {.emit = note, .cls = &findings};
    forget();
    int rc = creds_load(&conf, &listener, trust, &diag, &creds);
    ck_assert_msg((rc == 0) == (creds != NULL), "%d", rc);
    ck_assert_msg((rc != 0) == (diag.errors > 0), "%d, and %u errors: %s", rc, diag.errors, findings.data);
    return rc;
}

/* Nothing is said, and the first certificate goes out with this chain. */
static void expect_chain(size_t n, const struct mk_pair *const *chain)
{
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    int rc = load();
    ck_assert_msg(rc == 0 && !findings.data, "%s", findings.data);
    creds_choose(creds, &offer, &choice);
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

/* A finding of this line with these words; `says` NULL: nothing at all. */
static void expect_finding(const char *where, const char *says)
{
    ck_assert_msg(findings.data != NULL, "nothing is said, not %s ... %s", where, says);
    for (const char *line = findings.data; (line = strstr(line, where)) != NULL; line++) {
        const char *end = strchr(line, '\n'), *hit = strstr(line, says);
        if ((line == findings.data || line[-1] == '\n') && hit && hit < end)
            return;
    }
    ck_abort_msg("no %s ... %s in: %s", where, says, findings.data);
}
static size_t count_findings(void)
{
    size_t n = 0;
    for (size_t i = 0; i < findings.len; i++)
        n += findings.data[i] == '\n';
    return n;
}
static void expect_only(const char *where, const char *says)
{
    expect_finding(where, says);
    ck_assert_msg(count_findings() == 1, "more than that: %s", findings.data);
}

/* What `check` adds. */
static void lint(void)
{
    struct diag diag = {.emit = note, .cls = &findings};
    int rc = load();
    ck_assert_msg(rc == 0 && !findings.data, "%s", findings.data);
    creds_lint(creds, &listener, NOW, &diag);
}

/* --- files and chains --- */

START_TEST(chains)
{
    const struct mk_pair *const chain[] = {&leaf, &intermediate};
    add_key(&leaf);
    add_crts(2, &leaf, &intermediate);
    expect_chain(2, chain);
    ck_assert_int_eq(creds_not_after(creds), NOW + 100 * (time_t)DAY);
    forget_files();

    add_crts(3, &leaf, &intermediate, &root); /* the root does not go out */
    add_key(&leaf);
    expect_chain(2, chain);
    forget_files();

    add_crt(&leaf);
    add_key(&leaf);
    expect_chain(1, chain);
    forget_files();

    struct mk_pair own = make("CN=own,O=creds", 0, NULL, "localhost");
    const struct mk_pair *const alone[] = {&own};
    add_crt(&own);
    add_key(&own);
    expect_chain(1, alone);
    mk_free(&own);
    forget_files();

    add_crt(&leaf); /* as some CAs deliver: alone and with its chain */
    add_crts(2, &leaf, &intermediate);
    add_key(&leaf);
    add_key(&leaf);
    expect_chain(2, chain);
}
END_TEST

START_TEST(two_sets_share_an_issuer)
{
    size_t n;
    add_crts(2, &leaf, &intermediate);
    add_crts(2, &other, &intermediate);
    add_key(&other);
    add_key(&leaf);
    ck_assert_int_eq(load(), 0);
    ck_assert_msg(!findings.data, "%s", findings.data);
    const struct certinfo *const *leaves = creds_leaves(creds, &n);
    ck_assert_uint_eq(n, 2);
    ck_assert_str_eq(leaves[0]->subject.text, "CN=leaf,O=creds"); /* as the certificates come, not the keys */
    ck_assert_str_eq(leaves[1]->subject.text, "CN=other,O=creds");
    ck_assert(creds_several(creds));
    struct creds_offer offer = {.server_name = "other.example",
                                .tls13 = true,
                                .signature_algorithms = (const uint16_t[]){0x0403, 0x0804},
                                .n_signature_algorithms = 2};
    struct creds_choice choice;
    creds_choose(creds, &offer, &choice);
    ck_assert_uint_eq(choice.n, 2);
}
END_TEST

/* Two CAs of one name: the one whose key signed; of two with the same key the one that lasts longer. */
START_TEST(which_issuer)
{
    struct mk_pair namesake = make("CN=intermediate,O=creds", MK_CA | MK_NO_SKI, &root, NULL);
    struct mk_pair bare = make("CN=bare,O=creds", MK_NO_AKI, &intermediate, "localhost");
    for (int first = 0; first < 2; first++) {
        add_crt(&bare);
        add_crt(first ? &namesake : &intermediate);
        add_crt(first ? &intermediate : &namesake);
        add_key(&bare);
        ck_assert_int_eq(load(), 0);
        expect_only(first ? "warning 2:" : "warning 3:", "belongs to no chain here");
        struct creds_offer offer = {.server_name = ""};
        struct creds_choice choice;
        creds_choose(creds, &offer, &choice);
        ck_assert_uint_eq(choice.n, 2);
        gnutls_datum_t der = mk_der(intermediate.crt);
        ck_assert_int_eq(memcmp(choice.pcert[1].cert.data, der.data, der.size), 0);
        gnutls_free(der.data);
        forget_files();
    }
    sign_for(&namesake, intermediate.key, &root);
    ck_assert_int_ge(gnutls_x509_crt_set_expiration_time(namesake.crt, NOW + 2000 * (time_t)DAY), 0);
    sign_for(&namesake, intermediate.key, &root);
    for (int first = 0; first < 2; first++) {
        add_crt(&bare);
        add_crt(first ? &namesake : &intermediate);
        add_crt(first ? &intermediate : &namesake);
        add_key(&bare);
        ck_assert_int_eq(load(), 0);
        struct creds_offer offer = {.server_name = ""};
        struct creds_choice choice;
        creds_choose(creds, &offer, &choice);
        gnutls_datum_t der = mk_der(namesake.crt);
        ck_assert_uint_eq(choice.pcert[1].cert.size, der.size);
        ck_assert_int_eq(memcmp(choice.pcert[1].cert.data, der.data, der.size), 0);
        gnutls_free(der.data);
        forget_files();
    }
    mk_free(&namesake);
    mk_free(&bare);
}
END_TEST

/* Two roots that signed each other: neither is self-signed, and the chain ends all the same. */
START_TEST(cross_signed)
{
    struct mk_pair a = make("CN=A,O=creds", MK_CA, NULL, NULL), b = make("CN=B,O=creds", MK_CA, NULL, NULL);
    struct mk_spec spec = {.dn = "CN=A,O=creds",
                           .flags = MK_CA | MK_NO_SKI,
                           .path_len = -1,
                           .not_before = NOW - DAY,
                           .not_after = NOW + 50 * DAY};
    struct mk_pair a_by_b = mk_make(&spec, &b);
    spec.dn = "CN=B,O=creds";
    struct mk_pair b_by_a = mk_make(&spec, &a);
    /* Each with the key of its root. */
    unsigned char id[64];
    size_t len = sizeof id;
    ck_assert_int_ge(gnutls_x509_crt_get_key_id(a.crt, 0, id, &len), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_subject_key_id(a_by_b.crt, id, len), 0);
    sign_for(&a_by_b, a.key, &b);
    len = sizeof id;
    ck_assert_int_ge(gnutls_x509_crt_get_key_id(b.crt, 0, id, &len), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_subject_key_id(b_by_a.crt, id, len), 0);
    sign_for(&b_by_a, b.key, &a);
    struct mk_pair end = make("CN=end,O=creds", 0, &a, "localhost");
    const struct mk_pair *const chain[] = {&end, &a_by_b, &b_by_a};
    add_crt(&end);
    add_crt(&a_by_b);
    add_crt(&b_by_a);
    add_key(&end);
    expect_chain(3, chain);
    add_crt(&a); /* one that has to be sent is better than the root, which need not */
    ck_assert_int_eq(load(), 0);
    struct creds_offer offer = {.server_name = ""};
    struct creds_choice choice;
    creds_choose(creds, &offer, &choice);
    ck_assert_uint_eq(choice.n, 3);
    mk_free(&a);
    mk_free(&b);
    mk_free(&a_by_b);
    mk_free(&b_by_a);
    mk_free(&end);
}
END_TEST

/* --- mistakes --- */

START_TEST(unreadable)
{
    add_crt(&leaf);
    add_bytes("nonsense", 8);
    add_key(&leaf);
    add_bytes("", 0);
    unlink(files[2].text);
    ck_assert_int_lt(load(), 0);
    ck_assert_uint_eq(count_findings(), 3); /* all at once */
    expect_finding("error 2:", "is no certificate");
    expect_finding("error 3:", "No such file");
    expect_finding("error 4:", "is empty");
}
END_TEST

START_TEST(unused)
{
    add_crt(&leaf);
    add_crt(&intermediate);
    add_key(&leaf);
    struct mk_pair stranger = make("CN=stranger,O=creds", MK_CA, NULL, NULL);
    add_crt(&stranger);
    ck_assert_int_eq(load(), 0);
    expect_only("warning 4:", "belongs to no chain here: leave it out");
    mk_free(&stranger);
}
END_TEST

START_TEST(useless_keys)
{
    static const struct {
        gnutls_pk_algorithm_t algorithm;
        unsigned bits;
    } ROWS[] = {
        {GNUTLS_PK_EDDSA_ED448, 0},
        {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP224R1)},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct mk_pair odd = make("CN=odd,O=creds", 0, &intermediate, "localhost");
        rekey(&odd, ROWS[i].algorithm, ROWS[i].bits, &intermediate);
        add_crts(2, &odd, &intermediate);
        add_key(&odd);
        ck_assert_int_eq(load(), ERR_CRYPTO);
        expect_only("error 1:", "of a kind that TLS does not use here: ECDSA with P-256 is good");
        mk_free(&odd);
        forget_files();
    }
}
END_TEST

/* A key whose public half is that of the certificate and whose private half is not. */
START_TEST(inconsistent_key)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x, y, k, x2, y2, k2;
    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(leaf.key, &curve, &x, &y, &k), 0);
    ck_assert_int_ge(gnutls_x509_privkey_export_ecc_raw(root.key, &curve, &x2, &y2, &k2), 0);
    struct mk_pair torn = {.crt = leaf.crt};
    ck_assert_int_ge(gnutls_x509_privkey_init(&torn.key), 0);
    if (gnutls_x509_privkey_import_ecc_raw(torn.key, curve, &x, &y, &k2) >= 0) {
        add_crts(2, &leaf, &intermediate);
        gnutls_datum_t pem;
        ck_assert_int_ge(gnutls_x509_privkey_export2(torn.key, GNUTLS_X509_FMT_PEM, &pem), 0);
        add_bytes(pem.data, pem.size);
        gnutls_free(pem.data);
        ck_assert_int_eq(load(), ERR_CRYPTO);
        expect_only("error 1:", "with the key in");
    }
    gnutls_x509_privkey_deinit(torn.key);
    gnutls_datum_t *all[] = {&x, &y, &k, &x2, &y2, &k2};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        gnutls_free(all[i]->data);
}
END_TEST

/* --- lint --- */

START_TEST(lint_no_ca)
{
    struct mk_pair no_ca = make("CN=no CA,O=creds", 0, &root, NULL);
    struct mk_pair below = make("CN=below,O=creds", 0, &no_ca, "localhost");
    add_crts(2, &below, &no_ca);
    add_key(&below);
    lint();
    expect_only("warning 1:", "CN=no CA,O=creds in its chain is no CA");
    mk_free(&no_ca);
    mk_free(&below);
    forget_files();

    struct mk_pair own =
        make("CN=own,O=creds", MK_SHA1, NULL, "localhost"); /* nobody looks at that signature */
    add_crt(&own);
    add_key(&own);
    lint();
    expect_only("warning 1:", "is self-signed");
    mk_free(&own);
}
END_TEST

/* Whose order is nobody's choice. */
START_TEST(lint_pkcs7)
{
    gnutls_pkcs7_t pkcs7;
    gnutls_datum_t pem;
    ck_assert_int_ge(gnutls_pkcs7_init(&pkcs7), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, intermediate.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_set_crt(pkcs7, leaf.crt), 0);
    ck_assert_int_ge(gnutls_pkcs7_export2(pkcs7, GNUTLS_X509_FMT_PEM, &pem), 0);
    gnutls_pkcs7_deinit(pkcs7);
    add_bytes(pem.data, pem.size);
    gnutls_free(pem.data);
    add_key(&leaf);
    lint();
    ck_assert_msg(!findings.data, "%s", findings.data);
}
END_TEST

/* --- choosing --- */

static const char *choose(const char *server_name, bool tls13, size_t n_signatures,
                          const uint16_t *signatures, size_t n_suites, const uint16_t *suites)
{
    struct creds_offer offer = {.server_name = server_name,
                                .tls13 = tls13,
                                .signature_algorithms = signatures,
                                .n_signature_algorithms = n_signatures,
                                .cipher_suites = suites,
                                .n_cipher_suites = n_suites};
    struct creds_choice choice;
    creds_choose(creds, &offer, &choice);
    gnutls_x509_crt_t crt;
    static char dn[128];
    size_t len = sizeof dn;
    ck_assert_int_ge(gnutls_x509_crt_init(&crt), 0);
    ck_assert_int_ge(gnutls_x509_crt_import(crt, &choice.pcert[0].cert, GNUTLS_X509_FMT_DER), 0);
    ck_assert_int_ge(gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, dn, &len), 0);
    gnutls_x509_crt_deinit(crt);
    /* The key is that of the certificate. */
    gnutls_pubkey_t key;
    unsigned char a[64], b[64];
    size_t a_len = sizeof a, b_len = sizeof b;
    ck_assert_int_ge(gnutls_pubkey_init(&key), 0);
    ck_assert_int_ge(gnutls_pubkey_import_privkey(key, choice.key, 0, 0), 0);
    ck_assert_int_ge(gnutls_pubkey_get_key_id(key, 0, a, &a_len), 0);
    ck_assert_int_ge(gnutls_pubkey_get_key_id(choice.pcert[0].pubkey, 0, b, &b_len), 0);
    ck_assert(a_len == b_len && memcmp(a, b, a_len) == 0);
    gnutls_pubkey_deinit(key);
    return dn;
}

static const uint16_t ALL[] = {0x0403, 0x0804, 0x0401, 0x0503, 0x0603, 0x0807},
                      ONLY_RSA[] = {0x0804, 0x0805, 0x0806, 0x0401}, ONLY_PKCS1[] = {0x0401, 0x0501, 0x0601},
                      ONLY_P384[] = {0x0503}, ONLY_ED[] = {0x0807}, GREASE[] = {0x0a0a, 0x0808},
                      BOTH_SUITES[] = {0x1301, 0xc02b, 0xc02f}, RSA_SUITES[] = {0xc02f, 0xc030},
                      ECDSA_SUITES[] = {0xcca9};
#define LIST(list) sizeof(list) / sizeof((list)[0]), list

START_TEST(choose_by_kind)
{
    struct mk_pair rsa = make("CN=rsa", MK_RSA_1024, &intermediate, "localhost"),
                   ec = make("CN=ec", 0, &intermediate, "localhost"),
                   p384 = make("CN=p384", 0, &intermediate, "localhost"),
                   ed = make("CN=ed", 0, &intermediate, "localhost");
    rekey(&p384, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), &intermediate);
    rekey(&ed, GNUTLS_PK_EDDSA_ED25519, 0, &intermediate);
    struct mk_pair *all[] = {&rsa, &p384, &ed, &ec};
    for (size_t i = 0; i < 4; i++) {
        add_crt(all[i]);
        add_key(all[i]);
    }
    add_crt(&intermediate);
    ck_assert_int_eq(load(), 0);
    static const char *const NAMES[] = {"", "localhost", "LOCALhost", "unknown.example"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        const char *name = NAMES[i];
        ck_assert_str_eq(choose(name, true, LIST(ALL), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_RSA), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_P384), LIST(BOTH_SUITES)), "p384");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_ED), LIST(BOTH_SUITES)), "ed");
        /* In TLS 1.3 a hash belongs to a curve, and suites say nothing of certificates. */
        ck_assert_str_eq(choose(name, true, LIST(ONLY_P384), LIST(RSA_SUITES)), "p384");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_P384), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(BOTH_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(RSA_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ALL), LIST(ECDSA_SUITES)), "ec");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_RSA), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_PKCS1), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, false, LIST(ONLY_ED), LIST(BOTH_SUITES)), "ed");
        /* When it can use none the handshake fails, with whatever was configured first. */
        ck_assert_str_eq(choose(name, true, LIST(GREASE), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, LIST(ONLY_PKCS1), LIST(BOTH_SUITES)), "rsa");
        ck_assert_str_eq(choose(name, true, 0, NULL, 0, NULL), "rsa");
    }
    for (size_t i = 0; i < 4; i++)
        mk_free(all[i]);
}
END_TEST

START_TEST(choose_by_name)
{
    static const struct {
        const char *dn, *san;
        unsigned flags;
    } SETS[] = {
        {"CN=first", "first.example", MK_RSA_1024},
        {"CN=second", "second.example", 0},
        {"CN=wild", "*.example", 0},
        {"CN=deep", "*.deep.example", 0},
        {"CN=www", "www.deep.example", MK_RSA_1024},
    };
    static const struct {
        const char *name, *rsa_and_ec, *only_rsa, *only_ec;
    } ROWS[] = {
        {"first.example", "first", "first", "wild"}, /* a wildcard serves whom the name's own cannot */
        {"second.example", "second", "first", "second"},
        {"SECOND.Example", "second", "first", "second"},
        {"third.example", "wild", "first", "wild"},
        {"a.b.example", "first", "first", "wild"}, /* one label, not two */
        {"example", "first", "first", "wild"},
        {"a.deep.example", "deep", "first", "deep"},
        {"www.deep.example", "www", "www", "deep"},
        {"deep.example", "wild", "first", "wild"},
        {".example", "first", "first", "wild"},
        {"", "first", "first", "wild"},
        {"*.example", "wild", "first", "wild"},
    };
    struct mk_pair pair[5];
    static const uint16_t EC[] = {0x0403}, BOTH[] = {0x0804, 0x0403};
    for (size_t i = 0; i < 5; i++) {
        pair[i] = make(SETS[i].dn, SETS[i].flags, &intermediate, SETS[i].san);
        add_crt(&pair[i]);
        add_key(&pair[i]);
    }
    add_crt(&intermediate);
    ck_assert_int_eq(load(), 0);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const char *got = choose(ROWS[i].name, true, LIST(BOTH), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].rsa_and_ec) == 0, "%s, RSA and ECDSA: %s", ROWS[i].name, got);
        got = choose(ROWS[i].name, true, LIST(ONLY_RSA), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].only_rsa) == 0, "%s, RSA: %s", ROWS[i].name, got);
        got = choose(ROWS[i].name, true, LIST(EC), 0, NULL);
        ck_assert_msg(strcmp(got, ROWS[i].only_ec) == 0, "%s, ECDSA: %s", ROWS[i].name, got);
    }
    char longest[400];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    ck_assert_str_eq(choose(longest, true, LIST(BOTH), 0, NULL), "first");
    for (size_t i = 0; i < 5; i++)
        mk_free(&pair[i]);
}
END_TEST

Suite *suite_creds_sets(void)
{
    Suite *suite = suite_create("creds_sets");
    TCase *tc = tcase_create("sets");
    tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, chains);
    tcase_add_test(tc, two_sets_share_an_issuer);
    tcase_add_test(tc, which_issuer);
    tcase_add_test(tc, cross_signed);
    tcase_add_test(tc, unreadable);
    tcase_add_test(tc, unused);
    tcase_add_test(tc, useless_keys);
    tcase_add_test(tc, inconsistent_key);
    tcase_add_test(tc, lint_no_ca);
    tcase_add_test(tc, lint_pkcs7);
    tcase_add_test(tc, choose_by_kind);
    tcase_add_test(tc, choose_by_name);
    suite_add_tcase(suite, tc);
    return suite;
}
