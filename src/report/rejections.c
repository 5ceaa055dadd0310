#include "report/rejections.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rejections {
    pthread_mutex_t lock;
    size_t most, most_bytes;
    size_t n, bytes; /* how many are in the ring, and what they take */
    uint64_t last;   /* the number of the newest; number i lives in ring[i % most] */
    struct rejection ring[];
};

struct rejections *rejections_new(size_t most, size_t most_bytes)
{
    struct rejections *rejections = calloc(1, sizeof *rejections + most * sizeof rejections->ring[0]);
    if (!rejections)
        return NULL;
    rejections->most = most;
    rejections->most_bytes = most_bytes;
    pthread_mutex_init(&rejections->lock, NULL);
    return rejections;
}

static void release(struct rejection *rejection)
{
    peer_unref(rejection->peer);
    record_unref(rejection->record);
}

/* Connections share peers and records: what several entries hold counts for each. */
static size_t bytes_of(const struct rejection *rejection)
{
    return sizeof *rejection + (rejection->peer ? peer_bytes(rejection->peer) : 0) +
           record_bytes(rejection->record);
}

static struct rejection *oldest(struct rejections *rejections)
{
    return &rejections->ring[(rejections->last + 1 - rejections->n) % rejections->most];
}

static void drop_oldest(struct rejections *rejections)
{
    struct rejection *rejection = oldest(rejections);
    rejections->bytes -= bytes_of(rejection);
    rejections->n--;
    release(rejection);
    memset(rejection, 0, sizeof *rejection);
}

void rejections_free(struct rejections *rejections)
{
    if (!rejections)
        return;
    while (rejections->n > 0)
        drop_oldest(rejections);
    pthread_mutex_destroy(&rejections->lock);
    free(rejections);
}

void rejections_add(struct rejections *rejections, const struct rejection *rejection)
{
    if (rejections->most == 0)
        return;
    size_t bytes = bytes_of(rejection);
    pthread_mutex_lock(&rejections->lock);
    while (rejections->n > 0 &&
           (rejections->n == rejections->most || rejections->bytes + bytes > rejections->most_bytes))
        drop_oldest(rejections);
    rejections->last++;
    struct rejection *place = &rejections->ring[rejections->last % rejections->most];
    *place = *rejection;
    place->number = rejections->last;
    peer_ref(place->peer);
    record_ref(place->record);
    rejections->bytes += bytes;
    rejections->n++;
    pthread_mutex_unlock(&rejections->lock);
}

struct rejection *rejections_page(struct rejections *rejections, uint64_t before, size_t most, size_t *n)
{
    *n = 0;
    pthread_mutex_lock(&rejections->lock);
    const uint64_t last = rejections->last, first = last + 1 - rejections->n;
    const uint64_t end = before == 0 || before > last ? last + 1 : before;
    size_t found = end > first ? (size_t)(end - first) : 0;
    if (found > most)
        found = most;
    struct rejection *page = found > 0 ? calloc(found, sizeof *page) : NULL;
    if (page) {
        *n = found;
        for (size_t i = 0; i < found; i++) {
            page[i] = rejections->ring[(end - 1 - i) % rejections->most];
            peer_ref(page[i].peer);
            record_ref(page[i].record);
        }
    }
    pthread_mutex_unlock(&rejections->lock);
    return page;
}

void rejections_page_free(struct rejection *page, size_t n)
{
    for (size_t i = 0; page && i < n; i++)
        release(&page[i]);
    free(page);
}
