/* The entries of a CRL, packed and sorted by serial number: some 30 octets for each, of which there may be a
 * million. Filled once (reserve, add, sort), then only read: thread-safe from then on. */
#ifndef MTLSD_PKI_SERIALS_H
#define MTLSD_PKI_SERIALS_H

#include "pki/der.h"

enum { SERIAL_MOST = 255, REASON_NONE = -1, REASON_REMOVE_FROM_CRL = 8 };

/* What a CRL says of one certificate. */
struct crl_entry {
    time_t date;
    bool dated; /* the date could be read */
    int reason; /* CRLReason, 0 to 254, also one that nobody assigned; REASON_NONE: not given */
};

struct serials {
    unsigned char *octets; /* owned: one record after another */
    uint32_t *at;          /* owned: where each record begins, in order of the serial numbers */
    size_t n, used;
    size_t octets_room, at_room; /* in octets */
};

/* The octets of an INTEGER without zeros before them, also without the one that only says that it is not
 * negative: so 02 01 80, which means -128 and was meant as 128, is found by either. Other octets stay: 02 03
 * ff 80 01 may be meant as 00 ff 80 01, and taken for 80 01 it would revoke nobody. */
struct der serial_normal(struct der serial);

/* By length, then by octets: of normal forms that are not negative, by value. */
int serial_compare(struct der a, struct der b);

/* Room for `n` entries whose serial numbers have `octets` octets together. ERR_NOMEM; ERR_RANGE: more than
 * 4 GiB. */
MUST_CHECK int serials_reserve(struct serials *serials, size_t n, size_t octets);
/* Adds one; there must be room. The normal form may have SERIAL_MOST octets. */
void serials_add(struct serials *serials, struct der serial, const struct crl_entry *entry);
MUST_CHECK int serials_sort(struct serials *serials);
void serials_done(struct serials *serials);

/* Whether the serial number is there. Of several entries for it one that revokes counts before one that takes
 * back (removeFromCRL). */
bool serials_find(const struct serials *serials, struct der serial, struct crl_entry *out);

#endif
