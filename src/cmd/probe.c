/* `mtlsd probe`: the client's side of the story, for scripts and for health checks in containers. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cmd/probe_impl.h"
#include "cmd/summary.h"
#include "cmd/trust_files.h"
#include "http/view.h"
#include "pki/x509file.h"

static const char USAGE[] =
    "Usage: mtlsd probe [--cert FILE --key FILE] [--ca FILE...] [--crl FILE...] URL\n"
    "       mtlsd probe --tcp [--alpn NAME...] [--wait TIME] ... HOST:PORT\n"
    "Connects, checks the server's certificate (expired, revoked, trusted, host\n"
    "name), sends one GET, and prints what it found: on a terminal in a few lines,\n"
    "else as JSON. Exit status 0 when the checks and the status (2xx) are good, 1\n"
    "when not or the server refused the client, 2 when there was no answer.\n"
    "With --tcp no HTTP is spoken: after the handshake nothing is sent, and the\n"
    "server may wait for its client, or speak first; when it ends the connection,\n"
    "that is no answer. Protocols that begin TLS by a command of their own\n"
    "(STARTTLS) cannot be probed.\n"
    "\n"
    "      --tcp                 any protocol in TLS, as behind mode = tcp\n"
    "      --alpn NAME           with --tcp: offers this protocol; may be repeated\n"
    "      --wait TIME           with --tcp: how long the server may take to refuse\n"
    "                            the client, or to speak first (default 500ms)\n"
    "      --cert FILE           client certificate with its chain; with its key,\n"
    "                            if it has no file of its own (--key)\n"
    "      --key FILE            its private key\n"
    "      --password-file FILE  the first line opens them\n"
    "      --ca FILE             trust the certificates in FILE; may be repeated\n"
    "                            (default: the system's store)\n"
    "      --crl FILE            use the CRLs in FILE; may be repeated (default:\n"
    "                            revocation stays unknown)\n"
    "      --certificate-form WORD\n"
    "                            standard (default) asks what RFC 5280 section 6 asks\n"
    "                            of a path and warns of the rest; strict refuses it\n"
    "                            too\n"
    "      --timeout TIME        for a try as a whole: 500ms, 5s, 1m (default 5s)\n"
    "      --retry N             tries again so often when there is no answer, or one\n"
    "                            of 5xx\n"
    "      --json                JSON on a terminal, too\n"
    "      --quiet               prints nothing\n"
    "  -h, --help                this text\n";

enum {
    MAX_FILES = 64,
    MAX_RETRY = 1000,
    DEFAULT_DEPTH = 5,
    MOST_CHAIN = 16,
    FIRST_PAUSE_MS = 100,
    LAST_PAUSE_MS = 2000
};
enum { NO_ANSWER = 2 };

struct probe_options {
    const char *cert, *key, *password_file;
    const char *ca[MAX_FILES], *crl[MAX_FILES];
    size_t n_ca, n_crl;
    enum certificate_form form;
    const char *alpn[PROBE_ALPN];
    size_t n_alpn;
    unsigned timeout_ms, wait_ms, retry;
    bool quiet, json, tcp, waits;
};

static int complain(const char *text)
{
    fprintf(stderr, "mtlsd probe: %s\n", text);
    return NO_ANSWER;
}

/* --- the client's own certificate ----------------------------------------------------------------------- */

static int load_client(const struct probe_options *o, struct x509file *crt, struct x509file *key,
                       struct err *err)
{
    char *password = NULL;
    size_t len = 0;
    int rc = o->password_file ? x509file_read(o->password_file, 4096, &password, &len, err) : 0;
    if (rc == 0 && password)
        password[strcspn(password, "\r\n")] = '\0';
    if (rc == 0)
        rc = x509file_load(o->cert, password, NULL, crt, err);
    if (rc == 0 && o->key)
        rc = x509file_load(o->key, password, NULL, key, err);
    if (rc == 0 && crt->n_crts == 0)
        rc = err_set(err, ERR_NOTFOUND, "%s: there is no certificate in it, but %s", o->cert,
                     x509file_kind(crt));
    if (rc == 0 && crt->n_keys + key->n_keys == 0)
        rc = err_set(err, ERR_NOTFOUND, "%s: there is no private key in it: give --key FILE",
                     o->key ? o->key : o->cert);
    x509file_wipe(password, len);
    return rc;
}

