/* Session ticket keys. A listener's key is derived from a master secret and from what the listener *is*: its
 * name, its client_auth and its CAs; that of a host in it from the host's name, too. So a ticket never
 * resumes at another listener or host nor after one of these changed (the class of nginx's CVE-2025-23419),
 * keys survive a reload that changes none of them, and instances with the same master share them. */
#ifndef MTLSD_SERVER_TICKETS_H
#define MTLSD_SERVER_TICKETS_H

#include <gnutls/gnutls.h>
#include <time.h>

#include "base/err.h"
#include "config/conf.h"
#include "pki/trust.h"

enum { TICKET_MASTER_BYTES = 64 };

struct ticket_master {
    unsigned char secret[TICKET_MASTER_BYTES];
    time_t made;
};

/* A random one. 0 or ERR_CRYPTO. */
MUST_CHECK int ticket_master_init(struct ticket_master *master, struct err *err);
void ticket_master_wipe(struct ticket_master *master);

/* The key for gnutls_session_ticket_enable_server; wiped and freed by ticket_key_done. With a ticket_key_file
 * its content (at least 32 bytes) takes the master's place; without either there is no key. {NULL, 0} when
 * tickets are off. 0 or negative with the reason. */
MUST_CHECK int ticket_key_init(gnutls_datum_t *key, const struct ticket_master *master,
                               const struct conf_listener *listener, const struct trust *trust,
                               struct err *err);
void ticket_key_done(gnutls_datum_t *key);

#endif
