#include "pki/chain.h"

#include <gnutls/crypto.h>
#include <stdint.h>

bool chain_digest(const gnutls_datum_t *chain, unsigned n, unsigned char out[static CHAIN_DIGEST])
{
    gnutls_hash_hd_t hash;
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        return false;
    bool good = true;
    for (unsigned i = 0; good && i < n; i++) {
        uint32_t len = chain[i].size;
        good = gnutls_hash(hash, &len, sizeof len) >= 0 && gnutls_hash(hash, chain[i].data, len) >= 0;
    }
    gnutls_hash_deinit(hash, out);
    return good;
}
