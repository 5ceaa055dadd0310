/* One certificate by itself, in the role that it has in the path. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "pki/verdict_impl.h"

enum { CLOCK_DOUBT = 24 * 3600 }; /* within this, a wrong clock is as likely as a wrong certificate */

/* A trusted certificate is its name, its key and its constraints (RFC 5280 section 6.1.1 (d)). */
static bool is_trusted(enum cert_role role, bool pinned)
{
    return role == ROLE_ANCHOR || pinned;
}

static void check_problems(struct judge *judge, const struct cert *cert, int depth, enum cert_role role,
                           bool pinned)
{
    for (size_t i = 0; i < cert->n_problems; i++) {
        const struct cert_problem *p = &cert->problem[i];
        bool serial = (p->about & CERT_OF_SERIAL) != 0;
        if (serial && role == ROLE_ANCHOR)
            continue;
        bool odd = is_trusted(role, pinned) && (p->about & CERT_NOT_OF_ANCHOR) != 0;
        char *value = p->value.n > 0 ? judge_escaped(judge, &p->value)
                      : serial       ? judge_hex(judge, &cert->serial)
                                     : NULL;
        finding_add(judge, odd ? VERDICT_ANCHOR_FORM : p->code, depth, value, p->expected, "%s", p->reason);
    }
}

static void check_subject(struct judge *judge, const struct cert *cert, int depth, enum cert_role role)
{
    const struct cert_ext *san = &cert->ext[EXT_SUBJECT_ALT_NAME];
    if (!cert_name_empty(&cert->subject))
        return;
    if (role != ROLE_LEAF || cert->is_ca)
        finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, depth, NULL, "a name (RFC 5280 section 4.1.2.6)",
                    "the subject of the CA is empty");
    else if (!san->present || !san->critical)
        finding_add(judge, VERDICT_EMPTY_SUBJECT, depth, NULL,
                    "a critical subject alternative name beside an empty subject (RFC 5280 section 4.1.2.6)",
                    "the subject is empty and no critical subject alternative name stands in for it");
}

static void check_form(struct judge *judge, const struct cert *cert, int depth, enum cert_role role,
                       bool pinned)
{
    check_problems(judge, cert, depth, role, pinned);
    if (cert->version != 3)
        finding_add(
            judge, VERDICT_OLD_VERSION, depth, judge_text(judge, "version %u", cert->version), "version 3",
            "it is a certificate of version %u, which cannot say what it may be used for", cert->version);
    if (cert_name_empty(&cert->issuer))
        finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, depth, NULL, "a name (RFC 5280 section 4.1.2.4)",
                    "the issuer's name is empty");
    check_subject(judge, cert, depth, role);
    for (size_t i = 0; i < cert->n_unknown_critical; i++) {
        char oid[128];
        if (!der_oid_text(&cert->unknown_critical[i], oid, sizeof(oid)))
            snprintf(oid, sizeof(oid), "malformed OID");
        finding_add(judge, VERDICT_UNSUPPORTED_CRITICAL_EXTENSION, depth, judge_text(judge, "%s", oid),
                    "critical extensions that are processed here",
                    "the extension %s is marked critical and not processed here", oid);
    }
}

static void check_root_ids(struct judge *judge, const struct cert *cert, int depth)
{
    if (cert->authority_has_issuer || cert->authority_has_serial) {
        finding_add(judge, VERDICT_KEY_IDENTIFIER, depth, NULL, "the key identifier alone",
                    "the authority key identifier of the root names an issuer or a serial number");
        finding_hint(judge, "make the root anew with authorityKeyIdentifier = keyid (not issuer:always)");
    }
    if (cert->authority_key_id.n > 0 && cert->subject_key_id.n > 0 &&
        !der_equal(&cert->authority_key_id, &cert->subject_key_id)) {
        char *own = judge_hex(judge, &cert->subject_key_id);
        finding_add(judge, VERDICT_KEY_IDENTIFIER, depth, judge_hex(judge, &cert->authority_key_id), own,
                    "the authority key identifier of the root is not its own key identifier");
        free(own);
    }
}

