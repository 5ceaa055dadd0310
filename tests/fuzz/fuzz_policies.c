/* Names and policies of certificates. The input: an octet that is left out, then certificates, each two
 * octets of length and its DER. Besides not crashing: equality of names is symmetric, holds of a name with
 * itself, and never between different hashes; what is said of policies stays within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "pki/name_match.h"
#include "pki/policies.h"

enum { CERTS = 8 };

static void check_names(const struct cert *cert, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        REQUIRE(name_equal(&cert[i].subject, &cert[i].subject));
        REQUIRE(name_within(&cert[i].subject, &cert[i].subject));
        for (unsigned k = 0; k < n; k++) {
            bool same = name_equal(&cert[i].subject, &cert[k].issuer);
            REQUIRE(same == name_equal(&cert[k].issuer, &cert[i].subject));
            REQUIRE(!same || name_hash(&cert[i].subject) == name_hash(&cert[k].issuer));
            REQUIRE(!same || name_within(&cert[i].subject, &cert[k].issuer));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cert cert[CERTS];
    const struct cert *path[CERTS];
    unsigned char *der[CERTS];
    unsigned n = 0, parsed = 0;
    if (size < 1)
        return 0;
    data++;
    size--;
    while (n < CERTS && size >= 2) {
        size_t len = (size_t)data[0] << 8 | data[1];
        const char *why;
        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        der[n] = malloc(len > 0 ? len : 1);
        REQUIRE(der[n] != NULL);
        memcpy(der[n], data, len);
        data += len;
        size -= len;
        gnutls_datum_t datum = {der[n++], (unsigned)len};
        if (cert_parse(&datum, &cert[parsed], &why)) {
            path[parsed] = &cert[parsed];
            parsed++;
        }
    }
    check_names(cert, parsed);
    if (parsed > 0) {
        enum policies_result result;
        struct policies policies;
        unsigned where = 0;
        REQUIRE(policies_process(path, parsed, &result, &policies, &where, NULL) == 0);
        REQUIRE(where < parsed && policies.n <= POLICIES_MOST);
    }
    for (unsigned i = 0; i < n; i++)
        free(der[i]);
    return 0;
}
