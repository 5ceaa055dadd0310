#include "pki/bounds.h"

enum {
    ELEMENTS,
    LEVELS,
    SERIAL,
    NAME_OCTETS,
    NAME_ATTRIBUTES,
    ALT_NAMES,
    MODULUS,
    EXPONENT,
};

static const struct bound BOUNDS[] = {
    [ELEMENTS] = {4096, "ASN.1 elements"},
    [LEVELS] = {32, "levels of ASN.1"},
    [SERIAL] = {64, "octets in a serial number"},
    [NAME_OCTETS] = {4096, "octets in a name"},
    [NAME_ATTRIBUTES] = {64, "attributes in a name"},
    [ALT_NAMES] = {512, "subject alternative names"},
    [MODULUS] = {8192, "bits in the modulus of a key"},
    [EXPONENT] = {32, "bits in a public exponent"},
};

const struct bound *bounds_table(size_t *n)
{
    *n = ARRAY_LEN(BOUNDS);
    return BOUNDS;
}

static bool within(unsigned which, size_t found, struct bound_excess *excess)
{
    if (found <= BOUNDS[which].most)
        return true;
    *excess = (struct bound_excess){&BOUNDS[which], found};
    return false;
}

/* Elements at this level and below; an extension's value counts as what it holds. */
static bool count_elements(struct der in, unsigned level, size_t *n, struct bound_excess *excess)
{
    struct der value;
    unsigned tag;
    if (!within(LEVELS, level, excess))
        return false;
    while (der_any(&in, &tag, &value, NULL)) {
        if (!within(ELEMENTS, ++*n, excess))
            return false;
        bool wraps = tag == DER_OCTET_STRING && der_next_is(&value, DER_SEQUENCE);
        if (((tag & 0x20) != 0 || wraps) && !count_elements(value, level + 1, n, excess))
            return false;
    }
    return true;
}

static bool name_holds(const struct der *name, struct bound_excess *excess)
{
    struct der in = *name, rdns, rdn, attribute;
    size_t n = 0;
    if (!within(NAME_OCTETS, name->n, excess))
        return false;
    if (!der_take(&in, DER_SEQUENCE, &rdns))
        return true;
    while (der_take(&rdns, DER_SET, &rdn))
        while (der_take(&rdn, DER_SEQUENCE, &attribute))
            n++;
    return within(NAME_ATTRIBUTES, n, excess);
}

static bool alt_names_hold(const struct cert *cert, struct bound_excess *excess)
{
    struct der names = cert_alt_names(cert), value;
    unsigned type;
    for (size_t n = 1; cert_general_name(&names, &type, &value); n++) {
        if (!within(ALT_NAMES, n, excess) || !within(NAME_OCTETS, value.n, excess) ||
            (type == NAME_DIRECTORY && !name_holds(&value, excess)))
            return false;
    }
    return true;
}

bool bounds_hold(const struct cert *cert, struct bound_excess *excess)
{
    size_t n = 0;
    return count_elements(cert->whole, 0, &n, excess) && within(SERIAL, cert->serial.n, excess) &&
           name_holds(&cert->issuer, excess) && name_holds(&cert->subject, excess) &&
           alt_names_hold(cert, excess) && within(MODULUS, cert->modulus_bits, excess) &&
           within(EXPONENT, cert->exponent_bits, excess);
}
