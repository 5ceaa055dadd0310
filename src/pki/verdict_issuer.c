/* Why nothing trusted stands above a certificate: nobody can know from it alone whose the missing issuer is,
 * so this looks at names and says what it saw. */
#include <stdlib.h>
#include <strings.h>

#include "pki/verdict_impl.h"

static bool contains_word(const struct certname_attr *attr, const char *const *words)
{
    if (attr == NULL || attr->is_der)
        return false;
    for (; *words != NULL; words++)
        for (size_t i = 0; i + strlen(*words) <= attr->len; i++)
            if (strncasecmp((const char *)attr->value + i, *words, strlen(*words)) == 0)
                return true;
    return false;
}

static void add_missing(struct judge *judge, const struct cert *top, int depth)
{
    static const char *const subordinate[] = {"intermediate", "issuing", "subordinate",
                                              "sub ca",       "sub-ca",  NULL};
    static const char *const rootlike[] = {"root", NULL};
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)top->issuer.p, (unsigned)top->issuer.n};
    struct certname name = {0};
    const struct anchor *kin = NULL;
    bool named = false;
    size_t first;

    char *issuer = judge_name(judge, &top->issuer);
    char *key_id = top->authority_key_id.n > 0 ? judge_hex(judge, &top->authority_key_id) : NULL;
    const char *id_words = key_id != NULL ? " with key identifier " : "";
    if (certname_init(&name, &der, NULL) == 0 && judge->trust->n_anchors > 0) {
        const struct certname_attr *cn = trust_attribute(&name, "CN");
        named = contains_word(cn, subordinate) ||
                (cn == NULL && contains_word(trust_attribute(&name, "OU"), subordinate));
        kin = contains_word(cn, rootlike) ? NULL : trust_relative(judge->trust, &name);
    }
    if (issuer == NULL) {
        judge->nomem = true;
    } else if (trust_find(judge->trust, &top->issuer, &first) > 0) {
        finding_add(
            judge, VERDICT_ISSUER_UNKNOWN, depth, strdup(issuer), "the key of the configured CA of that name",
            "a configured CA bears the issuer's name %s, but has another key than the one%s%s that signed",
            issuer, id_words, key_id != NULL ? key_id : "");
        finding_hint(
            judge,
            "the CA was renewed with a new key, or another one bears its name: compare openssl x509 -noout "
            "-ext authorityKeyIdentifier with -ext subjectKeyIdentifier of the CA");
    } else if (named || kin != NULL) {
        char *of = kin != NULL ? judge_name(judge, &kin->cert.subject) : NULL;
        finding_add(judge, VERDICT_INTERMEDIATE_MISSING, depth, strdup(issuer),
                    "the certificate of the issuer in the chain",
                    "the certificate of the issuer %s%s%s was not sent and is not configured; %s%s", issuer,
                    id_words, key_id != NULL ? key_id : "",
                    of != NULL ? "it seems to belong below the configured CA "
                               : "its name is that of an intermediate CA",
                    of != NULL ? of : "");
        free(of);
    } else {
        finding_add(judge, VERDICT_ISSUER_UNKNOWN, depth, strdup(issuer),
                    judge->trust->n_anchors > 0 ? "an issuer among the configured CAs" : "a configured CA",
                    "the issuer %s%s%s is not among the configured CAs%s, and its certificate was not sent",
                    issuer, id_words, key_id != NULL ? key_id : "",
                    judge->trust->n_anchors == 0 ? " (there is none)" : "");
    }
    certname_done(&name);
    free(issuer);
    free(key_id);
}

void explain_missing_issuer(struct judge *judge, const struct path *partial)
{
    int depth = (int)partial->n - 1;
    const struct cert *top = path_cert(judge, partial, partial->n - 1);
    bool own_key = der_equal(&top->issuer, &top->subject) &&
                   (top->authority_key_id.n == 0 || top->subject_key_id.n == 0 ||
                    der_equal(&top->authority_key_id, &top->subject_key_id));
    /* Whether its own key made the signature is not asked: no trusted CA vouches for that key, and computing
     * with it may cost whatever its maker chose. */
    if (own_key) {
        if (partial->n == 1) {
            finding_add(judge, VERDICT_SELF_SIGNED, 0, judge_name(judge, &top->subject),
                        "a certificate signed by a configured CA",
                        "the certificate names itself as its issuer");
            return;
        }
        finding_add(judge, VERDICT_ISSUER_UNKNOWN, depth, judge_name(judge, &top->subject),
                    "a root among the configured CAs",
                    "the chain ends at a self-signed CA that is not configured");
        return;
    }
    add_missing(judge, top, depth);
}
