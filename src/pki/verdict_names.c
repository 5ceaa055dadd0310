/* Name constraints (RFC 5280 sections 4.2.1.10 and 6.1). GnuTLS checks constraints
 * on the leaf only, and not all kinds of names; here every name of every certificate is held against every CA
 * above it. */
#include <arpa/inet.h>

#include "base/text.h"
#include "pki/cert_impl.h"
#include "pki/name_match.h"
#include "pki/verdict_impl.h"

/* Bounds on work that a CA's constraints times a peer's names could make quadratic; GnuTLS alone needs tens
 * of milliseconds. */
enum { CONSTRAINTS_MAX = 512, COMPARISONS_MAX = 65536 };
/* For names that nobody vouches for: such a chain is refused anyway, this only says one reason more. */
enum { COMPARISONS_UNPROVEN = 1024 };

struct constraints {
    struct der permitted, excluded; /* bodies of GeneralSubtrees */
    bool has_permitted, has_excluded;
};

static bool ends_nocase(const struct der *name, const struct der *end)
{
    if (name->n < end->n)
        return false;
    struct der tail = der_skip(*name, name->n - end->n);
    return der_equal_nocase(&tail, end);
}

/* `name` is `base` or below it; an empty base holds every name. RFC 5280 knows no leading dot here: to those
 * who write one, and to other libraries, it stands for what is below alone. */
static bool dns_within(const struct der *name, const struct der *base)
{
    if (base->n > 0 && base->p[0] == '.')
        return name->n > base->n && ends_nocase(name, base);
    if (base->n == 0 || der_equal_nocase(name, base))
        return true;
    return name->n > base->n && name->p[name->n - base->n - 1] == '.' && ends_nocase(name, base);
}

/* Labels that are read in one way: of letters, digits, hyphens and underscores, and none of them empty. A dot
 * at the end, or a star anywhere but alone in front, makes another name of it to some. */
