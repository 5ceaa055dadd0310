/* Who may see what: location blocks, longest prefix first, with rules over the facts of a certificate.
 * Compiled once from the configuration, immutable, decided by a pure function that allocates nothing.
 *
 * LOCATIONS. "/secure" and "/secure/" are the same location: it covers "/secure", "/secure/" and all
 * below, not "/secured". "/" covers everything, also the target "*". "HOST/secure" covers these paths of
 * requests for that host, "*.HOST/secure" of those for hosts below it, at any depth. The most exact host
 * comes first: of its locations the longest path that covers the request, then of those of wildcards, the
 * longest first, then of those of every host. The one that is found rules alone; nothing is inherited from
 * another. What can be had under several names is decided on by each of them (http/guard.h).
 *
 * DECISION. client_cert comes first: any and verified want a certificate, verified wants one that
 * verifies. Then client_ca: the path of the certificate must end at one of these CAs, which are told by name
 * and key (RFC 5280 section 6.1.1 d). It ends at the first one that the listener trusts; where several ways
 * lead up from the certificate, each end counts (verdict.c bounds how many are looked for), with the policies
 * of the first way found there that holds. Then deny:
 * a deny rule looks at every certificate that was presented, verified or not, and
 * wins over allow. Then allow: when there are allow rules, one must match, and they never match a
 * certificate that is not verified, whatever client_cert says. Without allow rules all who came so far are
 * allowed. A certificate that cannot be read is refused where there are deny rules.
 *
 * RULES. A rule is "FIELD:PATTERN", about the leaf certificate:
 *
 * subject, issuer    a name, see below
 * serial             hex; colons between digits, case and leading zeros do not count. It tells
 *                    certificates apart only among those of one issuer
 * san.dns            a host name; case does not count. A wildcard in the certificate is a `*` like any
 *                    other character: it stands for no other name
 * san.email          a mail address; the part before the @ exactly (RFC 5280, section 7.5), the host
 *                    without case
 * san.uri            a URI; scheme and authority without case, the rest byte by byte; nothing is decoded
 * san.ip             an address or a range (192.0.2.0/24); IPv6 that maps an IPv4 address is not that
 *                    address
 * fingerprint, spki  SHA-256 of the certificate or of its SubjectPublicKeyInfo: hex (colons between
 *                    digits, any case) or base64, also after "sha256:" or, as curl writes it, "sha256//"
 *
 * Issuer is the name of the CA that the certificate was verified with, and no more than a name: two trusted
 * CAs of one name are one to it, and each trusted CA can issue to another one a certificate of any name.
 * The fingerprint is that of all bytes, the signature too, and one certificate can bear several good
 * signatures: whoever holds it can change its fingerprint. So in a deny rule it stops nobody who knows that;
 * serial with issuer does, and spki.
 *
 * san.upn            a user principal name (otherName 1.3.6.1.4.1.311.20.2.3), in the form of a mail address,
 *                    all of it without case
 * san.other          OID, or OID=PATTERN: an otherName of that type, or one whose string matches
 * eku                a purpose that the certificate names, by its word or OID; anyExtendedKeyUsage is one of
 *                    its own
 *
 * policy             an OID: the path is valid under that certificate policy (RFC 5280 section 6.1.6), or
 *                    under any; what the certificate alone says does not count. One that is not verified
 *                    matches in deny rules
 *
 * "RULE & RULE", with blanks around the &, matches where both do: "issuer:CN=Bar CA,* & san.uri:urn:bar:**".
 * Two san terms may be matched by two names. An & that no "FIELD:" follows is a part of its value.
 *
 * A san rule matches when any name of its kind does. The common name is never taken for a host name.
 *
 * WILDCARDS, in names and in san rules but san.ip. `*` is any run of characters inside one value of an
 * attribute, label of a host, part before the @, or segment of a URI (in its authority: label; where there
 * is no authority, colons are borders too). `**` crosses those borders within one value, but not the @, on
 * whose two sides it works by itself (`**` alone is any address). A wildcard that is all there is between
 * two borders stands for at least one character. A literal star is `\*`. Bytes are compared: case is that
 * of ASCII, there is no normalisation of Unicode, and letters that look alike are different.
 *
 * NAMES are patterns in the form of RFC 4514 ("CN=alice,O=Example\, Inc."), compared with the parsed
 * attributes of the certificate, so that order, escapes, the spelling of types (short name or OID, any
 * case) and the encoding of strings make no difference. Values are compared without case, outer spaces and
 * repeated inner spaces (caseIgnoreMatch). Each attribute of the pattern needs one of its own in the name.
 *
 * "CN=alice,O=Example"  the name has these two RDNs and no others
 * "CN=alice,*"          it may have others, but no second CN: a type that the pattern names may not occur
 *                       once more, except OU and DC, which build hierarchies by repetition
 * "CN=alice+UID=7"      both attributes in one multi-valued RDN, and no third in it. A pattern of single
 *                       attributes never matches a part of a multi-valued RDN
 * "CN=alice+*,*"        CN=alice by itself or in a multi-valued RDN
 * "CN=#0C05616C696365"  the DER of a value; a string is the same as its text, any other is compared as it
 *                       is
 *
 * DOUBT falls to the side of refusal: allow rules are read as above, deny rules more widely. No allow rule
 * matches a value with a NUL, a text pattern and a value that is no string, a name of more than 64
 * attributes, an alternative name that RFC 5280 does not take for one (an underscore or an address as a host
 * name, a blank, an address without or with two @, a URI without scheme), a URI with a segment "." or "..",
 * or any alternative name when some of them could not be read. Then every san rule of deny matches. In a deny
 * rule a wildcard takes a NUL for a character; one that is all there is between two borders also stands for
 * nothing, and a whole value `*` for one that is no string; an RDN may have further attributes (as with
 * "+*"); a second attribute of a type does not help; the case of a mail address and the final dot of a host
 * do not count;
 * ::ffff:192.0.2.1 is 192.0.2.1; and a name of more than 64 attributes matches.
 *
 * In a configuration file a rule with a backslash belongs in single quotes: double quotes interpret it. */
