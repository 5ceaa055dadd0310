#include "server/peer_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pki/chain.h"

enum { BUCKETS = 256, WAYS = 4, KEY = CHAIN_DIGEST };
/* Most bytes of a verdict that is kept, 16 MiB in all; an ordinary one has 4 KiB. Of longer ones a stranger
 * could make it keep hundreds of megabytes. */
enum { PEER_BYTES = 16 * 1024 };
/* Seconds after which what may be a failure of ours is looked at again. */
enum { DOUBT = 10 };

/* Set-associative: a chain has WAYS places, chosen by its hash; the one that was used longest ago gives way.
 * An attacker who fills it costs others a judgement, no more. */
struct place {
    unsigned char key[KEY];
    struct peer *peer; /* a reference; NULL: free */
    uint64_t used;
};

struct peer_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    struct place place[BUCKETS][WAYS];
};

struct peer_cache *peer_cache_new(void)
{
    struct peer_cache *cache = calloc(1, sizeof *cache);
    if (cache)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void peer_cache_free(struct peer_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (size_t j = 0; j < WAYS; j++)
            peer_unref(cache->place[i][j].peer);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct peer *look_up(struct peer_cache *cache, const unsigned char key[static KEY], time_t at)
{
    struct peer *found = NULL;
    pthread_mutex_lock(&cache->lock);
    struct place *bucket = cache->place[key[0]];
    for (size_t j = 0; j < WAYS && !found; j++) {
        struct peer *peer = bucket[j].peer;
        if (peer && memcmp(bucket[j].key, key, KEY) == 0 && at >= peer->judged_at && at < peer->judge_again) {
            bucket[j].used = ++cache->clock;
            found = peer_ref(peer);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static void store(struct peer_cache *cache, const unsigned char key[static KEY], struct peer *peer)
{
    pthread_mutex_lock(&cache->lock);
    struct place *bucket = cache->place[key[0]], *victim = &bucket[0];
    for (size_t j = 0; j < WAYS; j++) {
        if (bucket[j].peer && memcmp(bucket[j].key, key, KEY) == 0) {
            victim = &bucket[j];
            break;
        }
        if (bucket[j].used < victim->used)
            victim = &bucket[j];
    }
    struct peer *old = victim->peer;
    victim->peer = peer_ref(peer);
    victim->used = ++cache->clock;
    memcpy(victim->key, key, KEY);
    pthread_mutex_unlock(&cache->lock);
    peer_unref(old);
}

/* A computation that failed for want of memory looks like one that came to nothing: the libraries do not tell
 * them apart. No honest client has such a chain, and whoever has one can make as many of them as he likes, so
 * that remembering it saves nothing. */
static bool is_doubtful(const struct peer *peer)
{
    for (size_t i = 0; i < peer->n_errors; i++) {
        enum verdict_code code = peer->errors[i].code;
        if (code == VERDICT_SIGNATURE_INVALID || code == VERDICT_MALFORMED_CERTIFICATE ||
            code == VERDICT_PATH_REFUSED)
            return true;
    }
    return false;
}

int peer_cache_judge(struct peer_cache *cache, const struct verdict_question *question, struct peer **out,
                     struct err *err)
{
    unsigned char key[KEY];
    /* A chain above the bounds is refused before it is walked, so it is not hashed either. */
    bool cacheable = cache && question->n_chain > 0 && question->n_chain <= CHAIN_MAX_CERTS;
    cacheable = cacheable && question->unread <= 1 && chain_digest(question->chain, question->n_chain, key);
    if (cacheable) {
        struct peer *known = look_up(cache, key, question->at);
        if (known) {
            *out = known;
            return 0;
        }
    }
    struct peer *peer = NULL;
    if (question->n_chain > 0 && !memory_spare(MEMORY_FOR_HANDSHAKE))
        return err_nomem(err);
    int rc = verdict_judge(question, &peer, err);
    if (rc != 0)
        return rc;
    if (is_doubtful(peer)) {
        if (peer->judge_again > question->at + DOUBT)
            peer->judge_again = question->at + DOUBT;
    } else if (cacheable && peer_bytes(peer) <= PEER_BYTES) {
        store(cache, key, peer);
    }
    *out = peer;
    return 0;
}
