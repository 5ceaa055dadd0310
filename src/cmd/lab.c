/* `mtlsd lab`: a practice PKI and a configuration that is ready to serve with it. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int make(const struct lab_options *options)
{
    struct err err = {0};
    if (lab_make(options, &err) != 0) {
        fprintf(stderr, "mtlsd lab: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("A practice PKI is in %s.\n"
           "  serve:    mtlsd serve -c %s/mtlsd.conf\n"
           "  ask:      curl --cacert %s/root.crt --cert %s/client.crt --key %s/client.key "
           "https://localhost:8443/api/peer\n"
           "  try all:  %s/try.sh\n"
           "  browsers: import %s/root.crt as an authority and a .p12 as a certificate of your own "
           "(password: mtlsd)\n",
           options->dir, options->dir, options->dir, options->dir, options->dir, options->dir, options->dir);
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
            options.document_root = optarg;
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
    return make(&options);
}
