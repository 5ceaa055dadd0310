/* Which listeners of a snapshot somebody who came to one of them reaches as well. Pure. */
#ifndef MTLSD_SERVER_BESIDE_H
#define MTLSD_SERVER_BESIDE_H

#include "http/message.h"
#include "server/snapshot.h"

/* Those at the same address, or at every address, that have TLS and the same route, with `own` among them, in
 * the order of the configuration; what each asks of the clients of `host`. None where there is no other.
 *
 * It tells what a knock at the ports of this address would, and their names: nothing of a listener at an
 * address of its own, of one that only proxies reach, or of one that has not this route. Nor anything where
 * `authority` names another port than that of `own`: somebody between maps ports, and these are not the
 * client's; it is the client's word, which is for its comfort and hides nothing. */
size_t beside_of(const struct snapshot *snapshot, const struct snapshot_listener *own,
                 const struct route *route, const char *host, const char *authority,
                 struct beside out[static BESIDE_MOST]);

#endif
