/* A listening socket. It outlives what a reload calls the listener at that address: names, and addresses that
 * are swapped, change by one pointer. */
#ifndef MTLSD_SERVER_PORT_H
#define MTLSD_SERVER_PORT_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/diag.h"
#include "base/err.h"
#include "config/conf.h"

struct listener;

enum { PORT_TEXT = 300 };

/* The main thread's, but for what workers read: `fd`, which is closed when none of them can still use it, and
 * `listener`. */
struct port {
    int fd;
    bool inherited;                       /* others accept on it, too, now or after this process */
    _Atomic(struct listener *) listener;  /* whose clients they are; NULL: nobody accepts yet */
    char url[PORT_TEXT];                  /* "https://localhost:8443/" */
    char bound[PORT_TEXT];                /* the address with the real port */
    char path[CONF_SOCKET_PATH_MOST + 1]; /* of a UNIX socket that is removed at its end; "": there is none */
    dev_t device;                         /* ... as long as it is this one */
    ino_t inode;
};

/* UNIX sockets are made with mode 0660, and replace one that nobody listens on. Binds, so that a port in use
 * is known before anything changes; or takes over `inherited`, a listening socket, unless that is -1. 0 and
 * *out, ERR_IO, ERR_DENIED with the remedy. */
MUST_CHECK int port_open(const char *address, int inherited, struct port **out, struct err *err);
/* What names mean now: says of each listener whose name leads nowhere, or only to addresses of listeners
 * above it, so that a start would fail. Addresses among themselves are conf_check's. Asks the resolver. */
void port_lint(const struct conf *conf, struct diag *diag);
/* Binds it as port_open does, does not listen, and lets it go at once: nobody can have connected. 0, or the
 * errno of what port_open would fail with. Nothing is tried of UNIX sockets and of names that lead nowhere.
 */
MUST_CHECK int port_try(const struct conf_address *at);
/* A UNIX socket that was made goes to the user and group that the server becomes. */
MUST_CHECK int port_give(const struct port *port, uid_t uid, gid_t gid, struct err *err);
/* Once no worker can use it. */
void port_free(struct port *port);

/* Before workers stop to accept at these: waits until everybody is in whose connection the kernel had
 * established, some milliseconds. Inherited sockets keep their queues for whoever accepts next. */
void port_last_call(struct port *const *port, size_t n);

#endif
