#include "policy/san.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "pki/cert.h"

/* Whether a rule need not look at the names themselves: where some are missing, an allow rule does not match
 * and a deny rule does. */
static bool settled(bool partial, enum reading reading, bool *matches)
{
    *matches = partial && reading == READ_WIDE;
    return partial;
}

/* A name that is none by RFC 5280 lets nobody in. */
static bool counts(const struct certvalue *v, bool (*valid)(const struct der *), enum reading reading)
{
    return reading == READ_WIDE || valid(&(struct der){v->raw, v->len});
}

/* ---- names with wildcards ---- */

static const struct glob_zones HOST_ZONES = {
    .head = SIZE_MAX, .head_borders = ".", .tail_borders = ".", .head_nocase = true};
static const struct glob_zones LOCAL_ZONES = {.head = 0, .head_borders = "", .tail_borders = ""};
static const struct glob_zones LOCAL_ZONES_WIDE = {
    .head = SIZE_MAX, .head_borders = "", .tail_borders = "", .head_nocase = true};

/* True when the pattern with a letter for each wildcard, and with nothing, is no host name by RFC 5280: those
 * that are none do not count for who is let in. */
static bool is_hopeless(const struct glob_draft *draft)
{
    unsigned char name[GLOB_MOST];
    for (unsigned letters = 0; letters < 2; letters++) {
        size_t n = 0;
        for (size_t i = 0; i < draft->n && n < sizeof name; i++) {
            const char c = glob_draft_char(draft, i);
            if (c != '*')
                name[n++] = (unsigned char)c;
            else if (letters)
                name[n++] = 'a';
        }
        if (cert_dns_valid(&(struct der){name, n}, true))
            return false;
    }
    return true;
}

static int init_host(struct glob *glob, bool *hopeless, const char *pattern, size_t len, struct err *err)
{
    struct glob_draft draft;
    int rc = glob_draft_text(&draft, pattern, len, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0, label = 0; i <= draft.n; i++) {
        char c = i < draft.n ? glob_draft_char(&draft, i) : '.';
        if (c == '.' && i == label && draft.n > 0 && i == draft.n)
            return err_set(err, ERR_SYNTAX, "names in certificates have no final dot: leave it out");
        if (c == '.' && i == label)
            return err_set(err, ERR_SYNTAX, "an empty label; write a host name as in www.example.org");
        if (c == '.')
            label = i + 1;
        else if (!strchr("-_*", c) && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z'))
            return err_set(err, ERR_SYNTAX,
                           "'%c' is not in host names; write only the name, as in *.example.org", c);
    }
    *hopeless = is_hopeless(&draft);
    return glob_init(glob, &draft, &HOST_ZONES, err);
}

int san_dns_init(struct rule *rule, const char *pattern, struct err *err)
{
    return init_host(&rule->u.glob, &rule->hopeless, pattern, strlen(pattern), err);
}

void san_glob_done(struct rule *rule)
{
    glob_done(&rule->u.glob);
}

static bool is_host(const struct der *name)
{
    return cert_dns_valid(name, true);
}

bool san_dns_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->dns_names.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->dns_names.n; i++) {
        const struct certvalue *v = &info->dns_names.v[i];
        size_t len = v->len;
        if (!counts(v, is_host, reading))
            continue;
        if (reading == READ_WIDE && len > 0 && v->raw[len - 1] == '.')
            len--;
        if (glob_match(&rule->u.glob, &HOST_ZONES, v->raw, len, reading))
            return true;
    }
    return false;
}

/* ---- san.email ---- */

int san_email_init(struct rule *rule, const char *pattern, struct err *err)
{
    if (strcmp(pattern, "**") == 0) {
        rule->u.mail.any = true;
        return 0;
    }
    const char *at = strchr(pattern, '@');
    if (!at || strchr(at + 1, '@'))
        return err_set(err, ERR_SYNTAX,
                       "a mail address has one @; write alice@example.org, *@example.org or **");
    if (at == pattern || at[1] == '\0')
        return err_set(err, ERR_SYNTAX, "nothing %s the @; write * for anybody or any label",
                       at == pattern ? "before" : "after");

    struct glob_draft draft;
    struct glob local = {0}, domain = {0};
    int rc = glob_draft_text(&draft, pattern, (size_t)(at - pattern), err);
    if (rc < 0 || (rc = glob_init(&local, &draft, &LOCAL_ZONES, err)) < 0)
        return rc;
    rc = init_host(&domain, &rule->hopeless, at + 1, strlen(at + 1), err);
    if (rc < 0) {
        glob_done(&local);
        return rc;
    }
    rule->u.mail.local = local;
    rule->u.mail.domain = domain;
    return 0;
}

