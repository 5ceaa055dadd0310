#include "policy/dn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "pki/der.h"

/* Names of attribute types that a pattern may use; any other type is written as its OID. The names in RFC
 * 4514 and in the certificate profiles, and those that GnuTLS, OpenSSL and Java print. */
static const struct {
    const char *name, *oid;
} TYPES[] = {
    {"CN", "2.5.4.3"},
    {"commonName", "2.5.4.3"},
    {"O", "2.5.4.10"},
    {"organizationName", "2.5.4.10"},
    {"OU", "2.5.4.11"},
    {"organizationalUnitName", "2.5.4.11"},
    {"C", "2.5.4.6"},
    {"countryName", "2.5.4.6"},
    {"L", "2.5.4.7"},
    {"localityName", "2.5.4.7"},
    {"ST", "2.5.4.8"},
    {"S", "2.5.4.8"},
    {"stateOrProvinceName", "2.5.4.8"},
    {"STREET", "2.5.4.9"},
    {"streetAddress", "2.5.4.9"},
    {"DC", "0.9.2342.19200300.100.1.25"},
    {"domainComponent", "0.9.2342.19200300.100.1.25"},
    {"UID", "0.9.2342.19200300.100.1.1"},
    {"userId", "0.9.2342.19200300.100.1.1"},
    {"E", "1.2.840.113549.1.9.1"},
    {"EMAIL", "1.2.840.113549.1.9.1"},
    {"emailAddress", "1.2.840.113549.1.9.1"},
    {"unstructuredName", "1.2.840.113549.1.9.2"},
    {"SN", "2.5.4.4"},
    {"surname", "2.5.4.4"},
    {"serialNumber", "2.5.4.5"},
    {"title", "2.5.4.12"},
    {"T", "2.5.4.12"},
    {"description", "2.5.4.13"},
    {"businessCategory", "2.5.4.15"},
    {"postalAddress", "2.5.4.16"},
    {"postalCode", "2.5.4.17"},
    {"postOfficeBox", "2.5.4.18"},
    {"telephoneNumber", "2.5.4.20"},
    {"name", "2.5.4.41"},
    {"GN", "2.5.4.42"},
    {"givenName", "2.5.4.42"},
    {"initials", "2.5.4.43"},
    {"generationQualifier", "2.5.4.44"},
    {"uniqueIdentifier", "2.5.4.45"},
    {"x500UniqueIdentifier", "2.5.4.45"},
    {"dnQualifier", "2.5.4.46"},
    {"pseudonym", "2.5.4.65"},
    {"organizationIdentifier", "2.5.4.97"},
    {"userPrincipalName", "1.2.840.113556.1.4.656"},
    {"jurisdictionL", "1.3.6.1.4.1.311.60.2.1.1"},
    {"jurisdictionOfIncorporationLocalityName", "1.3.6.1.4.1.311.60.2.1.1"},
    {"jurisdictionST", "1.3.6.1.4.1.311.60.2.1.2"},
    {"jurisdictionOfIncorporationStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"},
    {"jurisdictionC", "1.3.6.1.4.1.311.60.2.1.3"},
    {"jurisdictionOfIncorporationCountryName", "1.3.6.1.4.1.311.60.2.1.3"},
    {"placeOfBirth", "1.3.6.1.5.5.7.9.2"},
    {"gender", "1.3.6.1.5.5.7.9.3"},
    {"countryOfCitizenship", "1.3.6.1.5.5.7.9.4"},
    {"countryOfResidence", "1.3.6.1.5.5.7.9.5"},
    {"XmppAddr", "1.3.6.1.5.5.7.8.5"},
    {"OGRN", "1.2.643.100.1"},
    {"SNILS", "1.2.643.100.3"},
    {"OGRNIP", "1.2.643.100.5"},
    {"INN", "1.2.643.3.131.1.1"},
};

/* Types that build a hierarchy by being repeated. */
static const char *const REPEATED[] = {"2.5.4.11", "0.9.2342.19200300.100.1.25"};

/* Case does not count, nor do outer and repeated spaces: caseIgnoreMatch. There are no borders inside a
 * value. */
static const struct glob_zones VALUE_ZONES = {
    .head = SIZE_MAX, .head_borders = "", .tail_borders = "", .head_nocase = true, .squeeze = true};

enum { TYPE_MOST = 128 };

