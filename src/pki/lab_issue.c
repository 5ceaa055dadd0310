#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/pkcs12.h>
#include <string.h>
#include <unistd.h>

#include "pki/lab_impl.h"

enum { SERIAL = 16 };

int lab_failed(int rc, const char *what, struct err *err)
{
    return rc < 0 ? err_set(err, ERR_CRYPTO, "cannot make %s: %s", what, gnutls_strerror(rc)) : 0;
}

void lab_pair_done(struct lab_pair *pair)
{
    if (pair->crt)
        gnutls_x509_crt_deinit(pair->crt);
    if (pair->key)
        gnutls_x509_privkey_deinit(pair->key);
    memset(pair, 0, sizeof *pair);
}

static int set_serial(gnutls_x509_crt_t crt)
{
    unsigned char serial[SERIAL];
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive and of full length */
    return rc < 0 ? rc : gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
}

static int set_name(gnutls_x509_crt_t crt, const struct lab_name *name)
{
    int rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, name->o,
                                           (unsigned)strlen(name->o));
    if (rc >= 0)
        rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name->cn,
                                           (unsigned)strlen(name->cn));
    if (rc >= 0 && name->email)
        rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_RFC822NAME, name->email,
                                                  (unsigned)strlen(name->email), GNUTLS_FSAN_APPEND);
    return rc;
}

/* Key, serial, name and validity: what every certificate has. */
static int begin(struct lab_pair *pair, const struct lab_name *name, enum lab_key kind, bool weak,
                 time_t from, time_t to)
{
    int rc = gnutls_x509_crt_init(&pair->crt);
    if (rc >= 0 && !pair->key) {
        rc = gnutls_x509_privkey_init(&pair->key);
        if (rc >= 0)
            rc = lab_new_key(&pair->key, kind, weak);
    }
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key(pair->crt, pair->key);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_version(pair->crt, 3);
    if (rc >= 0)
        rc = set_serial(pair->crt);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_activation_time(pair->crt, from);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_expiration_time(pair->crt, to);
    return rc < 0 ? rc : set_name(pair->crt, name);
}

static int set_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    unsigned char id[LAB_KEY_ID];
    size_t len = sizeof id;
    int rc = gnutls_x509_crt_get_key_id(crt, 0, id, &len);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_subject_key_id(crt, id, len);
    len = sizeof id;
    if (rc >= 0 && issuer != crt)
        rc = gnutls_x509_crt_get_key_id(issuer, 0, id, &len);
    return rc < 0 ? rc : gnutls_x509_crt_set_authority_key_id(crt, id, len);
}

gnutls_digest_algorithm_t lab_digest(const struct lab_pair *issuer)
{
    return gnutls_x509_privkey_get_pk_algorithm(issuer->key) == GNUTLS_PK_EDDSA_ED25519 ? GNUTLS_DIG_SHA512
                                                                                        : GNUTLS_DIG_SHA256;
}

static int sign(struct lab_pair *pair, const struct lab_pair *issuer)
{
    int rc = set_key_ids(pair->crt, issuer->crt);
    return rc < 0 ? rc : gnutls_x509_crt_sign2(pair->crt, issuer->crt, issuer->key, lab_digest(issuer), 0);
}

int lab_issue_ca(struct lab_pair *out, const struct lab_name *name, const struct lab_pair *issuer,
                 int path_len, const struct lab_options *options, struct err *err)
{
    /* It began before the expired client's certificate did, whose issuer it is. */
    int rc = begin(out, name, options->key, false, options->now - 60 * LAB_DAY,
                   options->now + 3650 * (time_t)LAB_DAY);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_basic_constraints(out->crt, 1, path_len);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(out->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    if (rc >= 0)
        rc = sign(out, issuer ? issuer : out);
    return lab_failed(rc, name->cn, err);
}

static int add_name(gnutls_x509_crt_t crt, const char *name)
{
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_APPEND);
}

static int add_address(gnutls_x509_crt_t crt, int family, const char *text)
{
    unsigned char raw[16];
    if (inet_pton(family, text, raw) != 1)
        return GNUTLS_E_INVALID_REQUEST;
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, raw, family == AF_INET ? 4 : 16,
                                                GNUTLS_FSAN_APPEND);
}

int lab_check_san(const char *san, struct err *err)
{
    static const char *const KINDS[] = {"dns:", "email:", "uri:"};
    unsigned char raw[16];
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        const size_t n = strlen(KINDS[i]);
        if (strncmp(san, KINDS[i], n) == 0 && san[n] != '\0')
            return 0;
    }
    if (strncmp(san, "ip:", 3) == 0 &&
        (inet_pton(AF_INET, san + 3, raw) == 1 || inet_pton(AF_INET6, san + 3, raw) == 1))
        return 0;
    return err_set(err, ERR_SYNTAX, "\"%s\" is no name: give dns:NAME, email:ADDRESS, ip:ADDRESS or uri:URI",
                   san);
}