void san_email_done(struct rule *rule)
{
    glob_done(&rule->u.mail.local);
    glob_done(&rule->u.mail.domain);
}

static bool match_mailbox(const struct rule *rule, const struct certvalue *v, enum reading reading)
{
    bool wide = reading == READ_WIDE;
    const unsigned char *at = v->len > 0 ? memrchr(v->raw, '@', v->len) : NULL;
    if (rule->u.mail.any && wide)
        return true;
    if (!at)
        return false;
    size_t local = (size_t)(at - v->raw), domain = v->len - local - 1;
    if (!wide && (memchr(v->raw, 0, v->len) || memchr(v->raw, '@', local)))
        return false;
    if (rule->u.mail.any)
        return true;
    if (wide && domain > 0 && v->raw[v->len - 1] == '.')
        domain--;
    return glob_match(&rule->u.mail.local, wide ? &LOCAL_ZONES_WIDE : &LOCAL_ZONES, v->raw, local, reading) &&
           glob_match(&rule->u.mail.domain, &HOST_ZONES, at + 1, domain, reading);
}

bool san_email_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->emails.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->emails.n; i++) {
        const struct certvalue *v = &info->emails.v[i];
        if (counts(v, cert_email_valid, reading) && match_mailbox(rule, v, reading))
            return true;
    }
    return false;
}

/* ---- san.upn: a user principal name, a string in an otherName ---- */

static const char UPN[] = "1.3.6.1.4.1.311.20.2.3";

/* One @ between two parts, nothing that does not show. Case does not count in it. */
static bool is_upn(const struct certother *other)
{
    const unsigned char *at = other->len > 0 ? memchr(other->raw, '@', other->len) : NULL;
    if (other->is_der || !at || at == other->raw || at + 1 == other->raw + other->len ||
        memchr(at + 1, '@', (size_t)(other->raw + other->len - at - 1)))
        return false;
    for (size_t i = 0; i < other->len; i++) {
        if (other->raw[i] <= ' ' || other->raw[i] == 0x7f)
            return false;
    }
    return true;
}

/* Of a good one, read narrowly but for the case of the part before the @. */
static bool match_upn(const struct rule *rule, const struct certvalue *v)
{
    const unsigned char *at = memchr(v->raw, '@', v->len);
    size_t local = (size_t)(at - v->raw);
    return rule->u.mail.any ||
           (glob_match(&rule->u.mail.local, &LOCAL_ZONES_WIDE, v->raw, local, READ_NARROW) &&
            glob_match(&rule->u.mail.domain, &HOST_ZONES, at + 1, v->len - local - 1, READ_NARROW));
}

bool san_upn_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->other_names.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->other_names.n; i++) {
        const struct certother *other = &info->other_names.v[i];
        if (strcmp(other->oid, UPN) != 0)
            continue;
        struct certvalue v = {.raw = other->raw, .len = other->len};
        if (reading == READ_WIDE ? other->is_der || match_mailbox(rule, &v, reading)
                                 : is_upn(other) && match_upn(rule, &v))
            return true;
    }
    return false;
}

/* ---- san.other: OID, or OID=PATTERN over a string ---- */

static const struct glob_zones TEXT_ZONES = {.head = 0, .head_borders = "", .tail_borders = ""};

int san_other_init(struct rule *rule, const char *pattern, struct err *err)
{
    struct glob_draft draft;
    size_t n = strcspn(pattern, "=");
    char *oid = strndup(pattern, n);
    if (!oid)
        return err_nomem(err);
    int rc = 0;
    if (!dn_is_oid(oid))
        rc = err_set(err, ERR_SYNTAX,
                     "'%s' is no OID; write 1.3.6.1.4.1.311.20.2.3 or 1.3.6.1.4.1.311.20.2.3=alice*", oid);
    else if (pattern[n] == '=' &&
             (rc = glob_draft_text(&draft, pattern + n + 1, strlen(pattern + n + 1), err)) == 0)
        rc = glob_init(&rule->u.other.value, &draft, &TEXT_ZONES, err);
    if (rc < 0) {
        free(oid);
        return rc;
    }
    rule->u.other.oid = oid;
    rule->u.other.any = pattern[n] == '\0';
    return 0;
}

