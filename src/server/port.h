/* A listening socket. It outlives what a reload calls the listener at that address: names, and addresses that
 * are swapped, change by one pointer. */
#ifndef MTLSD_SERVER_PORT_H
#define MTLSD_SERVER_PORT_H

#include <stdatomic.h>

#include "base/diag.h"
#include "base/err.h"
#include "config/conf.h"

struct listener;

enum { PORT_TEXT = 300 };

/* The main thread's, but for what workers read: `fd`, which is closed when none of them can still use it, and
 * `listener`. */
struct port {
    int fd;
    bool inherited;                      /* others accept on it, too, now or after this process */
    _Atomic(struct listener *) listener; /* whose clients they are; NULL: nobody accepts yet */
    char url[PORT_TEXT];                 /* "https://localhost:8443/" */
    char bound[PORT_TEXT];               /* the address with the real port */
};

/* Binds, so that a port in use is known before anything changes; or takes over `inherited`, a listening
 * socket, unless that is -1. 0 and *out, ERR_IO, ERR_DENIED with the remedy. */
MUST_CHECK int port_open(const char *address, int inherited, struct port **out, struct err *err);
/* What names mean now: says of each listener whose name leads nowhere, or only to addresses of listeners
 * above it, so that a start would fail. Addresses among themselves are conf_check's. Asks the resolver. */
void port_lint(const struct conf *conf, struct diag *diag);
/* Once no worker can use it. */
void port_free(struct port *port);

/* Before workers stop to accept at these: waits until everybody is in whose connection the kernel had
 * established, some milliseconds. Inherited sockets keep their queues for whoever accepts next. */
void port_last_call(struct port *const *port, size_t n);

#endif
