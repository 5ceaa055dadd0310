/* ELF symbol preemption: libmicrohttpd's calls of these functions, and GnuTLS's of nettle's, bind to the
 * definitions here, because the executable comes first in the lookup order. See transport.h for why.
 * tests/mtlsd-plain keeps them to itself (tests/plain.map). */
#include "config.h"

#include "tls/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/ecdsa.h"
#include "tls/pools.h"
#include "tls/transport.h"
#include "tls/worker.h"
#include "tls/x25519.h"

#ifdef HAVE_OWN_NETTLE
#include <nettle/curve25519.h>
#include <nettle/ecdsa.h>
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1 // NOLINT(bugprone-reserved-identifier): gcc's name for it
#endif
#endif

static struct tls_library the_library;
static int (*real_init)(gnutls_session_t *session, unsigned flags);
static int (*real_setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
static int (*real_epoll_wait)(int fd, struct epoll_event *events, int most, int timeout);
static int (*real_epoll_create)(int flags);
static int (*real_epoll_ctl)(int fd, int what, int member, struct epoll_event *event);
static void *(*real_mmap)(void *at, size_t size, int protection, int flags, int fd, off_t offset);
static int (*real_munmap)(void *at, size_t size);
#ifdef HAVE_OWN_NETTLE
static void (*real_mul)(uint8_t *q, const uint8_t *n, const uint8_t *p);
static int (*real_verify)(const struct ecc_point *key, size_t len, const uint8_t *digest,
                          const struct dsa_signature *signature);
#endif
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX guarantees the representation.
 */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) {
        fprintf(stderr, "mtlsd: no library has the function %s\n", name);
        abort();
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void find_all(void)
{
    find("gnutls_handshake", &the_library.handshake);
    find("gnutls_record_recv", &the_library.record_recv);
    find("gnutls_record_send", &the_library.record_send);
    find("gnutls_bye", &the_library.bye);
    find("gnutls_init", &real_init);
    find("setsockopt", &real_setsockopt);
    find("epoll_wait", &real_epoll_wait);
    find("epoll_create1", &real_epoll_create);
    find("epoll_ctl", &real_epoll_ctl);
    find("mmap", &real_mmap);
    find("munmap", &real_munmap);
#ifdef HAVE_OWN_NETTLE
    find("nettle_curve25519_mul", &real_mul);
    find("nettle_ecdsa_verify", &real_verify);
#endif
}

const struct tls_library *tls_library(void)
{
    pthread_once(&once, find_all);
    return &the_library;
}

bool tls_library_hidden(void)
{
    void *seen = dlsym(RTLD_DEFAULT, "gnutls_handshake");
    int (*own)(gnutls_session_t) = gnutls_handshake;
    return memcmp(&seen, &own, sizeof seen) == 0;
}

bool tls_library_derives(void)
{
#ifdef HAVE_OWN_NETTLE
    void *seen = dlsym(RTLD_DEFAULT, "nettle_curve25519_mul");
    void (*own)(uint8_t *, const uint8_t *, const uint8_t *) = nettle_curve25519_mul;
    return memcmp(&seen, &own, sizeof seen) == 0 && x25519_prepare();
#else
    return false;
#endif
}

bool tls_library_verifies(void)
{
#ifdef HAVE_OWN_NETTLE
    void *seen = dlsym(RTLD_DEFAULT, "nettle_ecdsa_verify");
    int (*own)(const struct ecc_point *, size_t, const uint8_t *, const struct dsa_signature *) =
        nettle_ecdsa_verify;
    return memcmp(&seen, &own, sizeof seen) == 0 && ecdsa_prepare();
#else
    return false;
#endif
}

/* The server sends its tickets itself (transport_tickets): two by default are more than a resumed session
 * needs. */
int gnutls_init(gnutls_session_t *session, unsigned flags)
{
    (void)tls_library();
    return real_init(session, flags & GNUTLS_SERVER ? flags | GNUTLS_NO_AUTO_SEND_TICKET : flags);
}

int gnutls_handshake(gnutls_session_t session)
{
    struct transport *transport = transport_of(session);
    return transport ? transport_handshake(transport) : tls_library()->handshake(session);
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size)
{
    struct transport *transport = transport_of(session);
    return transport ? transport_recv(transport, data, size)
                     : tls_library()->record_recv(session, data, size);
}

ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t size)
{
    struct transport *transport = transport_of(session);
    return transport ? transport_send(transport, data, size)
                     : tls_library()->record_send(session, data, size);
}