void san_other_done(struct rule *rule)
{
    free(rule->u.other.oid);
    glob_done(&rule->u.other.value);
}

bool san_other_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->other_names.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->other_names.n; i++) {
        const struct certother *other = &info->other_names.v[i];
        if (strcmp(other->oid, rule->u.other.oid) != 0)
            continue;
        if (rule->u.other.any || (other->is_der && reading == READ_WIDE) ||
            (!other->is_der &&
             glob_match(&rule->u.other.value, &TEXT_ZONES, other->raw, other->len, reading)))
            return true;
    }
    return false;
}

/* ---- san.uri ---- */

static bool ends_segment(char c)
{
    return c == '/' || c == '?' || c == '#';
}

/* RFC 3986: scheme and authority regardless of case, with their labels as borders; the rest exactly, segment
 * by segment. A URI without an authority (urn:a:b) has its colons as borders too. */
static struct glob_zones uri_zones(const char *s, size_t len)
{
    struct glob_zones zones = {.head_borders = ".:@/?#", .tail_borders = "/?#:", .head_nocase = true};
    const char *colon = len > 0 ? memchr(s, ':', len) : NULL;
    if (!colon)
        return zones;
    zones.head = (size_t)(colon - s) + 1;
    if (len - zones.head < 2 || s[zones.head] != '/' || s[zones.head + 1] != '/')
        return zones;
    zones.tail_borders = "/?#";
    zones.head += 2;
    while (zones.head < len && !ends_segment(s[zones.head]))
        zones.head++;
    return zones;
}

int san_uri_init(struct rule *rule, const char *pattern, struct err *err)
{
    struct glob_draft draft;
    int rc = glob_draft_text(&draft, pattern, strlen(pattern), err);
    if (rc < 0)
        return rc;
    char text[GLOB_MOST] = {0};
    for (size_t i = 0; i < draft.n; i++)
        text[i] = glob_draft_char(&draft, i);
    size_t scheme = 0;
    while (scheme < draft.n && (strchr("+-.", text[scheme]) || (text[scheme] >= '0' && text[scheme] <= '9') ||
                                ((text[scheme] | 32) >= 'a' && (text[scheme] | 32) <= 'z')))
        scheme++;
    bool any = draft.n == 1 && strcmp(pattern, "**") == 0;
    if (!any && (scheme == 0 || scheme == draft.n || text[scheme] != ':'))
        return err_set(
            err, ERR_SYNTAX,
            "a URI begins with its scheme, without wildcards; write spiffe://example.org/** or ** for any");
    struct glob_zones zones = uri_zones(text, draft.n);
    return glob_init(&rule->u.glob, &draft, &zones, err);
}

/* Length of "." or "%2e" at `s`, else 0. */
static size_t dot(const unsigned char *s, size_t n)
{
    if (n > 0 && s[0] == '.')
        return 1;
    return n > 2 && s[0] == '%' && s[1] == '2' && (s[2] | 32) == 'e' ? 3 : 0;
}

/* Whether a segment of the URI is "." or "..": software that resolves them reads another URI than the one
 * written. */
static bool has_dot_segment(const unsigned char *s, size_t len, const struct glob_zones *zones)
{
    for (size_t i = zones->head; i < len;) {
        if (s[i] == '?' || s[i] == '#')
            return false;
        size_t start = s[i] == '/' ? i + 1 : i, end = start;
        while (end < len && !ends_segment((char)s[end]))
            end++;
        size_t one = dot(s + start, end - start), two = one ? dot(s + start + one, end - start - one) : 0;
        if (one > 0 && start + one + two == end)
            return true;
        i = end;
    }
    return false;
}

