/* Distinguished names: DER to attributes and RFC 4514 text. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"
#include "pki/cert.h"

enum { NAME_MAX_ATTRIBUTES = 8192, NAME_MAX_TEXT = 1024 * 1024 };

/* Descriptors that are registered for LDAP (RFC 4519 and the IANA registry), plus emailAddress, which
 * everybody writes so. */
static const struct {
    const char *oid, *label;
} LABELS[] = {
    {"2.5.4.3", "CN"},
    {"2.5.4.4", "SN"},
    {"2.5.4.5", "serialNumber"},
    {"2.5.4.6", "C"},
    {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"},
    {"2.5.4.9", "STREET"},
    {"2.5.4.10", "O"},
    {"2.5.4.11", "OU"},
    {"2.5.4.12", "title"},
    {"2.5.4.13", "description"},
    {"2.5.4.15", "businessCategory"},
    {"2.5.4.16", "postalAddress"},
    {"2.5.4.17", "postalCode"},
    {"2.5.4.18", "postOfficeBox"},
    {"2.5.4.20", "telephoneNumber"},
    {"2.5.4.41", "name"},
    {"2.5.4.42", "givenName"},
    {"2.5.4.43", "initials"},
    {"2.5.4.44", "generationQualifier"},
    {"2.5.4.45", "x500UniqueIdentifier"},
    {"2.5.4.46", "dnQualifier"},
    {"2.5.4.65", "pseudonym"},
    {"2.5.4.97", "organizationIdentifier"},
    {"0.9.2342.19200300.100.1.1", "UID"},
    {"0.9.2342.19200300.100.1.25", "DC"},
    {"1.2.840.113549.1.9.1", "emailAddress"},
};

static const char *label_of(const char *oid)
{
    for (size_t i = 0; i < ARRAY_LEN(LABELS); i++)
        if (strcmp(oid, LABELS[i].oid) == 0)
            return LABELS[i].label;
    return NULL;
}

static void put_utf8(struct buf *out, uint32_t cp)
{
    unsigned char c[4];
    if (cp < 0x80) {
        buf_putc(out, (char)cp);
    } else if (cp < 0x800) {
        c[0] = (unsigned char)(0xc0 | cp >> 6);
        c[1] = (unsigned char)(0x80 | (cp & 0x3f));
        buf_put(out, c, 2);
    } else if (cp < 0x10000) {
        c[0] = (unsigned char)(0xe0 | cp >> 12);
        c[1] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
        c[2] = (unsigned char)(0x80 | (cp & 0x3f));
        buf_put(out, c, 3);
    } else {
        c[0] = (unsigned char)(0xf0 | cp >> 18);
        c[1] = (unsigned char)(0x80 | (cp >> 12 & 0x3f));
        c[2] = (unsigned char)(0x80 | (cp >> 6 & 0x3f));
        c[3] = (unsigned char)(0x80 | (cp & 0x3f));
        buf_put(out, c, 4);
    }
}

bool cert_string(unsigned tag, const struct der *value, struct buf *out)
{
    const unsigned char *p = value->p;
    switch (tag) {
    case DER_UTF8_STRING:
    case DER_PRINTABLE_STRING:
    case DER_IA5_STRING:
    case DER_NUMERIC_STRING:
    case DER_VISIBLE_STRING:
        buf_put(out, p, value->n);
        return true;
    case DER_T61_STRING: /* Latin-1 in practice */
        for (size_t i = 0; i < value->n; i++)
            put_utf8(out, p[i]);
        return true;
    case DER_BMP_STRING:
        if (value->n % 2 != 0)
            return false;
        for (size_t i = 0; i < value->n; i += 2) {
            uint32_t cp = (uint32_t)p[i] << 8 | p[i + 1];
            if (cp >= 0xd800 && cp < 0xdc00 && i + 3 < value->n) {
                uint32_t low = (uint32_t)p[i + 2] << 8 | p[i + 3];
                if (low >= 0xdc00 && low < 0xe000) {
                    cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
                    i += 2;
                }
            }
            put_utf8(out, cp);
        }
        return true;
    case DER_UNIVERSAL_STRING:
        if (value->n % 4 != 0)
            return false;
        for (size_t i = 0; i < value->n; i += 4) {
            uint32_t cp = (uint32_t)p[i] << 24 | (uint32_t)p[i + 1] << 16 | (uint32_t)p[i + 2] << 8 |
                          (uint32_t)p[i + 3];
            if (cp > 0x10ffff)
                return false;
            put_utf8(out, cp);
        }
        return true;
    default:
        return false;
    }
}

static void put_octet(struct buf *out, unsigned char octet)
{
    static const char digit[] = "0123456789ABCDEF";
    const char text[] = {'\\', digit[octet >> 4], digit[octet & 15]};
    buf_put(out, text, sizeof(text));
}

/* RFC 4514 section 2.4, and every unsafe or invalid octet as \XX besides. */
static void put_value(struct buf *out, const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = text_utf8_char(s + i, n - i, &cp);
        if (len == 0 || text_is_unsafe(cp)) {
            for (size_t k = 0; k < (len == 0 ? 1 : len); k++)
                put_octet(out, s[i + k]);
            i += len == 0 ? 1 : len;
            continue;
        }
        if (strchr("\"+,;<>\\", (int)s[i]) != NULL || (i == 0 && (s[i] == '#' || s[i] == ' ')) ||
            (i == n - 1 && s[i] == ' '))
            buf_putc(out, '\\');
        buf_put(out, s + i, len);
        i += len;
    }
}