/* ---- parsing ---- */

struct input {
    const char *s; /* what is left */
    struct err *err;
};

static void skip_spaces(struct input *in)
{
    in->s += strspn(in->s, " ");
}

static bool at_end_of_attr(const struct input *in)
{
    return *in->s == '\0' || *in->s == ',' || *in->s == '+';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads two hex digits. */
static bool hex_byte(const char *s, unsigned char *out)
{
    int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);
    if (low < 0)
        return false;
    *out = (unsigned char)((unsigned)high << 4 | (unsigned)low);
    return true;
}

bool dn_is_oid(const char *s)
{
    unsigned arcs = 0;
    char first = s[0];
    for (;; arcs++) {
        size_t digits = strspn(s, "0123456789");
        if (digits == 0 || (s[0] == '0' && digits > 1))
            return false;
        if (arcs == 0 && (digits > 1 || s[0] > '2'))
            return false;
        if (arcs == 1 && first != '2' && (digits > 2 || (digits == 2 && s[0] > '3')))
            return false;
        s += digits;
        if (*s == '\0')
            return arcs > 0;
        if (*s++ != '.')
            return false;
    }
}

static int unknown_type(const char *word, struct err *err)
{
    const char *names[ARRAY_LEN(TYPES)];
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
        names[i] = TYPES[i].name;
    const char *near = text_nearest(word, names, ARRAY_LEN(names));
    if (near)
        return err_set(err, ERR_SYNTAX, "unknown attribute type '%s'; did you mean '%s'?", word, near);
    return err_set(err, ERR_SYNTAX, "unknown attribute type '%s'; write its OID, as in 2.5.4.3=alice", word);
}

static int parse_type(struct input *in, char **out)
{
    size_t len = strcspn(in->s, "=,+");
    if (in->s[len] != '=') {
        if (len == 0)
            return err_set(in->err, ERR_SYNTAX,
                           "an attribute (TYPE=VALUE) is missing %s; a comma or plus inside a value is "
                           "written \\, or \\+",
                           *in->s ? "between two separators" : "at the end");
        return err_set(
            in->err, ERR_SYNTAX,
            "'%.*s' is no attribute (TYPE=VALUE); a comma or plus inside a value is written \\, or \\+ "
            "(in single quotes: double quotes eat the backslash)",
            (int)(len < 60 ? len : 60), in->s);
    }
    char word[TYPE_MOST];
    size_t n = len;
    while (n > 0 && in->s[n - 1] == ' ')
        n--;
    if (n == 0)
        return err_set(in->err, ERR_SYNTAX, "an attribute type is missing before '='; write TYPE=VALUE");
    if (n >= sizeof word)
        return err_set(in->err, ERR_SYNTAX, "an attribute type is longer than %d characters", TYPE_MOST - 1);
    memcpy(word, in->s, n);
    word[n] = '\0';
    if (strchr(word, '*'))
        return err_set(in->err, ERR_SYNTAX, "an attribute type has no wildcards: name the type, as in CN=*");

    const char *oid = dn_is_oid(word) ? word : NULL;
    for (size_t i = 0; !oid && i < ARRAY_LEN(TYPES); i++) {
        if (text_equal_nocase(word, TYPES[i].name))
            oid = TYPES[i].oid;
    }
    if (!oid)
        return unknown_type(word, in->err);
    *out = strdup(oid);
    if (!*out)
        return err_nomem(in->err);
    in->s += len + 1;
    return 0;
}

/* Reads \XX, or \ and one of the characters that may stand after it. `\*` is this program's own: a literal
 * star. */
static int parse_escape(struct input *in, unsigned char *out)
{
    if (hex_byte(in->s + 1, out)) {
        if (*out == 0)
            return err_set(in->err, ERR_SYNTAX, "\\00 never matches: no rule allows a name with a NUL in it");
        in->s += 3;
        return 0;
    }
    if (in->s[1] == '\0' || !strchr("\"+,;<>\\ #=*", in->s[1]))
        return err_set(in->err, ERR_SYNTAX,
                       "'\\%.1s' is no escape; write \\\\ for a backslash, \\XX (hex) for any byte",
                       in->s + 1);
    *out = (unsigned char)in->s[1];
    in->s += 2;
    return 0;
}

static size_t with_header(size_t len)
{
    return len + (len > 0xff ? 4 : len > 0x7f ? 3 : 2);
}

