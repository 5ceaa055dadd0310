/* The judgement of a chain. The input: one octet of options, then up to 18 objects, each two octets of length
 * and its DER; the first is a CA, the second a CRL, the others the chain. Besides not crashing: a verdict is
 * a success exactly when it holds no error, every finding has a reason, and judge_again lies in the future.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "pki/crl.h"
#include "pki/verdict.h"

enum { OBJECTS = 20, NOW = 1900000000 };

static size_t split(const uint8_t *data, size_t size, gnutls_datum_t out[static OBJECTS])
{
    size_t n = 0;
    while (n < OBJECTS && size >= 2) {
        size_t len = (size_t)data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        out[n].data = malloc(len > 0 ? len : 1);
        REQUIRE(out[n].data != NULL);
        memcpy(out[n].data, data, len);
        out[n++].size = (unsigned)len;
        data += len;
        size -= len;
    }
    return n;
}

static struct trust *make_trust(const gnutls_datum_t *ca, const gnutls_datum_t *crl, unsigned options)
{
    gnutls_x509_crt_t crts[1];
    struct crl *crls[1];
    struct trust *trust = NULL;
    struct trust_input input = {.form =
                                    (options & 32) != 0 ? CERTIFICATE_FORM_STRICT : CERTIFICATE_FORM_STANDARD,
                                .ca = crts,
                                .crl = crls,
                                .crl_check = CRL_CHECK_CHAIN,
                                .crl_stale = (enum crl_stale)(options % 3),
                                .crl_grace = 1000,
                                .verify_depth = 5,
                                .expires_soon = 2592000,
                                .keep_forged_crls = (options & 4) != 0};
    REQUIRE(gnutls_x509_crt_init(&crts[0]) == 0);
    if (gnutls_x509_crt_import(crts[0], ca, GNUTLS_X509_FMT_DER) == 0)
        input.n_ca = input.n_advertised = 1;
    else
        gnutls_x509_crt_deinit(crts[0]);
    if (crl->size > 0 && crl_new((struct der){crl->data, crl->size}, &crls[0], NULL) == 0)
        input.n_crls = 1;
    return trust_new(&input, &trust, NULL) == 0 ? trust : NULL;
}

static void check_findings(const struct verdict_finding *finding, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        REQUIRE(finding[i].reason != NULL && finding[i].reason[0] != 0);
        REQUIRE(finding[i].depth >= -1);
        for (const unsigned char *s = (const unsigned char *)finding[i].reason; *s != 0;) {
            uint32_t cp = 0;
            size_t len = text_utf8_char(s, strlen((const char *)s), &cp);
            REQUIRE(len > 0 && !text_is_unsafe(cp));
            s += len;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gnutls_datum_t object[OBJECTS];
    if (size < 1)
        return 0;
    size_t n = split(data + 1, size - 1, object);
    struct trust *trust = n >= 2 ? make_trust(&object[0], &object[1], data[0]) : NULL;
    if (trust != NULL) {
        struct verdict_question q = {.trust = trust,
                                     .chain = object + 2,
                                     .n_chain = (unsigned)(n - 2),
                                     .at = NOW,
                                     .purpose = (data[0] & 8) != 0 ? PURPOSE_SERVER : PURPOSE_CLIENT,
                                     .hostname = (data[0] & 16) != 0 ? "www.example.org" : NULL};
        struct peer *peer = NULL;
        REQUIRE(verdict_judge(&q, &peer, NULL) == 0);
        REQUIRE((peer->verify == VERIFY_SUCCESS) == (peer->n_errors == 0));
        REQUIRE(peer->judge_again > NOW);
        check_findings(peer->errors, peer->n_errors);
        check_findings(peer->warnings, peer->n_warnings);
        (void)verdict_alert(peer, true);
        peer_unref(peer);
    }
    trust_unref(trust);
    for (size_t i = 0; i < n; i++)
        gnutls_free(object[i].data);
    return 0;
}
