#include "pki/bounds.h"

enum {
    ELEMENTS,
    LEVELS,
    UNREADABLE,
    OID_OCTETS,
    SERIAL_OCTETS,
    NAME_OCTETS,
    NAMES_OCTETS,
    NAME_ATTRIBUTES,
    ALT_NAMES,
    DIRECTORY_NAMES,
    MODULUS_BITS,
    EXPONENT_BITS,
};

static const struct bound BOUNDS[] = {
    [ELEMENTS] = {2048, "ASN.1 elements in the chain", true},
    [LEVELS] = {32, "levels of ASN.1", true},
    [UNREADABLE] = {0, "octets of alternative names that are no DER", false},
    [OID_OCTETS] = {128, "octets in an object identifier", false},
    [SERIAL_OCTETS] = {64, "octets in a serial number", false},
    [NAME_OCTETS] = {4096, "octets in a name", false},
    [NAMES_OCTETS] = {8192, "octets in the subjects and issuers of the chain", false},
    [NAME_ATTRIBUTES] = {64, "attributes in a name", false},
    [ALT_NAMES] = {BOUND_ALT_NAMES, "alternative names in the chain", true},
    [DIRECTORY_NAMES] = {16, "directory names among the alternative names", true},
    [MODULUS_BITS] = {8192, "bits in the modulus of a key", false},
    [EXPONENT_BITS] = {32, "bits in a public exponent", false},
};

struct count {
    struct bound_sum *sum;
    struct bound_excess *excess;
};

static bool at_most(const struct count *c, unsigned which, size_t times, size_t found)
{
    size_t most = BOUNDS[which].most * times;
    if (found <= most)
        return true;
    *c->excess = (struct bound_excess){&BOUNDS[which], most, found};
    return false;
}

static bool within(const struct count *c, unsigned which, size_t found)
{
    return at_most(c, which, 1, found);
}

/* Elements at this level and below; an OCTET STRING counts as what it holds, as far as that can be read. */
static bool elements_hold(const struct count *c, struct der in, unsigned level)
{
    struct der value;
    unsigned tag;
    if (!within(c, LEVELS, level))
        return false;
    while (der_any(&in, &tag, &value, NULL)) {
        if (!at_most(c, ELEMENTS, c->sum->times, ++c->sum->elements) ||
            (tag == DER_OID && !within(c, OID_OCTETS, value.n)))
            return false;
        bool wraps = tag == DER_OCTET_STRING && der_next_is(&value, DER_SEQUENCE);
        if (((tag & 0x20) != 0 || wraps) && !elements_hold(c, value, level + 1))
            return false;
    }
    return true;
}

/* What cannot be read cannot be counted, but a library that takes more than DER may read on. LEVELS has
 * bounded how deep this goes. */
static bool is_der(const struct count *c, struct der in)
{
    struct der value;
    unsigned tag;
    while (der_any(&in, &tag, &value, NULL))
        if ((tag & 0x20) != 0 && !is_der(c, value))
            return false;
    return within(c, UNREADABLE, in.n);
}

static bool name_holds(const struct count *c, const struct der *name)
{
    struct der in = *name, rdns, rdn, attribute;
    size_t n = 0;
    if (!within(c, NAME_OCTETS, name->n))
        return false;
    if (!der_take(&in, DER_SEQUENCE, &rdns))
        return true;
    while (der_take(&rdns, DER_SET, &rdn))
        while (der_take(&rdn, DER_SEQUENCE, &attribute))
            n++;
    return within(c, NAME_ATTRIBUTES, n);
}

/* Of the subject or the issuer: GnuTLS reads both with the certificate. */
static bool alt_names_hold(const struct count *c, const struct cert *cert, enum cert_ext_id id)
{
    struct der in = cert->ext[id].value, names, value;
    unsigned type;
    size_t directories = 0;
    if (!cert->ext[id].present)
        return true;
    if (!is_der(c, in))
        return false;
    if (!der_take(&in, DER_SEQUENCE, &names))
        return true;
    while (cert_general_name(&names, &type, &value)) {
        directories += type == NAME_DIRECTORY;
        if (!at_most(c, ALT_NAMES, c->sum->alt_times, ++c->sum->alt_names) ||
            !within(c, DIRECTORY_NAMES, directories) || !within(c, NAME_OCTETS, value.n) ||
            (type == NAME_DIRECTORY && !name_holds(c, &value)))
            return false;
    }
    return true;
}

static bool key_holds(const struct count *c, const struct cert *cert)
{
    return within(c, MODULUS_BITS, cert->modulus_bits) && within(c, EXPONENT_BITS, cert->exponent_bits);
}

bool bounds_key_holds(const struct cert *cert, struct bound_excess *excess)
{
    struct bound_sum sum = {.times = 1, .alt_times = 1};
    return key_holds(&(struct count){&sum, excess}, cert);
}

bool bounds_hold(const struct cert *cert, struct bound_sum *sum, struct bound_excess *excess)
{
    const struct count c = {sum, excess};
    sum->names += cert->issuer.n + cert->subject.n;
    return elements_hold(&c, cert->whole, 0) && within(&c, SERIAL_OCTETS, cert->serial.n) &&
           name_holds(&c, &cert->issuer) && name_holds(&c, &cert->subject) &&
           at_most(&c, NAMES_OCTETS, sum->times, sum->names) &&
           alt_names_hold(&c, cert, EXT_SUBJECT_ALT_NAME) && alt_names_hold(&c, cert, EXT_ISSUER_ALT_NAME) &&
           key_holds(&c, cert);
}
