/* The floor of the benchmark's rows: what the cryptography of each costs by itself, in the libraries that
 * mtlsd uses.
 *
 *     floor [SECONDS]      for each measurement (default 0.5)
 *
 * Signing, deriving and verifying are timed in loops; the handshakes' sums are those that a server cannot do
 * without: it makes a key and derives a secret (X25519), signs its transcript, and with a client certificate
 * verifies the client's signature and each certificate of its chain. Sealing records is timed with the sizes
 * of the rows' answers. Two handshakes at once, each in a process that shares nothing with the other, show
 * how much two of this machine's processors can do. */
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <nettle/curve25519.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pki/signer.h"
#include "tls/ecdsa.h"
#include "tls/x25519.h"

enum { BATCH = 16, RECORD = 16 * 1024, TAG = 16 };

static double patience = 0.5;

static struct {
    gnutls_privkey_t key; /* that signs */
    gnutls_sign_algorithm_t how;
    struct ecc_point p256_public; /* whose signature is verified, of a hash that is zero */
    struct dsa_signature p256_signature;
    gnutls_datum_t data, signature;
    gnutls_aead_cipher_hd_t aead;
    uint8_t scalar[CURVE25519_SIZE], point[CURVE25519_SIZE], shared[CURVE25519_SIZE];
    size_t size; /* of what is sealed */
    uint8_t plain[RECORD], sealed[RECORD + TAG];
} floor_of;

static void must(int rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "floor: %s: %s\n", what, gnutls_strerror(rc));
    exit(EXIT_FAILURE);
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Microseconds of one call. */
static double cost(void (*work)(void))
{
    work();
    double start = processor_seconds(), spent;
    unsigned long n = 0;
    do {
        for (int i = 0; i < BATCH; i++)
            work();
        n += BATCH;
        spent = processor_seconds() - start;
    } while (spent < patience);
    return spent / (double)n * 1e6;
}

static void sign(void)
{
    gnutls_free(floor_of.signature.data);
    must(gnutls_privkey_sign_data2(floor_of.key, floor_of.how, 0, &floor_of.data, &floor_of.signature),
         "sign");
}

/* Again what GnuTLS has from nettle, without the hash. */
static const uint8_t digest[32];

static void verify_nettle(void)
{
    must(ecdsa_verify(&floor_of.p256_public, sizeof digest, digest, &floor_of.p256_signature) - 1, "verify");
}

/* As mtlsd does it. */
static void verify(void)
{
    if (ecdsa_check(&floor_of.p256_public, sizeof digest, digest, &floor_of.p256_signature) != ECDSA_VALID)
        verify_nettle();
}

static void fill(void *context, size_t len, uint8_t *bytes)
{
    (void)context;
    must(gnutls_rnd(GNUTLS_RND_NONCE, bytes, len), "random numbers");
}

static void sign_to_verify(void)
{
    struct ecc_scalar secret;
    ecc_scalar_init(&secret, nettle_get_secp_256r1());
    ecc_point_init(&floor_of.p256_public, nettle_get_secp_256r1());
    dsa_signature_init(&floor_of.p256_signature);
    ecdsa_generate_keypair(&floor_of.p256_public, &secret, NULL, fill);
    ecdsa_sign(&secret, NULL, fill, sizeof digest, digest, &floor_of.p256_signature);
    ecc_scalar_clear(&secret);
}

/* X25519 from nettle, which is where GnuTLS has it from: GnuTLS does not offer it alone. */
static void make_key_nettle(void)
{
    static uint8_t point[CURVE25519_SIZE];
    curve25519_mul_g(point, floor_of.scalar);
    memcpy(floor_of.scalar, point, sizeof point);
}

/* As mtlsd does it. */
static void make_key(void)
{
    static uint8_t point[CURVE25519_SIZE];
    if (!x25519_key(point, floor_of.scalar))
        curve25519_mul_g(point, floor_of.scalar);
    memcpy(floor_of.scalar, point, sizeof point);
}

static void derive_nettle(void)
{
    curve25519_mul(floor_of.shared, floor_of.scalar, floor_of.point);
    memcpy(floor_of.point, floor_of.shared, sizeof floor_of.point);
}

/* As mtlsd does it. */
static void derive(void)
{
    if (!x25519(floor_of.shared, floor_of.scalar, floor_of.point))
        curve25519_mul(floor_of.shared, floor_of.scalar, floor_of.point);
    memcpy(floor_of.point, floor_of.shared, sizeof floor_of.point);
}

static void seal(void)
{
    static const uint8_t nonce[12];
    size_t n = sizeof floor_of.sealed;
    must(gnutls_aead_cipher_encrypt(floor_of.aead, nonce, sizeof nonce, NULL, 0, TAG, floor_of.plain,
                                    floor_of.size, floor_of.sealed, &n),
         "seal");
}

/* Of a whole answer: as many records as it needs. */
static double cost_of_sealing(size_t size)
{
    floor_of.size = size < RECORD ? size : RECORD;
    double whole = size < RECORD ? 1 : (double)size / RECORD;
    return cost(seal) * whole;
}

