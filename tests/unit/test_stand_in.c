/* The certificate that stands in for one that GnuTLS cannot read. */
#include "suites.h"

#include <string.h>

#include "../tools/mkchain.h"
#include "pki/cert.h"
#include "pki/readable.h"
#include "tls/stand_in.h"

enum { MOST = 1200, FAR = 48 * 1024 };

static struct mk_pair pair;
static gnutls_datum_t der;
static struct cert alice;

static void make_alice(void)
{
    struct mk_spec spec = {
        .dn = "CN=alice", .path_len = -1, .not_before = 1700000000, .not_after = 2100000000};
    const char *why;
    pair = mk_make(&spec, NULL);
    der = mk_der(pair.crt);
    ck_assert(cert_parse(&der, &alice, &why));
}

static void end_alice(void)
{
    gnutls_free(der.data);
    mk_free(&pair);
}

static bool made(size_t n, unsigned char *out)
{
    struct cert cert;
    const char *why;
    memset(out, 0xee, n + 1);
    if (!stand_in_certificate(alice.spki, out, n))
        return false;
    gnutls_datum_t one = {out, (unsigned)n};
    ck_assert_uint_eq(out[n], 0xee);
    ck_assert_msg(readable_der(&one), "GnuTLS cannot read one of %zu octets", n);
    ck_assert(cert_parse(&one, &cert, &why));
    ck_assert(der_equal(&cert.spki, &alice.spki));
    ck_assert(cert.version == 1 && cert.not_before == 0 && cert.not_after == 0);
    return true;
}

/* Each length, but for those that no DER has: a value of 255 octets makes 258, one of 256 makes 260. */
START_TEST(lengths)
{
    static unsigned char out[FAR + 1];
    size_t least = 0;
    for (size_t n = 0; n <= MOST; n++) {
        bool good = made(n, out);
        if (good && least == 0)
            least = n;
        ck_assert_msg(good == (least != 0 && n != 259), "%zu octets", n);
    }
    ck_assert(least > alice.spki.n && least < 200);
    ck_assert(made(FAR, out));
}
END_TEST

START_TEST(messages)
{
    /* A list of one certificate of TLS 1.3, and of TLS 1.2. */
    static unsigned char body[1024];
    for (int tls13 = 0; tls13 < 2; tls13++) {
        size_t before = tls13 ? 7 : 6, size = before + der.size + (tls13 ? 2 : 0);
        memset(body, 0, sizeof body);
        body[before - 5] = (unsigned char)((size - before + 3) >> 8);
        body[before - 4] = (unsigned char)(size - before + 3);
        body[before - 2] = (unsigned char)(der.size >> 8);
        body[before - 1] = (unsigned char)der.size;
        memcpy(body + before, der.data, der.size);
        gnutls_datum_t message = {body, (unsigned)size};
        struct stand_in *one = stand_in_new(&message, tls13 != 0, alice.spki);
        ck_assert(one && one->n == 1 && one->chain[0].size == der.size);
        ck_assert(memcmp(one->chain[0].data, der.data, der.size) == 0);

        gnutls_datum_t shorter = {body, (unsigned)size - 1};
        ck_assert(!stand_in_show(one, &shorter));
        body[before] ^= 1; /* another message */
        ck_assert(!stand_in_show(one, &message));
        body[before] ^= 1;
        ck_assert(stand_in_show(one, &message));
        ck_assert(memcmp(body + before, der.data, der.size) != 0);
        ck_assert(memcmp(one->chain[0].data, der.data, der.size) == 0);
        ck_assert(!stand_in_show(one, &message)); /* once */
        stand_in_free(one);

        /* No key that GnuTLS knows, no room, no certificate. */
        memcpy(body + before, der.data, der.size);
        struct der nothing = {(const unsigned char *)"\x30\0", 2};
        ck_assert(!stand_in_new(&message, tls13 != 0, nothing));
        ck_assert(!stand_in_new(&(gnutls_datum_t){body, 20}, tls13 != 0, alice.spki));
        ck_assert(!stand_in_new(&(gnutls_datum_t){body, 0}, tls13 != 0, alice.spki));
        ck_assert(!stand_in_new(&(gnutls_datum_t){(unsigned char *)(uintptr_t) "\0\0\0\0", tls13 ? 4 : 3},
                                tls13 != 0, alice.spki));
    }
}
END_TEST

Suite *suite_stand_in(void)
{
    Suite *suite = suite_create("stand_in");
    TCase *tc = tcase_create("stand_in");
    tcase_add_unchecked_fixture(tc, make_alice, end_alice);
    tcase_add_test(tc, lengths);
    tcase_add_test(tc, messages);
    suite_add_tcase(suite, tc);
    return suite;
}
