/* GeneralNames and the syntax of names (RFC 5280 section 4.2.1.6). */
#include "pki/cert.h"

bool cert_general_name(struct der *names, unsigned *type, struct der *value)
{
    unsigned tag;
    struct der rest = *names, v;
    if (!der_any(&rest, &tag, &v, NULL))
        return false;
    unsigned number = tag & 0x1f;
    bool constructed = (tag & 0x20) != 0;
    bool wants_constructed =
        number == NAME_OTHER || number == NAME_X400 || number == NAME_DIRECTORY || number == NAME_EDI;
    if ((tag & 0xc0) != 0x80 || number > NAME_REGISTERED_ID || constructed != wants_constructed)
        return false;
    *names = rest;
    *type = number;
    *value = v;
    return true;
}

struct der cert_alt_names(const struct cert *cert)
{
    struct der in = cert->ext[EXT_SUBJECT_ALT_NAME].value, body;
    if (!cert->ext[EXT_SUBJECT_ALT_NAME].present || !der_take(&in, DER_SEQUENCE, &body) || in.n != 0)
        return (struct der){0};
    return body;
}

static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 5280 section 4.2.1.6: the preferred name syntax of RFC 1034 as modified by RFC 1123. */
bool cert_dns_valid(const struct der *name, bool wildcard)
{
    const unsigned char *p = name->p;
    size_t n = name->n;
    if (n == 0 || n > 253)
        return false;
    if (wildcard && n > 2 && p[0] == '*' && p[1] == '.') {
        p += 2;
        n -= 2;
    }
    size_t label = 0;
    bool numeric = true; /* of the last label: RFC 1123 section 2.1, an address is no name */
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '.') {
            if (label == 0 || p[i - 1] == '-')
                return false;
            label = 0;
            numeric = true;
            continue;
        }
        if (!is_alnum(p[i]) && !(p[i] == '-' && label > 0))
            return false;
        if (p[i] < '0' || p[i] > '9')
            numeric = false;
        if (++label > 63)
            return false;
    }
    return label > 0 && p[n - 1] != '-' && !numeric;
}

static bool is_atext(unsigned char c)
{
    return is_alnum(c) || (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

/* A Mailbox of RFC 5321: dot-atom or quoted local part, then a domain name. */
bool cert_email_valid(const struct der *name)
{
    const unsigned char *p = name->p;
    size_t at = 0;
    if (name->n > 320)
        return false;
    if (name->n > 2 && p[0] == '"') {
        for (at = 1; at < name->n && p[at] != '"'; at++) {
            if (p[at] == '\\' && ++at >= name->n)
                return false;
            if (p[at] < 0x20 || p[at] > 0x7e)
                return false;
        }
        at++;
    } else {
        while (at < name->n && is_atext(p[at]))
            at++;
        if (at == 0 || p[0] == '.' || p[at - 1] == '.' || memmem(p, at, "..", 2) != NULL)
            return false;
    }
    if (at >= name->n || p[at] != '@')
        return false;
    struct der domain = {p + at + 1, name->n - at - 1};
    return cert_dns_valid(&domain, false) ||
           (domain.n > 2 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']');
}

bool cert_uri_valid(const struct der *name)
{
    size_t i = 0;
    while (i < name->n && (is_alnum(name->p[i]) || memchr("+-.", name->p[i], 3) != NULL))
        i++;
    if (i == 0 || !is_alnum(name->p[0]) || (name->p[0] >= '0' && name->p[0] <= '9') || i + 1 >= name->n ||
        name->p[i] != ':')
        return false;
    for (i = 0; i < name->n; i++)
        if (name->p[i] <= 0x20 || name->p[i] >= 0x7f || strchr("\"<>\\^`{|}", name->p[i]) != NULL)
            return false; /* RFC 3986 has none of them: some take a backslash for the end of the host */
    return true;
}
