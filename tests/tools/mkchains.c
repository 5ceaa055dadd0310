/* mkchains DIR: writes the chains of mkchain.c around today for tests over real connections. For each case
 * CASE.crt (what the client sends) and CASE.key; root.crt (to be trusted), intermediate.crt, other-root.crt,
 * root.crl, intermediate.crl, cases.crl (those of the other CAs), and cases.tsv with one case a line: name,
 * "crl" or "plain" (with all the CRLs, or without any), verify, error codes, warning codes, the alert in
 * TLS 1.2 and in TLS 1.3 ("-" for none). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mkchain.h"
#include "pki/verdict.h"

static FILE *create(const char *name, const char *suffix, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof(path), "%s%s", name, suffix);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        fprintf(stderr, "mkchains: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    return file;
}

static void finish(FILE *file)
{
    if (fclose(file) != 0) {
        perror("mkchains");
        exit(1);
    }
}

static void put(FILE *file, int rc, gnutls_datum_t *pem)
{
    if (rc < 0) {
        fprintf(stderr, "mkchains: %s\n", gnutls_strerror(rc));
        exit(1);
    }
    fwrite(pem->data, 1, pem->size, file);
    gnutls_free(pem->data);
}

static void put_crt(FILE *file, gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem;
    put(file, gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), &pem);
}

static void put_crl(FILE *file, gnutls_x509_crl_t crl)
{
    gnutls_datum_t pem;
    put(file, gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem), &pem);
}

static void write_crt(const char *name, gnutls_x509_crt_t crt)
{
    FILE *file = create(name, "", 0644);
    put_crt(file, crt);
    finish(file);
}

static void write_case(const struct mk_case *c)
{
    gnutls_datum_t pem;
    if (c->n_chain == 0)
        return;
    FILE *file = create(c->name, ".crt", 0644);
    for (size_t i = 0; i < c->n_chain; i++)
        put_crt(file, c->chain[i]);
    finish(file);
    file = create(c->name, ".key", 0600);
    put(file, gnutls_x509_privkey_export2(c->leaf.key, GNUTLS_X509_FMT_PEM, &pem), &pem);
    memset(&pem, 0, sizeof(pem));
    finish(file);
}

/* "certificate_expired" out of GNUTLS_A_CERTIFICATE_EXPIRED. */
static void put_alert(FILE *file, const char *codes, bool tls13)
{
    char first[64];
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(codes, ","), codes);
    struct verdict_finding finding = {.depth = 0};
    struct peer peer = {.errors = &finding};
    for (int code = 0; code < VERDICT_CODE_COUNT; code++)
        if (strcmp(VERDICT_ROWS[code].code, first) == 0) {
            finding.code = (enum verdict_code)code;
            peer.n_errors = 1;
        }
    const char *name = peer.n_errors == 0 ? NULL : gnutls_alert_get_strname(verdict_alert(&peer, tls13));
    fputc('\t', file);
    if (name == NULL)
        fputc('-', file);
    else
        for (name += strlen("GNUTLS_A_"); *name != 0; name++)
            fputc(tolower((unsigned char)*name), file);
}

int main(int argc, char **argv)
{
    static struct mk_world world;
    if (argc != 2) {
        fputs("Usage: mkchains DIR\n", stderr);
        return 2;
    }
    if ((mkdir(argv[1], 0755) != 0 && errno != EEXIST) || chdir(argv[1]) != 0) {
        fprintf(stderr, "mkchains: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    mk_world_init(&world, time(NULL));
    write_crt("root.crt", world.root.crt);
    write_crt("intermediate.crt", world.intermediate.crt);
    write_crt("other-root.crt", world.other_root.crt);
    FILE *file = create("root.crl", "", 0644);
    put_crl(file, world.root_crl);
    finish(file);
    file = create("intermediate.crl", "", 0644);
    put_crl(file, world.intermediate_crl);
    finish(file);
    file = create("cases.crl", "", 0644);
    for (size_t i = 2; i < world.n_crls; i++)
        put_crl(file, world.crl[i]);
    finish(file);
    file = create("cases.tsv", "", 0644);
    for (size_t i = 0; i < world.n_cases; i++) {
        const struct mk_case *c = &world.cases[i];
        write_case(c);
        fprintf(file, "%s\t%s\t%s\t%s\t%s", c->name, c->with_crl ? "crl" : "plain", c->verify,
                c->errors[0] != 0 ? c->errors : "-", c->warnings[0] != 0 ? c->warnings : "-");
        put_alert(file, c->errors, false);
        put_alert(file, c->errors, true);
        fputc('\n', file);
    }
    finish(file);
    mk_world_done(&world);
    return 0;
}