/* "dns:NAME", "email:ADDRESS", "ip:ADDRESS", "uri:URI", as rules write them. */
static int add_san(gnutls_x509_crt_t crt, const char *text)
{
    static const struct {
        const char *prefix;
        gnutls_x509_subject_alt_name_t type;
    } KINDS[] = {{"dns:", GNUTLS_SAN_DNSNAME}, {"email:", GNUTLS_SAN_RFC822NAME}, {"uri:", GNUTLS_SAN_URI}};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        const size_t n = strlen(KINDS[i].prefix);
        if (strncmp(text, KINDS[i].prefix, n) == 0)
            return gnutls_x509_crt_set_subject_alt_name(crt, KINDS[i].type, text + n,
                                                        (unsigned)strlen(text + n), GNUTLS_FSAN_APPEND);
    }
    if (strncmp(text, "ip:", 3) != 0)
        return GNUTLS_E_INVALID_REQUEST;
    return add_address(crt, strchr(text + 3, ':') ? AF_INET6 : AF_INET, text + 3);
}

/* A host's name that can stand in a certificate: letters, digits, hyphens and dots. */
static bool is_host_name(const char *name)
{
    return *name &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == '\0' &&
           *name != '-' && *name != '.' && !strstr(name, "..") && name[strlen(name) - 1] != '.';
}

/* What a server on this machine is asked for, and what was wished. */
static int add_server_names(gnutls_x509_crt_t crt, const struct lab_options *options)
{
    char host[256] = "";
    int rc = add_name(crt, "localhost");
    if (rc >= 0 && gethostname(host, sizeof host - 1) == 0 && strcmp(host, "localhost") != 0 &&
        is_host_name(host))
        rc = add_name(crt, host);
    if (rc >= 0)
        rc = add_address(crt, AF_INET, "127.0.0.1");
    if (rc >= 0)
        rc = add_address(crt, AF_INET6, "::1");
    for (size_t i = 0; rc >= 0 && i < options->n_server_san; i++)
        rc = add_san(crt, options->server_san[i]);
    return rc;
}

static int copy_names(gnutls_x509_crt_t crt, gnutls_x509_crt_t before)
{
    static const char SUBJECT_ALT_NAME[] = "2.5.29.17";
    gnutls_datum_t names = {0};
    unsigned critical = 0;
    int rc = gnutls_x509_crt_get_extension_by_oid2(before, SUBJECT_ALT_NAME, 0, &names, &critical);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_extension_by_oid(crt, SUBJECT_ALT_NAME, names.data, names.size, critical);
    gnutls_free(names.data);
    return rc;
}