static bool host_clear(struct der host)
{
    size_t label = 0;
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = host.p[i], lower = (unsigned char)text_lower(c);
        if (c == '.' && label == 0)
            return false;
        if (c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (lower < 'a' || lower > 'z'))
            return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

static bool dns_clear(const struct der *name)
{
    return host_clear(name->n > 2 && memcmp(name->p, "*.", 2) == 0 ? der_skip(*name, 2) : *name);
}

/* One "@", or a quoted local part; behind it a host or an address in brackets. */
static bool email_clear(const struct der *name)
{
    const unsigned char *at = name->n > 0 ? memrchr(name->p, '@', name->n) : NULL;
    if (at == NULL)
        return false;
    size_t local = (size_t)(at - name->p);
    struct der host = der_skip(*name, local + 1);
    if (memchr(name->p, '@', local) != NULL || (host.n > 0 && host.p[0] == '['))
        return cert_email_valid(name);
    return local > 0 && host_clear(host);
}

static struct der bare_base(const struct der *base)
{
    return base->n > 0 && base->p[0] == '.' ? der_skip(*base, 1) : *base;
}

/* Whether some name that a SAN stands for may be within `base`: "*.a" stands for "b.a" too. */
static bool dns_may_meet(const struct der *name, const struct der *base)
{
    if (name->n < 2 || name->p[0] != '*')
        return dns_within(name, base);
    struct der parent = der_skip(*name, 2), bare = bare_base(base);
    if (dns_within(&parent, &bare))
        return true;
    if (bare.n != base->n)
        return false;
    const unsigned char *dot = base->n > 0 ? memchr(base->p, '.', base->n) : NULL;
    if (dot == NULL)
        return false;
    struct der above = der_skip(*base, (size_t)(dot - base->p) + 1);
    return der_equal_nocase(&above, &parent);
}

static bool dns_permitted(const struct der *name, const struct der *base)
{
    if (name->n <= 2 || name->p[0] != '*')
        return dns_within(name, base);
    struct der parent = der_skip(*name, 2), bare = bare_base(base);
    return dns_within(&parent, &bare);
}

/* For hosts of mail addresses and URIs: ".a" holds what is below a, "a" holds a alone. */
static bool host_within(const struct der *host, const struct der *base)
{
    if (base->n == 0)
        return true;
    if (base->p[0] == '.')
        return host->n > base->n && ends_nocase(host, base);
    return der_equal_nocase(host, base);
}

static bool email_within(const struct der *name, const struct der *base)
{
    const unsigned char *at = name->n > 0 ? memrchr(name->p, '@', name->n) : NULL;
    const unsigned char *base_at = base->n > 0 ? memrchr(base->p, '@', base->n) : NULL;
    if (at == NULL)
        return false;
    struct der host = der_skip(*name, (size_t)(at - name->p) + 1);
    if (base_at == NULL)
        return host_within(&host, base);
    struct der local = {name->p, (size_t)(at - name->p)}, base_local = {base->p, (size_t)(base_at - base->p)};
    struct der base_host = der_skip(*base, (size_t)(base_at - base->p) + 1);
    return der_equal(&local, &base_local) && der_equal_nocase(&host, &base_host);
}

/* ODD: no name of that kind, but clear. */
enum base_form { BASE_GOOD, BASE_ODD, BASE_BAD };

/* Underscores are common where names are not those of hosts. */
static enum base_form dns_form(const struct der *name)
{
    unsigned char plain[253];
    struct der copy = {plain, name->n};
    if (name->n > sizeof(plain))
        return BASE_BAD;
    for (size_t i = 0; i < name->n; i++)
        plain[i] = name->p[i] == '_' ? 'a' : name->p[i];
    if (!cert_dns_valid(&copy, false))
        return BASE_BAD;
    return cert_dns_valid(name, false) ? BASE_GOOD : BASE_ODD;
}

/* The host of a URI; empty when it has none or an address (such a URI fits no constraint). */
static struct der uri_host(const struct der *uri)
{
    const unsigned char *slashes = uri->n > 0 ? memchr(uri->p, ':', uri->n) : NULL;
    if (slashes == NULL || uri->n - (size_t)(slashes - uri->p) < 3 || slashes[1] != '/' || slashes[2] != '/')
        return (struct der){0};
    struct der host = der_skip(*uri, (size_t)(slashes - uri->p) + 3);
    size_t end = 0, begin = 0;
    while (end < host.n && memchr("/?#", host.p[end], 3) == NULL)
        if (host.p[end++] == '@')
            begin = end;
    host.n = end;
    host = der_skip(host, begin);
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == ':')
            host.n = i;
    return dns_form(&host) != BASE_BAD ? host : (struct der){0};
}

static bool ip_within(const struct der *address, const struct der *base)
{
    if (base->n != 2 * address->n)
        return false;
    for (size_t i = 0; i < address->n; i++)
        if (((address->p[i] ^ base->p[i]) & base->p[address->n + i]) != 0)
            return false;
    return true;
}

static bool read_constraints(const struct cert *cert, struct constraints *out)
{
    struct der in = cert->ext[EXT_NAME_CONSTRAINTS].value, body;
    *out = (struct constraints){0};
    if (!der_take(&in, DER_SEQUENCE, &body) || in.n != 0)
        return false;
    if (der_next_is(&body, DER_CONTEXT_C(0)))
        out->has_permitted = der_take(&body, DER_CONTEXT_C(0), &out->permitted);
    if (der_next_is(&body, DER_CONTEXT_C(1)))
        out->has_excluded = der_take(&body, DER_CONTEXT_C(1), &out->excluded);
    return body.n == 0 && (out->has_permitted || out->has_excluded);
}

static bool take_subtree(struct der *list, unsigned *type, struct der *base)
{
    struct der one, v;
    unsigned least;
    if (!der_take(list, DER_SEQUENCE, &one) || !cert_general_name(&one, type, base))
        return false;
    /* minimum is 0, maximum absent (RFC 5280 section 4.2.1.10); an explicit 0 harms nobody. */
    if (der_next_is(&one, DER_CONTEXT(0)) &&
        (!der_take(&one, DER_CONTEXT(0), &v) || !der_uint(&v, &least) || least != 0))
        return false;
    return one.n == 0;
}

