/* `mtlsd verify`: the verdict that the live server would give to a chain, offline. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/summary.h"
#include "cmd/trust_files.h"
#include "cmd/verify_batch.h"
#include "http/view.h"
#include "pki/trust.h"
#include "pki/verdict.h"
#include "pki/x509file.h"

static const char USAGE[] =
    "Usage: mtlsd verify [-c FILE] [--listener NAME] CHAIN\n"
    "       mtlsd verify --ca FILE... [--crl FILE...] CHAIN\n"
    "       mtlsd verify --batch [FILE]\n"
    "Prints the verdict that the server would give to the client chain in CHAIN\n"
    "(leaf first): on a terminal in a few lines, else as the JSON of /api/peer.\n"
    "Exit status 0 verified, 1 refused, 2 could not judge.\n"
    "\n"
    "  -c, --config FILE     take CAs, CRLs and their options from a listener of this\n"
    "                        configuration\n"
    "      --listener NAME   which one (default: the first that asks for\n"
    "                        certificates)\n"
    "      --ca FILE         trust the certificates in FILE; may be repeated\n"
    "      --crl FILE        use the CRLs in FILE; may be repeated\n"
    "      --password-file FILE  the first line opens CHAIN\n"
    "      --at TIME         judge as if it were TIME (RFC 3339, like\n"
    "                        2026-11-23T16:42:00Z)\n"
    "      --depth N         most intermediates (default 5)\n"
    "      --certificate-form WORD\n"
    "                        standard (default) asks what RFC 5280 section 6 asks of\n"
    "                        a path and warns of the rest; strict refuses it too\n"
    "      --purpose WORD    client (default) or server\n"
    "      --hostname NAME   with the purpose server: the name that must match\n"
    "      --batch           read one JSON object per line from FILE or the standard\n"
    "                        input: id, chain, ca, crl, at, purpose, hostname, depth,\n"
    "                        certificate_form; write one verdict per line\n"
    "      --json            JSON on a terminal, too\n"
    "  -h, --help            this text\n";

enum { DEFAULT_DEPTH = 5, MAX_DEPTH = 16, MAX_FILES = 256 };

struct verify_options {
    const char *conf, *listener, *hostname, *password_file;
    const char *ca[MAX_FILES], *crl[MAX_FILES];
    size_t n_ca, n_crl;
    time_t at;
    unsigned depth;
    bool depth_given;
    bool form_given;
    enum certificate_form form;
    enum verdict_purpose purpose;
    bool batch, json;
};

static int complain(const char *what, const char *text)
{
    fprintf(stderr, "mtlsd verify: %s%s\n", what, text);
    return VERIFY_FAULT;
}

static void tell_unchecked(bool checked, const char *remedy)
{
    if (!checked)
        fprintf(stderr, "mtlsd verify: revocation was not checked: %s\n", remedy);
}

/* Trust from a listener of a configuration. */
static int trust_from_conf(const struct verify_options *o, struct trust **out)
{
    struct diag diag = {.emit = diag_print, .cls = stderr};
    struct conf *conf = NULL;
    const struct conf_listener *chosen = NULL;
    if (conf_load(o->conf, &diag, &conf) < 0)
        return VERIFY_FAULT;
    for (size_t i = 0; i < conf->n_listeners + conf->n_hosts && chosen == NULL; i++) {
        const struct conf_listener *l =
            i < conf->n_listeners ? &conf->listener[i] : &conf->host[i - conf->n_listeners];
        char *label = conf_label(l); /* "LISTENER/HOST" */
        if (o->listener != NULL ? label != NULL && strcmp(label, o->listener) == 0
                                : l->client_auth != CLIENT_AUTH_OFF)
            chosen = l;
        free(label);
    }
    int rc = VERIFY_FAULT;
    if (chosen == NULL)
        complain(o->listener != NULL ? "there is no listener " : "no listener asks for client certificates",
                 o->listener != NULL ? o->listener : "");
    else if (trust_load(conf, chosen, NULL, &diag, out) == 0)
        rc = VERIFY_GOOD;
    if (rc == VERIFY_GOOD)
        tell_unchecked(chosen->crl.n > 0 && chosen->crl_check != CRL_CHECK_OFF,
                       "the listener has no crl, or crl_check = off");
    conf_free(conf);
    return rc;
}