int gnutls_bye(gnutls_session_t session, gnutls_close_request_t how)
{
    struct transport *transport = transport_of(session);
    return transport ? transport_bye(transport, how) : tls_library()->bye(session, how);
}

/* Around each TLS record MHD corks the socket and sets TCP_NODELAY anew, one or two system calls for each
 * response. The transport sends whole responses on sockets that inherited TCP_NODELAY from the listening one:
 * on a worker the two are done without being asked for. */
int own_setsockopt(int fd, int level, int name, const void *value, socklen_t len) __asm__("setsockopt");
int own_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (level == IPPROTO_TCP && (name == TCP_NODELAY || name == TCP_CORK) && worker_here())
        return 0;
    (void)tls_library(); /* finds the functions */
    return real_setsockopt(fd, level, name, value, len);
}

/* Between two turns of a worker. A wait that is cut short returns no event, which MHD expects at any time.
 * When its array is full MHD waits for more, as long as when there was nothing to do, before it looks at what
 * it has: so it never gets as many as it takes. */
int own_epoll_wait(int fd, struct epoll_event *events, int most, int timeout) __asm__("epoll_wait");
int own_epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    (void)tls_library();
    if (!worker_here())
        return real_epoll_wait(fd, events, most, timeout);
    return real_epoll_wait(fd, events, most > 1 ? most - 1 : most, worker_before_wait(timeout));
}

/* What was made last on this thread. */
static _Thread_local int newest_set = -1;

int own_epoll_create(int flags) __asm__("epoll_create1");
int own_epoll_create(int flags)
{
    (void)tls_library();
    return newest_set = real_epoll_create(flags);
}

void tls_library_start(void)
{
    newest_set = -1;
}

void tls_library_abandon(void)
{
    struct epoll_event event;
    if (newest_set >= 0 && epoll_wait(newest_set, &event, 1, 0) >= 0) /* it is there, and is a set */
        close(newest_set);
    newest_set = -1;
}

/* When MHD stops to accept, the stopping thread and each worker take the listening socket out of the worker's
 * set, and whoever comes second would end the process because it is not there. */
int own_epoll_ctl(int fd, int what, int member, struct epoll_event *event) __asm__("epoll_ctl");
int own_epoll_ctl(int fd, int what, int member, struct epoll_event *event)
{
    (void)tls_library();
    int rc = real_epoll_ctl(fd, what, member, event);
    return rc != 0 && what == EPOLL_CTL_DEL && (errno == ENOENT || errno == EBADF) ? 0 : rc;
}

/* MHD's pools. ThreadSanitizer's runtime maps its memory through here before anything can run; without these
 * two the pools are the system's. */
#ifndef __SANITIZE_THREAD__
void *own_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) __asm__("mmap");
void *own_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    (void)tls_library();
    bool plain =
        !at && fd == -1 && flags == (MAP_PRIVATE | MAP_ANONYMOUS) && protection == (PROT_READ | PROT_WRITE);
    void *pool = plain && worker_here() ? pools_take(size) : NULL;
    return pool ? pool : real_mmap(at, size, protection, flags, fd, offset);
}

int own_munmap(void *at, size_t size) __asm__("munmap");
int own_munmap(void *at, size_t size)
{
    (void)tls_library();
    return pools_give(at, size) ? 0 : real_munmap(at, size);
}
#endif

/* GnuTLS derives the secrets of X25519 with nettle. What libcrypto cannot do is nettle's to answer: a result
 * of zero, too, which GnuTLS refuses (RFC 8446 section 7.4.2). */
#ifdef HAVE_OWN_NETTLE
void nettle_curve25519_mul(uint8_t *q, const uint8_t *n, const uint8_t *p)
{
    (void)tls_library();
    if (!x25519(q, n, p))
        real_mul(q, n, p);
}

/* And verifies ECDSA: a client's own signature, those of its chain, of CRLs and of OCSP responses. Clients
 * can have what libcrypto does not answer handed to nettle, which refuses it at once. */
int nettle_ecdsa_verify(const struct ecc_point *pub, size_t length, const uint8_t *digest,
                        const struct dsa_signature *signature)
{
    (void)tls_library();
    enum ecdsa_answer answer = ecdsa_check(pub, length, digest, signature);
    return answer == ECDSA_UNKNOWN ? real_verify(pub, length, digest, signature) : answer == ECDSA_VALID;
}
#endif