static void check_ids(struct judge *judge, const struct cert *cert, int depth, enum cert_role role,
                      bool pinned)
{
    bool root = is_trusted(role, pinned) && cert_self_issued(cert);
    if (cert->version == 1) /* it cannot have any */
        return;
    if (role != ROLE_LEAF && cert->subject_key_id.n == 0 && !cert->ext[EXT_SUBJECT_KEY_ID].present) {
        finding_add(judge, VERDICT_KEY_IDENTIFIER, depth, NULL, "one in every CA (RFC 5280 section 4.2.1.2)",
                    "the CA has no subject key identifier");
        finding_hint(judge, "make the CA anew with subjectKeyIdentifier = hash");
    }
    if (!cert->ext[EXT_AUTHORITY_KEY_ID].present) {
        if (!root)
            finding_add(judge, VERDICT_KEY_IDENTIFIER, depth, NULL,
                        "one in every certificate that is not self-signed (RFC 5280 section 4.2.1.1)",
                        "it has no authority key identifier");
        return;
    }
    if (cert->authority_key_id.n == 0)
        finding_add(judge, VERDICT_KEY_IDENTIFIER, depth, NULL, "a key identifier (RFC 5280 section 4.2.1.1)",
                    "the authority key identifier holds no key identifier");
    if (root)
        check_root_ids(judge, cert, depth);
}

static void check_basic_constraints(struct judge *judge, const struct cert *cert, int depth,
                                    enum cert_role role)
{
    const struct cert_ext *basic = &cert->ext[EXT_BASIC_CONSTRAINTS];
    if (!cert->is_ca && (role != ROLE_ANCHOR || !cert_issues(cert)))
        finding_add(judge, VERDICT_CA_NOT_A_CA, depth, judge_name(judge, &cert->subject),
                    "basicConstraints CA:TRUE", "it issued a certificate but is not a CA (%s)",
                    basic->present ? "its basic constraints say so" : "it has no basic constraints");
    else if (!cert->is_ca)
        finding_add(judge, VERDICT_ANCHOR_FORM, depth, judge_name(judge, &cert->subject),
                    "basicConstraints CA:TRUE", "the trusted CA has no basic constraints");
    else if (!basic->critical)
        finding_add(judge, VERDICT_CRITICAL_FLAG, depth, NULL, "critical (RFC 5280 section 4.2.1.9)",
                    "the basic constraints of the CA are not marked critical");
}

static void check_ca(struct judge *judge, const struct cert *cert, int depth, enum cert_role role)
{
    const struct cert_ext *constraints = &cert->ext[EXT_NAME_CONSTRAINTS];
    check_basic_constraints(judge, cert, depth, role);
    if (!cert_may(cert, GNUTLS_KEY_KEY_CERT_SIGN))
        finding_add(judge, VERDICT_KEY_USAGE, depth, judge_name(judge, &cert->subject), "keyCertSign",
                    "the key usage of the CA does not allow it to sign certificates");
    if (!constraints->present)
        return;
    bool form_only;
    const char *problem = name_constraints_problem(cert, &form_only);
    if (problem != NULL)
        finding_add(judge, form_only ? VERDICT_NAME_FORM : VERDICT_MALFORMED_CERTIFICATE, depth, NULL,
                    "RFC 5280 section 4.2.1.10", "%s", problem);
    if (!constraints->critical)
        finding_add(judge, VERDICT_CRITICAL_FLAG, depth, NULL, "critical (RFC 5280 section 4.2.1.10)",
                    "the name constraints of the CA are not marked critical");
}

