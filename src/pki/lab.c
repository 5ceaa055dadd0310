#include "pki/lab.h"

#include <errno.h>
#include <sys/stat.h>

#include "pki/lab_impl.h"

const struct lab_client LAB_CLIENTS[] = {
    {.stem = "client", .cn = "alice", .to_day = 365, .about = "good"},
    {.stem = "client-expired",
     .cn = "expired",
     .from_day = -37,
     .to_day = -7,
     .code = "expired",
     .alert = "certificate expired",
     .about = "expired a week ago"},
    {.stem = "client-not-yet-valid",
     .cn = "not-yet-valid",
     .from_day = 365,
     .to_day = 730,
     .code = "not_yet_valid",
     .alert = "certificate expired",
     .about = "valid from next year on"},
    {.stem = "client-revoked",
     .cn = "revoked",
     .from_day = -30, /* it was good before it was revoked */
     .to_day = 335,
     .revoked = true,
     .code = "revoked",
     .alert = "certificate revoked",
     .about = "on the revocation list"},
    {.stem = "client-wrong-eku",
     .cn = "wrong-eku",
     .to_day = 365,
     .for_servers = true,
     .code = "wrong_purpose",
     .alert = "unsupported certificate",
     .about = "for servers only"},
    {.stem = "client-unknown-ca",
     .cn = "unknown-ca",
     .to_day = 365,
     .issuer = LAB_STRANGER,
     .leaf_only = true,
     .code = "issuer_unknown",
     .alert = "unknown ca",
     .about = "issued by a CA that nobody knows"},
    {.stem = "client-self-signed",
     .cn = "self-signed",
     .to_day = 365,
     .issuer = LAB_ITSELF,
     .leaf_only = true,
     .code = "self_signed",
     .alert = "unknown ca",
     .about = "signed by its own key"},
    {.stem = "client-weak",
     .cn = "weak",
     .to_day = 365,
     .weak = true,
     .code = "weak_key",
     .alert = "bad certificate",
     .about = "with an RSA key of 1024 bits"},
    {.stem = "client-no-intermediate",
     .cn = "no-intermediate",
     .to_day = 365,
     .leaf_only = true,
     .code = "intermediate_missing",
     .alert = "unknown ca",
     .about = "sent without the intermediate certificate"},
};
const size_t LAB_CLIENT_COUNT = ARRAY_LEN(LAB_CLIENTS);

/* The other files, for the look before anything is written. */
static const char *const FIXED[] = {
    "root.crt",   "root.key",   "root.crl",   "intermediate.crt", "intermediate.key", "intermediate.crl",
    "server.crt", "server.key", "mtlsd.conf", "try.sh",           "weak-keys.cnf"};

/* --- what is there already --- */

static int check_all_absent(const struct lab_options *options, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(FIXED); i++)
        rc = lab_check_absent(options, FIXED[i], "", err);
    for (size_t i = 0; rc == 0 && i < LAB_CLIENT_COUNT; i++)
        rc = lab_check_client_absent(options, LAB_CLIENTS[i].stem, err);
    return rc;
}

/* --- the pieces --- */

static int write_crl(const struct lab_options *options, const char *stem, const struct lab_pair *issuer,
                     gnutls_x509_crt_t revoked, struct err *err)
{
    struct buf crl = {0};
    const struct lab_crl what = {
        .revoked = revoked, .revoked_at = options->now - LAB_DAY, .from = options->now - 3600};
    int rc = lab_issue_crl(&crl, issuer, &what, err);
    if (rc == 0)
        rc = lab_write(options, stem, ".crl", LAB_PUBLIC_MODE, &crl, err);
    buf_done(&crl);
    return rc;
}

struct cas {
    struct lab_pair root, intermediate, stranger;
};

static int make_client(const struct lab_options *options, const struct lab_client *client,
                       const struct cas *cas, struct err *err)
{
    struct lab_pair pair = {0};
    const struct lab_pair *issuer = client->issuer == LAB_INTERMEDIATE ? &cas->intermediate
                                    : client->issuer == LAB_STRANGER   ? &cas->stranger
                                                                       : NULL;
    gnutls_x509_crt_t sent = client->leaf_only ? NULL : cas->intermediate.crt;
    int rc = lab_issue_client(&pair, client, issuer, options, err);
    if (rc == 0)
        rc = lab_write_client(options, client->stem, &pair, sent, client->cn, err);
    if (rc == 0 && client->revoked)
        rc = write_crl(options, "intermediate", &cas->intermediate, pair.crt, err);
    lab_pair_done(&pair);
    return rc;
}

static int make_cas(const struct lab_options *options, struct cas *cas, struct err *err)
{
    static const struct lab_name ROOT = {"mtlsd lab root CA", "mtlsd lab", NULL},
                                 INTERMEDIATE = {"mtlsd lab intermediate CA", "mtlsd lab", NULL},
                                 STRANGER = {"Stranger's CA", "Somebody else", NULL};
    int rc = lab_issue_ca(&cas->root, &ROOT, NULL, -1, options, err);
    if (rc == 0)
        rc = lab_issue_ca(&cas->intermediate, &INTERMEDIATE, &cas->root, 0, options, err);
    if (rc == 0)
        rc = lab_issue_ca(&cas->stranger, &STRANGER, NULL, -1, options, err);
    if (rc == 0)
        rc = lab_write_pair(options, "root", &cas->root, NULL, err);
    if (rc == 0)
        rc = lab_write_pair(options, "intermediate", &cas->intermediate, NULL, err);
    if (rc == 0)
        rc = write_crl(options, "root", &cas->root, NULL, err);
    return rc;
}

static int make_server(const struct lab_options *options, const struct cas *cas, struct err *err)
{
    struct lab_pair pair = {0};
    int rc = lab_issue_server(&pair, &cas->intermediate, NULL, options, err);
    if (rc == 0)
        rc = lab_write_pair(options, "server", &pair, cas->intermediate.crt, err);
    lab_pair_done(&pair);
    return rc;
}

int lab_make(const struct lab_options *options, struct err *err)
{
    struct cas cas = {0};
    struct buf text = {0};
    for (size_t i = 0; i < options->n_server_san; i++) {
        int wrong = lab_check_san(options->server_san[i], err);
        if (wrong != 0)
            return wrong;
    }
    if (mkdir(options->dir, 0755) != 0 && errno != EEXIST)
        return lab_file_error(options->dir, err);
    int rc = options->force ? 0 : check_all_absent(options, err);
    if (rc == 0)
        rc = make_cas(options, &cas, err);
    if (rc == 0)
        rc = make_server(options, &cas, err);
    for (size_t i = 0; rc == 0 && i < LAB_CLIENT_COUNT; i++)
        rc = make_client(options, &LAB_CLIENTS[i], &cas, err);
    if (rc == 0) {
        lab_conf(&text, options);
        rc = lab_write(options, "mtlsd.conf", "", LAB_PUBLIC_MODE, &text, err);
    }
    if (rc == 0) {
        lab_weak_keys(&text);
        rc = lab_write(options, "weak-keys.cnf", "", LAB_PUBLIC_MODE, &text, err);
    }
    if (rc == 0) {
        lab_try(&text);
        rc = lab_write(options, "try.sh", "", LAB_SCRIPT_MODE, &text, err);
    }
    lab_pair_done(&cas.root);
    lab_pair_done(&cas.intermediate);
    lab_pair_done(&cas.stranger);
    return rc;
}