static bool mask_contiguous(const unsigned char *mask, size_t n)
{
    bool ended = false;
    for (size_t i = 0; i < 8 * n; i++) {
        bool bit = (mask[i / 8] >> (7 - i % 8) & 1) != 0;
        if (bit && ended)
            return false;
        ended = ended || !bit;
    }
    return true;
}

static enum base_form base_form(unsigned type, const struct der *base)
{
    struct der host = bare_base(base);
    bool good = true;
    if (base->n == 0 && (type == NAME_DNS || type == NAME_EMAIL || type == NAME_URI))
        return BASE_GOOD;
    switch (type) {
    case NAME_DNS:
        return dns_form(&host) == BASE_GOOD && host.n != base->n ? BASE_ODD : dns_form(&host);
    case NAME_EMAIL:
        if (memchr(base->p, '@', base->n) == NULL)
            return dns_form(&host);
        good = cert_email_valid(base);
        break;
    case NAME_URI:
        return dns_form(&host);
    case NAME_IP:
        good = (base->n == 8 || base->n == 32) && mask_contiguous(base->p + base->n / 2, base->n / 2);
        break;
    case NAME_DIRECTORY:
        good = cert_name_valid(base);
        break;
    default:
        break;
    }
    return good ? BASE_GOOD : BASE_BAD;
}

static const char *subtrees_problem(struct der list, bool *form_only)
{
    struct der base;
    unsigned type;
    bool odd = false;
    *form_only = false;
    if (list.n == 0)
        return "the name constraints hold an empty list";
    while (list.n > 0) {
        if (!take_subtree(&list, &type, &base))
            return "the name constraints are malformed";
        enum base_form form = base_form(type, &base);
        if (form == BASE_BAD)
            return "the name constraints hold a name that is none";
        odd = odd || form == BASE_ODD;
    }
    *form_only = odd;
    return odd ? "the name constraints hold a name that is none: it begins with a dot or has an underscore"
               : NULL;
}

const char *name_constraints_problem(const struct cert *cert, bool *form_only)
{
    struct constraints nc;
    *form_only = false;
    if (!read_constraints(cert, &nc))
        return "the name constraints are malformed or empty";
    const char *permitted = NULL, *excluded = NULL;
    bool odd = true;
    if (nc.has_permitted)
        permitted = subtrees_problem(nc.permitted, &odd);
    if (permitted != NULL && !odd)
        return permitted;
    if (nc.has_excluded)
        excluded = subtrees_problem(nc.excluded, form_only);
    if (excluded != NULL)
        return excluded;
    *form_only = permitted != NULL;
    return permitted;
}

static bool subtrees_uncommon(struct der list)
{
    struct der base;
    unsigned type;
    while (take_subtree(&list, &type, &base))
        if (type != NAME_DNS && type != NAME_EMAIL && type != NAME_DIRECTORY && type != NAME_URI &&
            type != NAME_IP)
            return true;
    return false;
}

bool name_constraints_uncommon(const struct cert *cert)
{
    struct constraints nc;
    return cert->ext[EXT_NAME_CONSTRAINTS].present && read_constraints(cert, &nc) &&
           (subtrees_uncommon(nc.permitted) || subtrees_uncommon(nc.excluded));
}

static size_t count_subtrees(struct der list)
{
    struct der one;
    size_t n = 0;
    while (der_take(&list, DER_SEQUENCE, &one))
        n++;
    return n;
}

static size_t count_names(const struct cert *cert)
{
    struct der names = cert_alt_names(cert), v;
    unsigned type;
    size_t n = 2; /* the subject, and what stands in its attributes */
    while (cert_general_name(&names, &type, &v))
        n++;
    return n;
}

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

/* Whether a name is one that can be compared. Of URIs and the rare kinds base_matches says that. */
static bool name_clear(unsigned type, const struct der *name)
{
    return type == NAME_DNS ? dns_clear(name) : type != NAME_EMAIL || email_clear(name);
}

