/* Functions of other libraries that the executable hides from libmicrohttpd and from GnuTLS (library.h says
 * how), but for those of GnuTLS's that libmicrohttpd calls. */
#include "config.h"

#include <dlfcn.h>
#include <gnutls/abstract.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/ecdsa.h"
#include "tls/library.h"
#include "tls/pcert_cache.h"
#include "tls/x25519.h"

#ifdef HAVE_OWN_X25519
#include <nettle/curve25519.h>
#endif
#ifdef HAVE_OWN_ECDSA
#include <nettle/ecdsa.h>
#endif

static int (*real_setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
static int (*real_import)(gnutls_pcert_st *out, const gnutls_datum_t *certificate,
                          gnutls_x509_crt_fmt_t format, unsigned flags);
#ifdef HAVE_OWN_X25519
static void (*real_mul)(uint8_t *q, const uint8_t *n, const uint8_t *p);
static void (*real_mul_g)(uint8_t *q, const uint8_t *n);
#endif
#ifdef HAVE_OWN_ECDSA
static int (*real_verify)(const struct ecc_point *key, size_t len, const uint8_t *digest,
                          const struct dsa_signature *signature);
#endif
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool on_worker;

static void find_all(void)
{
    tls_library_find("setsockopt", &real_setsockopt);
    tls_library_find("gnutls_pcert_import_x509_raw", &real_import);
#ifdef HAVE_OWN_X25519
    tls_library_find("nettle_curve25519_mul", &real_mul);
    tls_library_find("nettle_curve25519_mul_g", &real_mul_g);
#endif
#ifdef HAVE_OWN_ECDSA
    tls_library_find("nettle_ecdsa_verify", &real_verify);
#endif
}

static void prepare(void)
{
    pthread_once(&once, find_all);
}

void tls_library_on_worker(void)
{
    on_worker = true;
}

bool tls_library_derives(void)
{
#ifdef HAVE_OWN_X25519
    void *seen = dlsym(RTLD_DEFAULT, "nettle_curve25519_mul");
    void (*own)(uint8_t *, const uint8_t *, const uint8_t *) = nettle_curve25519_mul;
    return memcmp(&seen, &own, sizeof seen) == 0 && x25519_prepare();
#else
    return false;
#endif
}

bool tls_library_verifies(void)
{
#ifdef HAVE_OWN_ECDSA
    void *seen = dlsym(RTLD_DEFAULT, "nettle_ecdsa_verify");
    int (*own)(const struct ecc_point *, size_t, const uint8_t *, const struct dsa_signature *) =
        nettle_ecdsa_verify;
    return memcmp(&seen, &own, sizeof seen) == 0 && ecdsa_prepare();
#else
    return false;
#endif
}

/* Around each TLS record libmicrohttpd corks the socket and sets TCP_NODELAY anew, one or two system calls
 * for each response. The transport sends whole responses on sockets that inherited TCP_NODELAY from the
 * listening one: on a worker the two are done without being asked for. */
int own_setsockopt(int fd, int level, int name, const void *value, socklen_t len) __asm__("setsockopt");
int own_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (on_worker && level == IPPROTO_TCP && (name == TCP_NODELAY || name == TCP_CORK))
        return 0;
    prepare();
    return real_setsockopt(fd, level, name, value, len);
}

int tls_library_set_nodelay(int fd)
{
    const int on = 1;
    prepare();
    return real_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* GnuTLS, of a certificate that came. */
int gnutls_pcert_import_x509_raw(gnutls_pcert_st *pcert, const gnutls_datum_t *cert,
                                 gnutls_x509_crt_fmt_t format, unsigned flags)
{
    if (format == GNUTLS_X509_FMT_DER && pcert_cache_import(pcert, cert, flags))
        return 0;
    prepare();
    int rc = real_import(pcert, cert, format, flags);
    if (rc >= 0 && format == GNUTLS_X509_FMT_DER)
        pcert_cache_add(pcert, cert, flags);
    return rc;
}

/* GnuTLS derives the secrets of X25519 with nettle, and makes the keys, of which each handshake has a new
 * one. What libsodium cannot do is nettle's to answer: a result of zero, too, which GnuTLS refuses (RFC 8446
 * section 7.4.2). */
#ifdef HAVE_OWN_X25519
void nettle_curve25519_mul(uint8_t *q, const uint8_t *n, const uint8_t *p)
{
    prepare();
    if (!x25519(q, n, p))
        real_mul(q, n, p);
}

void nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n)
{
    prepare();
    if (!x25519_key(q, n))
        real_mul_g(q, n);
}
#endif

/* And verifies ECDSA: a client's own signature, those of its chain, of CRLs and of OCSP responses. Clients
 * can have what libcrypto does not answer handed to nettle, which refuses it at once. */
#ifdef HAVE_OWN_ECDSA
int nettle_ecdsa_verify(const struct ecc_point *pub, size_t length, const uint8_t *digest,
                        const struct dsa_signature *signature)
{
    prepare();
    enum ecdsa_answer answer = ecdsa_check(pub, length, digest, signature);
    return answer == ECDSA_UNKNOWN ? real_verify(pub, length, digest, signature) : answer == ECDSA_VALID;
}
#endif