/* Reads the DER of one value by the same code that reads certificates, as the only attribute of a name, so
 * that a value copied from a certificate means the same here. */
static int value_of_der(const unsigned char *der, size_t len, struct certname *out, struct err *err)
{
    static const unsigned char TYPE[] = {0x06, 0x03, 0x55, 0x04, 0x03};
    struct buf name;
    size_t attr = sizeof TYPE + len;
    int rc;

    buf_init(&name, UINT16_MAX);
    der_put_header(&name, DER_SEQUENCE, with_header(with_header(attr)));
    der_put_header(&name, DER_SET, with_header(attr));
    der_put_header(&name, DER_SEQUENCE, attr);
    buf_put(&name, TYPE, sizeof TYPE);
    buf_put(&name, der, len);
    if (buf_failed(&name)) {
        rc = ERR_NOMEM;
    } else {
        gnutls_datum_t datum = {(unsigned char *)name.data, (unsigned)name.len};
        rc = certname_init(out, &datum, NULL);
    }
    if (rc == ERR_NOMEM)
        err_nomem(err);
    else if (rc < 0)
        err_set(err, rc = ERR_SYNTAX,
                "the bytes after # are not the DER of one value (tag, length, content)");
    buf_done(&name);
    return rc;
}

static int parse_hex(struct input *in, struct dn_attr *attr, struct glob_draft *draft)
{
    const char *s = in->s + 1;
    size_t n = 0;
    while (hex_digit(s[n]) >= 0)
        n++;
    in->s = s + n;
    skip_spaces(in);
    if (n == 0 || n % 2 != 0 || !at_end_of_attr(in))
        return err_set(
            in->err, ERR_SYNTAX,
            "a value that begins with # is an even number of hex digits; for a literal one write \\#");
    attr->der = malloc(n / 2);
    if (!attr->der)
        return err_nomem(in->err);
    attr->der_len = n / 2;
    for (size_t i = 0; i < attr->der_len; i++)
        (void)hex_byte(s + 2 * i, &attr->der[i]); /* they are all hex */

    struct certname name = {0};
    int rc = value_of_der(attr->der, attr->der_len, &name, in->err);
    if (rc < 0)
        return rc;
    const struct certname_attr *value = &name.attr[0];
    attr->der_only = value->is_der;
    for (size_t i = 0; !value->is_der && i < value->len; i++) {
        if (value->value[i] == 0 && rc == 0)
            rc = err_set(in->err, ERR_SYNTAX,
                         "a NUL in a string never matches: no rule allows a name with one in it");
        glob_draft_byte(draft, value->value[i]);
    }
    certname_done(&name);
    return rc;
}

static int parse_text(struct input *in, struct glob_draft *draft)
{
    while (!at_end_of_attr(in)) {
        unsigned char c = 0;
        size_t stars = strspn(in->s, "*");
        if (stars > 2)
            return err_set(in->err, ERR_SYNTAX, "'***' is no wildcard; write * or **");
        if (stars > 0) {
            glob_draft_star(draft, stars == 2);
            in->s += stars;
        } else if (*in->s == '\\') {
            int rc = parse_escape(in, &c);
            if (rc < 0)
                return rc;
            glob_draft_byte(draft, c);
        } else if (strchr("\";<>", *in->s)) {
            return err_set(in->err, ERR_SYNTAX, "'%c' inside a value is written \\%c (RFC 4514)", *in->s,
                           *in->s);
        } else {
            glob_draft_byte(draft, (unsigned char)*in->s++);
        }
    }
    return 0;
}

static void attr_done(struct dn_attr *attr)
{
    free(attr->oid);
    glob_done(&attr->glob);
    free(attr->der);
}

/* Appends the attribute at the input to the pattern. */
static int parse_attr(struct input *in, struct dn_pattern *pattern)
{
    struct dn_attr attr = {0};
    struct glob_draft draft;
    glob_draft_init(&draft);
    int rc;

    if (pattern->n_attrs == DN_MOST_ATTRS)
        return err_set(in->err, ERR_SYNTAX, "a pattern has at most %d attributes", DN_MOST_ATTRS);
    if ((rc = parse_type(in, &attr.oid)) < 0)
        goto out;
    skip_spaces(in);
    rc = *in->s == '#' ? parse_hex(in, &attr, &draft) : parse_text(in, &draft);
    if (rc < 0)
        goto out;
    if ((rc = glob_init(&attr.glob, &draft, &VALUE_ZONES, in->err)) < 0)
        goto out;
    pattern->attr[pattern->n_attrs++] = attr;
    return 0;
out:
    attr_done(&attr);
    return rc;
}