static enum match base_matches(unsigned type, const struct der *name, const struct der *base, bool excluding)
{
    struct der host;
    switch (type) {
    case NAME_DNS:
        return (excluding ? dns_may_meet(name, base) : dns_permitted(name, base)) ? MATCH_YES : MATCH_NO;
    case NAME_EMAIL:
        return email_within(name, base) ? MATCH_YES : MATCH_NO;
    case NAME_URI:
        host = uri_host(name);
        if (host.n == 0)
            return MATCH_UNKNOWN;
        return host_within(&host, base) ? MATCH_YES : MATCH_NO;
    case NAME_IP:
        return ip_within(name, base) ? MATCH_YES : MATCH_NO;
    case NAME_DIRECTORY:
        return name_within(name, base) ? MATCH_YES : MATCH_NO;
    default:
        return MATCH_UNKNOWN;
    }
}

static const char *type_word(unsigned type)
{
    static const char *const words[] = {"other name",    "mail address",   "DNS name",
                                        "X.400 address", "directory name", "EDI name",
                                        "URI",           "address",        "registered identifier"};
    return type < ARRAY_LEN(words) ? words[type] : "name";
}

static char *name_text(struct judge *judge, unsigned type, const struct der *name)
{
    char text[INET6_ADDRSTRLEN];
    if (type == NAME_DIRECTORY)
        return judge_name(judge, name);
    if (type == NAME_IP && (name->n == 4 || name->n == 16) &&
        inet_ntop(name->n == 4 ? AF_INET : AF_INET6, name->p, text, sizeof(text)) != NULL)
        return judge_text(judge, "%s", text);
    if (type == NAME_DNS || type == NAME_EMAIL || type == NAME_URI)
        return judge_escaped(judge, name);
    return judge_hex(judge, name);
}

struct held {
    struct judge *judge;
    const struct constraints *nc;
    int depth;    /* of the certificate with the name */
    int ca_depth; /* of the CA with the constraints */
};

static void hold_name(const struct held *h, unsigned type, const struct der *name)
{
    struct der list, base;
    unsigned base_type;
    bool clear = name_clear(type, name), any = false, permitted = false, unknown = false;
    const char *why = NULL;
    for (list = h->nc->excluded; why == NULL && take_subtree(&list, &base_type, &base);) {
        if (base_type != type)
            continue;
        enum match m = clear ? base_matches(type, name, &base, true) : MATCH_UNKNOWN;
        if (m == MATCH_YES)
            why = "is excluded";
        unknown = unknown || m == MATCH_UNKNOWN;
    }
    for (list = h->nc->permitted; why == NULL && take_subtree(&list, &base_type, &base);) {
        if (base_type != type)
            continue;
        any = true;
        enum match m = clear ? base_matches(type, name, &base, false) : MATCH_UNKNOWN;
        permitted = permitted || m == MATCH_YES;
        unknown = unknown || m == MATCH_UNKNOWN;
    }
    if (why == NULL && unknown)
        why = "cannot be compared with what is allowed";
    if (why == NULL && any && !permitted)
        why = "is not among those that are permitted";
    if (why == NULL)
        return;
    finding_add(h->judge, VERDICT_NAME_CONSTRAINT, h->depth, name_text(h->judge, type, name),
                "a name within the name constraints",
                "the %s %s by the name constraints of the CA at depth %d", type_word(type), why, h->ca_depth);
}

/* An attribute's text as UTF-8, whatever string it is. One that is none becomes an empty name, which cannot
 * be compared. */
static void hold_text(const struct held *h, unsigned type, unsigned tag, const struct der *value)
{
    struct buf text = {0};
    struct der name = {(const unsigned char *)"", 0};
    if (cert_string(tag, value, &text) && !buf_failed(&text) && text.len > 0)
        name = (struct der){(const unsigned char *)text.data, text.len};
    if (type != NAME_DNS ||
        (name.n > 0 && memchr(name.p, '.', name.n) != NULL && cert_dns_valid(&name, true)))
        hold_name(h, type, &name);
    buf_done(&text);
}