static void check_leaf(struct judge *judge, const struct cert *cert, bool pinned)
{
    bool client = judge->question->purpose == PURPOSE_CLIENT;
    if (cert->is_ca && !pinned)
        finding_add(judge, VERDICT_CA_AS_LEAF, 0, judge_text(judge, "CA:TRUE"), "an end-entity certificate",
                    "this is the certificate of a CA; it certifies others and identifies no %s",
                    client ? "client" : "server");
    else if (!cert->is_ca && cert->ext[EXT_KEY_USAGE].present &&
             (cert->key_usage & GNUTLS_KEY_KEY_CERT_SIGN) != 0)
        finding_add(judge, VERDICT_KEY_USAGE_FORM, 0, judge_text(judge, "keyCertSign"),
                    "keyCertSign only in a CA",
                    "the key usage allows to sign certificates, but the certificate is not that of a CA");
    if (cert->ext[EXT_NAME_CONSTRAINTS].present && !(cert->is_ca && pinned))
        finding_add(judge, VERDICT_CERTIFICATE_FORM, 0, NULL, "only in a CA (RFC 5280 section 4.2.1.10)",
                    "it carries name constraints but is not used as a CA");
    unsigned wanted =
        client ? GNUTLS_KEY_DIGITAL_SIGNATURE
               : GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT | GNUTLS_KEY_KEY_AGREEMENT;
    if (!cert_may(cert, wanted)) {
        const char *words[9];
        size_t n = certinfo_key_usage_words(cert->key_usage, words);
        finding_add(judge, VERDICT_KEY_USAGE, 0, judge_text(judge, "%s", n > 0 ? words[0] : "none"),
                    "digitalSignature", "the key usage does not allow the key to sign a handshake");
    }
}

/* Rules of the Web PKI that a server's certificate meets and a private client's need not. */
static void check_server_purpose(struct judge *judge, const struct cert *cert, int depth, enum cert_role role)
{
    const struct cert_ext *eku = &cert->ext[EXT_EXTENDED_KEY_USAGE], *san = &cert->ext[EXT_SUBJECT_ALT_NAME];
    if (role == ROLE_ANCHOR && eku->present && cert_self_issued(cert))
        finding_add(judge, VERDICT_WEB_RULE, depth, NULL, "none in a root",
                    "the root has an extended key usage");
    if (role != ROLE_LEAF)
        return;
    if (eku->critical)
        finding_add(judge, VERDICT_WEB_RULE, depth, NULL, "not critical",
                    "the extended key usage is marked critical");
    if ((cert->eku & CERT_EKU_ANY) != 0)
        finding_add(judge, VERDICT_WEB_RULE, depth, judge_text(judge, "anyExtendedKeyUsage"), "serverAuth",
                    "the certificate may be used for anything");
    if (san->critical && !cert_name_empty(&cert->subject))
        finding_add(judge, VERDICT_WEB_RULE, depth, NULL, "not critical beside a subject",
                    "the subject alternative name is marked critical");
}

static void check_purpose(struct judge *judge, const struct cert *cert, int depth, enum cert_role role)
{
    bool client = judge->question->purpose == PURPOSE_CLIENT;
    unsigned wanted = (client ? CERT_EKU_CLIENT : CERT_EKU_SERVER) | CERT_EKU_ANY;
    unsigned other = client ? CERT_EKU_SERVER : CERT_EKU_CLIENT;
    const char *expected = client ? "clientAuth" : "serverAuth";
    if (!client)
        check_server_purpose(judge, cert, depth, role);
    if (!cert->ext[EXT_EXTENDED_KEY_USAGE].present) {
        if (role == ROLE_LEAF)
            finding_add(judge, VERDICT_NO_EKU, depth, NULL, expected,
                        "the certificate has no extended key usage");
        return;
    }
    if ((cert->eku & wanted) != 0 || cert->eku == 0) /* an empty one is malformed, and said to be */
        return;
    if (role != ROLE_LEAF)
        finding_add(judge, VERDICT_WRONG_PURPOSE, depth, NULL, expected,
                    "the CA may not certify %s: its extended key usage lacks %s",
                    client ? "clients" : "servers", expected);
    else if ((cert->eku & other) != 0)
        finding_add(judge, VERDICT_WRONG_PURPOSE, depth,
                    judge_text(judge, "%s", client ? "serverAuth" : "clientAuth"), expected,
                    "this is a %s certificate", client ? "server" : "client");
    else
        finding_add(judge, VERDICT_WRONG_PURPOSE, depth, NULL, expected,
                    "the extended key usage does not allow TLS %s", client ? "clients" : "servers");
}

