/* `mtlsd lab`: a practice PKI and a configuration that is ready to serve with it. */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "config/conf.h"
#include "os/unit.h"
#include "pki/lab.h"

#ifndef MTLSD_PKGDATADIR
#define MTLSD_PKGDATADIR "/usr/share/mtlsd"
#endif

enum { SANS_MAX = 64, DAYS_MAX = 36500 };

static const char USAGE[] =
    "Usage: mtlsd lab [--force] [--key ecdsa|rsa|ed25519] [--san NAME]...\n"
    "                 [--document-root DIR] DIR\n"
    "       mtlsd lab --issue NAME [--san NAME]... [--days N] [--key KIND] [--force]\n"
    "                 DIR\n"
    "       mtlsd lab --revoke FILE DIR\n"
    "       mtlsd lab --renew [--san NAME]... DIR\n"
    "Makes a complete practice PKI in DIR: CAs, a server's pair, client certificates\n"
    "that are good, expired, not yet valid, revoked, for the wrong purpose, of an\n"
    "unknown CA, self-signed, weak, without their intermediate; PKCS#12 files for\n"
    "browsers; CRLs; mtlsd.conf; and try.sh with a curl line for each.\n"
    "\n"
    "      --force              make anew what is there already\n"
    "      --key KIND           kind of the keys (default ecdsa)\n"
    "      --document-root DIR  folder with the files to serve (default: mtlsd's own\n"
    "                           page where it is installed)\n"
    "      --san NAME           one more name of the server: dns:NAME, ip:ADDRESS\n"
    "\n"
    "In a lab that is there:\n"
    "      --issue NAME         one more client certificate: NAME.crt, NAME.key,\n"
    "                           NAME.p12\n"
    "      --san NAME           a name in it: dns:NAME, email:ADDRESS, ip:ADDRESS,\n"
    "                           uri:URI (default: email:NAME@example.org)\n"
    "      --days N             how long it is valid (default 365)\n"
    "      --revoke FILE        put this certificate on its issuer's CRL\n"
    "      --renew              the server's certificate and the CRLs, for another\n"
    "                           year; with --san under these names beside localhost,\n"
    "                           else under those that it has\n"
    "  -h, --help               this text\n";

static bool key_kind(const char *word, enum lab_key *out)
{
    static const char *const WORDS[] = {
        [LAB_KEY_ECDSA] = "ecdsa", [LAB_KEY_RSA] = "rsa", [LAB_KEY_ED25519] = "ed25519"};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            *out = (enum lab_key)i;
            return true;
        }
    }
    return false;
}

/* For the lines that one copies into a shell. NULL when memory is short; the caller frees it. */
static char *shell_word(const char *text)
{
    struct buf out = {0};
    const bool plain =
        *text &&
        !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:@,")];
    buf_puts(&out, plain ? "" : "'");
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            buf_puts(&out, "'\\''");
        else
            buf_putc(&out, *p);
    }
    buf_puts(&out, plain ? "" : "'");
    return buf_take(&out, NULL);
}

static void say_made(const struct lab_options *options, const char *dir)
{
    printf("A practice PKI is in %s.\n"
           "  serve:    mtlsd serve -c %s/mtlsd.conf\n"
           "  ask:      curl --cacert %s/root.crt --cert %s/client.crt --key %s/client.key "
           "https://localhost:8443/api/peer\n"
           "  try all:  %s/try.sh\n",
           dir, dir, dir, dir, dir, dir);
    if (options->key == LAB_KEY_ED25519)
        printf("  browsers: most cannot import Ed25519 keys, so make a lab with --key ecdsa for them; the "
               ".p12 files\n"
               "            (password: mtlsd) are for programs with OpenSSL or GnuTLS\n");
    else
        printf("  browsers: import %s/root.crt as an authority and a .p12 as a certificate of your own "
               "(password: mtlsd)\n",
               dir);
}

enum task { MAKE, ISSUE, REVOKE, RENEW };

