/* The functions of the TLS libraries that the executable's own definitions hide (preempt.c). */
#ifndef MTLSD_TLS_LIBRARY_H
#define MTLSD_TLS_LIBRARY_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

struct tls_library {
    int (*handshake)(gnutls_session_t session);
    ssize_t (*record_recv)(gnutls_session_t session, void *data, size_t size);
    ssize_t (*record_send)(gnutls_session_t session, const void *data, size_t size);
    int (*bye)(gnutls_session_t session, gnutls_close_request_t how);
};

/* Found once, by dlsym(RTLD_NEXT). Ends the process when the library lacks one: it could not even have been
 * linked. */
const struct tls_library *tls_library(void);

/* Around the start of an MHD daemon: before it, and after it has failed. When MHD cannot start the thread of
 * a worker, it forgets to close the worker's set of epoll. */
void tls_library_start(void);
void tls_library_abandon(void);

/* True when other libraries' calls reach the executable's definitions. */
bool tls_library_hidden(void);

/* True when GnuTLS derives X25519 secrets with x25519.h; when it verifies ECDSA signatures with ecdsa.h.
 * Prepares it. */
bool tls_library_derives(void);
bool tls_library_verifies(void);

#endif