static int trust_from_options(const struct verify_options *o, struct trust **out)
{
    const struct trust_files files = {
        .ca = o->ca, .n_ca = o->n_ca, .crl = o->crl, .n_crl = o->n_crl, .depth = o->depth, .form = o->form};
    struct err err = {0};
    if (trust_from_files(&files, out, &err) != 0)
        return complain("", err.text);
    tell_unchecked(o->n_crl > 0, "give --crl FILE with the CRL of each CA");
    return VERIFY_GOOD;
}

static int print_peer(const struct verify_options *o, const char *path, const struct peer *peer,
                      const struct trust *trust)
{
    struct view_peer_input input = {
        .peer = peer, .requested = true, .purpose = o->purpose, .hostname = o->hostname};
    struct buf text;
    bool colour, people = summary_wanted(stdout, &colour) && !o->json;
    input.advertised = trust_advertised(trust, &input.n_advertised);
    buf_init(&text, 0);
    json_t *json = view_peer(&input);
    bool written = json != NULL;
    if (written && people)
        summary_of_peer(json, path, colour, stdout);
    else if (written)
        written = view_write(json, &text) == 0 && fwrite(text.data, 1, text.len, stdout) == text.len;
    int rc = written && fflush(stdout) == 0 && !ferror(stdout)
                 ? VERIFY_GOOD
                 : complain("the verdict cannot be written", "");
    json_decref(json);
    buf_done(&text);
    return rc;
}

static int judge(const struct verify_options *o, const char *path, const struct trust *trust,
                 const struct x509file *file)
{
    gnutls_datum_t *chain = calloc(file->n_crts + 1, sizeof(*chain));
    struct verdict_question q = {.trust = trust,
                                 .chain = chain,
                                 .at = o->at,
                                 .purpose = o->purpose,
                                 .hostname = o->hostname,
                                 .from_file = true};
    struct peer *peer = NULL;
    struct err err;
    int rc = VERIFY_FAULT;
    if (chain == NULL) {
        complain("out of memory", "");
        goto out;
    }
    for (size_t i = 0; i < file->n_crts; i++, q.n_chain++)
        if (gnutls_x509_crt_export2(file->crt[i], GNUTLS_X509_FMT_DER, &chain[i]) < 0) {
            complain("out of memory", "");
            goto out;
        }
    if (verdict_judge(&q, &peer, &err) < 0) {
        complain("", err.text);
        goto out;
    }
    rc = print_peer(o, path, peer, trust);
    if (rc == VERIFY_GOOD && peer->verify != VERIFY_SUCCESS)
        rc = VERIFY_REFUSED;
out:
    for (size_t i = 0; i < q.n_chain; i++)
        gnutls_free(chain[i].data);
    free(chain);
    peer_unref(peer);
    return rc;
}

static int lacks_certificate(const char *path, const struct x509file *file)
{
    fprintf(stderr, "mtlsd verify: %s: there is no certificate in it, but %s\n", path, x509file_kind(file));
    return VERIFY_FAULT;
}

static int verify_one(const struct verify_options *o, const char *path)
{
    struct trust *trust = NULL;
    struct x509file file = {0};
    struct err err;
    int rc = o->conf != NULL ? trust_from_conf(o, &trust) : trust_from_options(o, &trust);
    if (rc != VERIFY_GOOD)
        return rc;
    char *password = NULL;
    if ((o->password_file != NULL && x509file_secret(o->password_file, &password, &err) < 0) ||
        x509file_load(path, password, NULL, &file, &err) < 0)
        rc = complain("", err.text);
    else if (file.n_crts == 0)
        rc = lacks_certificate(path, &file);
    else
        rc = judge(o, path, trust, &file);
    x509file_wipe(password, password != NULL ? strlen(password) : 0);
    x509file_done(&file);
    trust_unref(trust);
    return rc;
}

static int verify_many(const char *path, enum certificate_form form)
{
    FILE *in = path == NULL || strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL) {
        fprintf(stderr, "mtlsd verify: %s: %s\n", path, strerror(errno));
        return VERIFY_FAULT;
    }
    int rc = verify_batch(in, stdout, form);
    if (in != stdin)
        fclose(in);
    return rc;
}

static int usage(const char *what, const char *text)
{
    fprintf(stderr, "mtlsd verify: %s%s\n", what, text);
    (void)cmd_see_help("mtlsd verify");
    return VERIFY_FAULT;
}

