/* From a request that is whole to its reply, whatever speaker it came by. On the thread of the worker. */
#ifndef MTLSD_SERVER_ANSWER_H
#define MTLSD_SERVER_ANSWER_H

#include "http/host.h"
#include "http/message.h"
#include "http/path.h"
#include "server/conn.h"
#include "server/kept.h"

struct answer {
    time_t now;
    bool enough; /* keepalive_requests are answered with it */
    bool close;  /* so it is the connection's last */
    /* As in struct request; NULL: no finished replies. */
    bool (*kept)(const struct request *request, const struct route *route, struct reply *reply);
    void *kept_cls;
    struct request request; /* as it was answered: points into the others, and the connection */
    struct reply reply;
    char path[PATH_MOST + 1], names[2][HTTP1_AUTHORITY];
};

/* Fills what is before `request`: the time, and whether the answer is the connection's last. The request is
 * in conn->n_requests already. Between this and answer_make the caller may set `kept`. */
void answer_begin(const struct conn *conn, struct answer *answer);
/* Brings the judgement up to date and fills answer->reply, in any case: what goes wrong is a problem (4xx,
 * 500) in it. `from` learns its route and why it was refused, and gives its body up. Behind answer_begin;
 * answer_done frees the reply. */
void answer_make(struct conn *conn, struct conn_request *from, struct answer *answer);
/* Under what a finished reply is given again. Borrows the request's texts: as long as the answer. */
struct kept_key answer_key(const struct conn *conn, const struct request *request);
/* Tells the log of troubles, and frees the reply. */
void answer_done(struct answer *answer);

#endif
