/* mkcrls CA KEY NOW der|pem WORD... > FILE: the CRL that the words name (mkcrl.h), of the CA in the PEM files
 * CA and KEY, around the time NOW in seconds. mkcrls serial I OCTETS prints a serial number of entries= in
 * hex. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkcrl.h"

static gnutls_datum_t load(const char *path)
{
    gnutls_datum_t data;
    if (gnutls_load_file(path, &data) < 0) {
        fprintf(stderr, "mkcrls: cannot read %s\n", path);
        exit(99);
    }
    return data;
}

static int print_serial(unsigned i, size_t octets)
{
    unsigned char serial[64];
    if (octets == 0 || octets > sizeof serial)
        return 2;
    mk_crl_serial(i, serial, octets);
    for (size_t k = 0; k < octets; k++)
        printf("%02x", serial[k]);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "serial") == 0)
        return print_serial((unsigned)strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
    if (argc < 5) {
        fputs("usage: mkcrls CA KEY NOW der|pem WORD... > FILE\n       mkcrls serial I OCTETS\n", stderr);
        return 2;
    }
    struct mk_pair ca;
    gnutls_datum_t crt = load(argv[1]), key = load(argv[2]), text;
    if (gnutls_x509_crt_init(&ca.crt) < 0 || gnutls_x509_crt_import(ca.crt, &crt, GNUTLS_X509_FMT_PEM) < 0 ||
        gnutls_x509_privkey_init(&ca.key) < 0 ||
        gnutls_x509_privkey_import2(ca.key, &key, GNUTLS_X509_FMT_PEM, NULL, 0) < 0) {
        fputs("mkcrls: the CA or its key cannot be read\n", stderr);
        return 99;
    }
    char words[4096] = "";
    size_t n = 0;
    for (int i = 5; i < argc; i++) {
        int more = snprintf(words + n, sizeof words - n, " %s", argv[i]);
        if (more < 0 || (size_t)more >= sizeof words - n)
            return 2;
        n += (size_t)more;
    }
    gnutls_datum_t der = mk_crl_words(&ca, words, (time_t)strtoll(argv[3], NULL, 10));
    text = der;
    if (strcmp(argv[4], "pem") == 0 && gnutls_pem_base64_encode2("X509 CRL", &der, &text) < 0)
        return 99;
    if (fwrite(text.data, 1, text.size, stdout) != text.size || fflush(stdout) != 0)
        return 99;
    if (text.data != der.data)
        gnutls_free(text.data);
    gnutls_free(der.data);
    gnutls_free(crt.data);
    gnutls_free(key.data);
    mk_free(&ca);
    return 0;
}
