/* Chains that were judged under one trust, so that a client that comes back is not judged afresh on every
 * connection. The key is the SHA-256 of the whole chain; an entry is good until its judge_again. Only
 * verdicts are kept: the proof that the peer holds the key is made in each handshake. A
 * refusal that a shortage of memory may have caused is not kept. Bounded; thread-safe.
 */
#ifndef MTLSD_SERVER_PEER_CACHE_H
#define MTLSD_SERVER_PEER_CACHE_H

#include "pki/verdict.h"

struct peer_cache;

/* NULL when memory is short. */
struct peer_cache *peer_cache_new(void);
void peer_cache_free(struct peer_cache *cache);

/* verdict_judge for a client's chain, or what it answered before. `cache` may be NULL. 0 and *out with a
 * reference of the caller's, or as verdict_judge. */
MUST_CHECK int peer_cache_judge(struct peer_cache *cache, const struct verdict_question *question,
                                struct peer **out, struct err *err);

#endif
