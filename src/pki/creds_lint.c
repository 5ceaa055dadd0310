/* What `mtlsd check`, and the log at the start and after a reload, say about the own certificates: mistakes
 * that load, and show only when clients come. */
#include <string.h>

#include "base/clock.h"
#include "pki/creds_impl.h"

enum { RSA_LEAST = 2048, EC_LEAST = 256 };

static void lint_time(const struct creds_set *set, size_t i, time_t now, struct diag *diag)
{
    const struct certinfo *info = set->chain[i];
    const char *what = i == 0 ? "the certificate" : "an intermediate certificate";
    char span[CLOCK_TEXT], at[CLOCK_TEXT];
    if (info->not_after < now)
        diag_error(diag, set->crt_src, "certificate: %s: %s %s expired %s ago (%s): renew it", set->crt_file,
                   what, info->subject.text, clock_span((long long)now - info->not_after, span),
                   clock_rfc3339(info->not_after, at));
    else if (now > info->not_after - (time_t)certinfo_soon(info->not_before, info->not_after, CREDS_SOON))
        diag_warning(diag, set->crt_src, "certificate: %s: %s %s expires in %s (%s): renew it", set->crt_file,
                     what, info->subject.text, clock_span((long long)info->not_after - now, span),
                     clock_rfc3339(info->not_after, at));
    if (info->not_before > now)
        diag_error(diag, set->crt_src,
                   "certificate: %s: %s %s is not valid before %s: is this machine's clock right?",
                   set->crt_file, what, info->subject.text, clock_rfc3339(info->not_before, at));
}

static void lint_strength(const struct creds_set *set, size_t i, struct diag *diag)
{
    const struct certinfo *info = set->chain[i];
    bool rsa = strncmp(info->key_algorithm, "RSA", 3) == 0, ec = strncmp(info->key_algorithm, "EC", 2) == 0;
    if ((rsa && info->key_bits < RSA_LEAST) || (ec && info->key_bits < EC_LEAST))
        diag_warning(diag, set->crt_src,
                     "certificate: %s: %s has a weak key (%s, %u bits): clients refuse it", set->crt_file,
                     info->subject.text, info->key_algorithm, info->key_bits);
    /* Nobody looks at the signature by which a certificate vouches for itself. */
    gnutls_sign_algorithm_t sign = gnutls_sign_get_id(info->signature_algorithm);
    if (!(i == 0 && set->self_signed) && sign != GNUTLS_SIGN_UNKNOWN &&
        !gnutls_sign_is_secure2(sign, GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS))
        diag_warning(diag, set->crt_src, "certificate: %s: %s has a weak signature (%s): clients refuse it",
                     set->crt_file, info->subject.text, info->signature_algorithm);
}

static bool has_server_purpose(const struct certinfo *leaf)
{
    for (size_t i = 0; i < leaf->extended_key_usage.n; i++) {
        const char *text = leaf->extended_key_usage.v[i].text;
        if (strcmp(text, "serverAuth") == 0 || strcmp(text, "anyExtendedKeyUsage") == 0)
            return true;
    }
    return false;
}

static void lint_leaf(const struct creds_set *set, struct diag *diag)
{
    const struct certinfo *leaf = set->chain[0];
    if (leaf->n_san == 0)
        diag_warning(diag, set->crt_src,
                     "certificate: %s has no subject alternative name: browsers look nowhere else "
                     "for the host's name",
                     set->crt_file);
    if (leaf->has_extended_key_usage && !has_server_purpose(leaf))
        diag_error(diag, set->crt_src,
                   "certificate: %s is not for servers (extended key usage without serverAuth): clients "
                   "refuse it; get one with extendedKeyUsage = serverAuth",
                   set->crt_file);
    if (leaf->has_key_usage && !(leaf->key_usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
        diag_error(diag, set->crt_src,
                   "certificate: %s may not sign (key usage without digitalSignature), which every cipher "
                   "suite here needs: clients refuse it; get one with keyUsage = digitalSignature",
                   set->crt_file);
    if (leaf->is_ca)
        diag_warning(diag, set->crt_src, "certificate: %s is a CA's certificate: use one that the CA issued",
                     set->crt_file);
    if (set->self_signed)
        diag_warning(diag, set->crt_src,
                     "certificate: %s is self-signed: only clients that were told to trust it will",
                     set->crt_file);
}

static void lint_chain(const struct creds_set *set, struct diag *diag)
{
    const struct certinfo *last = set->chain[set->n - 1];
    for (size_t i = 1; i < set->n; i++) {
        if (!set->chain[i]->is_ca)
            diag_warning(diag, set->crt_src,
                         "certificate: %s: %s in its chain is no CA (no basicConstraints CA:TRUE): clients "
                         "refuse what it issued",
                         set->crt_file, set->chain[i]->subject.text);
    }
    /* An issuer that is not given may be a root that clients have; with no intermediate at all that is less
     * likely than a mistake. */
    if (!set->complete && !set->self_signed && set->n == 1)
        diag_warning(diag, set->crt_src,
                     "certificate: %s comes without its issuer %s: unless clients know it as a root, add the "
                     "intermediate certificate",
                     set->crt_file, last->issuer.text);
    if (!set->in_order)
        diag_warning(diag, set->crt_src,
                     "certificate: the chain of %s is not in order in its files; it is sent in order",
                     set->crt_file);
}

void creds_lint(const struct creds *creds, const struct conf_listener *listener, time_t now,
                struct diag *diag)
{
    (void)listener;
    for (size_t i = 0; i < creds->n; i++) {
        const struct creds_set *set = &creds->set[i];
        for (size_t j = 0; j < set->n; j++) {
            lint_time(set, j, now, diag);
            lint_strength(set, j, diag);
        }
        lint_leaf(set, diag);
        lint_chain(set, diag);
        if (set->must_staple && (!set->staple || !set->staple[0].response.data))
            diag_warning(diag, set->crt_src,
                         "certificate: %s demands a stapled OCSP response (must-staple), and ocsp_response "
                         "names none: clients refuse it",
                         set->crt_file);
        if (set->key_readable_by_others)
            diag_warning(diag, set->key_src,
                         "certificate: the private key in %s can be read by everybody: chmod o-r %s",
                         set->key_file, set->key_file);
    }
}