/* Keys of issuers show when they are computed with. */
static void check_point(struct judge *judge, const struct cert *cert, int depth)
{
    if (depth == 0 && !cert_key_usable(&cert->spki))
        finding_add(judge, VERDICT_MALFORMED_CERTIFICATE, depth, NULL, "an uncompressed point of the curve",
                    "the public key is no point of its curve that can be read");
}

/* The name of an algorithm (RFC 5280 section 4.1.1.2), or its number where GnuTLS, which gives the word of
 * another to what it does not know, has none. */
static char *algorithm_text(struct judge *judge, struct der algorithm, const char *name)
{
    struct der body, oid;
    char text[128];
    if (name == NULL && der_take(&algorithm, DER_SEQUENCE, &body) && der_take(&body, DER_OID, &oid) &&
        der_oid_text(&oid, text, sizeof(text)))
        name = text;
    return judge_text(judge, "%s", name != NULL ? name : "unknown");
}

static void check_key(struct judge *judge, const struct cert *cert, int depth)
{
    /* No handshake here is signed with Ed448, a certificate may be. */
    const char *expected =
        depth == 0 ? "RSA of at least 2048 bits, ECDSA on P-256, P-384 or P-521, or Ed25519"
                   : "RSA of at least 2048 bits, ECDSA on P-256, P-384 or P-521, Ed25519 or Ed448";
    const char *name = cert->pk != GNUTLS_PK_UNKNOWN ? gnutls_pk_get_name(cert->pk) : NULL;
    struct der spki = cert->spki, body;
    if (!cert->key_good) /* it is malformed, and said to be */
        return;
    switch (cert->pk) {
    case GNUTLS_PK_RSA:
    case GNUTLS_PK_RSA_PSS:
        if (cert->key_bits < 2048)
            finding_add(judge, VERDICT_WEAK_KEY, depth, judge_text(judge, "RSA %u", cert->key_bits), expected,
                        "the RSA key has only %u bits", cert->key_bits);
        else if (cert->key_bits % 8 != 0)
            finding_add(judge, VERDICT_WEAK_KEY, depth, judge_text(judge, "RSA %u", cert->key_bits),
                        "a whole number of octets", "the RSA key has the odd size of %u bits",
                        cert->key_bits);
        else if (depth == 0 && !cert_key_signs_tls(&cert->spki))
            finding_add(judge, VERDICT_WEAK_KEY, depth,
                        judge_text(judge, "%s", name != NULL ? name : "RSA-PSS"),
                        "RSASSA-PSS with SHA-256, SHA-384 or SHA-512, and no more salt than the hash is long",
                        "the parameters of the key allow no signature that a handshake has");
        return;
    case GNUTLS_PK_ECDSA:
        if (cert->curve == GNUTLS_ECC_CURVE_SECP256R1 || cert->curve == GNUTLS_ECC_CURVE_SECP384R1 ||
            cert->curve == GNUTLS_ECC_CURVE_SECP521R1) {
            check_point(judge, cert, depth);
            return;
        }
        if (cert_curve_is_unknown(cert))
            finding_add(
                judge, VERDICT_WEAK_KEY, depth, NULL, expected,
                "the curve of the key is not known here: GnuTLS has none of brainpool's, nor secp256k1");
        else
            finding_add(judge, VERDICT_WEAK_KEY, depth, judge_text(judge, "%s", certinfo_curve(cert->curve)),
                        expected, "the curve of the key is not one that is accepted");
        return;
    case GNUTLS_PK_EDDSA_ED25519:
    case GNUTLS_PK_EDDSA_ED448:
        return;
    default:
        if (!der_take(&spki, DER_SEQUENCE, &body))
            body = (struct der){0};
        finding_add(judge, VERDICT_WEAK_KEY, depth, algorithm_text(judge, body, name), expected,
                    "the kind of key is not one that is accepted");
    }
}