/* Calls hold_name for the attributes of the subject that are names of another kind: emailAddress, also beside
 * mail addresses in the SAN, because rules read it (RFC 5280 section 4.2.1.10 asks for it where there are
 * none); and in a leaf a common name that looks like a host, because such names are matched as hosts
 * somewhere: where there is no SAN (RFC 9525 section 2), or in the strict form none with a DNS name. */
static void hold_attributes(const struct held *h, const struct cert *cert, bool has_dns, bool leaf)
{
    static const unsigned char email_oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1};
    static const unsigned char cn_oid[] = {0x55, 4, 3};
    struct der in = cert->subject, rdns, rdn, attr, oid, value;
    unsigned tag;
    if (!der_take(&in, DER_SEQUENCE, &rdns))
        return;
    while (der_take(&rdns, DER_SET, &rdn))
        while (der_take(&rdn, DER_SEQUENCE, &attr)) {
            if (!der_take(&attr, DER_OID, &oid) || !der_any(&attr, &tag, &value, NULL))
                continue;
            if (oid.n == sizeof(email_oid) && memcmp(oid.p, email_oid, oid.n) == 0)
                hold_text(h, NAME_EMAIL, tag, &value);
            else if (leaf && !has_dns && oid.n == sizeof(cn_oid) && memcmp(oid.p, cn_oid, oid.n) == 0)
                hold_text(h, NAME_DNS, tag, &value);
        }
}

static void hold_certificate(const struct held *h, const struct cert *cert, bool leaf)
{
    struct der names = cert_alt_names(cert), v;
    unsigned type;
    bool has_dns = false;
    if (h->judge->trust->form == CERTIFICATE_FORM_STANDARD)
        has_dns = cert->ext[EXT_SUBJECT_ALT_NAME].present;
    while (cert_general_name(&names, &type, &v)) {
        has_dns = has_dns || type == NAME_DNS;
        hold_name(h, type, &v);
    }
    if (!cert_name_empty(&cert->subject))
        hold_name(h, NAME_DIRECTORY, &cert->subject);
    hold_attributes(h, cert, has_dns, leaf);
}

void check_name_constraints(struct judge *judge, const struct path *path, unsigned proven)
{
    unsigned length = path_length(path);
    size_t n_constraints = 0, unproven = 0;
    /* Of the whole question: a chain may have many paths. */
    size_t *n_comparisons = proven > 0 ? &unproven : &judge->n_comparisons;
    for (unsigned ca = proven > 0 ? proven : 1; ca < length; ca++) {
        const struct cert *issuer = path_cert(judge, path, ca);
        struct constraints nc;
        if (!issuer->ext[EXT_NAME_CONSTRAINTS].present || !read_constraints(issuer, &nc))
            continue;
        size_t n = count_subtrees(nc.permitted) + count_subtrees(nc.excluded);
        n_constraints += n;
        for (unsigned i = 0; i < ca; i++)
            *n_comparisons += n * count_names(path_cert(judge, path, i));
        if (proven > 0 && *n_comparisons > COMPARISONS_UNPROVEN)
            return;
        if (n_constraints > CONSTRAINTS_MAX || *n_comparisons > COMPARISONS_MAX) {
            finding_add(judge, VERDICT_NAME_CONSTRAINT, (int)ca,
                        judge_text(judge, "%zu constraints", n_constraints),
                        "at most 512 constraints in a path, and 65536 comparisons with names in all paths",
                        "there are too many name constraints to compare all names with them");
            return;
        }
        for (unsigned i = 0; i < ca; i++) {
            const struct cert *cert = path_cert(judge, path, i);
            if (i > 0 && cert_self_issued(cert)) /* RFC 5280 section 6.1.3 (b) */
                continue;
            hold_certificate(&(struct held){judge, &nc, (int)i, (int)ca}, cert, i == 0);
        }
    }
}