struct build {
    struct certname_attr *attr;
    struct der *whole; /* the value's TLV, for #hex */
    size_t n, room;
};

static int add_attribute(struct build *b, unsigned rdn, struct der attr)
{
    struct der oid, value, whole;
    unsigned tag;
    char text[128];
    struct buf utf8;

    if (!der_take(&attr, DER_OID, &oid) || !der_any(&attr, &tag, &value, &whole) || attr.n != 0)
        return ERR_SYNTAX;
    if (b->n == NAME_MAX_ATTRIBUTES)
        return ERR_RANGE;
    if (b->n == b->room) {
        size_t room = b->room == 0 ? 8 : 2 * b->room;
        struct certname_attr *attrs = realloc(b->attr, room * sizeof(*attrs));
        if (attrs == NULL)
            return ERR_NOMEM;
        b->attr = attrs;
        struct der *wholes = realloc(b->whole, room * sizeof(*wholes));
        if (wholes == NULL)
            return ERR_NOMEM;
        b->whole = wholes;
        b->room = room;
    }
    if (!der_oid_text(&oid, text, sizeof(text)))
        return ERR_SYNTAX;
    struct certname_attr *a = &b->attr[b->n];
    *a = (struct certname_attr){.rdn = rdn};
    b->whole[b->n] = whole;
    a->oid = strdup(text);
    if (a->oid == NULL)
        return ERR_NOMEM;
    b->n++;
    a->label = label_of(a->oid);
    if (a->label == NULL)
        a->label = a->oid;
    buf_init(&utf8, NAME_MAX_TEXT);
    if (!cert_string(tag, &value, &utf8)) {
        buf_done(&utf8);
        buf_init(&utf8, NAME_MAX_TEXT);
        buf_put(&utf8, whole.p, whole.n);
        a->is_der = true;
    }
    a->value = (unsigned char *)buf_take(&utf8, &a->len);
    buf_done(&utf8);
    return a->value == NULL ? ERR_NOMEM : 0;
}

/* The RDNs backwards, the attributes of one RDN in their order. */
static char *name_text(const struct build *b)
{
    struct buf out;
    buf_init(&out, NAME_MAX_TEXT);
    size_t end = b->n;
    while (end > 0) {
        size_t begin = end - 1;
        while (begin > 0 && b->attr[begin - 1].rdn == b->attr[begin].rdn)
            begin--;
        if (end < b->n)
            buf_putc(&out, ',');
        for (size_t i = begin; i < end; i++) {
            const struct certname_attr *a = &b->attr[i];
            if (i > begin)
                buf_putc(&out, '+');
            buf_puts(&out, a->label);
            buf_putc(&out, '=');
            /* A type without a descriptor takes its value in hex (RFC 4514 section 2.4). */
            if (a->is_der || a->label == a->oid) {
                buf_putc(&out, '#');
                text_hex(&out, b->whole[i].p, b->whole[i].n);
            } else {
                put_value(&out, a->value, a->len);
            }
        }
        end = begin;
    }
    char *text = buf_take(&out, NULL);
    buf_done(&out);
    return text;
}

static void free_attributes(struct certname_attr *attr, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(attr[i].oid);
        free(attr[i].value);
    }
    free(attr);
}

int certname_init(struct certname *name, const gnutls_datum_t *der, struct err *err)
{
    struct der in = {der->data, der->size}, rdns, rdn, attr;
    struct build b = {0};
    struct certname made = {0};
    unsigned number = 0;
    int rc = ERR_SYNTAX;

    if (!der_take(&in, DER_SEQUENCE, &rdns) || in.n != 0)
        goto out;
    for (; rdns.n > 0; number++) {
        if (!der_take(&rdns, DER_SET, &rdn) || rdn.n == 0)
            goto out;
        while (rdn.n > 0) {
            rc = der_take(&rdn, DER_SEQUENCE, &attr) ? add_attribute(&b, number, attr) : ERR_SYNTAX;
            if (rc < 0)
                goto out;
        }
        rc = ERR_SYNTAX;
    }
    rc = ERR_NOMEM;
    made.text = name_text(&b);
    made.der = malloc(der->size > 0 ? der->size : 1);
    if (made.text == NULL || made.der == NULL)
        goto out;
    memcpy(made.der, der->data, der->size);
    made.der_len = der->size;
    made.attr = b.attr;
    made.n = b.n;
    *name = made;
    b.attr = NULL;
    b.n = 0;
    made = (struct certname){0};
    rc = 0;
out:
    free_attributes(b.attr, b.n);
    free(b.whole);
    free(made.text);
    free(made.der);
    if (rc == ERR_NOMEM)
        return err_nomem(err);
    return rc < 0 ? err_set(err, rc, "the distinguished name is malformed or too long") : 0;
}

void certname_done(struct certname *name)
{
    if (name == NULL)
        return;
    free_attributes(name->attr, name->n);
    free(name->text);
    free(name->der);
    *name = (struct certname){0};
}