static void check_signature_algorithm(struct judge *judge, const struct cert *cert, int depth)
{
    if (cert_sign_accepted(cert->sign))
        return;
    const char *name = gnutls_sign_get_name(cert->sign);
    finding_add(judge, VERDICT_WEAK_SIGNATURE, depth, algorithm_text(judge, cert->signature_algorithm, name),
                "SHA-256, SHA-384, SHA-512 or EdDSA",
                "the certificate is signed with %s, which is not accepted",
                name != NULL ? name : "an algorithm that is not known here");
}

static void check_validity(struct judge *judge, const struct cert *cert, int depth, enum cert_role role)
{
    char span[CLOCK_TEXT], date[CLOCK_TEXT], now[CLOCK_TEXT];
    const char *who = role == ROLE_LEAF ? "the certificate" : "the certificate of the CA";
    long long distance = 0;
    if (judge->at > cert->not_after) {
        distance = (long long)judge->at - cert->not_after;
        finding_add(judge, VERDICT_EXPIRED, depth, judge_date(judge, cert->not_after), NULL,
                    "%s expired %s ago, on %s", who, clock_span(distance, span),
                    clock_rfc3339(cert->not_after, date));
    } else if (judge->at < cert->not_before) {
        distance = (long long)cert->not_before - judge->at;
        finding_add(judge, VERDICT_NOT_YET_VALID, depth, judge_date(judge, cert->not_before), NULL,
                    "%s is valid only in %s, from %s", who, clock_span(distance, span),
                    clock_rfc3339(cert->not_before, date));
    }
    if (distance == 0) {
        long long left = (long long)cert->not_after - judge->at;
        judge_again_at(judge, cert->not_after + 1);
        if (role == ROLE_ANCHOR)
            return;
        const long long soon = certinfo_soon(cert->not_before, cert->not_after, judge->trust->expires_soon);
        if (left < soon)
            finding_add(judge, VERDICT_EXPIRES_SOON, depth, judge_date(judge, cert->not_after), NULL,
                        "%s expires in %s, on %s", who, clock_span(left, span),
                        clock_rfc3339(cert->not_after, date));
        else
            judge_again_at(judge, (time_t)((long long)cert->not_after - soon + 1));
        return;
    }
    judge_again_at(judge, cert->not_before);
    if (judge->nomem)
        return;
    struct verdict_finding *f = judge->last;
    f->expected = judge_text(judge, "%s %s", judge->at > cert->not_after ? "an end after" : "a start before",
                             clock_rfc3339(judge->at, now));
    if (distance <= CLOCK_DOUBT)
        finding_hint(judge, "a clock may be wrong: here it is %s, compare with date -u; else %s", now,
                     f->hint != NULL ? f->hint : "ask its issuer for a new certificate");
}

void check_certificate(struct judge *judge, const struct cert *cert, int depth, enum cert_role role,
                       bool pinned)
{
    check_form(judge, cert, depth, role, pinned);
    check_ids(judge, cert, depth, role, pinned);
    if (role == ROLE_LEAF)
        check_leaf(judge, cert, pinned);
    else
        check_ca(judge, cert, depth, role);
    check_purpose(judge, cert, depth, role);
    check_key(judge, cert, depth);
    if (role != ROLE_ANCHOR && !pinned)
        check_signature_algorithm(judge, cert, depth);
    check_validity(judge, cert, depth, role);
}