/* Reads one RDN with its attributes, or the lone `*` of the pattern. */
static int parse_rdn(struct input *in, struct dn_pattern *pattern)
{
    struct dn_rdn rdn = {.first = pattern->n_attrs};
    for (;;) {
        skip_spaces(in);
        size_t stars = strspn(in->s, "*");
        const char *after = in->s + stars + strspn(in->s + stars, " ");
        if (stars > 0 && (*after == '\0' || *after == ',' || *after == '+')) {
            if (stars > 2 || rdn.more)
                return err_set(in->err, ERR_SYNTAX, "one * is enough to allow further attributes");
            rdn.more = true;
            in->s = after;
        } else {
            int rc = parse_attr(in, pattern);
            if (rc < 0)
                return rc;
        }
        if (*in->s != '+')
            break;
        in->s++;
    }
    rdn.n = pattern->n_attrs - rdn.first;
    if (rdn.n > 0) {
        pattern->rdn[pattern->n_rdns++] = rdn;
    } else if (pattern->more) {
        return err_set(in->err, ERR_SYNTAX, "one * is enough to allow further attributes");
    } else {
        pattern->more = true;
    }
    return 0;
}

int dn_pattern_init(struct dn_pattern *out, const char *text, struct err *err)
{
    struct dn_pattern pattern = {0};
    struct input in = {.s = text, .err = err};
    int rc;

    skip_spaces(&in);
    if (*in.s == '\0')
        return err_set(err, ERR_SYNTAX,
                       "the pattern is empty; write attributes as in CN=alice,O=Example or *");
    pattern.attr = calloc(DN_MOST_ATTRS, sizeof *pattern.attr);
    pattern.rdn = calloc(DN_MOST_ATTRS, sizeof *pattern.rdn);
    if (!pattern.attr || !pattern.rdn) {
        rc = err_nomem(err);
        goto out;
    }
    for (;;) {
        if ((rc = parse_rdn(&in, &pattern)) < 0)
            goto out;
        if (*in.s == '\0')
            break;
        in.s++; /* the comma */
    }
    /* Room was for the longest pattern; giving the rest back cannot fail in a way that matters. */
    struct dn_attr *attr = realloc(pattern.attr, (pattern.n_attrs + 1) * sizeof *attr);
    struct dn_rdn *rdn = realloc(pattern.rdn, (pattern.n_rdns + 1) * sizeof *rdn);
    pattern.attr = attr ? attr : pattern.attr;
    pattern.rdn = rdn ? rdn : pattern.rdn;
    *out = pattern;
    return 0;
out:
    dn_pattern_done(&pattern);
    return rc;
}

void dn_pattern_done(struct dn_pattern *pattern)
{
    if (!pattern)
        return;
    for (size_t i = 0; i < pattern->n_attrs; i++)
        attr_done(&pattern->attr[i]);
    free(pattern->attr);
    free(pattern->rdn);
    memset(pattern, 0, sizeof *pattern);
}

/* ---- matching ---- */

/* Gives each of `n` wanted things a thing of its own among those (bits of edge[i]) that it can be:
 * `OU=*,OU=a` fits `OU=a,OU=b` in one way only. Bipartite matching by augmenting paths. */
struct assignment {
    const uint64_t *edge;
    uint64_t seen;
    signed char owner[DN_MOST_ATTRS]; /* of each thing that is there: who has it, -1 nobody */
};

static bool augment(struct assignment *a, size_t want)
{
    for (uint64_t open; (open = a->edge[want] & ~a->seen) != 0;) {
        int there = __builtin_ctzll(open);
        a->seen |= UINT64_C(1) << there;
        if (a->owner[there] < 0 || augment(a, (size_t)a->owner[there])) {
            a->owner[there] = (signed char)want;
            return true;
        }
    }
    return false;
}

static bool assign(const uint64_t *edge, size_t n)
{
    struct assignment a = {.edge = edge};
    memset(a.owner, -1, sizeof a.owner);
    for (size_t i = 0; i < n; i++) {
        a.seen = 0;
        if (!augment(&a, i))
            return false;
    }
    return true;
}