static void row(const char *what, double microseconds)
{
    printf("%-58s %10.1f\n", what, microseconds);
}

static void row_of_openssl(const char *what, double microseconds)
{
    char text[80];
    if (!signer_library())
        return;
    snprintf(text, sizeof text, "%s, OpenSSL %s", what, signer_library());
    row(text, microseconds);
}

static gnutls_privkey_t generate(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    gnutls_privkey_t key;
    must(gnutls_privkey_init(&key), "key");
    must(gnutls_privkey_generate(key, algorithm, bits, 0), "key");
    return key;
}

/* Prints what a signature costs with GnuTLS and, where mtlsd signs with it, with libcrypto; takes `key`. The
 * last one is left to verify, and its key to sign with. Returns the cost with what mtlsd uses. */
static double cost_of_signing(const char *what, gnutls_privkey_t key, gnutls_sign_algorithm_t how)
{
    char text[80];
    bool sound;
    gnutls_privkey_t signer = signer_new(key, &sound);
    floor_of.key = key;
    floor_of.how = how;
    double microseconds = cost(sign);
    snprintf(text, sizeof text, "sign, %s, GnuTLS", what);
    row(text, microseconds);
    if (signer) {
        gnutls_privkey_deinit(key);
        floor_of.key = signer;
        microseconds = cost(sign);
        snprintf(text, sizeof text, "sign, %s, OpenSSL %s", what, signer_library());
        row(text, microseconds);
    }
    return microseconds;
}

static void handshake(void)
{
    make_key();
    derive();
    sign();
}

/* How many times the handshakes of one processor two can do. */
static double two_at_once(void)
{
    double alone = cost(handshake);
    pid_t other = fork();
    if (other < 0)
        return 0;
    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (double until = processor_seconds() + 120; processor_seconds() < until;)
            handshake();
        _exit(EXIT_SUCCESS);
    }
    double both = cost(handshake);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    return 2 * alone / both;
}

static void set_up(void)
{
    floor_of.point[0] = 9;          /* the base point, RFC 7748 section 4.1 */
    static uint8_t transcript[130]; /* what TLS 1.3 signs: 64 spaces, a label, a hash */
    floor_of.data = (gnutls_datum_t){.data = transcript, .size = sizeof transcript};
    static uint8_t secret[16];
    const gnutls_datum_t key = {.data = secret, .size = sizeof secret};
    must(gnutls_aead_cipher_init(&floor_of.aead, GNUTLS_CIPHER_AES_128_GCM, &key), "cipher");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        patience = strtod(argv[1], NULL);
    if (argc > 2 || !(patience > 0 && patience <= 60)) {
        fputs("Usage: floor [SECONDS]\n", stderr);
        return 2;
    }
    set_up();
    sign_to_verify();
    (void)x25519_prepare(), (void)ecdsa_prepare();
    printf("GnuTLS %s, microseconds of processor time\n\n", gnutls_check_version(NULL));
    (void)cost_of_signing("RSA 2048, PSS", generate(GNUTLS_PK_RSA, 2048), GNUTLS_SIGN_RSA_PSS_RSAE_SHA256);
    gnutls_privkey_deinit(floor_of.key);
    gnutls_privkey_t p256 = generate(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    double s = cost_of_signing("ECDSA P-256", p256, GNUTLS_SIGN_ECDSA_SECP256R1_SHA256);
    double v = cost(verify), k = cost(make_key), d = cost(derive);
    row("verify, ECDSA P-256, GnuTLS (nettle)", cost(verify_nettle));
    row_of_openssl("verify, ECDSA P-256", v);
    row("make a key, X25519, GnuTLS (nettle)", cost(make_key_nettle));
    if (x25519_library())
        row("make a key, X25519, libsodium", k);
    row("derive a secret, X25519, GnuTLS (nettle)", cost(derive_nettle));
    if (x25519_library())
        row("derive a secret, X25519, libsodium", d);
    putchar('\n');
    row("full handshake, one-way: key, secret, signature", k + d + s);
    row("full handshake, mutual, a client known: one verification", k + d + s + v);
    row("full handshake, mutual, a client not seen before: three", k + d + s + 3 * v);
    row("resumed, one-way and mutual: key, secret", k + d);
    printf("%-58s %10.2f\n", "handshakes of two processors, in proportion to one", two_at_once());
    putchar('\n');
    row("seal 0.5 KiB, AES-128-GCM", cost_of_sealing(512));
    row("seal 1.5 KiB", cost_of_sealing(1536));
    row("seal 100 KiB", cost_of_sealing(100 * 1024));
    row("seal 10 MiB", cost_of_sealing(10 * 1024 * 1024));
    gnutls_free(floor_of.signature.data);
    gnutls_aead_cipher_deinit(floor_of.aead);
    ecc_point_clear(&floor_of.p256_public);
    dsa_signature_clear(&floor_of.p256_signature);
    gnutls_privkey_deinit(floor_of.key);
    return EXIT_SUCCESS;
}