static bool add_file(const char **list, size_t *n, const char *path)
{
    if (*n == MAX_FILES)
        return false;
    list[(*n)++] = path;
    return true;
}

static bool parse_depth(const char *text, unsigned *out)
{
    char *end;
    errno = 0;
    long v = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || v < 0 || v > MAX_DEPTH)
        return false;
    *out = (unsigned)v;
    return true;
}

enum {
    OPT_LISTENER = 256,
    OPT_CA,
    OPT_CRL,
    OPT_PASSWORD,
    OPT_AT,
    OPT_DEPTH,
    OPT_FORM,
    OPT_PURPOSE,
    OPT_HOSTNAME,
    OPT_BATCH,
    OPT_JSON
};

static const struct option LONG_OPTIONS[] = {
    {"config", required_argument, NULL, 'c'},
    {"listener", required_argument, NULL, OPT_LISTENER},
    {"ca", required_argument, NULL, OPT_CA},
    {"crl", required_argument, NULL, OPT_CRL},
    {"password-file", required_argument, NULL, OPT_PASSWORD},
    {"at", required_argument, NULL, OPT_AT},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"certificate-form", required_argument, NULL, OPT_FORM},
    {"purpose", required_argument, NULL, OPT_PURPOSE},
    {"hostname", required_argument, NULL, OPT_HOSTNAME},
    {"batch", no_argument, NULL, OPT_BATCH},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Takes one option; false with a complaint in *what when its argument is wrong. */
static bool take_option(struct verify_options *o, int c, const char **what)
{
    switch (c) {
    case 'c':
        o->conf = optarg;
        return true;
    case OPT_LISTENER:
        o->listener = optarg;
        return true;
    case OPT_CA:
        *what = "too many --ca: ";
        return add_file(o->ca, &o->n_ca, optarg);
    case OPT_CRL:
        *what = "too many --crl: ";
        return add_file(o->crl, &o->n_crl, optarg);
    case OPT_PASSWORD:
        o->password_file = optarg;
        return true;
    case OPT_AT:
        *what = "--at wants a time like 2026-11-23T16:42:00Z, not ";
        return clock_parse_rfc3339(optarg, &o->at) == 0;
    case OPT_DEPTH:
        *what = "--depth wants a number from 0 to 16, not ";
        o->depth_given = true;
        return parse_depth(optarg, &o->depth);
    case OPT_FORM:
        *what = "--certificate-form is standard or strict, not ";
        o->form_given = true;
        return trust_parse_form(optarg, &o->form);
    case OPT_PURPOSE:
        *what = "--purpose is client or server, not ";
        o->purpose = strcmp(optarg, "server") == 0 ? PURPOSE_SERVER : PURPOSE_CLIENT;
        return o->purpose == PURPOSE_SERVER || strcmp(optarg, "client") == 0;
    case OPT_HOSTNAME:
        o->hostname = optarg;
        return true;
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        o->batch = true;
        return true;
    }
}

int cmd_verify(int argc, char **argv)
{
    struct verify_options o = {.at = clock_now(), .depth = DEFAULT_DEPTH, .purpose = PURPOSE_CLIENT};
    const char *what = "";
    int c;
    while ((c = getopt_long(argc, argv, "c:h", LONG_OPTIONS, NULL)) != -1) {
        if (c == 'h') {
            fputs(USAGE, stdout);
            return VERIFY_GOOD;
        }
        if (c == '?')
            return usage("", "unknown or incomplete option");
        if (!take_option(&o, c, &what))
            return usage(what, optarg);
    }
    const char *path = optind < argc ? argv[optind] : NULL;
    if (optind + 1 < argc)
        return usage("one file at a time, not also ", argv[optind + 1]);
    if (o.batch)
        return verify_many(path, o.form);
    if (path == NULL)
        return usage("", "the file with the chain is missing");
    if (o.conf != NULL && (o.n_ca > 0 || o.n_crl > 0 || o.depth_given || o.form_given))
        return usage("", "-c brings its own CAs, CRLs, depth and form; leave out --ca, --crl, --depth and "
                         "--certificate-form");
    if (o.conf == NULL && o.listener != NULL)
        return usage("", "--listener needs -c");
    if (o.conf == NULL && o.n_ca == 0)
        return usage("", "who is trusted? give -c FILE or --ca FILE");
    return verify_one(&o, path);
}