/* `out->key` may be there already: a certificate that is renewed keeps it. */
int lab_issue_server(struct lab_pair *out, const struct lab_pair *issuer, gnutls_x509_crt_t before,
                     const struct lab_options *options, struct err *err)
{
    static const struct lab_name NAME = {"localhost", "mtlsd lab", NULL};
    /* 397 days: what browsers accept at most. */
    int rc = begin(out, &NAME, options->key, false, options->now - 3600,
                   options->now + 397 * (time_t)LAB_DAY - 3600);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(out->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_purpose_oid(out->crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (rc >= 0)
        rc = before && options->n_server_san == 0 ? copy_names(out->crt, before)
                                                  : add_server_names(out->crt, options);
    if (rc >= 0)
        rc = sign(out, issuer);
    return lab_failed(rc, "the server's certificate", err);
}

int lab_issue_client(struct lab_pair *out, const struct lab_client *client, const struct lab_pair *issuer,
                     const struct lab_options *options, struct err *err)
{
    char email[LAB_NAME_MAX + 16];
    struct buf text = {0};
    buf_printf(&text, "%s@example.org", client->cn);
    if (buf_failed(&text) || text.len >= sizeof email) {
        buf_done(&text);
        return err_nomem(err);
    }
    memcpy(email, text.data, text.len + 1);
    buf_done(&text);
    struct lab_name name = {client->cn, "Example", client->n_san > 0 ? NULL : email};
    int rc = begin(out, &name, options->key, client->weak,
                   options->now + client->from_day * (time_t)LAB_DAY - 3600,
                   options->now + client->to_day * (time_t)LAB_DAY);
    for (size_t i = 0; rc >= 0 && i < client->n_san; i++)
        rc = add_san(out->crt, client->san[i]);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(out->crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_purpose_oid(
            out->crt, client->for_servers ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0);
    if (rc >= 0)
        rc = sign(out, issuer ? issuer : out);
    return lab_failed(rc, client->stem, err);
}

int lab_pem_crt(struct buf *out, gnutls_x509_crt_t crt, struct err *err)
{
    gnutls_datum_t pem;
    int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
    if (rc < 0)
        return lab_failed(rc, "a PEM file", err);
    buf_put(out, pem.data, pem.size);
    gnutls_free(pem.data);
    return 0;
}

int lab_pem_key(struct buf *out, gnutls_x509_privkey_t key, struct err *err)
{
    gnutls_datum_t pem;
    int rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
    if (rc < 0)
        return lab_failed(rc, "a PEM file", err);
    buf_put(out, pem.data, pem.size);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return 0;
}

/* Triple DES and SHA-1 are what every system's import dialogue reads (a MAC with SHA-256 is a "wrong
 * password" to older ones of macOS and Windows); nothing depends on their strength here. */
enum { P12_CIPHER = GNUTLS_PKCS_PKCS12_3DES };

static int add_key_bag(gnutls_pkcs12_t p12, const struct lab_pair *pair, const gnutls_datum_t *id,
                       const char *name)
{
    gnutls_datum_t key = {NULL, 0};
    gnutls_pkcs12_bag_t bag;
    int rc = gnutls_pkcs12_bag_init(&bag);
    if (rc < 0)
        return rc;
    rc = gnutls_x509_privkey_export2_pkcs8(pair->key, GNUTLS_X509_FMT_DER, LAB_PASSWORD, P12_CIPHER, &key);
    if (rc >= 0)
        rc = gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_ENCRYPTED_KEY, &key); /* index of the element */
    if (rc >= 0) {
        unsigned i = (unsigned)rc;
        rc = gnutls_pkcs12_bag_set_friendly_name(bag, i, name);
        if (rc >= 0)
            rc = gnutls_pkcs12_bag_set_key_id(bag, i, id);
    }
    if (rc >= 0)
        rc = gnutls_pkcs12_set_bag(p12, bag);
    gnutls_free(key.data);
    gnutls_pkcs12_bag_deinit(bag);
    return rc;
}

static int add_crt_bag(gnutls_pkcs12_t p12, const struct lab_pair *pair, gnutls_x509_crt_t intermediate,
                       const gnutls_datum_t *id, const char *name)
{
    gnutls_pkcs12_bag_t bag;
    int rc = gnutls_pkcs12_bag_init(&bag);
    if (rc < 0)
        return rc;
    rc = gnutls_pkcs12_bag_set_crt(bag, pair->crt);
    if (rc >= 0) {
        unsigned i = (unsigned)rc;
        rc = gnutls_pkcs12_bag_set_friendly_name(bag, i, name);
        if (rc >= 0)
            rc = gnutls_pkcs12_bag_set_key_id(bag, i, id);
    }
    if (rc >= 0 && intermediate)
        rc = gnutls_pkcs12_bag_set_crt(bag, intermediate);
    if (rc >= 0)
        rc = gnutls_pkcs12_bag_encrypt(bag, LAB_PASSWORD, P12_CIPHER);
    if (rc >= 0)
        rc = gnutls_pkcs12_set_bag(p12, bag);
    gnutls_pkcs12_bag_deinit(bag);
    return rc;
}

int lab_pkcs12(struct buf *out, const struct lab_pair *pair, gnutls_x509_crt_t intermediate, const char *name,
               struct err *err)
{
    unsigned char raw[LAB_KEY_ID];
    size_t len = sizeof raw;
    gnutls_datum_t der = {NULL, 0};
    gnutls_pkcs12_t p12 = NULL;
    int rc = gnutls_x509_crt_get_key_id(pair->crt, 0, raw, &len);
    gnutls_datum_t id = {raw, (unsigned)len};
    if (rc >= 0)
        rc = gnutls_pkcs12_init(&p12);
    if (rc >= 0)
        rc = add_crt_bag(p12, pair, intermediate, &id, name);
    if (rc >= 0)
        rc = add_key_bag(p12, pair, &id, name);
    if (rc >= 0)
        rc = gnutls_pkcs12_generate_mac2(p12, GNUTLS_MAC_SHA1, LAB_PASSWORD);
    if (rc >= 0)
        rc = gnutls_pkcs12_export2(p12, GNUTLS_X509_FMT_DER, &der);
    if (rc >= 0)
        buf_put(out, der.data, der.size);
    gnutls_free(der.data);
    if (p12)
        gnutls_pkcs12_deinit(p12);
    return lab_failed(rc, "a PKCS#12 file", err);
}
