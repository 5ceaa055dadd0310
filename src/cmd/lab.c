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
#include "pki/lab.h"

#ifndef MTLSD_PKGDATADIR
#define MTLSD_PKGDATADIR "/usr/share/mtlsd"
#endif

static const char USAGE[] = "Usage: mtlsd lab [--force] [--key ecdsa|rsa|ed25519] [--document-root DIR] DIR\n"
                            "Makes a complete practice PKI in DIR: CAs, a server's pair, client certificates "
                            "that are good, expired, not yet valid,\n"
                            "revoked, for the wrong purpose, of an unknown CA, self-signed, weak, without "
                            "their intermediate; PKCS#12 files for\n"
                            "browsers; CRLs; mtlsd.conf; and try.sh with a curl line for each.\n"
                            "\n"
                            "      --force              make anew what is there already\n"
                            "      --key KIND           kind of the keys (default ecdsa)\n"
                            "      --document-root DIR  folder with the files to serve (default: mtlsd's own "
                            "page where it is installed)\n"
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

static int make(const struct lab_options *options)
{
    struct err err = {0};
    if (lab_make(options, &err) != 0) {
        fprintf(stderr, "mtlsd lab: %s\n", err.text);
        return EXIT_FAILURE;
    }
    char *dir = shell_word(options->dir);
    if (!dir) {
        fprintf(stderr, "mtlsd lab: out of memory\n");
        return EXIT_FAILURE;
    }
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
    free(dir);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int cmd_lab(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"force", no_argument, NULL, 'f'},
        {"key", required_argument, NULL, 'k'},
        {"document-root", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    static const char OWN_PAGE[] = MTLSD_PKGDATADIR "/www";
    struct lab_options options = {.now = clock_now()};
    const char *document_root = NULL;
    if (access(OWN_PAGE, R_OK | X_OK) == 0)
        options.document_root = OWN_PAGE;
    for (int c; (c = getopt_long(argc, argv, "h", LONG, NULL)) != -1;) {
        switch (c) {
        case 'f':
            options.force = true;
            break;
        case 'k':
            if (!key_kind(optarg, &options.key)) {
                fprintf(stderr, "mtlsd lab: --key %s: give ecdsa, rsa or ed25519\n", optarg);
                return CMD_USAGE;
            }
            break;
        case 'd':
            document_root = optarg;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(USAGE, stderr);
            return CMD_USAGE;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "mtlsd lab: give one folder\n%s", USAGE);
        return CMD_USAGE;
    }
    options.dir = argv[optind];
    /* The configuration is read from its own folder, so a name from here would lead elsewhere. */
    char *absolute = document_root ? realpath(document_root, NULL) : NULL;
    if (document_root && !absolute) {
        fprintf(stderr, "mtlsd lab: --document-root %s: %s\n", document_root, strerror(errno));
        return EXIT_FAILURE;
    }
    if (absolute)
        options.document_root = absolute;
    int status = make(&options);
    free(absolute);
    return status;
}