struct command {
    enum task task;
    struct lab_options options;
    struct lab_request request; /* of ISSUE */
    const char *sans[SANS_MAX];
    const char *revoke;
    const char *document_root;
    bool only_issue; /* an option was given that only it knows */
};

/* What the folder's configuration says by now, which need not be the lab's own any more. */
struct server {
    unsigned port;    /* of the first listener that speaks HTTPS */
    const char *path; /* to ask for: a backend has the others */
    bool pid_file, service;
};

static void find_server(struct server *out, const char *dir)
{
    char file[4096];
    struct diag silent = {0};
    struct conf *conf = NULL;
    struct unit unit;
    *out = (struct server){.port = 8443, .path = "/api/peer"};
    snprintf(file, sizeof file, "%s/mtlsd.conf", dir);
    out->service = unit_find(MTLSD_CONF, &unit) && unit_serves(&unit, file);
    if (conf_load(file, &silent, &conf) == 0) {
        const struct conf_listener *l = conf->listener, *end = l + conf->n_listeners;
        struct conf_address at;
        while (l < end && (!l->tls || l->mode != LISTENER_HTTP))
            l++;
        if (l < end && conf_address(l->address.text, &at, NULL) == 0)
            out->port = at.port;
        for (size_t i = 0; l < end && l->routes != ROUTES_ALL && i < conf->n_locations; i++) {
            if (strcmp(conf->location[i].prefix, "/") == 0 && conf->location[i].backend.text)
                out->path = "/";
        }
        out->pid_file = conf->pid_file.text != NULL;
    }
    conf_free(conf);
}

static void say_reload(const struct command *c, const char *dir)
{
    struct server server;
    find_server(&server, c->options.dir);
    if (server.service)
        printf("  The service takes it by: systemctl reload mtlsd\n");
    else if (server.pid_file)
        printf(
            "  A server that runs takes it at its next reload: mtlsd reload -c %s/mtlsd.conf (or with the\n"
            "  configuration that it was started with), or reload = auto.\n",
            dir);
    else
        printf(
            "  A server that runs takes it at its next reload: SIGHUP, mtlsd reload where its configuration\n"
            "  has a pid_file, or reload = auto.\n");
}

static void say_issued(const struct command *c, const char *dir)
{
    const char *name = c->request.name;
    struct server server;
    find_server(&server, c->options.dir);
    printf("%s/%s.crt, %s.key and %s.p12 (password: mtlsd) are valid for %u days.\n"
           "  ask:      curl --cacert %s/root.crt --cert %s/%s.crt --key %s/%s.key "
           "https://localhost:%u%s\n",
           dir, name, name, name, c->request.days, dir, dir, name, dir, name, server.port, server.path);
}

