/* `mtlsd setup`: a folder with a configuration and what it names, for a service to start with: the operator's
 * own files, or a practice PKI. What is there already stays as it is. */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "cmd/check.h"
#include "cmd/setup_impl.h"
#include "config/conf.h"
#include "os/unit.h"

#ifndef MTLSD_PKGDATADIR
#define MTLSD_PKGDATADIR "/usr/share/mtlsd"
#endif

static const char USAGE[] =
    "Usage: mtlsd setup --certificate FILE [--key FILE]\n"
    "                   [--client-ca FILE [--crl FILE]...] [OPTION...] [DIR]\n"
    "       mtlsd setup --practice [OPTION...] [DIR]\n"
    "Makes DIR with a configuration, mtlsd.conf, and a copy of the files that it\n"
    "names, readable by root and the server's group alone; checks it, and says how\n"
    "to go on. What is in DIR already is never changed.\n"
    "\n"
    "      --certificate FILE   the server's certificate with its chain, in any form;\n"
    "                           may be repeated\n"
    "      --key FILE           its private key, where that is another file; may be\n"
    "                           repeated\n"
    "      --password-file F    a file with the password of an encrypted key or\n"
    "                           PKCS#12 file\n"
    "      --client-ca FILE     the CA that issues the clients' certificates; may be\n"
    "                           repeated\n"
    "      --crl FILE           a revocation list of it; may be repeated\n"
    "      --practice           with a practice PKI, as `mtlsd lab` makes it\n"
    "      --address ADDRESS    where to listen (default [::]:8443); not for a\n"
    "                           practice PKI\n"
    "      --backend URL        the application behind it, such as\n"
    "                           http://127.0.0.1:9000 or unix:/run/app/app.sock: it\n"
    "                           gets what verified clients ask for, or all clients\n"
    "                           where they are not asked; may be repeated\n"
    "      --document-root DIR  folder with the files to serve (default: mtlsd's own\n"
    "                           page where it is installed); not with --backend\n"
    "      --user USER          whom the files are for, when root calls this\n"
    "                           (default: the user of mtlsd.service, or mtlsd)\n"
    "  -h, --help               this text\n"
    "\n"
    "DIR is the folder of " MTLSD_CONF " unless given.\n";

/* Names that need no thought in a configuration, a shell or a log. */
static bool is_plain(const char *name)
{
    return *name && *name != '.' &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-")];
}

/* What would be written, before anything is. */
static int check_names(const struct setup *s)
{
    char path[SETUP_PLACE];
    const char *name[SETUP_KINDS * SETUP_FILES + 1] = {"mtlsd.conf"};
    size_t n = 1;
    for (size_t k = 0; k < SETUP_KINDS; k++) {
        for (size_t i = 0; i < s->kind[k].n; i++) {
            const char *file = s->kind[k].file[i];
            if (text_is_token(file))
                continue;
            if (!is_plain(setup_base_name(file)))
                return setup_fail(file,
                                  "give the file a name of letters, digits, '.', '_', '-', '@' and '+'");
            name[n++] = setup_base_name(file);
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(name[i], name[j]) == 0)
                return setup_fail(name[i], "stands twice: give the files different names");
        }
        if (setup_place(s, name[i], path) != 0)
            return -1;
        if (lstat(path, &st) == 0)
            return setup_fail(
                path, "is there already, and stays: edit it and run `mtlsd check`, or give another DIR");
    }
    return 0;
}

/* ---- whom it is for ---- */

/* `unit` NULL: there is none. */
static int find_user(struct setup *s, const struct unit *unit)
{
    s->root = geteuid() == 0;
    if (!s->root && s->user)
        return setup_fail("--user", "only root can give files to another user: run it as root");
    if (!s->root)
        return 0;
    const char *name = s->user ? s->user : unit ? unit->user.text : "mtlsd";
    // cppcheck-suppress getpwnamCalled ; the only thread
    const struct passwd *found = getpwnam(name);
    if (!found) {
        fprintf(stderr,
                "mtlsd setup: there is no user %s for the server to run as: make it (systemd-sysusers, or "
                "useradd --system --shell /usr/sbin/nologin %s), or give --user\n",
                name, name);
        return -1;
    }
    s->gid = found->pw_gid;
    snprintf(s->reader, sizeof s->reader, "%s", name);
    return 0;
}

/* ---- what comes next ---- */

static void say_next(const struct setup *s, const char *conf_file)
{
    const char *port = strrchr(s->address, ':') + 1,
               *own = strcmp(conf_file, MTLSD_CONF) == 0 ? "" : conf_file;
    printf("%s is there, and what it names", conf_file);
    printf(s->root ? ", for root and the group of %s to read.\n" : ".\n", s->reader);
    if (s->service)
        printf("  start:    systemctl enable --now mtlsd\n"
               "  look:     systemctl status mtlsd; journalctl -u mtlsd\n");
    else
        printf("  start:    mtlsd serve%s%s\n", *own ? " -c " : "", own);
    if (!s->practice)
        printf("  ask:      mtlsd probe https://NAME:%s/readyz, with a NAME that is in the certificate\n",
               port);
    else
        printf("  ask:      mtlsd probe --ca %s/root.crt https://localhost:%s/readyz\n", s->dir, port);
    if (s->practice)
        printf("            curl --cacert %s/root.crt --cert %s/client.crt --key %s/client.key "
               "https://localhost:%s/%s\n",
               s->dir, s->dir, s->dir, port, s->n_backend > 0 ? "" : "api/peer");
    printf("  change:   edit it; mtlsd check%s%s; %s\n", *own ? " -c " : "", own,
           s->service ? "systemctl reload mtlsd" : "SIGHUP to the server");
}