static int use_client(const struct probe_options *o, gnutls_certificate_credentials_t creds, struct err *err)
{
    struct x509file crt = {0}, key = {0};
    gnutls_pcert_st pcert[MOST_CHAIN];
    size_t n = 0;
    int rc = load_client(o, &crt, &key, err);
    struct x509file *holder = key.n_keys > 0 ? &key : &crt;
    int got = 0;
    for (; rc == 0 && got >= 0 && n < crt.n_crts && n < MOST_CHAIN; n++)
        got = gnutls_pcert_import_x509(&pcert[n], crt.crt[n], 0);
    if (rc == 0 && got >= 0)
        got = gnutls_certificate_set_key(creds, NULL, 0, pcert, (int)n, holder->key[0]);
    if (rc == 0 && got >= 0)
        holder->key[0] = holder->key[--holder->n_keys]; /* the credentials own it now */
    else if (rc == 0)
        rc = err_set(err, ERR_CRYPTO, "%s: %s", o->cert, gnutls_strerror(got));
    x509file_done(&crt);
    x509file_done(&key);
    return rc;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static int outcome(const struct probe_result *r)
{
    bool refused = r->peer && r->peer->verify != VERIFY_SUCCESS;
    if (refused)
        return EXIT_FAILURE;
    if (r->did != PROBE_DID_NOTHING)
        return EXIT_SUCCESS;
    if (probe_refused(r))
        return EXIT_FAILURE;
    if (r->status == 0)
        return NO_ANSWER;
    return r->status < 300 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void pause_before(unsigned attempt)
{
    unsigned ms = attempt < 5 ? (unsigned)FIRST_PAUSE_MS << attempt : (unsigned)LAST_PAUSE_MS;
    if (ms > LAST_PAUSE_MS)
        ms = LAST_PAUSE_MS;
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static int print_report(json_t *report, bool as_json)
{
    struct buf text;
    bool colour, people = summary_wanted(stdout, &colour) && !as_json, good = report != NULL;
    buf_init(&text, 0);
    if (good && people)
        summary_of_probe(report, colour, stdout);
    else if (good)
        good = view_write(report, &text) == 0 && fwrite(text.data, 1, text.len, stdout) == text.len;
    good = good && fflush(stdout) == 0 && !ferror(stdout);
    buf_done(&text);
    json_decref(report);
    return good ? 0 : -1;
}

static int probe(const struct probe_options *o, const char *given)
{
    char url_text[PROBE_HOST + PROBE_PATH];
    struct probe_url url;
    struct trust *trust = NULL;
    struct err err = {0};
    struct probe_job job = {
        .url = &url, .timeout_ms = o->timeout_ms, .wait_ms = o->wait_ms, .n_alpn = o->n_alpn};
    struct probe_result result = {0};
    const struct trust_files files = {.ca = o->ca,
                                      .n_ca = o->n_ca,
                                      .crl = o->crl,
                                      .n_crl = o->n_crl,
                                      .depth = DEFAULT_DEPTH,
                                      .form = o->form,
                                      .system = true};
    int status = NO_ANSWER;
    const bool whole = strncasecmp(given, "tls://", 6) == 0;
    if (o->tcp && !whole && strstr(given, "://"))
        return complain("with --tcp give HOST:PORT");
    if ((size_t)snprintf(url_text, sizeof url_text, "%s%s", o->tcp && !whole ? "tls://" : "", given) >=
        sizeof url_text)
        return complain("the URL is too long");
    if (probe_parse_url(url_text, &url, &err) != 0)
        return complain(err.text);
    if (url.tcp != o->tcp)
        return complain("tls:// needs --tcp");
    memcpy(job.alpn, o->alpn, sizeof job.alpn);
    if (gnutls_certificate_allocate_credentials(&job.creds) < 0)
        return complain("out of memory");
    if (trust_from_files(&files, &trust, &err) != 0 || (o->cert && use_client(o, job.creds, &err) != 0)) {
        complain(err.text);
        goto out;
    }
    job.trust = trust;
    unsigned tries = 0;
    for (;;) {
        probe_try(&job, &result);
        status = outcome(&result);
        tries++;
        if ((status != NO_ANSWER && result.status < 500) || tries > o->retry)
            break;
        probe_result_done(&result);
        pause_before(tries - 1);
    }
    if (!o->quiet && print_report(probe_report(url_text, &result, o->cert != NULL, tries), o->json) != 0)
        status = complain("the report cannot be written");
out:
    probe_result_done(&result);
    trust_unref(trust);
    gnutls_certificate_free_credentials(job.creds);
    return status;
}

enum {
    OPT_CERT = 256,
    OPT_KEY,
    OPT_PASSWORD,
    OPT_CA,
    OPT_CRL,
    OPT_FORM,
    OPT_TIMEOUT,
    OPT_RETRY,
    OPT_QUIET,
    OPT_JSON,
    OPT_TCP,
    OPT_ALPN,
    OPT_WAIT
};

static const struct option LONG_OPTIONS[] = {
    {"cert", required_argument, NULL, OPT_CERT},
    {"key", required_argument, NULL, OPT_KEY},
    {"password-file", required_argument, NULL, OPT_PASSWORD},
    {"ca", required_argument, NULL, OPT_CA},
    {"crl", required_argument, NULL, OPT_CRL},
    {"certificate-form", required_argument, NULL, OPT_FORM},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"retry", required_argument, NULL, OPT_RETRY},
    {"tcp", no_argument, NULL, OPT_TCP},
    {"alpn", required_argument, NULL, OPT_ALPN},
    {"wait", required_argument, NULL, OPT_WAIT},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool add_file(const char **list, size_t *n, const char *path)
{
    if (*n == MAX_FILES)
        return false;
    list[(*n)++] = path;
    return true;
}

static bool parse_retry(const char *text, unsigned *out)
{
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 4 || text[n] != '\0' || strtoul(text, NULL, 10) > MAX_RETRY)
        return false;
    *out = (unsigned)strtoul(text, NULL, 10);
    return true;
}

/* Takes one option; false with a complaint in *what when its argument is wrong. */
static bool take_option(struct probe_options *o, int c, const char **what)
{
    switch (c) {
    case OPT_CERT:
        o->cert = optarg;
        return true;
    case OPT_KEY:
        o->key = optarg;
        return true;
    case OPT_PASSWORD:
        o->password_file = optarg;
        return true;
    case OPT_CA:
        *what = "too many --ca: ";
        return add_file(o->ca, &o->n_ca, optarg);
    case OPT_CRL:
        *what = "too many --crl: ";
        return add_file(o->crl, &o->n_crl, optarg);
    case OPT_FORM:
        *what = "--certificate-form is standard or strict, not ";
        return trust_parse_form(optarg, &o->form);
    case OPT_TIMEOUT:
        *what = "--timeout wants a time like 5s or 500ms, not ";
        return probe_parse_time(optarg, &o->timeout_ms) == 0;
    case OPT_RETRY:
        *what = "--retry wants a number from 0 to 1000, not ";
        return parse_retry(optarg, &o->retry);
    case OPT_TCP:
        o->tcp = true;
        return true;
    case OPT_ALPN:
        *what = "--alpn wants a name of 1 to 255 bytes, eight times at most, not ";
        if (!*optarg || strlen(optarg) > UINT8_MAX || o->n_alpn == PROBE_ALPN)
            return false;
        o->alpn[o->n_alpn++] = optarg;
        return true;
    case OPT_WAIT:
        *what = "--wait wants a time like 1s or 500ms, not ";
        o->waits = true;
        return probe_parse_time(optarg, &o->wait_ms) == 0;
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        o->quiet = true;
        return true;
    }
}

int cmd_probe(int argc, char **argv)
{
    struct probe_options o = {.timeout_ms = 5000, .wait_ms = 500};
    const char *what = "";
    for (int c; (c = getopt_long(argc, argv, "h", LONG_OPTIONS, NULL)) != -1;) {
        if (c == 'h') {
            fputs(USAGE, stdout);
            return EXIT_SUCCESS;
        }
        if (c == '?' || !take_option(&o, c, &what)) {
            if (c != '?')
                fprintf(stderr, "mtlsd probe: %s%s\n", what, optarg);
            return cmd_see_help("mtlsd probe");
        }
    }
    const char *wrong = o.key && !o.cert                      ? "--key needs --cert"
                        : !o.tcp && (o.n_alpn > 0 || o.waits) ? "--alpn and --wait need --tcp"
                        : optind + 1 == argc                  ? NULL
                        : o.tcp                               ? "give one HOST:PORT"
                                                              : "give one URL";
    if (wrong) {
        fprintf(stderr, "mtlsd probe: %s\n", wrong);
        return cmd_see_help("mtlsd probe");
    }
    signal(SIGPIPE, SIG_IGN);
    return probe(&o, argv[optind]);
}