static int run(const struct command *c)
{
    struct err err = {0};
    const char *crl = "";
    bool same = false;
    char *dir = shell_word(c->options.dir);
    int rc = dir ? 0 : err_nomem(&err);
    if (rc == 0 && c->task == MAKE)
        rc = lab_make(&c->options, &err);
    if (rc == 0 && c->task == ISSUE)
        rc = lab_issue(&c->options, &c->request, &same, &err);
    if (rc == 0 && c->task == REVOKE)
        rc = lab_revoke(&c->options, c->revoke, &crl, &err);
    if (rc == 0 && c->task == RENEW)
        rc = lab_renew(&c->options, &err);
    if (rc != 0) {
        fprintf(stderr, "mtlsd lab: %s\n", err.text);
        free(dir);
        return EXIT_FAILURE;
    }
    switch (c->task) {
    case MAKE:
        say_made(&c->options, dir);
        break;
    case ISSUE:
        if (same)
            fprintf(stderr,
                    "mtlsd lab: client.crt has the same subject, CN=%s,O=Example: what lets one in "
                    "by its subject lets in both\n",
                    c->request.name);
        say_issued(c, dir);
        break;
    case REVOKE:
        printf("%s is on %s/%s now.\n", c->revoke, dir, crl);
        say_reload(c, dir);
        break;
    case RENEW:
        printf("%s/server.crt and the CRLs are new.\n", dir);
        say_reload(c, dir);
        break;
    }
    free(dir);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(const char *why)
{
    fprintf(stderr, "mtlsd lab: %s\n", why);
    return cmd_see_help("mtlsd lab");
}

static bool days(const char *word, unsigned *out)
{
    char *end = NULL;
    errno = 0;
    const unsigned long n = strtoul(word, &end, 10);
    if (errno || *word < '0' || *word > '9' || *end || n < 1 || n > DAYS_MAX)
        return false;
    *out = (unsigned)n;
    return true;
}

/* 0 or CMD_USAGE. */
static int set_task(struct command *c, enum task task)
{
    if (c->task != MAKE)
        return usage("give one of --issue, --revoke and --renew");
    c->task = task;
    return 0;
}

/* One option; 0 or CMD_USAGE. */
static int take(struct command *c, int option, const char *argument)
{
    switch (option) {
    case 'f':
        c->options.force = true;
        return 0;
    case 'k':
        return key_kind(argument, &c->options.key) ? 0 : usage("--key: give ecdsa, rsa or ed25519");
    case 'd':
        c->document_root = argument;
        return 0;
    case 'i':
        c->request.name = argument;
        return set_task(c, ISSUE);
    case 'v':
        c->revoke = argument;
        return set_task(c, REVOKE);
    case 'n':
        return set_task(c, RENEW);
    case 's':
        if (c->request.n_san == SANS_MAX)
            return usage("--san: at most 64 names");
        c->sans[c->request.n_san++] = argument;
        return 0;
    case 't':
        c->only_issue = true;
        return days(argument, &c->request.days) ? 0 : usage("--days: give 1 to 36500");
    default:
        return cmd_see_help("mtlsd lab");
    }
}

int cmd_lab(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"force", no_argument, NULL, 'f'},
        {"key", required_argument, NULL, 'k'},
        {"document-root", required_argument, NULL, 'd'},
        {"issue", required_argument, NULL, 'i'},
        {"san", required_argument, NULL, 's'},
        {"days", required_argument, NULL, 't'},
        {"revoke", required_argument, NULL, 'v'},
        {"renew", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const char OWN_PAGE[] = MTLSD_PKGDATADIR "/www";
    struct command c = {.options = {.now = clock_now(), .pid_file = true}, .request = {.days = 365}};
    c.request.san = c.sans;
    for (int option; (option = getopt_long(argc, argv, "h", LONG, NULL)) != -1;) {
        if (option == 'h') {
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (take(&c, option, optarg) != 0)
            return CMD_USAGE;
    }
    if (optind + 1 != argc)
        return usage("give one folder");
    if (c.only_issue && c.task != ISSUE)
        return usage("--days belongs to --issue");
    if (c.request.n_san > 0 && c.task == REVOKE)
        return usage("--san belongs to --issue, --renew or a new lab");
    if (c.task != ISSUE) {
        c.options.server_san = c.sans;
        c.options.n_server_san = c.request.n_san;
    }
    if (c.document_root && c.task != MAKE)
        return usage("--document-root is for a new lab");
    c.options.dir = argv[optind];
    if (access(OWN_PAGE, R_OK | X_OK) == 0)
        c.options.document_root = OWN_PAGE;
    /* The configuration is read from its own folder, so a name from here would lead elsewhere. */
    char *absolute = c.document_root ? realpath(c.document_root, NULL) : NULL;
    if (c.document_root && !absolute) {
        fprintf(stderr, "mtlsd lab: --document-root %s: %s\n", c.document_root, strerror(errno));
        return EXIT_FAILURE;
    }
    if (absolute)
        c.options.document_root = absolute;
    int status = run(&c);
    free(absolute);
    return status;
}