static int setup(struct setup *s)
{
    char conf_file[SETUP_PLACE];
    struct unit unit;
    const bool found = unit_find(MTLSD_CONF, &unit);
    if (find_user(s, found ? &unit : NULL) != 0 || check_names(s) != 0 ||
        setup_place(s, "mtlsd.conf", conf_file) != 0 || setup_make_folder(s) != 0)
        return EXIT_FAILURE;
    s->service = found && unit_serves(&unit, conf_file);
    if ((s->practice ? setup_make_practice(s, conf_file) : setup_make_own(s)) != 0) {
        setup_undo(s);
        return EXIT_FAILURE;
    }
    if (!check_configuration(conf_file, s->root ? s->reader : NULL, true, NULL)) {
        setup_undo(s);
        fflush(stdout);
        fprintf(stderr, "mtlsd setup: mend that, and call it again%s\n",
                s->practice ? " with another DIR" : "; nothing was kept");
        return EXIT_FAILURE;
    }
    say_next(s, conf_file);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(const char *why)
{
    fprintf(stderr, "mtlsd setup: %s\n", why);
    return cmd_see_help("mtlsd setup");
}

static int add(struct setup *s, enum setup_kind kind, const char *file)
{
    if (s->kind[kind].n == (kind == SETUP_PASSWORD ? 1 : SETUP_FILES))
        return usage(kind == SETUP_PASSWORD ? "--password-file: give one" : "at most 16 files of a kind");
    s->kind[kind].file[s->kind[kind].n++] = file;
    return 0;
}

/* One option; 0 or CMD_USAGE. */
static int take(struct setup *s, int option, const char *argument)
{
    switch (option) {
    case 'c':
    case 'k':
        return add(s, SETUP_CERTIFICATE, argument);
    case 'w':
        return add(s, SETUP_PASSWORD, argument);
    case 'C':
        return add(s, SETUP_CLIENT_CA, argument);
    case 'r':
        return add(s, SETUP_CRL, argument);
    case 'p':
        s->practice = true;
        return 0;
    case 'a':
        s->address = argument;
        return 0;
    case 'b':
        if (s->n_backend == SETUP_FILES)
            return usage("at most 16 servers of a backend");
        s->backend[s->n_backend++] = argument;
        return 0;
    case 'd':
        s->document_root = argument;
        return 0;
    case 'u':
        s->user = argument;
        return 0;
    default:
        return cmd_see_help("mtlsd setup");
    }
}

/* What the options are together; 0 or CMD_USAGE. */
static int judge(struct setup *s)
{
    struct conf_address at;
    struct err err = {0};
    bool own = false;
    for (size_t k = 0; k < SETUP_KINDS; k++)
        own = own || s->kind[k].n > 0;
    if (s->practice && (own || s->address))
        return usage("--practice brings its own certificates and addresses");
    if (!s->practice && s->kind[SETUP_CERTIFICATE].n == 0)
        return usage("give --certificate with your own, or --practice");
    if (s->kind[SETUP_CRL].n > 0 && s->kind[SETUP_CLIENT_CA].n == 0)
        return usage("--crl needs --client-ca");
    if (s->n_backend > 0 && s->document_root)
        return usage("--backend gets all that clients ask for: give it or --document-root");
    for (size_t i = 0; i < s->n_backend; i++) {
        if (conf_http_server(s->backend[i], &err) != 0) {
            fprintf(stderr, "mtlsd setup: --backend: %s\n", err.text);
            return CMD_USAGE;
        }
    }
    if (!s->address)
        s->address = "[::]:8443";
    if (conf_address(s->address, &at, &err) == 0)
        return at.local ? usage("--address is HOST:PORT: what is set up speaks HTTP") : 0;
    fprintf(stderr, "mtlsd setup: --address: %s\n", err.text);
    return CMD_USAGE;
}

/* The configuration names the folder, and is read from another. */
static int find_document_root(struct setup *s, char out[static SETUP_PLACE])
{
    static const char OWN_PAGE[] = MTLSD_PKGDATADIR "/www";
    if (s->n_backend > 0)
        return 0;
    if (!s->document_root) {
        s->document_root = access(OWN_PAGE, R_OK | X_OK) == 0 ? OWN_PAGE : NULL;
        return 0;
    }
    if (!realpath(s->document_root, out))
        return setup_fail(s->document_root, strerror(errno));
    s->document_root = out;
    return 0;
}

int cmd_setup(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"certificate", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"password-file", required_argument, NULL, 'w'},
        {"client-ca", required_argument, NULL, 'C'},
        {"crl", required_argument, NULL, 'r'},
        {"practice", no_argument, NULL, 'p'},
        {"address", required_argument, NULL, 'a'},
        {"backend", required_argument, NULL, 'b'},
        {"document-root", required_argument, NULL, 'd'},
        {"user", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static struct setup s;
    static char root[SETUP_PLACE];
    for (int option; (option = getopt_long(argc, argv, "h", LONG, NULL)) != -1;) {
        if (option == 'h') {
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (take(&s, option, optarg) != 0)
            return CMD_USAGE;
    }
    if (optind + 1 < argc)
        return usage("give one folder");
    int rc = judge(&s);
    if (rc != 0)
        return rc;
    snprintf(s.dir, sizeof s.dir, "%s", optind < argc ? argv[optind] : MTLSD_CONF);
    if (optind == argc)
        *strrchr(s.dir, '/') = '\0';
    for (size_t n = strlen(s.dir); n > 1 && s.dir[n - 1] == '/';)
        s.dir[--n] = '\0';
    return find_document_root(&s, root) == 0 ? setup(&s) : EXIT_FAILURE;
}
