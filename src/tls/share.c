#include "tls/share.h"

#include <gnutls/gnutls.h>

void tls_share_init(struct tls_share *share, struct wheel *wheel)
{
    share->wheel = wheel;
    linger_init(&share->linger, wheel);
    share->sealer = seal_new();
}

void tls_share_done(struct tls_share *share)
{
    linger_done(&share->linger);
    seal_free(share->sealer);
    share->sealer = NULL;
    gnutls_memset(share->input, 0, sizeof share->input);
    gnutls_memset(share->joined, 0, sizeof share->joined);
    gnutls_memset(share->output, 0, sizeof share->output);
}
