/* ELF symbol preemption: libmicrohttpd's calls of these four functions bind to the definitions here, because
 * the executable comes first in the lookup order. See transport.h for why. tests/mtlsd-plain is linked
 * without it. */
#include "tls/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/transport.h"

static struct tls_library the_library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX guarantees the representation.
 */
static void find(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) {
        fprintf(stderr, "mtlsd: the GnuTLS library has no function %s\n", name);
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
