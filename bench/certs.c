/* Many certificates at once, for the benchmark's rows about reloading them and about clients that are new.
 *
 *     certs FOLDER N CA.crt CA.key
 *
 * writes FOLDER/0.crt, 0.key to N.crt, N.key: ECDSA P-256, each for hostN.example, signed by the given CA and
 * followed by its certificate. Number 0 is for localhost. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000, DAY = 24 * 60 * 60 };

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (!file)
        die(path);
    return file;
}

static void add_extension(X509 *crt, X509 *ca, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca, crt, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension || !X509_add_ext(crt, extension, -1))
        die(value);
    X509_EXTENSION_free(extension);
}

/* Good for a server and for a client. */
static void describe(X509 *crt, X509 *ca, const char *name)
{
    char dns[128];
    snprintf(dns, sizeof dns, "DNS:%s", name);
    X509_NAME *subject = X509_get_subject_name(crt);
    if (!X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0))
        die(name);
    add_extension(crt, ca, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(crt, ca, NID_key_usage, "critical,digitalSignature");
    add_extension(crt, ca, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(crt, ca, NID_subject_key_identifier, "hash");
    add_extension(crt, ca, NID_authority_key_identifier, "keyid");
    add_extension(crt, ca, NID_subject_alt_name, dns);
}

static void issue(const char *folder, long number, X509 *ca, EVP_PKEY *ca_key)
{
    char name[64] = "localhost";
    if (number > 0)
        snprintf(name, sizeof name, "host%ld.example", number);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *crt = X509_new();
    if (!key || !crt || !X509_set_version(crt, X509_VERSION_3) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(crt), 1000000 + number) ||
        !X509_set_issuer_name(crt, X509_get_subject_name(ca)) ||
        !X509_gmtime_adj(X509_getm_notBefore(crt), -DAY) ||
        !X509_gmtime_adj(X509_getm_notAfter(crt), 90 * DAY) || !X509_set_pubkey(crt, key))
        die("certificate");
    describe(crt, ca, name);
    if (!X509_sign(crt, ca_key, EVP_sha256()))
        die("signature");

    char path[4096];
    snprintf(path, sizeof path, "%s/%ld.pem", folder, number);
    FILE *file = open_file(path, "w");
    if (!PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) || !PEM_write_X509(file, crt) ||
        !PEM_write_X509(file, ca) || fclose(file) != 0)
        die(path);
    X509_free(crt);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long n = argc == 5 ? strtol(argv[2], &end, 10) : -1;
    if (n < 0 || n > MOST || *end) {
        fputs("Usage: certs FOLDER N CA.crt CA.key\n", stderr);
        return 2;
    }
    FILE *file = open_file(argv[3], "r");
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = open_file(argv[4], "r");
    EVP_PKEY *ca_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (!ca || !ca_key)
        die("the CA's certificate and key");
    for (long i = 0; i <= n; i++)
        issue(argv[1], i, ca, ca_key);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return EXIT_SUCCESS;
}
