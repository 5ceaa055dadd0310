#include "tls/stand_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "pki/readable.h"
#include "pki/verdict.h"
#include "tls/certificate_message.h"

/* Its serial number has as many octets as fill up what the signature cannot: a length of 128 takes an octet
 * more than one of 127. */
enum { MOST_SERIAL = 4, MOST_HEADER = 4 };

/* AlgorithmIdentifier: Ed25519, the shortest there is. */
static const unsigned char ALGORITHM[] = {0x30, 5, 6, 3, 0x2b, 0x65, 0x70};
/* CN=?, from 1970-01-01 to the same second. */
static const unsigned char NAME[] = {0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 0x0c, 1, '?'};
static const unsigned char VALIDITY[] = "\x30\x1e\x17\x0d"
                                        "700101000000Z\x17\x0d"
                                        "700101000000Z";

/* What is signed, but for its header. */
static void put_signed(struct buf *out, struct der spki, unsigned serial)
{
    der_put_header(out, DER_INTEGER, serial);
    buf_put(out, "\1\1\1\1", serial);
    buf_put(out, ALGORITHM, sizeof ALGORITHM);
    buf_put(out, NAME, sizeof NAME);
    buf_put(out, VALIDITY, sizeof VALIDITY - 1);
    buf_put(out, NAME, sizeof NAME);
    buf_put(out, spki.p, spki.n);
}

static size_t header_size(size_t n)
{
    return n < 0x80 ? 2 : n < 0x100 ? 3 : 4;
}

/* How many octets a value has that fills `room` with its header; 0: none does. */
static size_t fill(size_t room)
{
    for (size_t header = 2; header <= MOST_HEADER; header++)
        if (room > header && header_size(room - header) == header)
            return room - header;
    return 0;
}

static bool write_certificate(struct der spki, unsigned serial, unsigned char *out, size_t n)
{
    struct buf tbs, whole;
    size_t body = fill(n), signature = 0;
    buf_init(&tbs, n);
    buf_init(&whole, n);
    put_signed(&tbs, spki, serial);
    size_t before = header_size(tbs.len) + tbs.len + sizeof ALGORITHM;
    if (body > before)
        signature = fill(body - before);
    if (signature > 0) {
        der_put_header(&whole, DER_SEQUENCE, body);
        der_put_header(&whole, DER_SEQUENCE, tbs.len);
        buf_put(&whole, tbs.data, tbs.len);
        buf_put(&whole, ALGORITHM, sizeof ALGORITHM);
        der_put_header(&whole, DER_BIT_STRING, signature);
    }
    bool good = signature > 0 && !buf_failed(&tbs) && !buf_failed(&whole) && whole.len + signature == n;
    if (good) {
        memcpy(out, whole.data, whole.len);
        memset(out + whole.len, 0, signature);
    }
    buf_done(&tbs);
    buf_done(&whole);
    return good;
}

bool stand_in_certificate(struct der spki, unsigned char *out, size_t n)
{
    if (n > UINT16_MAX || spki.n > n)
        return false;
    for (unsigned serial = 1; serial <= MOST_SERIAL; serial++)
        if (write_certificate(spki, serial, out, n))
            return true;
    return false;
}

static void put_length(unsigned char *out, size_t n)
{
    out[0] = (unsigned char)(n >> 16);
    out[1] = (unsigned char)(n >> 8);
    out[2] = (unsigned char)n;
}

/* RFC 8446 section 4.4.2, RFC 5246 section 7.4.2: a list of one certificate; in TLS 1.3 an empty context
 * before it, and no extensions behind the certificate. */
static bool write_message(struct stand_in *one, bool tls13, struct der spki)
{
    size_t before = tls13 ? 1 + 3 + 3 : 3 + 3, behind = tls13 ? 2 : 0;
    if (one->size <= before + behind || (tls13 && one->message[0] != 0))
        return false;
    size_t n = one->size - before - behind;
    gnutls_datum_t certificate = {one->shown + before, (unsigned)n};
    if (!stand_in_certificate(spki, certificate.data, n) || !readable_der(&certificate))
        return false;
    memset(one->shown, 0, before);
    put_length(one->shown + before - 6, n + 3 + behind);
    put_length(one->shown + before - 3, n);
    memset(certificate.data + n, 0, behind);
    return chain_digest(&certificate, 1, one->digest);
}

static bool keep_message(struct stand_in *one, const gnutls_datum_t *message, bool tls13)
{
    one->size = message->size;
    one->chain = calloc(CHAIN_MOST_READ, sizeof *one->chain);
    one->message = malloc(one->size);
    one->shown = malloc(one->size);
    if (!one->chain || !one->message || !one->shown)
        return false;
    memcpy(one->message, message->data, one->size);
    return certificate_chain((struct wire){one->message, one->size}, tls13, one->chain, CHAIN_MOST_READ,
                             &one->n) == CERTIFICATE_FINE &&
           one->n > 0;
}

struct stand_in *stand_in_new(const gnutls_datum_t *message, bool tls13, struct der spki)
{
    struct stand_in *one = calloc(1, sizeof *one);
    if (one && message->size > 0 && keep_message(one, message, tls13) && write_message(one, tls13, spki))
        return one;
    stand_in_free(one);
    return NULL;
}

void stand_in_free(struct stand_in *one)
{
    if (!one)
        return;
    free(one->chain);
    free(one->message);
    free(one->shown);
    free(one);
}

/* The hook gets what GnuTLS allocated and is about to read, and calls it const. */
bool stand_in_show(struct stand_in *one, const gnutls_datum_t *message)
{
    if (!one->shown || message->size != one->size || memcmp(message->data, one->message, one->size) != 0)
        return false;
    memcpy(message->data, one->shown, one->size);
    free(one->shown);
    one->shown = NULL;
    return true;
}