bool san_uri_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->uris.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->uris.n; i++) {
        const struct certvalue *v = &info->uris.v[i];
        struct glob_zones zones = uri_zones((const char *)v->raw, v->len);
        if (!counts(v, cert_uri_valid, reading) ||
            (reading == READ_NARROW && has_dot_segment(v->raw, v->len, &zones)))
            continue;
        if (glob_match(&rule->u.glob, &zones, v->raw, v->len, reading))
            return true;
    }
    return false;
}

/* ---- san.ip ---- */

static const unsigned char V4_MAPPED[12] = {[10] = 0xff, [11] = 0xff};

/* Clears the bits after the first `bits`; true when one of them was set. */
static bool mask_address(unsigned char *address, size_t len, unsigned bits)
{
    bool any = false;
    for (size_t i = 0; i < len; i++) {
        unsigned keep = bits >= 8 * (i + 1) ? 8 : bits <= 8 * i ? 0 : bits - 8 * (unsigned)i;
        unsigned char masked = (unsigned char)(address[i] & (0xff00u >> keep));
        any = any || masked != address[i];
        address[i] = masked;
    }
    return any;
}

int san_ip_init(struct rule *rule, const char *pattern, struct err *err)
{
    char word[INET6_ADDRSTRLEN];
    unsigned char address[16];
    size_t n = strcspn(pattern, "/");
    if (strchr(pattern, '*'))
        return err_set(err, ERR_SYNTAX, "addresses have no wildcards; write a range as in 192.0.2.0/24");
    if (n >= sizeof word)
        return err_set(err, ERR_SYNTAX,
                       "this is no IP address; write 192.0.2.1, 2001:db8::1 or 192.0.2.0/24");
    memcpy(word, pattern, n);
    word[n] = '\0';
    int family = strchr(word, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, word, address) != 1)
        return err_set(err, ERR_SYNTAX, "'%s' is no IP address; write 192.0.2.1, 2001:db8::1 or 192.0.2.0/24",
                       word);

    size_t len = family == AF_INET ? 4 : 16;
    unsigned bits = (unsigned)len * 8;
    if (pattern[n] == '/') {
        const char *s = pattern + n + 1;
        size_t digits = strspn(s, "0123456789");
        unsigned long given = digits > 0 && digits < 4 ? strtoul(s, NULL, 10) : 999;
        if (s[digits] != '\0' || given > bits || (digits > 1 && s[0] == '0'))
            return err_set(err, ERR_SYNTAX, "the number of bits after / is 0 to %u", bits);
        bits = (unsigned)given;
    }
    if (mask_address(address, len, bits)) {
        inet_ntop(family, address, word, sizeof word);
        return err_set(err, ERR_SYNTAX, "the address has bits set outside its range; write %s/%u", word,
                       bits);
    }
    rule->u.ip.len = len;
    rule->u.ip.bits = bits;
    memcpy(rule->u.ip.address, address, len);
    return 0;
}

static bool in_range(const unsigned char *range, unsigned bits, const unsigned char *address)
{
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(range, address, whole) == 0 &&
           (rest == 0 || ((range[whole] ^ address[whole]) & (0xff00u >> rest) & 0xff) == 0);
}

bool san_ip_match(const struct rule *rule, const struct certinfo *info, enum reading reading)
{
    bool matches;
    if (settled(info->ips.partial, reading, &matches))
        return matches;
    for (size_t i = 0; i < info->ips.n; i++) {
        const struct certvalue *v = &info->ips.v[i];
        if (v->len == rule->u.ip.len && in_range(rule->u.ip.address, rule->u.ip.bits, v->raw))
            return true;
        if (reading == READ_NARROW)
            continue;
        /* ::ffff:192.0.2.1 and 192.0.2.1 are one host. */
        if (v->len == 16 && rule->u.ip.len == 4 && memcmp(v->raw, V4_MAPPED, sizeof V4_MAPPED) == 0 &&
            in_range(rule->u.ip.address, rule->u.ip.bits, v->raw + sizeof V4_MAPPED))
            return true;
        if (v->len == 4 && rule->u.ip.len == 16 && rule->u.ip.bits >= 96 &&
            memcmp(rule->u.ip.address, V4_MAPPED, sizeof V4_MAPPED) == 0 &&
            in_range(rule->u.ip.address + sizeof V4_MAPPED, rule->u.ip.bits - 96, v->raw))
            return true;
    }
    return false;
}
