/* GnuTLS's word on a path, which the strict form asks for on top of its own. */
#include "pki/verdict_impl.h"

/* GnuTLS 3.7 refuses two kinds of path that RFC 5280 allows, and that are checked in full here. */
struct excess {
    /* Constraints on kinds of names that it does not know, even where no such name occurs (section 4.2.1.10).
     * It also leaks memory each time. */
    bool unknown_names;
    /* It counts a CA's certificate for its own name against path lengths (section 6.1.4 (l) does not). */
    bool counted_twice;
};

static struct excess gnutls_excess(const struct judge *judge, const struct path *path)
{
    struct excess excess = {0};
    unsigned length = path_length(path);
    bool self_issued = false, limited = false;
    for (unsigned i = 1; i < length; i++) {
        const struct cert *cert = path_cert(judge, path, i);
        if (cert->ext[EXT_TLS_FEATURE].present) /* a constraint that only GnuTLS checks (RFC 7633) */
            return (struct excess){0};
        self_issued = self_issued || (i < path->n && cert_self_issued(cert));
        limited = limited || cert->path_len >= 0;
        excess.unknown_names = excess.unknown_names || name_constraints_uncommon(cert);
    }
    excess.counted_twice = self_issued && limited;
    return excess;
}

/* The code that says best why GnuTLS refuses what passed every other check, e.g. by a rule of the system's.
 */
static enum verdict_code code_of(const struct judge *judge, const struct path *path, unsigned status)
{
    if ((status & GNUTLS_CERT_INSECURE_ALGORITHM) != 0)
        return VERDICT_WEAK_SIGNATURE;
    if ((status & GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS) != 0)
        return VERDICT_UNSUPPORTED_CRITICAL_EXTENSION;
    for (unsigned i = 1; (status & GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) != 0 && i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_NAME_CONSTRAINTS].present)
            return VERDICT_NAME_CONSTRAINT;
    return VERDICT_PATH_REFUSED;
}

/* GnuTLS's own word on the path, and the same result. It checks signatures from the trusted CA downwards,
 * too, and ends with the first that does not hold. */
unsigned ask_gnutls(struct judge *judge, const struct path *path)
{
    gnutls_x509_crt_t chain[CHAIN_MAX_CERTS];
    /* Time, CRLs and purposes are checked elsewhere: against the question's time, failing closed, and for the
     * trusted CA too. (gnutls_x509_trust_list_verify_crt2 with a purpose says nothing more, and costs a third
     * more.) */
    unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS |
                     GNUTLS_VERIFY_DO_NOT_ALLOW_X509_V1_CA_CRT |
                     GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);
    unsigned status = 0;
    struct excess excess = gnutls_excess(judge, path);
    if (excess.unknown_names)
        return check_signatures(judge, path);
    for (unsigned i = 0; i < path->n; i++) {
        chain[i] = path_crt(judge, path, i);
        if (chain[i] == NULL) {
            finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, (int)i, NULL,
                        "a certificate in DER (RFC 5280 section 4.1)",
                        "the certificate cannot be read: GnuTLS cannot read it");
            return path_length(path);
        }
    }
    int rc = gnutls_x509_crt_list_verify(chain, path->n, &path->anchor->crt, 1, NULL, 0, flags, &status);
    if (rc == GNUTLS_E_MEMORY_ERROR)
        judge->nomem = true;
    if (rc == 0 && status == 0)
        return 0;
    unsigned proven = check_signatures(judge, path);
    if (proven > 0)
        return proven;
    if (rc == 0 && status == (GNUTLS_CERT_INVALID | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE) &&
        excess.counted_twice)
        return 0;
    gnutls_datum_t words = {NULL, 0};
    if (rc == 0)
        (void)gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
    finding_add(judge, rc == 0 ? code_of(judge, path, status) : VERDICT_PATH_REFUSED, -1,
                judge_text(judge, "%s", words.data != NULL ? (const char *)words.data : gnutls_strerror(rc)),
                NULL, "GnuTLS refuses the path");
    gnutls_free(words.data);
    return 0;
}

/* It is slow with alternative names, and a client's chain that has more than a handshake carries gets no
 * further than this verdict. TLS features (RFC 7633) are checked by it alone. */
bool gnutls_may_be_asked(const struct judge *judge, const struct path *path)
{
    if (judge->question->purpose == PURPOSE_SERVER || judge->sum.alt_names <= BOUND_ALT_NAMES)
        return true;
    for (unsigned i = 1; i < path_length(path); i++)
        if (path_cert(judge, path, i)->ext[EXT_TLS_FEATURE].present)
            return true;
    return false;
}