#ifndef MTLSD_POLICY_POLICY_H
#define MTLSD_POLICY_POLICY_H

#include "base/diag.h"
#include "config/conf.h"
#include "pki/verdict.h"

struct policy;

/* For tests: checks the form of one rule by itself. 0, ERR_SYNTAX with what is wrong and the remedy, or
 * ERR_NOMEM. */
MUST_CHECK int policy_check_rule(const char *rule, struct err *err);

/* Compiles the location blocks, which must outlive the policy and whose prefixes have the form that conf
 * accepts. A rule that cannot be parsed and a location that is given twice ("/a" and "/a/") go to `diag` with
 * file and line, all of them. 0 and *out, or negative when one was reported. */
MUST_CHECK int policy_new(const struct conf_location *location, size_t n, struct diag *diag,
                          struct policy **out);
/* The rules of a listener with mode = tcp, or of a host in it, as those of a location that rules all its
 * connections: *door, which is filled here, must outlive the policy, and so must the listener. With rules a
 * verified certificate is needed. Ask policy_decide_in(policy, door, peer). */
MUST_CHECK int policy_new_door(const struct conf_listener *listener, struct conf_location *door,
                               struct diag *diag, struct policy **out);
void policy_free(struct policy *policy);

/* Warns of rules that hold less than they seem to. `shared` is a name that two trusted CAs bear, NULL when
 * there is none. */
void policy_lint(const struct policy *policy, const char *shared, struct diag *diag);

enum policy_outcome {
    POLICY_ALLOW,
    POLICY_NO_CERTIFICATE, /* the location wants one and none was presented */
    POLICY_NOT_VERIFIED,   /* it wants a verified one; the verdict's errors say why not */
    POLICY_OTHER_CA,       /* its path ends at none of the location's CAs */
    POLICY_DENIED,         /* a deny rule matched, or no allow rule did */
};

struct policy_decision {
    enum policy_outcome outcome;
    const struct conf_location
        *location;      /* the one that ruled, NULL: none did. Borrowed from the configuration */
    const char *rule;   /* the deny rule that matched, or NULL. Borrowed from the configuration */
    const char *rival;  /* an allow rule would match, had the name not a second attribute of this type ("CN").
                           NULL: none would. Borrowed from the peer */
    const char *nearly; /* an allow rule that would match, had it ",*" behind its name. Borrowed from the
                           configuration. NULL: none would */
    const char *nearly_of;              /* which name: "subject", "issuer" */
    const struct anchor_set *client_ca; /* the location's, NULL: it has none. Borrowed from the policy */
};

/* `host` is what the request is for, as http1_host_name makes it; "": nothing. `path` is the decoded,
 * normalised path that also chooses the handler. `peer` may be NULL (client_auth = off): no certificate was
 * presented. Thread-safe. The routes that are exempt by construction (/health and its like) are not asked
 * about here: the route table says so. */
struct policy_decision policy_decide(const struct policy *policy, const char *host, const char *path,
                                     const struct peer *peer);

/* Its two steps: the location that rules a path, NULL when none does, and what a location (NULL: none) says.
 */
const struct conf_location *policy_location(const struct policy *policy, const char *host, const char *path);
/* Whether any location is of one host, or of those below one: others may get other answers. */
bool policy_tells_hosts(const struct policy *policy);
/* Whether a location covers any path of that host. */
bool policy_is_of_host(const struct conf_location *location, const char *host);
struct policy_decision policy_decide_in(const struct policy *policy, const struct conf_location *location,
                                        const struct peer *peer);

/* Gives a location with client_ca its CAs, before the policy is shared, and takes them over. Without them
 * nobody passes there. */
void policy_set_client_ca(struct policy *policy, const struct conf_location *location,
                          struct anchor_set *set);
const struct anchor_set *policy_client_ca(const struct policy *policy, const struct conf_location *location);

/* Locations whose path leads elsewhere in the document root: marks one, before the policy is shared; the i-th
 * of them, NULL: there are no more. */
void policy_set_linked(struct policy *policy, const struct conf_location *location);
const struct conf_location *policy_linked(const struct policy *policy, size_t i);

#endif