static bool attr_match(const struct dn_attr *want, const struct certname_attr *there, enum reading reading)
{
    if (strcmp(want->oid, there->oid) != 0)
        return false;
    if (there->is_der && want->der)
        return want->der_len == there->len && memcmp(want->der, there->value, there->len) == 0;
    if (there->is_der)
        return reading == READ_WIDE && glob_is_any(&want->glob);
    return !want->der_only && glob_match(&want->glob, &VALUE_ZONES, there->value, there->len, reading);
}

/* `there`: the n attributes of one RDN. */
static bool rdn_match(const struct dn_pattern *pattern, const struct dn_rdn *rdn,
                      const struct certname_attr *there, size_t n, enum reading reading)
{
    bool more = rdn->more || reading == READ_WIDE;
    if (n < rdn->n || (n > rdn->n && !more))
        return false;
    uint64_t edge[DN_MOST_ATTRS];
    for (size_t i = 0; i < rdn->n; i++) {
        edge[i] = 0;
        for (size_t j = 0; j < n; j++) {
            if (attr_match(&pattern->attr[rdn->first + i], &there[j], reading))
                edge[i] |= UINT64_C(1) << j;
        }
        if (edge[i] == 0)
            return false;
    }
    return assign(edge, rdn->n);
}

static bool is_repeated_type(const char *oid)
{
    for (size_t i = 0; i < ARRAY_LEN(REPEATED); i++) {
        if (strcmp(oid, REPEATED[i]) == 0)
            return true;
    }
    return false;
}

/* The type that the pattern names and of which the name has another attribute: it would be a second answer to
 * the question that the pattern asks. NULL: none. */
static const char *rival_of(const struct dn_pattern *pattern, const struct certname *name)
{
    for (size_t i = 0; i < pattern->n_attrs; i++) {
        const char *oid = pattern->attr[i].oid;
        size_t wanted = 0, there = 0;
        if (is_repeated_type(oid))
            continue;
        for (size_t j = 0; j < pattern->n_attrs; j++)
            wanted += strcmp(oid, pattern->attr[j].oid) == 0;
        const char *label = NULL;
        for (size_t j = 0; j < name->n; j++) {
            if (strcmp(oid, name->attr[j].oid) != 0)
                continue;
            label = name->attr[j].label;
            there++;
        }
        if (there > wanted)
            return label ? label : oid;
    }
    return NULL;
}

/* Whether the RDNs of the pattern are there, whatever else is. */
static bool rdns_match(const struct dn_pattern *pattern, const struct certname *name, enum reading reading)
{

    size_t start[DN_MOST_ATTRS + 1], n = 0;
    for (size_t i = 0; i < name->n; i++) {
        if (i == 0 || name->attr[i].rdn != name->attr[i - 1].rdn)
            start[n++] = i;
    }
    start[n] = name->n;
    if (n < pattern->n_rdns || (n > pattern->n_rdns && !pattern->more))
        return false;

    uint64_t edge[DN_MOST_ATTRS];
    for (size_t i = 0; i < pattern->n_rdns; i++) {
        edge[i] = 0;
        for (size_t j = 0; j < n; j++) {
            if (rdn_match(pattern, &pattern->rdn[i], &name->attr[start[j]], start[j + 1] - start[j], reading))
                edge[i] |= UINT64_C(1) << j;
        }
        if (edge[i] == 0)
            return false;
    }
    return assign(edge, pattern->n_rdns);
}

bool dn_match(const struct dn_pattern *pattern, const struct certname *name, enum reading reading)
{
    if (name->n > DN_MOST_ATTRS)
        return reading == READ_WIDE;
    return rdns_match(pattern, name, reading) && (reading == READ_WIDE || !rival_of(pattern, name));
}

const char *dn_rival(const struct dn_pattern *pattern, const struct certname *name)
{
    return name->n <= DN_MOST_ATTRS && rdns_match(pattern, name, READ_NARROW) ? rival_of(pattern, name)
                                                                              : NULL;
}

bool dn_lacks_rest(const struct dn_pattern *pattern, const struct certname *name)
{
    struct dn_pattern open = *pattern; /* what it points to stays the pattern's */
    open.more = true;
    return !pattern->more && !dn_match(pattern, name, READ_NARROW) && dn_match(&open, name, READ_NARROW);
}
