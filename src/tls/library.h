/* The functions of the TLS libraries that the executable's own definitions hide, by ELF symbol preemption:
 * other libraries' calls bind to the executable's, because it comes first in the lookup order. The five of
 * GnuTLS's that libmicrohttpd does its I/O with are in server/http1_gnutls.c, the others in preempt.c.
 * tests/mtlsd-plain keeps them all to itself (tests/plain.map). */
#ifndef MTLSD_TLS_LIBRARY_H
#define MTLSD_TLS_LIBRARY_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

struct tls_library {
    int (*init)(gnutls_session_t *session, unsigned flags);
    int (*handshake)(gnutls_session_t session);
    ssize_t (*record_recv)(gnutls_session_t session, void *data, size_t size);
    ssize_t (*record_send)(gnutls_session_t session, const void *data, size_t size);
    int (*bye)(gnutls_session_t session, gnutls_close_request_t how);
};

/* Found once, by dlsym(RTLD_NEXT). Ends the process when the library lacks one: it could not even have been
 * linked. */
const struct tls_library *tls_library(void);

/* The next library's function of that name into the function pointer at `function`. */
void tls_library_find(const char *name, void *function);

/* True when other libraries' calls reach the executable's definitions. */
bool tls_library_hidden(void);

/* True when GnuTLS has X25519 from x25519.h; when it verifies ECDSA signatures with ecdsa.h. Prepares it. */
bool tls_library_derives(void);
bool tls_library_verifies(void);

/* The calling thread is a worker: TCP_NODELAY and TCP_CORK are not set anew there (preempt.c). */
void tls_library_on_worker(void);
/* Sets TCP_NODELAY, on a worker too: for a socket that has inherited it from none. 0, or -1 and errno. */
int tls_library_set_nodelay(int fd);

#endif
