/* Host names of servers (RFC 9525). */
#include <arpa/inet.h>
#include <stdio.h>

#include "base/text.h"
#include "pki/verdict_impl.h"

/* RFC 9525 section 6.3: a wildcard is the whole left-most label and stands for exactly one; two labels must
 * follow. */
static bool host_matches(const struct der *name, const struct der *host)
{
    if (!cert_dns_valid(name, true))
        return false;
    if (name->p[0] != '*')
        return der_equal_nocase(name, host);
    const unsigned char *dot = memchr(host->p, '.', host->n);
    if (dot == NULL || dot == host->p)
        return false;
    struct der parent = der_skip(*name, 2), rest = der_skip(*host, (size_t)(dot - host->p) + 1);
    return memchr(parent.p, '.', parent.n) != NULL && der_equal_nocase(&parent, &rest);
}

static bool is_address_like(const struct der *text)
{
    bool digits = true;
    for (size_t i = 0; i < text->n; i++)
        digits = digits && ((text->p[i] >= '0' && text->p[i] <= '9') || text->p[i] == '.');
    bool hex = text->n > 2 && text->p[0] == '0' && (text->p[1] == 'x' || text->p[1] == 'X');
    return digits || hex || memchr(text->p, ':', text->n) != NULL;
}

static bool is_international(const struct der *text)
{
    for (size_t i = 0; i < text->n; i++)
        if (text->p[i] >= 0x80)
            return true;
    return memmem(text->p, text->n, "xn--", 4) != NULL;
}

/* `same` letter by letter, `alike` but for case. */
static void find_alternative(const struct cert *leaf, const struct der *text, bool *same, bool *alike)
{
    struct der names = cert_alt_names(leaf), v;
    unsigned type;
    *same = *alike = false;
    while (cert_general_name(&names, &type, &v)) {
        char address[INET6_ADDRSTRLEN];
        if (type == NAME_IP && (v.n == 4 || v.n == 16) &&
            inet_ntop(v.n == 4 ? AF_INET : AF_INET6, v.p, address, sizeof(address)) != NULL)
            v = (struct der){(const unsigned char *)address, strlen(address)};
        else if (type != NAME_DNS)
            continue;
        *same = *same || der_equal(&v, text);
        *alike = *alike || der_equal_nocase(&v, text);
    }
}

/* The common name is not matched (RFC 9525 section 2), but people read it. One that is written like an
 * address, an internationalized name or another spelling of an alternative name must be one of these, letter
 * by letter (CA/Browser Forum baseline requirements, 7.1.4.3). */
static void check_common_name(struct judge *judge, const struct cert *leaf)
{
    static const unsigned char cn_oid[] = {0x55, 4, 3};
    struct der in = leaf->subject, rdns, rdn, attr, oid, value;
    unsigned tag;
    bool same, alike;
    if (!der_take(&in, DER_SEQUENCE, &rdns))
        return;
    while (der_take(&rdns, DER_SET, &rdn) && der_take(&rdn, DER_SEQUENCE, &attr)) {
        if (!der_take(&attr, DER_OID, &oid) || !der_any(&attr, &tag, &value, NULL) ||
            oid.n != sizeof(cn_oid) || memcmp(oid.p, cn_oid, oid.n) != 0 || value.n == 0 ||
            memchr(value.p, ' ', value.n) != NULL)
            continue;
        bool host_like = memchr(value.p, '.', value.n) != NULL && is_international(&value);
        find_alternative(leaf, &value, &same, &alike);
        if (!same && (alike || host_like || is_address_like(&value)))
            finding_add(judge, VERDICT_WEB_RULE, 0, judge_escaped(judge, &value),
                        "a common name that is spelt like a subject alternative name, or no host name",
                        "the common name is written like a host but is not one of the alternative names");
    }
}

/* The names and addresses that the certificate bears, for people: "a.example, b.example, 192.0.2.1". */
static char *names_borne(struct judge *judge, const struct cert *leaf)
{
    enum { MOST_TEXT = 512 };
    struct der names = cert_alt_names(leaf), v;
    struct buf text;
    unsigned type;
    buf_init(&text, 0);
    while (text.len < MOST_TEXT && cert_general_name(&names, &type, &v)) {
        char address[INET6_ADDRSTRLEN];
        bool is_address = type == NAME_IP && (v.n == 4 || v.n == 16);
        if (type != NAME_DNS && !is_address)
            continue;
        if (text.len > 0)
            buf_puts(&text, ", ");
        if (is_address && inet_ntop(v.n == 4 ? AF_INET : AF_INET6, v.p, address, sizeof(address)) != NULL)
            buf_puts(&text, address);
        else
            text_escape(&text, v.p, v.n);
    }
    char *out = judge_text(judge, "%s", text.len > 0 ? text.data : "no name");
    buf_done(&text);
    return out;
}

void check_host(struct judge *judge, const struct cert *leaf, gnutls_x509_crt_t crt)
{
    const char *hostname = judge->question->hostname;
    struct der host = {(const unsigned char *)hostname, strlen(hostname)}, names = cert_alt_names(leaf), v;
    unsigned char address[16];
    size_t address_len = inet_pton(AF_INET, hostname, address) == 1    ? 4
                         : inet_pton(AF_INET6, hostname, address) == 1 ? 16
                                                                       : 0;
    unsigned type;
    bool found = false;
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    while (!found && cert_general_name(&names, &type, &v)) {
        if (type == NAME_IP)
            found = address_len > 0 && v.n == address_len && memcmp(v.p, address, v.n) == 0;
        else if (type == NAME_DNS && address_len == 0)
            found = host_matches(&v, &host);
    }
    /* GnuTLS has to agree; it knows of internationalized names. */
    if (found && address_len == 0) {
        char text[256];
        snprintf(text, sizeof(text), "%.*s", (int)host.n, hostname);
        found = host.n < sizeof(text) && crt != NULL && gnutls_x509_crt_check_hostname2(crt, text, 0) != 0;
    }
    if (!found)
        finding_add(judge, VERDICT_WRONG_HOST, 0, names_borne(judge, leaf), hostname,
                    "the certificate is not for the host that was asked for, but for others");
    check_common_name(judge, leaf);
}
